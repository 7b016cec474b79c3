//! The load: `wrk`, its scripts and its results.

use crate::rig::cpu::{Place, Processors};
use crate::rig::interruption;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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
    /// The seconds during which it was not paused.
    pub seconds: f64,
    /// Refused or broken connections, and requests that took too long.
    pub socket_errors: f64,
    /// Responses with a status above 399.
    pub status_errors: f64,
}

/// The time after which a wrk ends that nothing has ended before, in seconds.
const RUN_SECONDS_MAX: &str = "600s";

/// The time between two attempts to end a wrk, which needs a tenth of a second to notice one.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(75);

/// A running wrk, which is paused between its slices of time.
pub struct Wrk {
    child: Child,
    pid: Pid,
    /// How long it was not paused.
    active: Duration,
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
    let mut wrk = Wrk::start(load, address, state, processors)?;
    wrk.resume_for(duration)?;
    wrk.finish()
}

impl Wrk {
    /// Starts wrk against `address` and pauses it at once.
    pub fn start(
        load: &Load,
        address: SocketAddr,
        state: &Path,
        processors: &Processors,
    ) -> io::Result<Wrk> {
        // wrk reads it while it starts, so each has its own.
        let script = state.join(format!("load-{}.lua", address.port()));
        fs::write(&script, script_for(load))?;
        let child = spawn(load, address, &script, processors)?;
        let pid = Pid::from_child(&child);
        let wrk = Wrk {
            child,
            pid,
            active: Duration::ZERO,
        };
        wrk.send(Signal::STOP)?;
        Ok(wrk)
    }

    /// Lets it run for `duration`, then pauses it.
    pub fn resume_for(&mut self, duration: Duration) -> io::Result<()> {
        let begun = Instant::now();
        self.send(Signal::CONT)?;
        std::thread::sleep(duration);
        self.send(Signal::STOP)?;
        self.active += begun.elapsed();
        interruption::unless_interrupted()
    }

    /// Ends it and returns its results.
    pub fn finish(mut self) -> io::Result<Outcome> {
        let begun = Instant::now();
        self.send(Signal::CONT)?;
        while self.child.try_wait()?.is_none() {
            // Its main thread, which the signal is to wake, may have slept on, because
            // another thread that left the pause took the signal.
            std::thread::sleep(SIGNAL_INTERVAL);
            self.send(Signal::INT)?;
            std::thread::sleep(SIGNAL_INTERVAL);
        }
        self.active += begun.elapsed();
        let (mut said, mut complained) = (String::new(), String::new());
        if let Some(mut output) = self.child.stdout.take() {
            output.read_to_string(&mut said)?;
        }
        if let Some(mut output) = self.child.stderr.take() {
            output.read_to_string(&mut complained)?;
        }
        interruption::unless_interrupted()?;
        let failed = || io::Error::other(format!("wrk failed: {complained}{said}"));
        let mut outcome = read_outcome(&said).ok_or_else(failed)?;
        outcome.seconds = self.active.as_secs_f64();
        Ok(outcome)
    }

    fn send(&self, signal: Signal) -> io::Result<()> {
        Ok(kill_process(self.pid, signal)?)
    }
}

impl Drop for Wrk {
    fn drop(&mut self) {
        // Fails if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(
    load: &Load,
    address: SocketAddr,
    script: &Path,
    processors: &Processors,
) -> io::Result<Child> {
    let mut command = Command::new("wrk");
    command
        .args(["-t", &load.threads.to_string()])
        .args(["-c", &load.connections.to_string()])
        .args(["-d", RUN_SECONDS_MAX, "--timeout", REQUEST_TIMEOUT])
        .args(load.lines.iter().flat_map(|line| ["-H", line]))
        .arg("-s")
        .arg(script)
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
    processors.within(place, || command.spawn())
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
        + "done = function(summary)\n\
           local errors = summary.errors\n\
           local sockets = errors.connect + errors.read + errors.write + errors.timeout\n\
           io.write(string.format('figures %.0f %.0f %.0f %.0f\\n', summary.requests, summary.bytes,\n\
           sockets, errors.status))\n\
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
    let [requests, bytes, socket_errors, status_errors] = figures.try_into().ok()?;
    Some(Outcome {
        requests,
        bytes,
        seconds: 0.0,
        socket_errors,
        status_errors,
    })
}
