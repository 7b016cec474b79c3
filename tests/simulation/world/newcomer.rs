//! A request that arrives in the middle of a turn, or at its end, sees files as they are
//! then.

use std::{cell::RefCell, fs, rc::Rc, time::Duration};

use stdhttpd::{
    config::Config,
    connection::{DRAIN_IDLE_TIME_MAX, Identity, Readiness, context::Clock},
    server::scheduler::{Accepted, Scheduler},
};

use super::driver::ScriptedDriver;
use crate::{
    script::{Script, Wire},
    site::Ground,
};

/// A worker and the site it serves.
struct Stage {
    ground: Ground,
    scheduler: Scheduler<Script, ScriptedDriver>,
}

impl Stage {
    fn new() -> Stage {
        let ground = Ground::new(|_| {});
        Stage {
            scheduler: Scheduler::new(ground.context(), ScriptedDriver::new()),
            ground,
        }
    }

    /// Steps the clock; no turn begins.
    fn set_clock(&mut self, microseconds: u64) {
        let now = self.ground.started + Duration::from_micros(microseconds);
        self.scheduler.cx.clock = Clock::Stepped(now);
    }

    fn connect(&mut self, token: usize, wire: &Rc<RefCell<Wire>>) {
        self.hand_over(token, wire);
        self.scheduler.take_arrivals();
    }

    fn hand_over(&mut self, token: usize, wire: &Rc<RefCell<Wire>>) {
        let now = self.scheduler.cx.now;
        let accepted = Accepted {
            stream: Script::new(wire),
            token,
            identity: Identity::new(token as u64, None, now, Duration::ZERO),
        };
        assert!(self.scheduler.driver.hand_over(accepted, wire));
    }

    fn change_file(&self) {
        fs::write(self.ground.root.path().join("a.txt"), "omega\n").expect("written");
    }
}

fn written(wire: &Rc<RefCell<Wire>>) -> String {
    String::from_utf8(wire.borrow_mut().take_written()).expect("text")
}

