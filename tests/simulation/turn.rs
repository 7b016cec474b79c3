//! The limits on the work of one connection in one turn, regardless of its client.

use std::{cell::RefCell, fs, rc::Rc, time::Duration};

use stdhttpd::{
    config::Moment,
    connection::{Identity, Next, Readiness, context::Clock},
    observe::close_reason::CloseReason,
    server::scheduler::{Accepted, LINGER_TIME_MIN, SILENT_TIME_MIN, Scheduler},
};

use crate::{
    run::Run,
    script::{Script, Wire},
    site::{self, Ground},
    world::driver::{ScriptedDriver, take_arrivals},
};

/// The number of responses in one turn to a client that has sent `count` requests at once.
fn responses_of_a_turn(request: &str, count: usize) -> usize {
    let ground = Ground::new(|_| {});
    let mut cx = ground.context();
    let mut run = Run::new(&mut cx, 1 << 30);
    let requests = request.repeat(count);
    run.wire.borrow_mut().arrive(requests.as_bytes());
    let connection = &mut run.connection;
    let next = connection.advance(Readiness::READABLE, &mut run.input, run.cx);
    assert_eq!(next, Next::NextTurn, "{request}");
    let written = run.wire.borrow_mut().take_written();
    let text = String::from_utf8_lossy(&written).into_owned();
    text.matches("HTTP/1.1 20").count()
}

