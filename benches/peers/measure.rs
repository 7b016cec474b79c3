//! Measures one row: all its servers, in rounds, and most rows in alternating slices of time.
//!
//! The speed of a shared machine can change by a tenth within a second, which is more than the
//! differences that are measured. So each server has its own wrk, and all but one are paused.

use crate::rig::arguments::Effort;
use crate::rig::client::{self, Reply};
use crate::rig::cpu::{Place, Processors, Usage};
use crate::rig::idle::Idle;
use crate::rig::load::{Load, Outcome, Requests, Wrk};
use crate::rig::servers::{Running, Server, Setting};
use crate::rig::site::Site;
use crate::rows::{Expected, Row};
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

/// A slice of time: short against the changes of the machine's speed, and long against the time in
/// which a server and its load come to their usual pace, some milliseconds.
const SLICE: Duration = Duration::from_millis(50);

/// One measurement of one server.
#[derive(Clone, Copy)]
pub struct Sample {
    /// Requests per second of the server's processor time.
    pub per_cpu_second: f64,
    /// Requests per second.
    pub per_second: f64,
    /// Seconds that the server waited for a processor, per second that it ran: time taken by other
    /// processes.
    pub waited: f64,
}

impl Sample {
    /// Replaces a failed measurement, so that the rounds of all servers still correspond.
    const FAILED: Self = Self {
        per_cpu_second: f64::NAN,
        per_second: f64::NAN,
        waited: f64::NAN,
    };
}

/// The samples of a server in a row, one per round, and what went wrong.
pub struct Series {
    /// Which server.
    pub server: Server,
    /// One per round.
    pub samples: Vec<Sample>,
    /// What went wrong; empty if nothing did.
    pub complaints: Vec<String>,
    /// What differs for this server.
    pub notes: Vec<String>,
}

/// A row with its measurements.
pub struct Measured {
    /// The row.
    pub row: &'static Row,
    /// One for each server that could be started.
    pub series: Vec<Series>,
}

/// A running server and its load.
struct Contender {
    row: &'static Row,
    running: Running,
    load: Load,
    series: Series,
}

/// Measures `row` for those of `servers` that take part in it.
pub fn measure(
    row: &'static Row,
    servers: &[Server],
    effort: &Effort,
    site: &Site,
    processors: &Processors,
) -> io::Result<Measured> {
    make_files(row, site)?;
    let mut contenders = start(row, servers, site, processors)?;
    if let Some(baseline) = row.baseline.filter(|_| servers.contains(&Server::Stdhttpd)) {
        make_files(baseline, site)?;
        contenders.extend(start(baseline, &[Server::StdhttpdPlain], site, processors)?);
    }
    if let Requests::Random(count) = row.requests {
        for contender in &contenders {
            client::fetch_all(contender.running.address, row.path, count)?;
        }
    }
    let (together, slice) = match row.is_sliced() {
        true => (contenders.len(), SLICE),
        false => (1, effort.duration),
    };
    for round in 0..effort.rounds {
        show_progress(&format!(
            "  {}: round {} of {}",
            row.name,
            round + 1,
            effort.rounds
        ));
        for group in contenders.chunks_mut(together.max(1)) {
            measure_together(group, effort, slice, site, processors)?;
        }
    }
    show_progress("");
    Ok(Measured {
        row,
        series: contenders
            .into_iter()
            .map(|contender| contender.series)
            .collect(),
    })
}

/// Shows `text` in place of the previous text, on a terminal only.
fn show_progress(text: &str) {
    let mut terminal = io::stderr();
    if terminal.is_terminal() {
        let _ = write!(terminal, "\r\x1b[2K{text}");
    }
}

/// Creates the files that the row requests.
fn make_files(row: &Row, site: &Site) -> io::Result<()> {
    match row.requests {
        Requests::Random(count) => {
            (0..count).try_for_each(|number| site.make(&format!("{}/{number}", row.path), row.size))
        }
        _ => site.make(row.path, row.size),
    }
}

/// One of the files that the row requests.
fn one_path(row: &Row) -> String {
    match row.requests {
        Requests::Random(count) => format!("{}/{}", row.path, count / 2),
        _ => row.path.to_owned(),
    }
}

/// Starts all servers at once, and checks that each responds correctly.
fn start(
    row: &'static Row,
    servers: &[Server],
    site: &Site,
    processors: &Processors,
) -> io::Result<Vec<Contender>> {
    let path = one_path(row);
    let content = site.read(&path)?;
    let setting = Setting {
        root: site.root(),
        threads: row.threads,
        access_log: row.access_log,
        place: if row.threads == 1 {
            Place::Server
        } else {
            Place::Anywhere
        },
        response: prepared_response(&content, row.limit == Some("short")),
        limit_answer: row.limit.unwrap_or_default(),
    };
    let mut started = Vec::new();
    for &server in servers
        .iter()
        .filter(|&&server| server != Server::Limit || row.limit.is_some())
    {
        started.push(Running::start(server, &setting, &site.state(), processors)?);
    }
    let mut contenders = Vec::new();
    for mut running in started {
        match running
            .wait_until_ready(&path)
            .and_then(|()| checked_load(row, &running, &path, &content))
        {
            Ok(load) => {
                let series = Series {
                    server: running.server,
                    samples: Vec::new(),
                    complaints: Vec::new(),
                    notes: Vec::new(),
                };
                contenders.push(Contender {
                    row,
                    running,
                    load,
                    series,
                });
            }
            Err(error) => println!(
                "!! {}: {} left out: {error}",
                row.name,
                running.server.name()
            ),
        }
    }
    Ok(contenders)
}

