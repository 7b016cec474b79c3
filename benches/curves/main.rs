//! How the cost grows with the work: requests per second of processor time, and memory, against
//! open connections, file size, number of files and pipelining depth.
//!
//! A curve should be flat where the requests themselves do not change: an open but silent
//! connection, or a file that is not requested, costs memory at most. As in the bench `peers`, the
//! server is bound to one processor and wrk to another, and the servers of a point are measured in
//! turn. stdhttpd also runs once without its cache, to show the benefit and the cost of the cache.
//!
//! `cargo bench --bench curves -- --help` shows the options. The results are printed, and written
//! as figures and as a picture to `target/bench/curves.tsv`, `.svg` and `.png`.

mod curve;
mod measure;
mod report;
#[path = "../rig/mod.rs"]
mod rig;

use rig::arguments::Arguments;
use rig::cpu::Processors;
use rig::servers::Server;
use rig::site::Site;
use rig::{load, machine, servers};
use std::io;
use std::process::ExitCode;
use std::time::Duration;
use stdhttpd::server::descriptors;

const HELP: &str = "cargo bench --bench curves -- [OPTIONS]
  --quick           one short round: less than a minute, rough results
  --rounds <N>      rounds of a point [3]
  --seconds <S>     length of one measurement [1]
  --curve <NAMES>   only these: connections, size, files, depth
  --only <NAMES>    these servers [stdhttpd,stdhttpd-uncached,nginx-tuned,h2o]";

/// The servers that are measured by default.
const SHOWN: [Server; 4] = [
    Server::Stdhttpd,
    Server::StdhttpdUncached,
    Server::NginxTuned,
    Server::H2o,
];

fn main() -> ExitCode {
    rig::run("curves", HELP, run)
}

fn run(arguments: &Arguments) -> io::Result<()> {
    let effort = arguments.effort(3, Duration::from_secs(1));
    if load::version().is_none() {
        println!("curves: wrk is not installed: skipped");
        return Ok(());
    }
    println!(
        "curves: {}, load average {}",
        machine::description(),
        machine::load_average()
    );
    descriptors::raise_limit();
    let shown: Vec<String> = SHOWN
        .iter()
        .map(|server| server.name().to_owned())
        .collect();
    let found = servers::present(Some(&arguments.list("--only").unwrap_or(shown)));
    found
        .iter()
        .for_each(|(server, version)| println!("  {:12}{version}", server.name()));
    let names: Vec<Server> = found.iter().map(|(server, _)| *server).collect();
    let processors = Processors::available();
    let site = Site::new()?;
    let asked = arguments.list("--curve");
    let mut results = Vec::new();
    for curve in curve::all(arguments.has("--quick")) {
        if asked
            .as_ref()
            .is_none_or(|asked| asked.iter().any(|name| name == curve.name))
        {
            let measured = measure::measure(curve, &names, &effort, &site, &processors)?;
            report::print(&measured);
            results.push(measured);
        }
    }
    let versions: Vec<String> = found
        .iter()
        .map(|(server, version)| format!("{} {version}", server.name()))
        .collect();
    let head = format!("{}; {}", machine::description(), versions.join(", "));
    report::write_figures(&head, &results)?;
    report::draw(&head, &results)?;
    Ok(())
}