#[test]
fn the_share_of_one_turn_is_bounded() {
    let check = |fields: &str, target: &str, expected: usize| {
        let request = format!("HEAD {target} HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        assert_eq!(responses_of_a_turn(&request, 200), expected, "{target}");
    };
    // The limit on responses.
    check("", "/a.txt", 128);
    // The limit on request bytes: these requests are slightly longer than 4 KiB.
    let tags = "\"a\",".repeat(1 << 10);
    check(&format!("If-None-Match: {tags}\r\n"), "/a.txt", 16);
    // Parts count as responses, because each may have to be read.
    let ranges: Vec<_> = (0..32).map(|n| format!("{}-{0}", 2 * n)).collect();
    let ranges = ranges.join(",");
    let get = format!("GET /cached.bin HTTP/1.1\r\nHost: h\r\nRange: bytes={ranges}\r\n\r\n");
    assert_eq!(responses_of_a_turn(&get, 200), 4);
    // The limit on pieces of listings: one.
    check("", "/few/", 1);
    // A listing of two pieces.
    check("", "/many/", 0);
}

pub const HEAD: &str = "HEAD /a.txt HTTP/1.1\r\nHost: h\r\n\r\n";

/// A worker, and connections with many requests each.
pub struct Crowd {
    ground: Ground,
    pub scheduler: Scheduler<Script, ScriptedDriver>,
    pub wires: Vec<Rc<RefCell<Wire>>>,
}

impl Crowd {
    pub fn new(count: usize, requests: usize, clock: Option<Clock>) -> Crowd {
        let ground = Ground::new(|_| {});
        let mut scheduler = Scheduler::new(ground.context(), ScriptedDriver::new());
        let mut wires = Vec::new();
        for token in 0..count {
            let wire = Wire::new(1 << 30);
            wire.borrow_mut().arrive(HEAD.repeat(requests).as_bytes());
            let accepted = Accepted {
                stream: Script::new(&wire),
                token,
                identity: Identity::new(token as u64, None, scheduler.cx.now, Duration::ZERO),
            };
            assert!(scheduler.driver.hand_over(accepted, &wire));
            wires.push(wire);
        }
        take_arrivals(&mut scheduler);
        scheduler.finish_turn();
        if let Some(clock) = clock {
            scheduler.cx.clock = clock;
        }
        let mut crowd = Crowd {
            ground,
            scheduler,
            wires,
        };
        // As with events: serve until there are more than 256 extra responses.
        let share = requests.min(128);
        let served = if share < 100 { count } else { count.min(3) };
        let first = [vec![share; served], vec![0; count - served]].concat();
        assert_eq!(crowd.responses(), first, "responses of the first turn");
        crowd
    }

    /// The responses on each connection since the last call.
    pub fn responses(&mut self) -> Vec<usize> {
        let each = |wire: &Rc<RefCell<Wire>>| {
            let written = wire.borrow_mut().take_written();
            String::from_utf8_lossy(&written)
                .matches("HTTP/1.1 200 OK")
                .count()
        };
        self.wires.iter().map(each).collect()
    }
}

#[test]
fn a_queued_connection_is_served_once_despite_an_event() {
    let mut crowd = Crowd::new(3, 400, None);
    crowd.scheduler.take_event(1, Readiness::READABLE);
    crowd.scheduler.finish_turn();
    assert_eq!(crowd.responses(), [128; 3]);
}

#[test]
fn continued_work_of_a_crowd_is_spread_over_turns() {
    const CROWD: usize = 700;
    let mut crowd = Crowd::new(CROWD, 400, Some(Clock::System));
    let mut served = Vec::new();
    while served.len() < CROWD {
        crowd.scheduler.finish_turn();
        let responses = crowd.responses();
        let before = served.len();
        let is_new = |token: &usize| responses[*token] > 0 && !served.contains(token);
        let of_this_turn: Vec<_> = (0..CROWD).filter(is_new).collect();
        served.extend(of_this_turn);
        // Ninety thousand responses take more than a few milliseconds.
        assert!(served.len() - before < CROWD, "all were served in one turn");
        assert!(served.is_sorted(), "not served in order");
    }
}

#[test]
fn extra_responses_per_turn_are_bounded_for_all_connections_together() {
    let mut crowd = Crowd::new(20, 100, None);
    crowd.scheduler.finish_turn();
    assert_eq!(crowd.responses()[3..], [100; 17]);
    for (token, wire) in crowd.wires.iter().enumerate() {
        wire.borrow_mut().arrive(HEAD.repeat(100).as_bytes());
        crowd.scheduler.take_event(token, Readiness::READABLE);
    }
    crowd.scheduler.serve_received();
    // Each of these has 99 extra responses; the third connection exceeds the total of 256.
    let responses = crowd.responses();
    assert_eq!(responses[..3], [100; 3]);
    assert_eq!(responses[3..], [0; 17]);
    crowd.scheduler.finish_turn();
    crowd.scheduler.finish_turn();
    assert_eq!(crowd.responses()[3..], [100; 17]);
}

#[test]
fn responses_are_counted_for_the_connection_that_got_them() {
    let mut crowd = Crowd::new(6, 1, None);
    let ask = |crowd: &mut Crowd, token: usize, requests: &str| {
        crowd.wires[token].borrow_mut().arrive(requests.as_bytes());
        crowd.scheduler.take_event(token, Readiness::READABLE);
        crowd.scheduler.serve_received();
        crowd.responses()[token]
    };
    let download = "GET /large.bin HTTP/1.1\r\nHost: h\r\n\r\n";
    let readers = 1..5;
    for token in readers.clone() {
        crowd.wires[token].borrow_mut().take_room();
        assert_eq!(ask(&mut crowd, token, download), 0);
    }
    crowd.scheduler.finish_turn();
    assert_eq!(ask(&mut crowd, 0, &HEAD.repeat(128)), 128);
    for token in readers {
        assert_eq!(ask(&mut crowd, token, HEAD), 0);
    }
    assert_eq!(ask(&mut crowd, 5, HEAD), 1);
    // From the response cache, after another connection.
    let mut crowd = Crowd::new(8, 1, None);
    for requests in [128, 1, 64] {
        assert_eq!(ask(&mut crowd, 0, &HEAD.repeat(requests)), requests);
    }
    for token in 1..8 {
        assert_eq!(ask(&mut crowd, token, HEAD), 1);
    }
}

#[test]
fn a_received_request_does_not_wait_for_a_download() {
    let mut crowd = Crowd::new(2, 1, None);
    let download = "GET /large.bin HTTP/1.1\r\nHost: h\r\n\r\n";
    crowd.wires[1].borrow_mut().take_room();
    crowd.wires[1].borrow_mut().arrive(download.as_bytes());
    crowd.scheduler.take_event(1, Readiness::READABLE);
    crowd.scheduler.finish_turn();
    crowd.wires[0].borrow_mut().arrive(HEAD.as_bytes());
    crowd.wires[1].borrow_mut().make_room(1 << 20);
    crowd.scheduler.take_event(0, Readiness::READABLE);
    assert_eq!(crowd.responses(), [0, 0]);
    crowd.scheduler.take_event(1, Readiness::WRITABLE);
    assert_eq!(crowd.responses(), [1, 1]);
}

#[test]
fn expired_connections_are_spread_over_turns() {
    const COUNT: usize = 20;
    for stops in [false, true] {
        let mut crowd = Crowd::new(COUNT, 1, None);
        for wire in &crowd.wires {
            wire.borrow_mut().read_time = Duration::from_millis(1);
        }
        match stops {
            true => crowd.scheduler.drain(),
            false => crowd.scheduler.cx.timeouts.keep_alive = Duration::ZERO,
        }
        // Wait until the next sweep.
        std::thread::sleep(crowd.scheduler.poll_timeout().expect("a sweep is due"));
        crowd.scheduler.cx.clock = Clock::System;
        let mut before = 0;
        while before < COUNT {
            crowd.scheduler.finish_turn();
            let is_closing = |wire: &&Rc<RefCell<Wire>>| wire.borrow().shut || wire.borrow().closed;
            let after = crowd.wires.iter().filter(is_closing).count();
            assert!((before + 1..before + COUNT).contains(&after), "{after}");
            let goes_on = crowd.scheduler.poll_timeout() == Some(Duration::ZERO);
            assert!(goes_on || after == COUNT, "{after}");
            before = after;
        }
    }
}

#[test]
fn an_evicted_connection_with_a_request_gets_its_last_response() {
    let check = |requests_before: usize| {
        let mut crowd = Crowd::new(2, requests_before, None);
        let later = crowd.scheduler.cx.now + SILENT_TIME_MIN;
        site::set_clock(&mut crowd.scheduler.cx, later);
        crowd.scheduler.finish_turn();
        crowd.wires[0]
            .borrow_mut()
            .arrive(HEAD.repeat(2).as_bytes());
        assert!(crowd.scheduler.evict());
        let answer = crowd.wires[0].borrow_mut().take_written();
        let answer = String::from_utf8_lossy(&answer);
        assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 1, "{answer}");
        assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
        assert!(crowd.wires[0].borrow().shut && !crowd.wires[0].borrow().closed);
        // An eviction closes one connection; the next one gets no response yet.
        assert!(!crowd.wires[1].borrow().closed);
        assert!(crowd.scheduler.evict());
        assert!(crowd.wires[1].borrow().closed);
        assert_eq!(crowd.scheduler.eviction_candidate_since(), None);
        assert_eq!(crowd.responses(), [0, 0]);
        assert!(!crowd.scheduler.evict());
    };
    // An idle connection, and a silent one.
    check(1);
    check(0);
}

