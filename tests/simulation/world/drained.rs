//! Connections that are closed because the server drains.

use std::{cell::RefCell, rc::Rc, time::Duration};

use stdhttpd::{
    connection::{DRAIN_IDLE_TIME_MAX, Identity, Readiness, context::Clock},
    server::scheduler::{Accepted, Scheduler},
};

use super::driver::{ScriptedDriver, take_arrivals};
use crate::{
    script::{Script, Wire},
    site::Ground,
};

/// A worker with one connection.
struct Stage {
    ground: Ground,
    scheduler: Scheduler<Script, ScriptedDriver>,
    wire: Rc<RefCell<Wire>>,
}

impl Stage {
    /// The client accepts `room` bytes, and has sent `text`.
    fn new(room: usize, text: &[u8]) -> Stage {
        let ground = Ground::new(|_| {});
        let mut scheduler = Scheduler::new(ground.context(), ScriptedDriver::new());
        let wire = Wire::new(room);
        let accepted = Accepted {
            stream: Script::new(&wire),
            token: 1,
            identity: Identity::new(1, None, ground.started, Duration::ZERO),
        };
        assert!(scheduler.driver.hand_over(accepted, &wire));
        wire.borrow_mut().arrive(text);
        take_arrivals(&mut scheduler);
        scheduler.finish_turn();
        Stage {
            ground,
            scheduler,
            wire,
        }
    }

    /// A turn at this time. Returns whether our side is shut, whether the connection is closed, and
    /// how many bytes were written.
    fn turn(&mut self, at: Duration) -> (bool, bool, usize) {
        self.scheduler.cx.clock = Clock::Stepped(self.ground.started + at);
        self.scheduler.finish_turn();
        let mut wire = self.wire.borrow_mut();
        (wire.shut, wire.closed, wire.take_written().len())
    }
}

const GET: &[u8] = b"GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n";

const MS: Duration = Duration::from_millis(1);

/// Its last response may still be in transit. If a request arrived after an immediate close, the
/// reset would destroy that response.
#[test]
fn an_idle_connection_is_shut_and_lingers() {
    let mut stage = Stage::new(1 << 20, GET);
    assert!(stage.wire.borrow_mut().take_written().ends_with(b"alpha\n"));
    stage.scheduler.drain();
    assert_eq!(stage.scheduler.poll_timeout(), Some(DRAIN_IDLE_TIME_MAX));
    assert_eq!(stage.turn(MS), (false, false, 0));
    assert_eq!(stage.turn(DRAIN_IDLE_TIME_MAX), (true, false, 0));
    assert!(!stage.scheduler.is_done());
    assert_eq!(stage.scheduler.poll_timeout(), Some(20 * MS));
    stage.wire.borrow_mut().arrive(GET);
    stage.scheduler.take_event(1, Readiness::READABLE);
    assert_eq!(stage.turn(DRAIN_IDLE_TIME_MAX), (true, false, 0));
    assert_eq!(stage.wire.borrow().unread(), 0);
    stage.wire.borrow_mut().end();
    stage.scheduler.take_event(1, Readiness::READABLE);
    assert_eq!(stage.turn(DRAIN_IDLE_TIME_MAX), (true, true, 0));
    assert!(stage.scheduler.is_done());
}

#[test]
fn a_drain_begins_when_it_is_noticed() {
    let mut stage = Stage::new(1 << 20, GET);
    stage.wire.borrow_mut().take_written();
    let begun = 50 * MS;
    stage.scheduler.cx.clock = Clock::Stepped(stage.ground.started + begun);
    stage.scheduler.drain();
    assert!(!stage.turn(begun + DRAIN_IDLE_TIME_MAX - MS).0);
    assert!(stage.turn(begun + DRAIN_IDLE_TIME_MAX).0);
}

#[test]
fn a_connection_whose_client_does_not_close_lingers_only_briefly() {
    let mut stage = Stage::new(1 << 20, GET);
    stage.turn(Duration::ZERO);
    stage.scheduler.drain();
    assert_eq!(stage.turn(DRAIN_IDLE_TIME_MAX), (true, false, 0));
    assert_eq!(stage.turn(DRAIN_IDLE_TIME_MAX + 99 * MS), (true, false, 0));
    assert_eq!(stage.turn(DRAIN_IDLE_TIME_MAX + 119 * MS), (true, true, 0));
}

#[test]
fn a_silent_connection_is_closed_soon() {
    let mut stage = Stage::new(1 << 20, b"");
    stage.scheduler.drain();
    assert_eq!(stage.turn(80 * MS), (false, false, 0));
    assert_eq!(stage.turn(100 * MS), (false, true, 0));
}

#[test]
fn a_drain_makes_no_time_out_longer() {
    let mut stage = Stage::new(1 << 20, b"");
    stage.scheduler.cx.timeouts.header = 50 * MS;
    stage.scheduler.drain();
    assert_eq!(stage.turn(60 * MS), (false, true, 0));
    let mut stage = Stage::new(1 << 20, GET);
    stage.turn(Duration::ZERO);
    stage.scheduler.cx.timeouts.linger = 50 * MS;
    stage.scheduler.drain();
    assert_eq!(stage.turn(DRAIN_IDLE_TIME_MAX), (true, false, 0));
    assert_eq!(stage.turn(DRAIN_IDLE_TIME_MAX + 60 * MS), (true, true, 0));
}

#[test]
fn a_request_that_has_arrived_unreported_is_answered() {
    let mut stage = Stage::new(1 << 20, GET);
    stage.turn(Duration::ZERO);
    stage.scheduler.drain();
    stage.wire.borrow_mut().arrive(GET);
    let (shut, closed, written) = stage.turn(DRAIN_IDLE_TIME_MAX);
    assert!(shut && !closed && written > 100, "{written}");
}

/// The other threads announce the drain more than once.
#[test]
fn the_time_to_stop_is_not_put_off() {
    let mut stage = Stage::new(0, GET);
    let shutdown = stage.scheduler.cx.timeouts.shutdown;
    stage.scheduler.drain();
    assert_eq!(stage.turn(shutdown - MS), (false, false, 0));
    stage.scheduler.drain();
    assert_eq!(stage.turn(shutdown + 20 * MS), (false, true, 0));
    assert!(stage.scheduler.is_done());
}
