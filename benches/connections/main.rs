//! What a page costs over short and over persistent connections.
//!
//! A page consists of one document and the objects it refers to: a client can request the objects
//! only after it has received the document. The page is loaded in five ways ([`page::Strategy`]),
//! on loopback and over a link with a round-trip time of 1, 10 and 50 milliseconds ([`relay`]). In
//! addition to the time, the report shows the handshakes, the connections left in TIME_WAIT and on
//! which side ([`tcp_table`]), and the theoretical minimum of round trips. Bandwidth and slow start
//! are not modelled: the objects are small, and the link only adds a delay.
//!
//! `cargo bench --bench connections -- --help` shows the options. The results are printed, and
//! written as figures and as a picture to `target/bench/connections.tsv`, `.svg` and `.png`.

mod page;
mod picture;
mod relay;
mod report;
#[path = "../rig/mod.rs"]
mod rig;
mod tcp_table;

use page::{Page, Strategy};
use relay::Relay;
use rig::arguments::Arguments;
use rig::cpu::{Place, Processors};
use rig::servers::{Running, Server, Setting};
use rig::site::Site;
use rig::summary::Spread;
use rig::{interruption, machine, servers};
use std::collections::HashSet;
use std::io;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const HELP: &str = "cargo bench --bench connections -- [OPTIONS]
  --quick           pages of 1, 10 and 100 objects, each loaded once over a link: less than a minute
  --rounds <N>      how often each page is loaded over a link [3]; on loopback ten times as often
  --objects <LIST>  sizes of the page, including the document [1,2,5,10,20,50,100]
  --delays <LIST>   round-trip times of the link in milliseconds; 0 is loopback itself [0,1,10,50]
  --only <NAME>     the server [stdhttpd]";

/// The size in bytes of the document and of each object.
const OBJECT_BYTES: usize = 1024;

/// One cell: a page with this many objects, loaded in one way over one link.
pub struct Cell {
    /// The round-trip time of the link.
    pub round_trip: Duration,
    /// How it was loaded.
    pub strategy: Strategy,
    /// The number of objects, including the document.
    pub objects: usize,
    /// Milliseconds until the last object has arrived.
    pub milliseconds: Spread,
    /// Connections opened for one page.
    pub handshakes: usize,
    /// Connections in TIME_WAIT after one page, at the server and at the client.
    pub time_waits: [usize; 2],
}

fn main() -> ExitCode {
    rig::run("connections", HELP, run)
}

fn run(arguments: &Arguments) -> io::Result<()> {
    let quick = arguments.has("--quick");
    let rounds = arguments
        .count("--rounds", if quick { 1 } else { 3 })
        .max(1);
    let objects = numbers(
        arguments,
        "--objects",
        if quick {
            "1,10,100"
        } else {
            "1,2,5,10,20,50,100"
        },
    );
    let delays = numbers(arguments, "--delays", "0,1,10,50");
    let only = arguments
        .list("--only")
        .unwrap_or_else(|| vec!["stdhttpd".to_owned()]);
    let found = servers::present(Some(&only));
    let Some((server, version)) = found.first() else {
        return Ok(());
    };
    let head = format!("{} {version}; {}", server.name(), machine::description());
    println!(
        "connections: {head}, load average {}",
        machine::load_average()
    );
    let site = Site::new()?;
    let largest = objects.iter().copied().max().unwrap_or(1);
    let page = Page::new(largest);
    page.paths()
        .iter()
        .try_for_each(|path| site.make(path, OBJECT_BYTES))?;
    let mut cells = Vec::new();
    for &delay in &delays {
        let round_trip = Duration::from_millis(delay as u64);
        let rounds = if delay == 0 { rounds * 10 } else { rounds };
        for strategy in Strategy::ALL {
            for &count in &objects {
                // Each cell starts a new server, so that no TIME_WAIT of an earlier cell affects
                // it.
                let running = start(*server, &site, &page)?;
                cells.push(measure(
                    &page, strategy, count, &running, round_trip, rounds,
                )?);
            }
        }
        report::print_link(round_trip, &objects, &cells);
    }
    report::write_figures(&head, &cells)?;
    picture::draw(&head, &cells)?;
    Ok(())
}

/// Loads one page `rounds` times.
fn measure(
    page: &Page,
    strategy: Strategy,
    objects: usize,
    running: &Running,
    round_trip: Duration,
    rounds: usize,
) -> io::Result<Cell> {
    let relay = if round_trip.is_zero() {
        None
    } else {
        Some(Relay::start(running.address, round_trip)?)
    };
    let address = relay
        .as_ref()
        .map_or(running.address, |relay| relay.address());
    let port = running.address.port();
    let before: HashSet<tcp_table::Entry> = tcp_table::time_waits(port)?.into_iter().collect();
    let mut times = Vec::new();
    let mut handshakes = 0;
    let mut time_waits = [0; 2];
    for round in 0..rounds {
        interruption::unless_interrupted()?;
        let begin = Instant::now();
        let loaded = page.load(strategy, objects, address)?;
        times.push(loaded.finished.duration_since(begin).as_secs_f64() * 1000.0);
        handshakes = loaded.handshakes;
        // Only after the first page: a later one may reuse the ports of its connections, which then
        // leave no entry of their own.
        if round == 0 {
            relay.as_ref().map_or(Ok(()), Relay::wait_until_idle)?;
            let after = tcp_table::time_waits(port)?;
            let new = || after.iter().filter(|entry| !before.contains(entry));
            time_waits = [tcp_table::Side::Server, tcp_table::Side::Client]
                .map(|side| new().filter(|entry| entry.side == side).count());
        }
    }
    let milliseconds = Spread::of(times).ok_or_else(|| io::Error::other("no rounds"))?;
    Ok(Cell {
        round_trip,
        strategy,
        objects,
        milliseconds,
        handshakes,
        time_waits,
    })
}

/// Starts the server and requests every object of the page once, to compare it with its file.
fn start(server: Server, site: &Site, page: &Page) -> io::Result<Running> {
    let setting = Setting {
        root: site.root(),
        threads: 1,
        access_log: false,
        place: Place::Anywhere,
        response: Vec::new(),
        limit_answer: "each",
    };
    let mut running = Running::start(server, &setting, &site.state(), &Processors::available())?;
    running.wait_until_ready(page::DOCUMENT)?;
    page.check(running.address, site)?;
    Ok(running)
}

fn numbers(arguments: &Arguments, name: &str, default: &str) -> Vec<usize> {
    let words = arguments
        .list(name)
        .unwrap_or_else(|| default.split(',').map(str::to_owned).collect());
    words.iter().filter_map(|word| word.parse().ok()).collect()
}
