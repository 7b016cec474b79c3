//! Seeded runs of many connections through the real scheduler, over a scripted poll and a simulated
//! clock.
//!
//! `STDHTTPD_SIMULATION_STEPS` sets the total number of steps; `STDHTTPD_SIMULATION_SEED` repeats
//! the run with one seed.

mod client;
mod drained;
pub mod driver;
mod evicted;
mod idle_order;
mod look;
mod newcomer;
mod play;

use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    process::Command,
    rc::Rc,
    time::Duration,
};

use stdhttpd::config::Config;

use self::play::World;
use crate::{
    run::{self, Outcome},
    site::Ground,
    streams::{self, Stream},
};

/// The default number of steps.
const STEPS: u64 = 2_000_000;

/// Set in the child process in which the runs take place. They need their own process, because they
/// lower the limit on open files from time to time.
const ALONE: &str = "STDHTTPD_SIMULATION_ALONE";

/// A site with its configuration, and the outcome of each stream on it.
struct Land {
    ground: Ground,
    catalogue: Vec<(Rc<Stream>, Rc<Outcome>)>,
}

fn lands() -> Vec<Land> {
    let changes: [fn(&mut Config); 5] = [
        |_| {},
        |config| config.timeouts.keep_alive = Duration::ZERO,
        |config| config.limits.requests_max = 3,
        |config| {
            config.limits.body_bytes_max = 10;
            config.limits.write_bytes_per_second_min = 0;
            config.site.cache_bytes_max = 0;
        },
        |config| config.site.descriptors_kept_max = 0,
    ];
    let land = |change| {
        let ground = Ground::new(change);
        let mut cx = ground.context();
        let of = |stream: Stream| {
            let outcome = Rc::new(run::whole(&mut cx, &stream));
            (Rc::new(stream), outcome)
        };
        let catalogue = streams::all().into_iter().map(of).collect();
        Land { ground, catalogue }
    };
    changes.into_iter().map(land).collect()
}

fn number_from(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

#[test]
fn thousands_of_connections() {
    if env::var_os(ALONE).is_some() {
        return run_alone();
    }
    let output = Command::new(env::current_exe().expect("this program"))
        .args(["--exact", "world::thousands_of_connections", "--nocapture"])
        .env(ALONE, "1")
        .output()
        .expect("this program runs");
    print!("{}", String::from_utf8_lossy(&output.stdout));
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the failure is reported above");
}

fn run_alone() {
    let lands = lands();
    let run = |seed: u64| {
        let land = &lands[seed as usize % lands.len()];
        let world = World::new(land, seed);
        let ran = catch_unwind(AssertUnwindSafe(|| world.run()));
        ran.unwrap_or_else(|panic| {
            eprintln!(
                "seed {seed} failed; to replay it:\n  STDHTTPD_SIMULATION_SEED={seed} \
                 cargo test --test simulation thousands_of_connections"
            );
            resume_unwind(panic)
        })
    };
    if let Some(seed) = number_from("STDHTTPD_SIMULATION_SEED") {
        println!("{:?}", run(seed));
        return;
    }
    let wanted = number_from("STDHTTPD_SIMULATION_STEPS").unwrap_or(STEPS);
    let mut sum = play::Sum::default();
    let mut seed = 0;
    while sum.steps < wanted {
        sum.add(&run(seed));
        seed += 1;
    }
    println!("{seed} seeds: {sum:?}");
    // A run in which these never occur does not test them.
    assert!(
        sum.evicted > 0 && sum.starved > 0 && sum.drained > 0,
        "{sum:?}"
    );
}
