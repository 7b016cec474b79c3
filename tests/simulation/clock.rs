//! When a worker reads the clock.

use std::time::Duration;

use stdhttpd::connection::{Readiness, context::Clock};

use crate::turn::{Crowd, HEAD};

/// Then a file is checked after the last request was sent, and once for all of them.
#[test]
fn the_clock_is_read_after_the_requests_and_before_an_answer() {
    let mut crowd = Crowd::new(2, 1, None);
    let download = "GET /large.bin HTTP/1.1\r\nHost: h\r\n\r\n";
    crowd.wires[1].borrow_mut().take_room();
    for (token, request, is_waiting) in [(0, HEAD, true), (1, download, true), (1, "", false)] {
        let before = crowd.scheduler.cx.now;
        let now = before + Duration::from_secs(1);
        crowd.scheduler.cx.clock = Clock::Stepped(now);
        crowd.wires[token].borrow_mut().arrive(request.as_bytes());
        crowd.scheduler.take_event(token, Readiness::WRITABLE);
        crowd.scheduler.take_event(token, Readiness::READABLE);
        let read_at = if is_waiting { before } else { now };
        assert_eq!(crowd.scheduler.cx.now, read_at, "{request}");
        crowd.scheduler.finish_turn();
        assert_eq!(crowd.scheduler.cx.now, now, "{request}");
    }
}
