//! A snapshot as JSON, for scripts and tests.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    close_reason::CloseReason,
    counters::{Count, OPEN_STATES, OpenCounts},
    histogram::{PERCENTILES, percentile, requests_bucket_span},
    kernel::{KernelView, SOCKET_STATES, SocketCounts},
    snapshot::Snapshot,
    story::{ClosedStory, RecordedRequest},
};
use crate::http::status::Status;

/// The snapshot as one JSON object. Durations are in the unit of their key's suffix; a missing
/// value is `null`.
pub fn json(snapshot: &Snapshot) -> String {
    let (facts, totals) = (&snapshot.facts, &snapshot.totals);
    let (limits, waits) = (&facts.limits, &facts.timeouts);
    let reasons = CloseReason::ALL.iter().map(|reason| reason.name());
    let statuses = Status::ALL.iter().zip(totals.statuses());
    let statuses = statuses.filter(|(_, count)| **count > 0);
    let statuses = statuses.map(|(status, &count)| (status.code().to_string(), count));
    let buckets = totals.requests_per_connection().iter().enumerate();
    let latency = PERCENTILES.map(|(key, _, share)| {
        let nanoseconds = percentile(totals.latency(), share);
        (key, nanoseconds.map(|count| count as f64 / 1e3))
    });
    let mut status = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": seconds(snapshot.uptime),
        "draining": facts.is_draining(),
        "listeners": Value::from_iter(facts.listeners.iter().map(|listener| listener.to_string())),
        "open": open(&snapshot.open()),
        "workers": Value::from_iter(snapshot.workers.iter().map(open)),
        "closed": totals.closed().iter().sum::<u64>(),
        "closed_by_reason": Value::from_iter(reasons.zip(totals.closed().iter().copied())),
        "responses": Value::from_iter(statuses),
        "requests_per_connection": Value::from_iter(buckets.map(|(bucket, connections)| {
            let (first, last) = requests_bucket_span(bucket);
            json!({"from": first, "to": last, "connections": connections})
        })),
        "latency_microseconds": Value::from_iter(latency),
        "kernel": snapshot.kernel.as_ref().map(kernel),
        "stories": Value::from_iter(snapshot.stories.iter().map(story)),
        "limits": {
            "connections_max": facts.connections_max,
            "connections_per_ip_max": limits.connections_per_ip_max,
            "requests_max": limits.requests_max,
            "body_bytes_max": limits.body_bytes_max,
            "cache_bytes": snapshot.cache_bytes,
            "cache_bytes_max": facts.cache_bytes_max,
            "keep_alive_seconds": waits.keep_alive.as_secs_f64(),
            "header_timeout_seconds": waits.header.as_secs_f64(),
            "body_timeout_seconds": waits.body.as_secs_f64(),
            "write_timeout_seconds": waits.write.as_secs_f64(),
        },
    });
    for count in Count::ALL {
        status[count.key()] = totals[*count].into();
    }
    format!("{status}\n")
}

fn open(open: &OpenCounts) -> Value {
    let mut states = Value::from_iter(OPEN_STATES.map(|(state, _)| state).into_iter().zip(*open));
    states["count"] = open.iter().sum::<u64>().into();
    states
}

fn kernel(kernel: &KernelView) -> Value {
    let states = SOCKET_STATES.map(|(state, ..)| state);
    let side = |counts: SocketCounts| Value::from_iter(states.into_iter().zip(counts));
    json!({
        "listen_queue": kernel.listen_queue,
        "listen_overflows": kernel.listen_overflows,
        "server": side(kernel.server),
        "clients": side(kernel.clients),
    })
}