#[test]
fn a_new_connection_sees_a_change_made_earlier_in_the_turn() {
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

/// Accepted without a request, which arrives after the file was checked for a
/// connection accepted together with this one.
#[test]
fn a_late_first_request_sees_a_change_made_earlier_in_the_turn() {
    let mut stage = Stage::new();
    stage.scheduler.cx.clock = Clock::System;
    let wires = [0, 1, 2].map(|_| {
        let wire = Wire::new(1 << 20);
        wire.borrow_mut()
            .arrive(b"GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n");
        wire
    });
    stage.connect(0, &wires[0]);
    stage.scheduler.finish_turn();
    stage.scheduler.count();
    stage.scheduler.cx.begin_turn();
    let file = stage.ground.root.path().join("a.txt");
    wires[2].borrow_mut().written_at_read = Some((file, "omega\n"));
    stage.hand_over(1, &wires[1]);
    stage.hand_over(2, &wires[2]);
    stage.scheduler.take_arrivals();
    assert!(written(&wires[1]).ends_with("\r\n\r\nalpha\n"));
    let reply = written(&wires[2]);
    assert!(reply.ends_with("\r\n\r\nomega\n"), "{reply}");
}

#[test]
fn a_queued_new_connection_sees_a_change_made_earlier_in_the_turn() {
    const GET: &[u8] = b"GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n";
    let mut stage = Stage::new();
    let wires = [0, 1, 2, 3].map(|_| Wire::new(1 << 20));
    for (token, wire) in wires.iter().enumerate() {
        if token < 3 {
            wire.borrow_mut().arrive(&GET.repeat(128));
        }
        stage.connect(token, wire);
        written(wire);
    }
    stage.scheduler.finish_turn();
    stage.scheduler.count();
    stage.set_clock(1);
    stage.scheduler.cx.begin_turn();
    wires[0].borrow_mut().arrive(GET);
    stage.scheduler.take_event(0, Readiness::READABLE);
    assert!(written(&wires[0]).ends_with("\r\n\r\nalpha\n"));
    stage.change_file();
    stage.set_clock(2);
    wires[3].borrow_mut().arrive(GET);
    stage.scheduler.finish_turn();
    let reply = written(&wires[3]);
    assert!(reply.ends_with("\r\n\r\nomega\n"), "{reply}");
}

/// The end of a request that arrives late in a turn: after the file was checked
/// it changed, and another file was sent some times.
#[derive(Clone, Copy, Debug)]
struct Late<'a> {
    /// Whether both files had been read from the disk in an earlier turn.
    is_warm: bool,
    /// The other file, and how often it was sent.
    sent: (&'a str, usize),
    /// How long that took, in microseconds.
    took: u64,
    /// What was there of the request when the turn began, and the rest.
    request: [&'a str; 2],
}

fn check_late(late: Late<'_>, expected: &str) {
    let mut stage = Stage::new();
    let wires = [0, 1, 2, 3].map(|token| {
        let wire = Wire::new(1 << 20);
        stage.connect(token, &wire);
        wire
    });
    let send = |stage: &mut Stage, token: usize, bytes: &str| {
        wires[token].borrow_mut().arrive(bytes.as_bytes());
        stage.scheduler.take_event(token, Readiness::READABLE);
        wires[token].borrow_mut().take_written()
    };
    let get = |name: &str| format!("GET /{name} HTTP/1.1\r\nHost: h\r\n\r\n");
    if late.is_warm {
        send(&mut stage, 0, &get("a.txt"));
        send(&mut stage, 0, &get(late.sent.0));
    }
    send(&mut stage, 3, late.request[0]);
    stage.scheduler.finish_turn();
    stage.scheduler.count();
    stage.set_clock(1);
    stage.scheduler.cx.begin_turn();
    assert!(send(&mut stage, 1, &get("a.txt")).ends_with(b"\r\n\r\nalpha\n"));
    stage.change_file();
    stage.set_clock(1 + late.took);
    for _ in 0..late.sent.1 {
        assert!(!send(&mut stage, 2, &get(late.sent.0)).is_empty());
    }
    let reply = send(&mut stage, 3, late.request[1]);
    let reply = String::from_utf8_lossy(&reply);
    assert!(reply.ends_with(expected), "{late:?}: {reply}");
}

#[test]
fn a_check_of_a_file_holds_until_much_was_done_in_the_turn() {
    let (new, old) = ("\r\n\r\nomega\n", "\r\n\r\nalpha\n");
    let late = |is_warm, sent, took| Late {
        is_warm,
        sent,
        took,
        request: ["", "GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n"],
    };
    check_late(late(true, ("cached.bin", 1), 1), old);
    check_late(late(true, ("nothing.txt", 10), 1), old);
    check_late(late(true, ("nothing.txt", 40), 1), new);
    check_late(late(true, ("large.bin", 1), 1), new);
    check_late(late(false, ("cached.bin", 1), 300), old);
    check_late(late(false, ("cached.bin", 1), 301), new);
}

/// The poll reported its beginning; its end may be later than any check.
#[test]
fn a_check_of_a_file_does_not_hold_for_a_request_that_ends_later() {
    let head = "GET /a.txt HTTP/1.1\r\nHost: h\r\n";
    let body = format!("{head}Content-Length: 2\r\n\r\n1");
    for request in [
        ["G", &format!("{}\r\n", &head[1..])],
        [head, "\r\n"],
        [&body, "2"],
    ] {
        let late = Late {
            is_warm: true,
            sent: ("cached.bin", 0),
            took: 1,
            request,
        };
        check_late(late, "\r\n\r\nomega\n");
    }
}

/// The server reads, without an event, what an idle client sent `waited` after
/// its response, just before it closes the connection.
#[track_caller]
fn check_unreported(
    stops: bool,
    waited: Duration,
    let_go: impl Fn(&mut Scheduler<Script, ScriptedDriver>),
) {
    const GET: &[u8] = b"GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n";
    let mut stage = Stage::new();
    let wires = [0, 1].map(|token| {
        let wire = Wire::new(1 << 20);
        wire.borrow_mut().arrive(GET);
        stage.connect(token, &wire);
        written(&wire);
        wire
    });
    stage.scheduler.finish_turn();
    stage.scheduler.count();
    if stops {
        stage.scheduler.drain();
    }
    let waited = u64::try_from(waited.as_micros()).expect("a while");
    stage.set_clock(waited);
    stage.scheduler.cx.begin_turn();
    wires[1].borrow_mut().arrive(GET);
    stage.scheduler.take_event(1, Readiness::READABLE);
    assert!(written(&wires[1]).ends_with("\r\n\r\nalpha\n"));
    stage.change_file();
    stage.set_clock(waited + 1);
    wires[0].borrow_mut().arrive(GET);
    let_go(&mut stage.scheduler);
    let reply = written(&wires[0]);
    assert!(reply.ends_with("\r\n\r\nomega\n"), "{reply}");
}

#[test]
fn a_request_read_before_a_close_sees_a_change_made_earlier_in_the_turn() {
    let keep_alive = Config::default().timeouts.keep_alive;
    check_unreported(false, keep_alive, Scheduler::finish_turn);
    check_unreported(false, Duration::from_secs(1), |scheduler| {
        scheduler.evict();
    });
    check_unreported(true, DRAIN_IDLE_TIME_MAX, Scheduler::finish_turn);
}