#[test]
fn a_lingering_connection_can_be_evicted_after_a_while() {
    let mut crowd = Crowd::new(1, 1, None);
    crowd.wires[0]
        .borrow_mut()
        .arrive(b"GET / HTTP/1.1\r\n\r\n");
    crowd.scheduler.take_event(0, Readiness::READABLE);
    crowd.scheduler.finish_turn();
    assert!(crowd.wires[0].borrow().shut);
    let begun = crowd.scheduler.cx.now;
    site::set_clock(&mut crowd.scheduler.cx, begun + LINGER_TIME_MIN / 2);
    assert!(!crowd.scheduler.evict());
    site::set_clock(&mut crowd.scheduler.cx, begun + LINGER_TIME_MIN);
    assert!(crowd.scheduler.evict());
    assert!(crowd.wires[0].borrow().closed);
}

/// A request is read first and answered later in the turn.
#[test]
fn a_received_request_is_answered_before_an_eviction() {
    let mut crowd = Crowd::new(2, 1, None);
    crowd.wires[0].borrow_mut().arrive(HEAD.as_bytes());
    crowd.scheduler.take_event(0, Readiness::READABLE);
    assert!(crowd.scheduler.evict());
    assert_eq!(crowd.responses(), [1, 0]);
}

/// It may refer to an earlier connection with the same descriptor.
#[test]
fn a_second_event_of_a_turn_loses_nothing() {
    for (first, second) in [HEAD.split_at(10), ("", HEAD)] {
        let mut crowd = Crowd::new(1, 1, None);
        for part in [first, second] {
            crowd.wires[0].borrow_mut().arrive(part.as_bytes());
            crowd.scheduler.take_event(0, Readiness::READABLE);
        }
        crowd.scheduler.finish_turn();
        assert_eq!(crowd.responses(), [1], "{first:?}");
    }
}

