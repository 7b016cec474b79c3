//! The load: `wrk`, its scripts and its results.

use crate::rig::cpu::{Place, Processors};
use crate::rig::interruption;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The time after which wrk counts a request as an error.
const REQUEST_TIMEOUT: &str = "10s";

/// What wrk requests, and how.
#[derive(Clone)]
pub struct Load {
    /// Open connections.
    pub connections: usize,
    /// The number of threads of wrk; with more than one, it is not bound to a processor.
    pub threads: usize,
    /// The path of the file, for requests that need no script.
    pub path: String,
    /// Additional header lines.
    pub lines: Vec<String>,
    /// How the requests are made.
    pub requests: Requests,
}

/// How wrk makes its requests.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Requests {
    /// The same request repeatedly.
    Same,
    /// The same request, this many in one write.
    Pipelined(usize),
    /// One of this many files `PATH/0`, `PATH/1`, ... at random.
    Random(usize),
}

/// The results of wrk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// Complete responses received.
    pub requests: f64,
    /// Bytes received, including heads and incomplete responses.
    pub bytes: f64,
    /// The duration in seconds.
    pub seconds: f64,
    /// Refused or broken connections, and requests that took too long.
    pub socket_errors: f64,
    /// Responses with a status above 399.
    pub status_errors: f64,
    /// The 99th percentile of the latency, in microseconds.
    pub latency_p99: f64,
}

impl Outcome {
    /// A description of what went wrong; `None` if nothing did.
    pub fn complaint(&self) -> Option<String> {
        let mut parts = Vec::new();
        if self.requests < 1.0 && self.bytes < 1.0 {
            parts.push("no answer at all".to_owned());
        }
        if self.socket_errors > 0.0 {
            parts.push(format!("{} socket errors", self.socket_errors));
        }
        if self.status_errors > 0.0 {
            parts.push(format!("{} error statuses", self.status_errors));
        }
        if parts.is_empty() {
            None
        } else {
            Some(parts.join(", "))
        }
    }
}

/// Runs wrk against `address` for `duration`. Its script is written to the directory `state`.
pub fn run(
    load: &Load,
    address: SocketAddr,
    duration: Duration,
    state: &Path,
    processors: &Processors,
) -> io::Result<Outcome> {
    let script = state.join("load.lua");
    fs::write(&script, script_for(load))?;
    let mut command = Command::new("wrk");
    // wrk accepts only whole seconds; a shorter run is ended by a signal.
    let seconds = format!("{}s", duration.as_secs_f64().ceil() + 1.0);
    command
        .args(["-t", &load.threads.to_string()])
        .args(["-c", &load.connections.to_string()])
        .args(["-d", &seconds, "--timeout", REQUEST_TIMEOUT])
        .args(load.lines.iter().flat_map(|line| ["-H", line]))
        .arg("-s")
        .arg(&script)
        .arg(format!("http://{address}{}", load.path));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let place = if load.threads == 1 {
        Place::Load
    } else {
        Place::Anywhere
    };
    let child = processors.within(place, || command.spawn())?;
    std::thread::sleep(duration);
    if let Some(pid) = Pid::from_raw(child.id() as i32) {
        let _ = kill_process(pid, Signal::INT);
    }
    let output = child.wait_with_output()?;
    interruption::unless_interrupted()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    read_outcome(&said).ok_or_else(|| io::Error::other(format!("wrk failed: {complained}{said}")))
}

/// The version of wrk; `None` if it is not installed.
pub fn version() -> Option<String> {
    let output = Command::new("wrk").arg("-v").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    Some(text.split_whitespace().nth(1).unwrap_or("wrk").to_owned())
}

/// The script: how to make a request, unless it is always the same one, and one line with the exact
/// results at the end.
fn script_for(load: &Load) -> String {
    let request = match load.requests {
        Requests::Same => String::new(),
        Requests::Pipelined(depth) => format!(
            "init = function() all = string.rep(wrk.format('GET', wrk.path), {depth}) end\n\
             request = function() return all end\n"
        ),
        Requests::Random(count) => format!(
            "init = function() math.randomseed(os.time())\n\
             local whole = wrk.format('GET', wrk.path .. '/@')\n\
             local at = string.find(whole, '@', 1, true)\n\
             before = string.sub(whole, 1, at - 1) after = string.sub(whole, at + 1) end\n\
             request = function() return before .. math.random(0, {last}) .. after end\n",
            last = count - 1
        ),
    };
    request
        + "done = function(summary, latency)\n\
           local errors = summary.errors\n\
           local sockets = errors.connect + errors.read + errors.write + errors.timeout\n\
           io.write(string.format('figures %.0f %.0f %.6f %.0f %.0f %.0f\\n', summary.requests, summary.bytes,\n\
           summary.duration / 1000000, sockets, errors.status, latency:percentile(99)))\n\
           end\n"
}

fn read_outcome(said: &str) -> Option<Outcome> {
    let line = said
        .lines()
        .find_map(|line| line.strip_prefix("figures "))?;
    let figures: Vec<f64> = line
        .split(' ')
        .filter_map(|word| word.parse().ok())
        .collect();
    let [
        requests,
        bytes,
        seconds,
        socket_errors,
        status_errors,
        latency_p99,
    ] = figures.try_into().ok()?;
    Some(Outcome {
        requests,
        bytes,
        seconds,
        socket_errors,
        status_errors,
        latency_p99,
    })
}
