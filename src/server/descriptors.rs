//! How many connections the limit on open files (RLIMIT_NOFILE) allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::status_server;
use crate::config::Config;

/// The most connections, whatever the system allows.
pub const CONNECTIONS_MAX: usize = 1 << 20;

/// Descriptors that the process holds once, rounded up: the three standard
/// streams, the acceptor's poll and its waker, both ends of the signal pipe, the
/// access log, the root, the status listener, its poll, and the kernel tables it
/// reads.
const DESCRIPTORS_ONCE: u64 = 20;

/// Descriptors of each worker: its poll, its waker, its timer, a directory that is
/// searched for variants, and a path that is opened to be checked.
const DESCRIPTORS_PER_WORKER: u64 = 5;

/// A connection, and the file that it requests.
const DESCRIPTORS_SERVING_ONE: u64 = 2;

/// Descriptors reserved for files at the least, so that an existing file is not
/// refused for lack of one at the connection limit: as many as connections, up to
/// this number ...
const FILE_DESCRIPTORS_MIN: u64 = 512;

/// ... or the system's limit divided by this, if that is more.
const FILES_DIVISOR_MAX: u64 = 32;

/// Without --max-connections, the system's limit divided by this is reserved for
/// files: reopening a file for each request costs a third of what sending 100 KiB
/// of it costs.
const FILES_DIVISOR_DEFAULT: u64 = 4;

/// The descriptors reserved for files, divided by this, may stay open between
/// requests.
const KEPT_DIVISOR: u64 = 2;

/// Raises the soft limit on open files to the hard limit. Returns the limit then
/// in force; `u64::MAX` if there is none.
pub fn raise_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        log::info!("cannot raise RLIMIT_NOFILE: {error}");
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// The connections that fit into `descriptors` next to [`beside`]; at least one,
/// at most [`CONNECTIONS_MAX`].
fn connections_max(descriptors: u64, beside: u64, files_divisor: u64) -> usize {
    let rest = descriptors.saturating_sub(beside);
    let files = (descriptors / files_divisor)
        .max(FILE_DESCRIPTORS_MIN)
        .min(rest / 2);
    (rest - files).clamp(1, CONNECTIONS_MAX as u64) as usize
}

/// The descriptors of everything but connections to the site and files; those of
/// the status listener's connections included.
pub fn beside(config: &Config, listeners: usize) -> u64 {
    let workers = config.threads.get() as u64;
    let status_connections = config
        .status
        .map_or(0, |_| status_server::STATUS_CONNECTIONS_MAX as u64);
    DESCRIPTORS_ONCE
        .saturating_add(listeners as u64)
        .saturating_add(DESCRIPTORS_PER_WORKER.saturating_mul(workers))
        .saturating_add(status_connections)
}

/// The files that may be kept open between requests: part of what connections
/// leave, so that most of it is free for requests in progress.
pub fn kept_max(descriptors: u64, connections_max: usize) -> u64 {
    descriptors.saturating_sub(connections_max as u64) / KEPT_DIVISOR
}

/// The connection limit in force: what was `asked` for, as far as `descriptors`
/// allow next to [`beside`]; or by default a number that leaves a good part of
/// them for files. Warns if fewer connections than asked for are possible, or if it is
/// not certain that even one can be served.
pub fn limit_in_force(asked: Option<usize>, descriptors: u64, beside: u64) -> usize {
    let needed = beside.saturating_add(DESCRIPTORS_SERVING_ONE);
    if descriptors < needed {
        log::warn!(
            "the limit on open files (RLIMIT_NOFILE) is {descriptors}; up to {needed} are needed \
             to serve one connection"
        );
    }
    let Some(asked) = asked else {
        return connections_max(descriptors, beside, FILES_DIVISOR_DEFAULT);
    };
    let fit = connections_max(descriptors, beside, FILES_DIVISOR_MAX);
    if asked > fit {
        log::warn!(
            "--max-connections {asked} exceeds the limit on open files (RLIMIT_NOFILE); using {fit}"
        );
    }
    asked.min(fit)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    #[track_caller]
    fn check(descriptors: u64, listeners: usize, workers: usize, default: usize, most: usize) {
        let mut config = Config {
            threads: NonZeroUsize::new(workers).unwrap(),
            ..Config::default()
        };
        let limit = |asked, descriptors: u64, config: &Config| {
            limit_in_force(asked, descriptors, beside(config, listeners))
        };
        let what = format!("{descriptors} descriptors, {listeners} listeners, {workers} workers");
        assert_eq!(limit(None, descriptors, &config), default, "{what}");
        let asked = Some(usize::MAX);
        assert_eq!(limit(asked, descriptors, &config), most, "{what}");
        assert_eq!(limit(Some(most), descriptors, &config), most, "{what}");
        assert_eq!(limit(Some(1), descriptors, &config), 1, "{what}");
        // Connections to the status listener are counted separately.
        config.status = Some(([127, 0, 0, 1], 0).into());
        let more = descriptors.saturating_add(status_server::STATUS_CONNECTIONS_MAX as u64);
        let fit = limit(asked, more, &config);
        assert!((most - 1..=most).contains(&fit), "{what}: {fit}");
    }

    #[test]
    fn connections_that_fit() {
        check(0, 2, 2, 1, 1);
        check(20, 2, 2, 1, 1);
        check(22, 2, 2, 1, 1);
        check(36, 2, 2, 2, 2);
        check(64, 2, 2, 16, 16);
        check(256, 2, 2, 112, 112);
        check(1024, 2, 4, 491, 491);
        check(4096, 2, 4, 4096 - 42 - 1024, 4096 - 42 - 512);
        check(20_000, 2, 2, 14_968, 19_343);
        check(1 << 30, 2, 64, CONNECTIONS_MAX, CONNECTIONS_MAX);
        check(u64::MAX, usize::MAX, usize::MAX, 1, 1);
        check(u64::MAX, 2, 2, CONNECTIONS_MAX, CONNECTIONS_MAX);
    }

    #[test]
    fn files_have_half_of_what_connections_leave() {
        for (descriptors, connections, kept) in [
            (20_000, 14_970, 2515),
            (20_000, 19_345, 327),
            (64, 17, 23),
            (8, 9, 0),
        ] {
            assert_eq!(kept_max(descriptors, connections), kept, "{connections}");
        }
    }

    #[test]
    fn the_soft_limit_is_raised_to_the_hard_one() {
        let raised = raise_limit();
        let hard = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
        assert_eq!(raised, hard);
    }
}
