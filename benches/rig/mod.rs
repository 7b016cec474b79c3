//! The rig: code shared by the benches that start servers.
//!
//! It creates the files that are served ([`site`]), starts stdhttpd and its peers ([`servers`],
//! [`configs`], [`limit`]), puts load on them ([`load`], [`client`], [`idle`]), measures their cost
//! ([`cpu`]) and shows the results ([`summary`], [`machine`], [`picture`]). Every server listens on
//! 127.0.0.1 on a free port, has its configuration in a temporary directory, and ends with the
//! bench.

// Each bench is a separate crate and uses a part of the rig.
#![allow(dead_code)]

pub mod arguments;
pub mod chart;
pub mod client;
pub mod configs;
pub mod cpu;
pub mod idle;
pub mod interruption;
pub mod limit;
pub mod load;
pub mod machine;
pub mod picture;
pub mod servers;
pub mod site;
pub mod summary;

use std::{io, process::ExitCode, time::Instant};

use arguments::Arguments;

/// Runs the bench of this name if the arguments of the process ask for it, and prints how long it
/// took.
pub fn run(name: &str, help: &str, bench: fn(&Arguments) -> io::Result<()>) -> ExitCode {
    let arguments = Arguments::of_this_process();
    limit::serve_if_asked(&arguments);
    if arguments.has("--help") {
        println!("{help}");
        return ExitCode::SUCCESS;
    }
    if !arguments.ask_for_a_run() {
        println!("{name}: run by `cargo bench --bench {name}`");
        return ExitCode::SUCCESS;
    }
    let begin = Instant::now();
    match interruption::end_on_signal().and_then(|()| bench(&arguments)) {
        Ok(()) => {
            let seconds = begin.elapsed().as_secs_f64();
            println!(
                "took {seconds:.0} s, load average {}",
                machine::load_average()
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}
