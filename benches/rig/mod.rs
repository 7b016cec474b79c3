//! The rig: what the benches that start servers share.
//!
//! It makes the files that are served ([`site`]), starts the server and its peers ([`servers`], [`configs`], [`limit`]),
//! drives them ([`load`], [`client`], [`idle`]), reads what they cost ([`cpu`]) and shows it ([`summary`], [`machine`],
//! [`picture`]). Everything listens on 127.0.0.1, on ports the rig found free, with configurations in a folder of its
//! own, and ends with the bench.

// Each bench is a crate of its own and uses a part of the rig.
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

/// Runs the bench of this name, if the arguments of the process ask for that, and
/// says how long it took.
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
