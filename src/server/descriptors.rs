//! How many connections the system's limit of open files allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::status_server;
use crate::config::Config;

/// The most connections, whatever the system allows.
pub const CONNECTIONS_MAX: usize = 1 << 20;

/// Descriptors held by what the process has once, rounded up: the three standard
/// streams, the acceptor's poll, both ends of the signals' pipe, the access log,
/// the root and the folder it stands in, the status listener and the kernel's
/// tables it tells from.
const DESCRIPTORS_ONCE: u64 = 20;

/// Descriptors held by each worker: its poll, the acceptor's handle on that,
/// its waker, and a folder that it reads.
const DESCRIPTORS_PER_WORKER: u64 = 4;

/// The descriptors set aside for files, so that an existing file is not refused
/// for want of one while every connection is taken: as many as connections, up
/// to this number ...
const FILES_MAX: u64 = 512;

/// ... or, where that is more, the system's limit divided by this.
const FILES_SHARE: u64 = 32;

/// The descriptors set aside for files divided by this may stay open between
/// requests.
const KEPT_SHARE: u64 = 2;

/// Raises the soft limit of open files to the hard one and gives the limit
/// then in force; `u64::MAX` where there is none.
pub fn raise_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => {}
        Err(error) => log::info!("the limit of open files stays as it is: {error}"),
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// The connections that fit into `descriptors` with so many [`beside`] them; at
/// least one, at most [`CONNECTIONS_MAX`].
pub fn connections_max(descriptors: u64, beside: u64) -> usize {
    let rest = descriptors.saturating_sub(beside);
    let files = (descriptors / FILES_SHARE).max(FILES_MAX).min(rest / 2);
    usize::try_from(rest - files)
        .unwrap_or(CONNECTIONS_MAX)
        .clamp(1, CONNECTIONS_MAX)
}

/// The descriptors of all that is neither a connection to the site nor a file:
/// those who look at the status are among them.
pub fn beside(config: &Config, listeners: usize) -> u64 {
    let workers = config.threads.get() as u64;
    let lookers = config
        .status
        .map_or(0, |_| status_server::CONNECTIONS_MAX as u64);
    DESCRIPTORS_ONCE
        .saturating_add(listeners as u64)
        .saturating_add(DESCRIPTORS_PER_WORKER.saturating_mul(workers))
        .saturating_add(lookers)
}

/// The files that may be kept open between requests: a part of what the
/// connections leave, so that most of it is free for requests under way.
pub fn kept_max(descriptors: u64, connections_max: usize) -> u64 {
    descriptors.saturating_sub(connections_max as u64) / KEPT_SHARE
}

/// The limit in force: what was asked for, as far as `derived` allows, or
/// `derived` where nothing was. One warning tells that less than asked is
/// possible.
pub fn limit_in_force(asked: Option<usize>, derived: usize) -> usize {
    match asked {
        Some(asked) if asked > derived => {
            log::warn!(
                "{asked} connections need more open files than the system allows: {derived} it is"
            );
            derived
        }
        Some(asked) => asked,
        None => derived,
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    #[track_caller]
    fn check(descriptors: u64, listeners: usize, workers: usize, connections: usize) {
        let mut config = Config {
            threads: NonZeroUsize::new(workers).unwrap(),
            ..Config::default()
        };
        let fit = |descriptors: u64, config: &Config| {
            connections_max(descriptors, beside(config, listeners))
        };
        let what = format!("{descriptors} descriptors, {listeners} listeners, {workers} workers");
        assert_eq!(fit(descriptors, &config), connections, "{what}");
        // Those who look at the status have theirs apart.
        config.status = Some(([127, 0, 0, 1], 0).into());
        let more = descriptors.saturating_add(status_server::CONNECTIONS_MAX as u64);
        let fit = fit(more, &config);
        assert!(
            (connections - 1..=connections).contains(&fit),
            "{what}: {fit}"
        );
    }

    #[test]
    fn connections_that_fit() {
        check(0, 2, 2, 1);
        check(20, 2, 2, 1);
        check(22, 2, 2, 1);
        check(36, 2, 2, 3);
        check(64, 2, 2, 17);
        check(256, 2, 2, 113);
        check(1024, 2, 4, 493);
        check(4096, 2, 4, 4096 - 38 - 512);
        check(20_000, 2, 2, 19_345);
        check(1 << 30, 2, 64, CONNECTIONS_MAX);
        check(u64::MAX, usize::MAX, usize::MAX, 1);
        check(u64::MAX, 2, 2, CONNECTIONS_MAX);
    }

    #[test]
    fn what_is_asked_for_is_bounded_by_what_fits() {
        assert_eq!(limit_in_force(None, 28), 28);
        assert_eq!(limit_in_force(Some(10), 28), 10);
        assert_eq!(limit_in_force(Some(10_000), 28), 28);
    }

    #[test]
    fn the_soft_limit_is_raised_to_the_hard_one() {
        let raised = raise_limit();
        let hard = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
        assert_eq!(raised, hard);
    }
}
