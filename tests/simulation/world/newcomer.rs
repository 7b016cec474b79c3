//! A request that arrives in the middle or at the end of a turn sees files as they are then.

use std::{cell::RefCell, fs, rc::Rc, time::Duration};

use stdhttpd::{
    config::Config,
    connection::{DRAIN_IDLE_TIME_MAX, Identity, Readiness, context::Clock},
    server::scheduler::{Accepted, Scheduler},
};

use super::driver::{ScriptedDriver, take_arrivals};
use crate::{
    script::{AfterWrite, Script, Wire},
    site::Ground,
};

const GET: &str = "GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n";

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

    /// Sets the clock without beginning a turn.
    fn set_clock(&mut self, microseconds: u64) {
        let now = self.ground.started + Duration::from_micros(microseconds);
        self.scheduler.cx.clock = Clock::Stepped(now);
    }

    fn connect(&mut self, token: usize, wire: &Rc<RefCell<Wire>>) {
        self.hand_over(token, wire);
        take_arrivals(&mut self.scheduler);
        self.scheduler.serve_received();
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
        wire.borrow_mut().arrive(GET.as_bytes());
        stage.set_clock(token as u64);
        stage.connect(token, &wire);
        written(&wire)
    };
    assert!(ask_anew(&mut stage, 1).ends_with("\r\n\r\nalpha\n"));
    stage.change_file();
    let reply = ask_anew(&mut stage, 2);
    assert!(reply.ends_with("\r\n\r\nomega\n"), "{reply}");
}

/// In one turn, the poll reports a request on the first connection and the `beginning` of a request
/// on the second. While the first is answered, the file changes and the `rest` of the second
/// request arrives. Returns the response to the second request.
fn while_another_is_answered(beginning: &str, rest: &str) -> String {
    let mut stage = Stage::new();
    let wires = [0, 1].map(|token| {
        let wire = Wire::new(1 << 20);
        stage.connect(token, &wire);
        wire
    });
    // From now on, the file is cached.
    wires[0].borrow_mut().arrive(GET.as_bytes());
    stage.scheduler.take_event(0, Readiness::READABLE);
    stage.scheduler.finish_turn();
    written(&wires[0]);
    stage.scheduler.count();
    stage.set_clock(1);
    let file = stage.ground.root.path().join("a.txt");
    wires[0].borrow_mut().after_write = Some(AfterWrite {
        file: (file, "omega\n"),
        arrival: (Rc::clone(&wires[1]), rest.as_bytes().to_vec()),
    });
    wires[0].borrow_mut().arrive(GET.as_bytes());
    wires[1].borrow_mut().arrive(beginning.as_bytes());
    for token in [0, 1] {
        stage.scheduler.take_event(token, Readiness::READABLE);
    }
    stage.set_clock(2);
    stage.scheduler.finish_turn();
    assert!(written(&wires[0]).ends_with("\r\n\r\nalpha\n"));
    stage.set_clock(3);
    stage.scheduler.take_event(1, Readiness::READABLE);
    stage.scheduler.finish_turn();
    written(&wires[1])
}

#[test]
fn requests_received_together_share_a_check_of_their_file() {
    let reply = while_another_is_answered(GET, "");
    assert!(reply.ends_with("\r\n\r\nalpha\n"), "{reply}");
}

/// The poll reported the beginning of the request; its end arrives after any check of the file.
#[test]
fn a_check_of_a_file_does_not_hold_for_a_request_that_ends_later() {
    let head = "GET /a.txt HTTP/1.1\r\nHost: h\r\n";
    let body = format!("{head}Content-Length: 2\r\n\r\n1");
    for (beginning, rest) in [("", GET), ("G", &GET[1..]), (head, "\r\n"), (&body, "2")] {
        let reply = while_another_is_answered(beginning, rest);
        assert!(reply.ends_with("\r\n\r\nomega\n"), "{beginning}: {reply}");
    }
}

/// The server reads, without an event, what an idle client sent `waited` after its response, just
/// before the server closes the connection.
#[track_caller]
fn check_unreported(
    stops: bool,
    waited: Duration,
    let_go: impl Fn(&mut Scheduler<Script, ScriptedDriver>),
) {
    let mut stage = Stage::new();
    let wires = [0, 1].map(|token| {
        let wire = Wire::new(1 << 20);
        wire.borrow_mut().arrive(GET.as_bytes());
        stage.connect(token, &wire);
        written(&wire);
        wire
    });
    stage.scheduler.finish_turn();
    stage.scheduler.count();
    if stops {
        stage.scheduler.drain();
    }
    let waited = u64::try_from(waited.as_micros()).expect("the time fits in 64 bits");
    stage.set_clock(waited);
    wires[1].borrow_mut().arrive(GET.as_bytes());
    stage.scheduler.take_event(1, Readiness::READABLE);
    stage.scheduler.serve_received();
    assert!(written(&wires[1]).ends_with("\r\n\r\nalpha\n"));
    stage.change_file();
    stage.set_clock(waited + 1);
    wires[0].borrow_mut().arrive(GET.as_bytes());
    let_go(&mut stage.scheduler);
    let reply = written(&wires[0]);
    assert!(reply.ends_with("\r\n\r\nomega\n"), "{reply}");
    // It goes on, or lingers.
    assert!(!wires[0].borrow().closed);
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

/// Without events it would wait in vain for what its client sends.
#[test]
fn a_connection_that_cannot_be_registered_is_closed() {
    let mut stage = Stage::new();
    stage.scheduler.driver.is_full = true;
    let wires = ["", GET].map(|text| {
        let wire = Wire::new(1 << 20);
        wire.borrow_mut().arrive(text.as_bytes());
        stage.connect(text.len(), &wire);
        wire
    });
    assert!(written(&wires[1]).ends_with("\r\n\r\nalpha\n"));
    for wire in wires {
        assert!(wire.borrow().closed);
    }
    assert_eq!(stage.scheduler.table().open(), 0);
}
