//! Measures the points of a curve, with all servers in turn.

use crate::curve::{Curve, Point};
use crate::rig::arguments::Effort;
use crate::rig::client;
use crate::rig::cpu::{self, Place, Processors, Usage};
use crate::rig::idle::Idle;
use crate::rig::load::{self, Load, Requests};
use crate::rig::servers::{Running, Server, Setting};
use crate::rig::site::Site;
use crate::rig::summary::Spread;
use std::io;
use std::path::Path;
use std::thread;

/// For files of at least this size, bytes are counted instead of responses, because the end of a
/// run may cut a response off.
const COUNTED_IN_BYTES: usize = 100 << 10;

/// The result of a server at a point.
pub struct Value {
    /// Which server.
    pub server: Server,
    /// Requests per second of processor time.
    pub per_cpu_second: Spread,
    /// Bytes of memory in the middle of a run.
    pub memory: f64,
}

/// A curve with the values at each of its points.
pub struct Measured {
    /// The curve.
    pub curve: Curve,
    /// One list for each point.
    pub values: Vec<Vec<Value>>,
}

/// Measures all points of `curve`.
pub fn measure(
    curve: Curve,
    servers: &[Server],
    effort: &Effort,
    site: &Site,
    processors: &Processors,
) -> io::Result<Measured> {
    let mut values = Vec::new();
    for point in &curve.points {
        values.push(measure_point(point, servers, effort, site, processors)?);
    }
    Ok(Measured { curve, values })
}

fn measure_point(
    point: &Point,
    servers: &[Server],
    effort: &Effort,
    site: &Site,
    processors: &Processors,
) -> io::Result<Vec<Value>> {
    let path = make_files(point, site)?;
    let content = site.read(&path)?;
    let mut contenders = Vec::new();
    for &server in servers {
        let mut running = Running::start(
            server,
            &setting(point, &content, site),
            &site.state(),
            processors,
        )?;
        let answers = running
            .wait_until_ready(&path)
            .and_then(|()| client::fetch(running.address, &path, &[]));
        match answers {
            Ok(reply) if reply.status == 200 && reply.body == content => {
                contenders.push((running, Vec::new()))
            }
            Ok(reply) => println!(
                "!! {} sends a wrong {path}: status {}",
                server.name(),
                reply.status
            ),
            Err(error) => println!("!! {} left out at {}: {error}", server.name(), point.step),
        }
    }
    for (running, _) in &contenders {
        if let Requests::Random(count) = point.requests {
            client::fetch_all(running.address, &point.path, count)?;
        }
    }
    for _ in 0..effort.rounds {
        for (running, samples) in &mut contenders {
            match sample(point, running, effort, &site.state(), processors) {
                Ok(sample) => samples.push(sample),
                Err(error) => println!("!! {} at {}: {error}", running.server.name(), point.step),
            }
            crate::rig::interruption::unless_interrupted()?;
        }
    }
    let value = |(running, samples): (Running, Vec<[f64; 2]>)| {
        let per_cpu_second = Spread::of(samples.iter().map(|sample| sample[0]))?;
        let memory = Spread::of(samples.iter().map(|sample| sample[1]))?.median;
        Some(Value {
            server: running.server,
            per_cpu_second,
            memory,
        })
    };
    Ok(contenders.into_iter().filter_map(value).collect())
}

/// Creates the files of `point` and returns the path of one.
fn make_files(point: &Point, site: &Site) -> io::Result<String> {
    let Requests::Random(count) = point.requests else {
        site.make(&point.path, point.size)?;
        return Ok(point.path.clone());
    };
    (0..count).try_for_each(|number| site.make(&format!("{}/{number}", point.path), point.size))?;
    Ok(format!("{}/{}", point.path, count / 2))
}

fn setting(point: &Point, content: &[u8], site: &Site) -> Setting {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
        content.len()
    );
    Setting {
        root: site.root(),
        threads: 1,
        access_log: false,
        place: Place::Server,
        response: [head.as_bytes(), content].concat(),
        limit_answer: if matches!(point.requests, Requests::Pipelined(_)) {
            "counted"
        } else {
            "each"
        },
    }
}

/// One measurement: requests per second of processor time, and bytes of memory in the middle of the
/// run.
fn sample(
    point: &Point,
    running: &Running,
    effort: &Effort,
    state: &Path,
    processors: &Processors,
) -> io::Result<[f64; 2]> {
    let load = Load {
        connections: point.active,
        threads: 1,
        path: point.path.clone(),
        lines: Vec::new(),
        requests: point.requests,
    };
    let idle = point.idle.min(
        running
            .server
            .connections_max()
            .saturating_sub(point.active + 16),
    );
    let idle = Idle::open(running.address, &point.path, idle)?;
    let pid = running.pid();
    let before = Usage::of(pid);
    let (outcome, memory) = thread::scope(|scope| {
        let half_way = scope.spawn(|| {
            thread::sleep(effort.duration / 2);
            cpu::memory(pid)
        });
        let outcome = load::run(&load, running.address, effort.duration, state, processors);
        (outcome, half_way.join().unwrap_or_default())
    });
    let outcome = outcome?;
    let (ran, _) = Usage::of(pid).since(&before);
    let lost = idle.lost();
    if let Some(complaint) = outcome.complaint() {
        return Err(io::Error::other(complaint));
    }
    if lost > 0 {
        return Err(io::Error::other(format!(
            "{lost} idle connections closed by the server"
        )));
    }
    let by_bytes = point.size >= COUNTED_IN_BYTES;
    let requests = if by_bytes {
        outcome.bytes / point.size as f64
    } else {
        outcome.requests
    };
    Ok([requests / ran, memory as f64])
}
