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
    world::driver::{ScriptedDriver, take_arrivals},
};

/// Requests after which a head and its response are cached, and some more.
const WARM_UP: usize = 12;

/// Short responses, which are copied when they are cut, and one that is not.
const KEPT: [&str; 4] = [
    "GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "HEAD /b.html HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /cached.bin HTTP/1.1\r\nHost: h\r\nRange: bytes=0-9999\r\n\r\n",
];

/// The same, each the last on its connection.
const CLOSED: [&str; 3] = [
    "GET /a.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    "GET /a.txt HTTP/1.0\r\n\r\n",
    "GET /cached.bin HTTP/1.0\r\nRange: bytes=0-9999\r\n\r\n",
];

/// A worker and the last of its connections.
struct Stage {
    _ground: Ground,
    scheduler: Scheduler<Script, ScriptedDriver>,
    wire: Rc<RefCell<Wire>>,
    token: usize,
}

impl Stage {
    fn new(change: impl FnOnce(&mut Config)) -> Stage {
        let ground = Ground::new(change);
        let mut stage = Stage {
            scheduler: Scheduler::new(ground.context(), ScriptedDriver::new()),
            _ground: ground,
            wire: Wire::new(0),
            token: 0,
        };
        stage.connect();
        stage
    }

    /// Replaces the connection by a new one.
    fn connect(&mut self) {
        self.wire = Wire::new(1 << 30);
        self.token += 1;
        let now = self.scheduler.cx.now;
        let accepted = Accepted {
            stream: Script::new(&self.wire),
            token: self.token,
            identity: Identity::new(self.token as u64, None, now, Duration::ZERO),
        };
        assert!(self.scheduler.driver.hand_over(accepted, &self.wire));
        take_arrivals(&mut self.scheduler);
        self.scheduler.finish_turn();
    }

    /// Delivers an event and returns what is written in its turn.
    fn turn(&mut self, readiness: Readiness) -> Vec<u8> {
        self.scheduler.take_event(self.token, readiness);
        self.scheduler.finish_turn();
        self.wire.borrow_mut().take_written()
    }

    fn ask(&mut self, head: &str) -> Vec<u8> {
        if self.wire.borrow().closed {
            self.connect();
        }
        self.wire.borrow_mut().arrive(head.as_bytes());
        self.turn(Readiness::READABLE)
    }

    /// Repeats a request until its response must be cached, and returns that.
    fn learn(&mut self, head: &str) -> Vec<u8> {
        let first = self.ask(head);
        for _ in 1..WARM_UP {
            assert!(self.ask(head) == first, "{head}");
        }
        first
    }

    /// The state of the connection, and how many responses were sent to all.
    fn shown(&self) -> (&'static str, u64) {
        let key = self.scheduler.table().find(self.token);
        let slot = key.and_then(|key| self.scheduler.table().get(key));
        let state = slot.map_or("closed", |slot| slot.connection.state().name());
        let workers = [Arc::clone(&self.scheduler.cx.counters)];
        let sent = Totals::new(&workers, 0, 0).latency().iter().sum();
        (state, sent)
    }
}

#[test]
fn a_cached_response_is_complete_wherever_the_transport_cuts_it() {
    let check = |head: &str, end: &'static str| {
        let mut stage = Stage::new(|_| {});
        let whole = stage.learn(head);
        let step = (whole.len() / 300).max(1);
        for (count, cut) in (0..=whole.len()).step_by(step).enumerate() {
            if stage.wire.borrow().closed {
                stage.connect();
            }
            stage.wire.borrow_mut().take_room();
            stage.wire.borrow_mut().make_room_unreported(cut);
            let mut written = stage.ask(head);
            assert!(written == whole[..cut], "{head} {cut}");
            let sent = (WARM_UP + count) as u64;
            let shown = match cut < whole.len() {
                true => ("writing", sent),
                false => (end, sent + 1),
            };
            assert_eq!(stage.shown(), shown, "{head} {cut}");
            stage.wire.borrow_mut().make_room(1 << 30);
            written.extend(stage.turn(Readiness::WRITABLE));
            assert!(written == whole, "{head} {cut}");
            assert_eq!(stage.shown(), (end, sent + 1), "{head} {cut}");
            // The last bytes and the FIN share a segment.
            assert_eq!(stage.wire.borrow().more, end == "closed", "{head} {cut}");
        }
    };
    KEPT.iter().for_each(|head| check(head, "idle"));
    CLOSED.iter().for_each(|head| check(head, "closed"));
}

fn says_close(response: &[u8]) -> bool {
    String::from_utf8_lossy(response).contains("\r\nConnection: close\r\n")
}

#[test]
fn a_cached_response_says_whether_it_is_the_last() {
    for head in KEPT {
        let mut stage = Stage::new(|config| config.limits.requests_max = WARM_UP as u64 + 1);
        let kept = stage.learn(head);
        assert!(!says_close(&kept), "{head}");
        assert!(says_close(&stage.ask(head)), "{head}");
        assert_eq!(stage.shown().0, "lingering");
        // As before on another connection.
        stage.connect();
        assert!(stage.ask(head) == kept && stage.ask(head) == kept, "{head}");
    }
}

/// Its client does not know of the close, and may have sent more.
#[test]
fn a_cached_response_that_the_server_closes_after_lingers() {
    let mut stage = Stage::new(|config| config.timeouts.keep_alive = Duration::ZERO);
    for _ in 0..WARM_UP {
        assert!(says_close(&stage.ask(KEPT[0])));
        assert_eq!(stage.shown().0, "lingering");
        assert!(stage.wire.borrow().shut);
        stage.connect();
    }
}

#[test]
fn a_client_that_half_closes_gets_its_cached_response_first() {
    for head in KEPT.iter().chain(&CLOSED) {
        let mut stage = Stage::new(|_| {});
        let whole = stage.learn(head);
        if stage.wire.borrow().closed {
            stage.connect();
        }
        stage.wire.borrow_mut().arrive(head.as_bytes());
        stage.wire.borrow_mut().end();
        let readiness = stage.wire.borrow().level(false);
        assert!(stage.turn(readiness) == whole, "{head}");
        assert!(stage.wire.borrow().closed, "{head}");
    }
}

#[test]
fn a_reset_during_a_cached_response_closes() {
    let mut stage = Stage::new(|_| {});
    stage.learn(KEPT[0]);
    stage.wire.borrow_mut().arrive(KEPT[0].as_bytes());
    stage.wire.borrow_mut().reset();
    assert_eq!(stage.turn(Readiness::READABLE), b"");
    assert!(stage.wire.borrow().closed);
}

#[test]
fn each_response_counts_as_one_use_of_the_file_cache() {
    for head in KEPT.iter().chain(&CLOSED) {
        let mut stage = Stage::new(|_| {});
        stage.learn(head);
        let view = &stage.scheduler.cx.view;
        assert_eq!(
            (view.misses.get(), view.hits.get()),
            (1, WARM_UP as u64 - 1)
        );
    }
}
