//! The machine on which the figures were measured.

use std::fs;

/// One line: the processor, the number of processors, the kernel and its congestion control.
pub fn description() -> String {
    let cpu =
        line_of("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let count = std::thread::available_parallelism().map_or(1, |count| count.get());
    let congestion_control =
        fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control").unwrap_or_default();
    format!(
        "{cpu}, {count} processors, Linux {}, {}",
        // The version, without the name of the build.
        kernel.trim().split('-').next().unwrap_or_default(),
        congestion_control.trim()
    )
}

/// The load averages over 1, 5 and 15 minutes: on a quiet machine, the first is close to 0.
pub fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn line_of(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
