//! Connections that may be evicted, for a new connection or for the descriptor that a request of
//! another worker needs.

use std::{io, time::Duration};

use stdhttpd::{
    config::Moment,
    connection::{Connection, Identity, Readiness},
    observe::close_reason::CloseReason,
    server::{
        scheduler::{Accepted, Driver, SILENT_TIME_MIN, SWEEP_INTERVAL, Scheduler},
        table::Interest,
    },
};

use crate::{
    script::{Script, Wire},
    site::{self, Ground},
    turn::{Crowd, HEAD},
};

/// A turn at this time.
fn turn(crowd: &mut Crowd, at: Moment) {
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

/// The driver of the status listener, whose connections are closed in any state.
struct Unwatched;

impl Driver<Script> for Unwatched {
    fn register(&mut self, _: usize, _: Interest, _: Interest) -> io::Result<()> {
        Ok(())
    }

    fn closed(&mut self, _: Connection<Script>, _: CloseReason) {}
}

#[test]
fn the_oldest_connections_are_closed_down_to_a_number() {
    let ground = Ground::new(|_| {});
    let mut scheduler = Scheduler::new(ground.context(), Unwatched);
    let second = Duration::from_secs(1);
    let wires = [3, 1, 2].map(|seconds| {
        let wire = Wire::new(1 << 20);
        let accepted = ground.started + second * seconds;
        site::set_clock(&mut scheduler.cx, accepted);
        scheduler.adopt(Accepted {
            stream: Script::new(&wire),
            token: seconds as usize,
            identity: Identity::new(seconds.into(), None, accepted, Duration::ZERO),
        });
        scheduler.finish_turn();
        wire
    });
    // What has been read is answered first.
    wires[1].borrow_mut().arrive(HEAD.as_bytes());
    scheduler.take_event(1, Readiness::READABLE);
    let later = ground.started + second * 4;
    site::set_clock(&mut scheduler.cx, later);
    for (kept, age_min, open) in [
        (2, second * 3 + Duration::from_nanos(1), [true, true, true]),
        (3, second * 3, [true, true, true]),
        (2, second * 3, [true, false, true]),
        (1, second * 2, [true, false, false]),
    ] {
        scheduler.keep_youngest(kept, age_min);
        let is_open = wires.each_ref().map(|wire| !wire.borrow().closed);
        assert_eq!(is_open, open, "{kept}, {age_min:?}");
    }
    let written = wires[1].borrow_mut().take_written();
    assert!(written.starts_with(b"HTTP/1.1 200 OK\r\n"));
}
