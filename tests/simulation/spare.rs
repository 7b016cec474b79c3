//! Connections that may be evicted, for a new connection or for the descriptor that a request of
//! another worker needs.

use std::time::{Duration, Instant};

use stdhttpd::server::scheduler::{SILENT_TIME_MIN, SWEEP_INTERVAL};

use crate::{site, turn::Crowd};

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
