//! An idle connection that is closed because the server drains.

use std::time::Duration;

use stdhttpd::{
    connection::{DRAIN_IDLE_TIME_MAX, Identity, Readiness, context::Clock},
    server::scheduler::{Accepted, Scheduler},
};

use super::driver::ScriptedDriver;
use crate::{
    script::{Script, Wire},
    site::Ground,
};

/// Its last response may still be in transit. If a request arrived after an immediate close, the
/// reset would destroy that response.
#[test]
fn an_idle_connection_is_shut_and_lingers() {
    const GET: &[u8] = b"GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n";
    let ground = Ground::new(|_| {});
    let mut scheduler = Scheduler::new(ground.context(), ScriptedDriver::new());
    let wire = Wire::new(1 << 20);
    let accepted = Accepted {
        stream: Script::new(&wire),
        token: 1,
        identity: Identity::new(1, None, ground.started, Duration::ZERO),
    };
    assert!(scheduler.driver.hand_over(accepted, &wire));
    wire.borrow_mut().arrive(GET);
    scheduler.take_arrivals();
    scheduler.serve_received();
    assert!(wire.borrow_mut().take_written().ends_with(b"alpha\n"));
    scheduler.drain();
    let mut turn = |wait: Duration| {
        scheduler.cx.clock = Clock::Stepped(ground.started + wait);
        scheduler.cx.begin_turn();
        scheduler.take_event(1, Readiness::READABLE);
        scheduler.finish_turn();
        let mut wire = wire.borrow_mut();
        (wire.shut, wire.closed, wire.take_written().len())
    };
    assert_eq!(turn(Duration::from_millis(1)), (false, false, 0));
    assert_eq!(turn(DRAIN_IDLE_TIME_MAX), (true, false, 0));
    wire.borrow_mut().arrive(GET);
    assert_eq!(turn(DRAIN_IDLE_TIME_MAX), (true, false, 0));
    assert_eq!(wire.borrow().unread(), 0);
    wire.borrow_mut().end();
    assert_eq!(turn(DRAIN_IDLE_TIME_MAX), (true, true, 0));
    assert!(scheduler.is_done());
}
