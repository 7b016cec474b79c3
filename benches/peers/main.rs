//! A comparison with other servers: nginx, lighttpd, h2o, Caddy, and a bare event loop as the upper
//! limit.
//!
//! Each server is bound to one processor and wrk to another. The figure is requests per second of
//! the server's processor time, which other work on the machine disturbs less than requests per
//! second. All servers of a row run at the same time and are measured in turn, mostly in short slices,
//! round after round, and each ratio is computed within a round. A server that is not installed is
//! omitted.
//!
//! `cargo bench --bench peers -- --help` shows the options. The results are printed, and written as
//! figures and as a picture to `target/bench/peers.tsv`, `.svg` and `.png`.

mod measure;
mod picture;
mod report;
#[path = "../rig/mod.rs"]
mod rig;
mod rows;

use rig::arguments::Arguments;
use rig::cpu::Processors;
use rig::servers::Server;
use rig::site::Site;
use rig::{load, machine, servers};
use std::io;
use std::process::ExitCode;
use std::time::Duration;
use stdhttpd::server::descriptors;

const HELP: &str = "cargo bench --bench peers -- [OPTIONS]
  --quick           one short round: less than a minute, rough results
  --rounds <N>      rounds of a row [5]
  --seconds <S>     how long each server is measured in a round [2]
  --row <NAMES>     only these rows, by name or part of it, separated by commas
  --only <NAMES>    only these servers: stdhttpd, nginx-tuned, nginx, lighttpd, h2o, caddy, limit
  --list            show the rows";

fn main() -> ExitCode {
    rig::run("peers", HELP, run)
}

fn run(arguments: &Arguments) -> io::Result<()> {
    if arguments.has("--list") {
        rows::ROWS
            .iter()
            .for_each(|row| println!("{:16}{}", row.name, row.title));
        return Ok(());
    }
    let effort = arguments.effort(5, Duration::from_secs(2));
    let Some(wrk) = load::version() else {
        println!("peers: wrk is not installed: skipped");
        return Ok(());
    };
    println!(
        "peers: {}, load average {}",
        machine::description(),
        machine::load_average()
    );
    let descriptors = descriptors::raise_limit();
    let found = servers::present(arguments.list("--only").as_deref());
    found
        .iter()
        .for_each(|(server, version)| println!("  {:12}{version}", server.name()));
    println!(
        "  {:12}{wrk}; {} rounds of {:?}; {descriptors} descriptors",
        "wrk", effort.rounds, effort.duration
    );
    let names: Vec<Server> = found.iter().map(|(server, _)| *server).collect();
    let processors = Processors::available();
    if processors.count() < 2 {
        println!("!! only one processor: the server and the load share it");
    }
    let site = Site::new()?;
    let mut results = Vec::new();
    for row in rows::chosen(arguments.list("--row").as_deref()) {
        let measured = measure::measure(row, &names, &effort, &site, &processors)?;
        report::print_row(&measured);
        results.push(measured);
    }
    report::print_ratios(&results);
    let head = report::Head {
        machine: machine::description(),
        versions: found,
        effort,
    };
    report::write_figures(&head, &results)?;
    picture::draw(&head, &results)?;
    Ok(())
}