#[test]
fn a_reset_cancels_the_listing() {
    let ground = Ground::new(|_| {});
    let mut cx = ground.context();
    let mut run = Run::new(&mut cx, usize::MAX / 2);
    let ask = "GET /many/ HTTP/1.1\r\nHost: h\r\n\r\n";
    run.wire.borrow_mut().arrive(ask.as_bytes());
    let step = |run: &mut Run, readiness| {
        run.cx.listing_pieces = 1;
        run.connection.advance(readiness, &mut run.input, run.cx)
    };
    assert_eq!(step(&mut run, Readiness::READABLE), Next::NextTurn);
    assert_eq!(run.connection.state().name(), "reading a directory");
    run.wire.borrow_mut().reset();
    let readiness = run.wire.borrow().level(false);
    assert_eq!(step(&mut run, readiness), Next::Closed(CloseReason::Reset));
    assert_eq!(
        run.connection.identity().requests,
        0,
        "the request was not answered"
    );
}

/// Listings that are requested in every turn do not keep an earlier one from its end.
#[test]
fn a_large_listing_goes_on_beside_small_ones() {
    let mut crowd = Crowd::new(2, 1, None);
    let large = crowd.ground.root.path().join("large");
    fs::create_dir(&large).expect("created");
    for n in 0..1_000 {
        fs::write(large.join(n.to_string()), "").expect("written");
    }
    let mut listed = [0, 0];
    for folder in ["large"].iter().chain(&["few"; 20]) {
        let token = usize::from(*folder == "few");
        let request = format!("HEAD /{folder}/ HTTP/1.1\r\nHost: h\r\n\r\n");
        crowd.wires[token].borrow_mut().arrive(request.as_bytes());
        crowd.scheduler.take_event(token, Readiness::READABLE);
        crowd.scheduler.finish_turn();
        let responses = crowd.responses();
        listed
            .iter_mut()
            .zip(responses)
            .for_each(|(sum, new)| *sum += new);
    }
    assert_eq!(listed, [1, 20]);
}

/// Their file system may have to be unmounted.
#[test]
fn a_worker_without_connections_closes_all_unused_files() {
    let ground = Ground::new(|_| {});
    let mut heads = String::new();
    for n in 0..100 {
        fs::write(ground.root.path().join(format!("large-{n}")), [0; 40_000]).expect("written");
        heads += &format!("HEAD /large-{n} HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    // A file that was just changed is not kept open.
    let written = Moment::now();
    while written.elapsed() < Duration::from_millis(100) {
        std::thread::yield_now();
    }
    let mut scheduler = Scheduler::new(ground.context(), ScriptedDriver::new());
    let wire = Wire::new(1 << 30);
    wire.borrow_mut().arrive(heads.as_bytes());
    let accepted = Accepted {
        stream: Script::new(&wire),
        token: 1,
        identity: Identity::new(1, None, scheduler.cx.now, Duration::ZERO),
    };
    assert!(scheduler.driver.hand_over(accepted, &wire));
    take_arrivals(&mut scheduler);
    scheduler.finish_turn();
    wire.borrow_mut().end();
    scheduler.take_event(1, Readiness::READABLE);
    let mut timeout_after_turn = |seconds| {
        scheduler.cx.clock = Clock::Stepped(ground.started + Duration::from_secs(seconds));
        scheduler.finish_turn();
        scheduler.poll_timeout()
    };
    assert_eq!(timeout_after_turn(1), None, "no connection is open");
    let timeout = timeout_after_turn(20);
    assert!(timeout.is_some_and(|timeout| timeout < Duration::from_secs(1)));
    assert_eq!(timeout_after_turn(21), None);
}
