//! A connection that comes in the middle of a turn.

use std::{fs, time::Duration};

use stdhttpd::{
    connection::desk::Clock,
    server::scheduler::{Accepted, Scheduler},
};

use super::outside::Outside;
use crate::{
    script::{Script, Wire},
    site::Ground,
};

#[test]
fn a_newcomer_is_not_answered_by_what_was_seen_of_a_file_before_it_came() {
    let ground = Ground::new(|_| {});
    let mut scheduler = Scheduler::new(ground.desk(), Outside::new());
    let mut ask_anew = |token: usize| {
        let wire = Wire::new(1 << 20);
        wire.borrow_mut()
            .arrive(b"GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n");
        let accepted = Accepted {
            stream: Script::new(&wire),
            token,
            peer: None,
            at: scheduler.desk.now,
            waited: Duration::ZERO,
            id: token as u64,
        };
        assert!(scheduler.outside.hand_over(accepted, &wire));
        // The clock goes on; no turn begins.
        scheduler.desk.clock = Clock::Stepped(ground.started + Duration::from_micros(token as u64));
        scheduler.take_arrivals();
        String::from_utf8(wire.borrow_mut().take_written()).expect("text")
    };
    assert!(ask_anew(1).ends_with("\r\n\r\nalpha\n"));
    fs::write(ground.root.path().join("a.txt"), "omega\n").expect("written");
    let reply = ask_anew(2);
    assert!(reply.ends_with("\r\n\r\nomega\n"), "{reply}");
}
