//! A fictitious server for tests of the output.

use std::{net::SocketAddr, num::NonZeroUsize, sync::Arc, time::Duration};

use super::{
    close_reason::CloseReason,
    counters::{Count, Counters},
    kernel::KernelView,
    snapshot::{Facts, Snapshot},
    story::Story,
};
use crate::{
    config::{Config, Endpoint, Moment},
    http::status::Status,
};

/// Two workers with equal counts, and the current time.
pub fn facts() -> (Arc<Facts>, Moment) {
    let mut config = Config {
        threads: NonZeroUsize::new(2).unwrap(),
        status: Some(([127, 0, 0, 1], 8081).into()),
        ..Config::default()
    };
    // Not equal to another one.
    config.limits.connections_per_ip_max = 50;
    config.timeouts.body = Duration::from_secs(20);
    let listeners = vec![Endpoint::Tcp(([127, 0, 0, 1], 8080).into())];
    let facts = Facts::new(&config, listeners, 1000, Arc::default());
    let now = facts.started + Duration::from_secs(3700);
    for (number, counters) in facts.workers.iter().enumerate() {
        count(counters);
        add_stories(counters, number, now);
    }
    facts.refused.add(5);
    (Arc::new(facts), now)
}

/// A snapshot of it, with a kernel view.
pub fn snapshot() -> Snapshot {
    let (facts, now) = facts();
    let kernel = KernelView {
        server: [74, 4, 0, 412, 1],
        clients: [74, 0, 0, 200, 0],
        listen_queue: 3,
        listen_overflows: 2,
    };
    facts.snapshot(now, 3 << 20, Some(kernel))
}

fn count(counters: &Counters) {
    counters.add(Count::Accepted, 340);
    counters.add(Count::BytesSent, 5_400_000);
    for (connections, requests, reason) in [
        (200, 1, CloseReason::ClientAsked),
        (100, 25, CloseReason::ClientClosed),
        (3, 9, CloseReason::IdleTimeout),
    ] {
        for _ in 0..connections {
            for request in 1..=requests {
                let status = match request {
                    9 => Status::NotFound,
                    7 => Status::NotModified,
                    _ => Status::Ok,
                };
                counters.response(status, request);
                counters.latency(9_000 + 700 * request * request);
                counters.add(Count::CacheHits, 1);
            }
            counters.closed(reason, requests);
        }
    }
    counters.add(Count::CacheMisses, 12);
    counters.set_idle(30);
    counters.set_busy(3, 2, 2);
}

fn add_stories(counters: &Counters, worker: usize, now: Moment) {
    let microseconds = Duration::from_micros;
    for place in 0..20u64 {
        let age = Duration::from_millis(100 + place * 330 + worker as u64 * 150);
        let requests = if place % 2 == 0 { 9 } else { 1 };
        let life = microseconds(300 + requests * 1900);
        let accepted = now - age - life;
        let client = SocketAddr::from(([127, 0, 0, 1], 40_000 + place as u16));
        let number = 1000 - place * 2 - worker as u64;
        let mut story = Story::begin(number, Some(client), worker, accepted);
        story.first_byte(accepted + microseconds(40));
        for request in 0..requests {
            let received = accepted + microseconds(45 + request * 1900);
            let line: &[u8] = b"GET /<script>?a=\"&amp;";
            story.request(
                line,
                Status::Ok,
                1024,
                received,
                received + microseconds(83),
            );
        }
        let reason = match requests {
            1 => CloseReason::ClientAsked,
            _ => CloseReason::ClientClosed,
        };
        counters.record_story(story, reason, now - age);
    }
}