fn story((age, end): &(Duration, ClosedStory)) -> Value {
    let story = &end.story;
    let microseconds = |time: Duration| time.as_micros() as u64;
    let request = |request: &RecordedRequest| {
        json!({
            "line": request.line().iter().map(|&byte| char::from(byte)).collect::<String>(),
            "status": request.status.code(),
            "bytes": request.bytes,
            "received_microseconds": microseconds(request.received),
            "took_microseconds": microseconds(request.took),
        })
    };
    json!({
        "closed_seconds_ago": seconds(*age),
        "connection": story.connection,
        "client": story.client.map(|client| client.to_string()),
        "worker": story.worker,
        "first_byte_microseconds": story.first_byte.map(microseconds),
        "requests_count": story.requests_count,
        "requests": Value::from_iter(story.requests.iter().map(request)),
        "closed_microseconds": microseconds(end.closed),
        "reason": end.reason.name(),
        "first": end.reason.first(),
    })
}

/// Seconds, to the millisecond.
fn seconds(time: Duration) -> f64 {
    time.as_millis() as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture;

    #[test]
    fn it_is_json_and_holds_the_figures() {
        let text = json(&fixture::snapshot());
        assert!(text.ends_with("}\n"), "{text}");
        let status: Value = serde_json::from_str(&text).unwrap();
        // No counter has the name of another member, whose place it would take.
        let others = 14;
        let members = status.as_object().map(serde_json::Map::len);
        assert_eq!(members, Some(others + Count::ALL.len()));
        let open = json!({"count": 37, "idle": 30, "reading": 3, "writing": 2, "lingering": 2});
        for (pointer, expected) in [
            ("/version", json!(env!("CARGO_PKG_VERSION"))),
            ("/draining", json!(false)),
            ("/listeners", json!(["127.0.0.1:8080"])),
            (
                "/open",
                json!({"count": 74, "idle": 60, "reading": 6, "writing": 4, "lingering": 4}),
            ),
            ("/workers", json!([open, open])),
            ("/uptime_seconds", json!(3700.0)),
            ("/accepted", json!(685)),
            ("/closed", json!(611)),
            ("/closed_by_reason/client_closed", json!(200)),
            ("/responses", json!({"200": 5042, "304": 206, "404": 206})),
            (
                "/requests_per_connection/6",
                json!({"from": 17, "to": 32, "connections": 200}),
            ),
            ("/latency_microseconds/p50", json!(110.591)),
            (
                "/kernel",
                json!({
                    "listen_queue": 3,
                    "listen_overflows": 2,
                    "server": {
                        "established": 74, "fin_wait": 4, "close_wait": 0, "time_wait": 412,
                        "other": 1,
                    },
                    "clients": {
                        "established": 74, "fin_wait": 0, "close_wait": 0, "time_wait": 200,
                        "other": 0,
                    },
                }),
            ),
            ("/stories/1/closed_seconds_ago", json!(0.25)),
            ("/stories/1/connection", json!(999)),
            ("/stories/1/client", json!("127.0.0.1:40000")),
            ("/stories/1/worker", json!(1)),
            ("/stories/1/first_byte_microseconds", json!(40)),
            ("/stories/1/requests_count", json!(9)),
            (
                "/stories/1/requests/7",
                json!({
                    "line": "GET /<script>?a=\"&amp;",
                    "status": 200,
                    "bytes": 1024,
                    "received_microseconds": 13_345,
                    "took_microseconds": 83,
                }),
            ),
            ("/stories/1/closed_microseconds", json!(17_400)),
            ("/stories/1/reason", json!("client_closed")),
            ("/stories/1/first", json!("client")),
            (
                "/limits",
                json!({
                    "connections_max": 1000,
                    "connections_per_ip_max": 50,
                    "requests_max": 0,
                    "body_bytes_max": 1 << 20,
                    "cache_bytes": 3 << 20,
                    "cache_bytes_max": 64 << 20,
                    "keep_alive_seconds": 75.0,
                    "header_timeout_seconds": 10.0,
                    "body_timeout_seconds": 20.0,
                    "write_timeout_seconds": 30.0,
                }),
            ),
        ] {
            assert_eq!(status.pointer(pointer), Some(&expected), "{pointer}");
        }
    }
}
