//! Connections that may be evicted, for a new connection or for the descriptor that a request of
//! another worker needs.

use std::time::{Duration, Instant};

use stdhttpd::{
    connection::Readiness,
    server::scheduler::{SILENT_TIME_MIN, SWEEP_INTERVAL},
};

use crate::{
    site,
    turn::{Crowd, HEAD},
};

/// A turn at this time.
fn turn(crowd: &mut Crowd, at: Instant) {
    site::set_clock(&mut crowd.scheduler.cx, at);
    crowd.scheduler.finish_turn();
}

#[test]
fn a_sweep_finds_who_is_silent_for_long_enough() {
    let mut crowd = Crowd::new(1, 0, None);
    let begun = crowd.scheduler.cx.now;
    turn(
        &mut crowd,
        begun + SILENT_TIME_MIN - Duration::from_nanos(1),
    );
    assert_eq!(crowd.scheduler.eviction_candidate_since(), None);
    turn(&mut crowd, begun + SILENT_TIME_MIN + SWEEP_INTERVAL);
    assert_eq!(crowd.scheduler.eviction_candidate_since(), Some(begun));
}

/// The acceptor chooses a worker by it.
#[test]
fn the_best_candidate_is_who_was_idle_or_silent_first() {
    let mut crowd = Crowd::new(2, 0, None);
    let begun = crowd.scheduler.cx.now;
    let first_idle = begun + SILENT_TIME_MIN / 2;
    site::set_clock(&mut crowd.scheduler.cx, first_idle);
    crowd.wires[1].borrow_mut().arrive(HEAD.as_bytes());
    crowd.scheduler.take_event(1, Readiness::READABLE);
    crowd.scheduler.finish_turn();
    assert_eq!(crowd.scheduler.eviction_candidate_since(), Some(first_idle));
    turn(&mut crowd, begun + SILENT_TIME_MIN);
    assert_eq!(crowd.scheduler.eviction_candidate_since(), Some(begun));
    assert!(crowd.scheduler.evict());
    assert!(crowd.wires[0].borrow().closed && !crowd.wires[1].borrow().closed);
    assert_eq!(crowd.scheduler.eviction_candidate_since(), Some(first_idle));
}

/// A worker that cannot serve the request leaves it to the others.
#[test]
fn a_descriptor_is_freed_for_another_worker_by_one_that_can() {
    let mut crowd = Crowd::new(1, 0, None);
    let begun = crowd.scheduler.cx.now;
    crowd.scheduler.driver.asked = true;
    turn(&mut crowd, begun + SWEEP_INTERVAL);
    assert!(crowd.scheduler.driver.asked && !crowd.wires[0].borrow().closed);
    turn(&mut crowd, begun + SILENT_TIME_MIN);
    assert!(!crowd.scheduler.driver.asked && crowd.wires[0].borrow().closed);
}
