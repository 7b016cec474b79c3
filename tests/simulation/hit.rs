//! Requests that are answered from the response cache, one per read.

use std::{cell::RefCell, rc::Rc, sync::Arc, time::Duration};

use stdhttpd::{
    config::Config,
    connection::{Identity, Readiness},
    observe::counters::Totals,
    server::scheduler::{Accepted, Scheduler},
};

use crate::{
    script::{Script, Wire},
    site::Ground,
    world::driver::ScriptedDriver,
};

/// Requests after which a head and its response are cached, and some more.
const WARM_UP: usize = 12;

/// A response in the output's bytes, and one that is sent from where it lies.
const HEADS: [&str; 3] = [
    "GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n",
    "HEAD /b.html HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /cached.bin HTTP/1.1\r\nHost: h\r\nRange: bytes=0-9999\r\n\r\n",
];

/// A worker with one connection.
struct Stage {
    _ground: Ground,
    scheduler: Scheduler<Script, ScriptedDriver>,
    wire: Rc<RefCell<Wire>>,
}

impl Stage {
    fn new(change: impl FnOnce(&mut Config)) -> Stage {
        let ground = Ground::new(change);
        let mut scheduler = Scheduler::new(ground.context(), ScriptedDriver::new());
        let wire = Wire::new(1 << 30);
        let accepted = Accepted {
            stream: Script::new(&wire),
            token: 0,
            identity: Identity::new(0, None, scheduler.cx.now, Duration::ZERO),
        };
        assert!(scheduler.driver.hand_over(accepted, &wire));
        scheduler.take_arrivals();
        Stage {
            _ground: ground,
            scheduler,
            wire,
        }
    }

    /// Delivers an event and returns what is written in its turn.
    fn turn(&mut self, readiness: Readiness) -> Vec<u8> {
        self.scheduler.cx.begin_turn();
        self.scheduler.take_event(0, readiness);
        self.scheduler.finish_turn();
        self.wire.borrow_mut().take_written()
    }

    fn ask(&mut self, head: &str) -> Vec<u8> {
        self.wire.borrow_mut().arrive(head.as_bytes());
        self.turn(Readiness::READABLE)
    }

    /// Repeats a request until its response must be cached, and returns that.
    fn learn(&mut self, head: &str) -> Vec<u8> {
        let first = self.ask(head);
        for _ in 1..WARM_UP {
            assert_eq!(self.ask(head), first, "{head}");
        }
        first
    }

    /// Name of the state, the number of requests so far, and how many of them have been sent their
    /// whole response.
    fn shown(&self) -> (&'static str, u64, u64) {
        let slot = self.scheduler.table().get(0).expect("open");
        let workers = [Arc::clone(&self.scheduler.cx.counters)];
        let sent = Totals::new(&workers, 0, 0).latency().iter().sum();
        let requests = slot.connection.identity().requests;
        (slot.connection.state().name(), requests, sent)
    }
}

#[test]
fn a_cached_response_is_complete_wherever_the_transport_cuts_it() {
    for head in HEADS {
        let mut stage = Stage::new(|_| {});
        let whole = stage.learn(head);
        let step = (whole.len() / 300).max(1);
        for (count, cut) in (0..=whole.len()).step_by(step).enumerate() {
            stage.wire.borrow_mut().take_room();
            stage.wire.borrow_mut().make_room_unreported(cut);
            let mut written = stage.ask(head);
            assert_eq!(written, whole[..cut], "{head} {cut}");
            let requests = (WARM_UP + 1 + count) as u64;
            let idle = ("idle", requests, requests);
            let shown = match cut < whole.len() {
                true => ("writing", requests, requests - 1),
                false => idle,
            };
            assert_eq!(stage.shown(), shown, "{head} {cut}");
            stage.wire.borrow_mut().make_room(1 << 30);
            written.extend(stage.turn(Readiness::WRITABLE));
            assert_eq!(written, whole, "{head} {cut}");
            assert_eq!(stage.shown(), idle, "{head} {cut}");
        }
    }
}

#[test]
fn a_cached_response_is_not_sent_if_it_is_the_last() {
    for head in HEADS {
        let mut stage = Stage::new(|config| config.limits.requests_max = WARM_UP as u64 + 1);
        let kept = String::from_utf8_lossy(&stage.learn(head)).into_owned();
        assert!(!kept.contains("\r\nConnection: "), "{kept}");
        let last = String::from_utf8_lossy(&stage.ask(head)).into_owned();
        assert!(last.contains("\r\nConnection: close\r\n"), "{last}");
        assert!(stage.wire.borrow().shut);
    }
}

#[test]
fn a_client_that_half_closes_gets_its_cached_response_first() {
    for head in HEADS {
        let mut stage = Stage::new(|_| {});
        let whole = stage.learn(head);
        stage.wire.borrow_mut().arrive(head.as_bytes());
        stage.wire.borrow_mut().end();
        let readiness = stage.wire.borrow().level(false);
        assert_eq!(stage.turn(readiness), whole, "{head}");
        assert!(stage.wire.borrow().closed, "{head}");
    }
}

#[test]
fn a_reset_during_a_cached_response_closes() {
    let mut stage = Stage::new(|_| {});
    stage.learn(HEADS[0]);
    stage.wire.borrow_mut().arrive(HEADS[0].as_bytes());
    stage.wire.borrow_mut().reset();
    assert_eq!(stage.turn(Readiness::READABLE), b"");
    assert!(stage.wire.borrow().closed);
}

#[test]
fn each_response_counts_as_one_use_of_the_file_cache() {
    for head in HEADS {
        let mut stage = Stage::new(|_| {});
        stage.learn(head);
        let view = &stage.scheduler.cx.view;
        assert_eq!(
            (view.misses.get(), view.hits.get()),
            (1, WARM_UP as u64 - 1)
        );
    }
}