/// The response of the limit: a head like those of the other servers, and the body.
fn prepared_response(content: &[u8], short: bool) -> Vec<u8> {
    let connection = if short { "Connection: close\r\n" } else { "" };
    let mut response = format!(
        "HTTP/1.1 200 OK\r\nServer: limit\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: application/octet-stream\r\n\
         Content-Length: {}\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nETag: \"0123456789abcdef\"\r\n{connection}\r\n",
        content.len()
    )
    .into_bytes();
    response.extend_from_slice(content);
    response
}

/// The load for one server, once it has responded correctly to such a request.
fn checked_load(row: &Row, running: &Running, path: &str, content: &[u8]) -> io::Result<Load> {
    let plain = client::fetch(running.address, path, &[])?;
    check(&plain, 200, content)?;
    let mut lines: Vec<String> = row.lines.iter().map(|&line| line.to_owned()).collect();
    if row.expected == Expected::NotModified {
        let etag = plain
            .field("etag")
            .ok_or_else(|| io::Error::other("the server sends no ETag"))?;
        lines.push(format!("If-None-Match: {etag}"));
    }
    let reply = client::fetch(
        running.address,
        path,
        &lines.iter().map(String::as_str).collect::<Vec<_>>(),
    )?;
    match row.expected {
        Expected::Whole => check(&reply, 200, content)?,
        Expected::NotModified => check(&reply, 304, &[])?,
        Expected::Part(first, last) => {
            check(&reply, 206, content.get(first..=last).unwrap_or_default())?
        }
    }
    Ok(Load {
        connections: row.connections,
        threads: row.threads,
        path: row.path.to_owned(),
        lines,
        requests: row.requests,
    })
}

fn check(reply: &Reply, status: u16, body: &[u8]) -> io::Result<()> {
    if reply.status != status {
        return Err(io::Error::other(format!(
            "status {} instead of {status}",
            reply.status
        )));
    }
    if reply.body != body {
        return Err(io::Error::other(format!(
            "wrong body: {} bytes for {}",
            reply.body.len(),
            body.len()
        )));
    }
    Ok(())
}

/// One measurement of each of `contenders`, in alternating slices of time.
fn measure_together(
    contenders: &mut [Contender],
    effort: &Effort,
    slice: Duration,
    site: &Site,
    processors: &Processors,
) -> io::Result<()> {
    let count = contenders.len();
    let mut runs = Vec::with_capacity(count);
    for contender in &mut *contenders {
        runs.push(Run::start(contender, site, processors)?);
    }
    let passes = (effort.duration.as_secs_f64() / slice.as_secs_f64()).ceil() as usize;
    for pass in 0..passes {
        for turn in 0..count {
            // In another order each time, so that no server always follows the same one.
            let at = (pass + turn) % count;
            let at = if pass % 2 == 0 { at } else { count - 1 - at };
            if let Some(run) = &mut runs[at] {
                run.wrk.resume_for(slice)?;
            }
        }
    }
    for (run, contender) in runs.into_iter().zip(contenders) {
        let sample = run.map(|run| run.finish(contender)).transpose()?.flatten();
        let series = &mut contender.series;
        series.samples.push(sample.unwrap_or(Sample::FAILED));
    }
    Ok(())
}

/// A measurement of one server that is under way.
struct Run {
    idle: Idle,
    before: Usage,
    wrk: Wrk,
}

impl Run {
    /// Starts the load, paused; `None` if the idle connections cannot be opened.
    fn start(
        contender: &mut Contender,
        site: &Site,
        processors: &Processors,
    ) -> io::Result<Option<Run>> {
        let Contender {
            row,
            running,
            load,
            series,
        } = contender;
        let room = running.server.connections_max();
        let idle_count = row.idle.min(room.saturating_sub(row.connections + 16));
        if idle_count < row.idle {
            series.notes.push(format!(
                "only {idle_count} idle connections: it supports no more with these descriptors"
            ));
        }
        let idle = match Idle::open(running.address, row.path, idle_count) {
            Ok(idle) => idle,
            Err(error) => {
                series.complaints.push(format!("idle connections: {error}"));
                return Ok(None);
            }
        };
        Ok(Some(Run {
            idle,
            before: Usage::of(running.pid()),
            wrk: Wrk::start(load, running.address, &site.state(), processors)?,
        }))
    }

    /// Ends the load; `None` if there was no response.
    fn finish(self, contender: &mut Contender) -> io::Result<Option<Sample>> {
        let outcome = self.wrk.finish()?;
        let (ran, waited) = Usage::of(contender.running.pid()).since(&self.before);
        let complaints = &mut contender.series.complaints;
        complaints.extend(outcome.complaint());
        let lost = self.idle.lost();
        if lost > 0 {
            complaints.push(format!("{lost} idle connections closed by the server"));
        }
        let requests = answers(contender.row, &outcome);
        Ok((requests > 0.0).then_some(Sample {
            per_cpu_second: requests / ran,
            per_second: requests / outcome.seconds,
            waited: waited / ran,
        }))
    }
}

/// Responses received; if bytes are counted, with fractions for partial responses.
fn answers(row: &Row, outcome: &Outcome) -> f64 {
    if row.by_bytes {
        outcome.bytes / row.size as f64
    } else {
        outcome.requests
    }
}
