//! A connection that comes, or is read, in the middle of a turn.

use std::{cell::RefCell, fs, rc::Rc, time::Duration};

use stdhttpd::{
    connection::{Hint, desk::Clock},
    server::scheduler::{Accepted, Scheduler},
};

use super::outside::Outside;
use crate::{
    script::{Script, Wire},
    site::Ground,
};

/// A worker and the site it serves.
struct Stage {
    ground: Ground,
    scheduler: Scheduler<Script, Outside>,
}

impl Stage {
    fn new() -> Stage {
        let ground = Ground::new(|_| {});
        Stage {
            scheduler: Scheduler::new(ground.desk(), Outside::new()),
            ground,
        }
    }

    /// The clock goes on; no turn begins.
    fn set_clock(&mut self, microseconds: u64) {
        let now = self.ground.started + Duration::from_micros(microseconds);
        self.scheduler.desk.clock = Clock::Stepped(now);
    }

    fn connect(&mut self, token: usize, wire: &Rc<RefCell<Wire>>) {
        let accepted = Accepted {
            stream: Script::new(wire),
            token,
            peer: None,
            at: self.scheduler.desk.now,
            waited: Duration::ZERO,
            id: token as u64,
        };
        assert!(self.scheduler.outside.hand_over(accepted, wire));
        self.scheduler.take_arrivals();
    }

    fn change_file(&self) {
        fs::write(self.ground.root.path().join("a.txt"), "omega\n").expect("written");
    }
}

fn written(wire: &Rc<RefCell<Wire>>) -> String {
    String::from_utf8(wire.borrow_mut().take_written()).expect("text")
}

#[test]
fn a_newcomer_is_not_answered_by_what_was_seen_of_a_file_before_it_came() {
    let mut stage = Stage::new();
    let ask_anew = |stage: &mut Stage, token: usize| {
        let wire = Wire::new(1 << 20);
        wire.borrow_mut()
            .arrive(b"GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n");
        stage.set_clock(token as u64);
        stage.connect(token, &wire);
        written(&wire)
    };
    assert!(ask_anew(&mut stage, 1).ends_with("\r\n\r\nalpha\n"));
    stage.change_file();
    let reply = ask_anew(&mut stage, 2);
    assert!(reply.ends_with("\r\n\r\nomega\n"), "{reply}");
}

/// A request that is complete only when its connection, readable since the turn
/// began, is read: after a file was looked at, and after `download` was sent.
fn check_read_late(download: &str, expected: &str) {
    let mut stage = Stage::new();
    let wires = [1, 2, 3].map(|token| {
        let wire = Wire::new(1 << 20);
        stage.connect(token, &wire);
        wire
    });
    stage.set_clock(1);
    stage.scheduler.desk.begin_turn();
    let ask = |stage: &mut Stage, token: usize, name: &str| {
        let wire = &wires[token - 1];
        let request = format!("GET /{name} HTTP/1.1\r\nHost: h\r\n\r\n");
        wire.borrow_mut().arrive(request.as_bytes());
        let readable = Hint {
            readable: true,
            ..Hint::default()
        };
        stage.scheduler.take_event(token, readable);
        wire.borrow_mut().take_written()
    };
    assert!(ask(&mut stage, 1, "a.txt").ends_with(b"\r\n\r\nalpha\n"));
    assert!(ask(&mut stage, 2, download).len() > 50 << 10);
    stage.change_file();
    stage.set_clock(2);
    let reply = ask(&mut stage, 3, "a.txt");
    let reply = String::from_utf8_lossy(&reply);
    assert!(reply.ends_with(expected), "{download}: {reply}");
}

#[test]
fn what_was_seen_of_a_file_holds_until_much_was_sent_in_the_turn() {
    check_read_late("large.bin", "\r\n\r\nomega\n");
    check_read_late("cached.bin", "\r\n\r\nalpha\n");
}
