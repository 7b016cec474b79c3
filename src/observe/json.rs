//! A snapshot as JSON, for scripts and tests.

use std::{fmt::Display, iter, time::Duration};

use super::{
    close_reason::CloseReason,
    counters::{Count, Totals},
    histogram::{PERCENTILES, percentile, requests_bucket_span},
    kernel::{KernelView, SOCKET_STATES, SocketCounts},
    log_line,
    snapshot::{OPEN_STATES, OpenCounts, Snapshot},
    story::{RecordedRequest, Story},
};
use crate::http::status::Status;

/// A member of an object: its name, and its value as JSON.
type Member = (&'static str, String);

/// The snapshot as one JSON object. Durations are in the unit of their key's suffix; a missing
/// value is `null`.
pub fn json(snapshot: &Snapshot) -> String {
    let facts = &snapshot.facts;
    let listeners = facts.listeners.iter().map(quoted);
    let stories = snapshot.stories.iter().map(story);
    let mut members = vec![
        ("version", quoted(env!("CARGO_PKG_VERSION"))),
        ("uptime_seconds", seconds(snapshot.uptime)),
        ("draining", facts.is_draining().to_string()),
        ("listeners", list(listeners)),
        ("open", open(&snapshot.open())),
        ("workers", list(snapshot.workers.iter().map(open))),
    ];
    members.extend(totals(&snapshot.totals));
    members.extend([
        ("kernel", or_null(snapshot.kernel.as_ref().map(kernel))),
        ("stories", list(stories)),
        ("limits", limits(snapshot)),
    ]);
    object(members) + "\n"
}

fn open(open: &OpenCounts) -> String {
    let states = OPEN_STATES.map(|(state, _)| state);
    let count = open.iter().sum();
    object(iter::once(("count", count)).chain(states.into_iter().zip(*open)))
}

fn totals(totals: &Totals) -> Vec<Member> {
    let mut members = Vec::new();
    for &count in Count::ALL {
        members.push((count.key(), totals[count].to_string()));
        if count == Count::Accepted {
            // Next to the number of accepted connections.
            let closed: u64 = totals.closed().iter().sum();
            members.push(("closed", closed.to_string()));
        }
    }
    let reasons = CloseReason::ALL.iter().map(|reason| reason.name());
    let codes = Status::ALL.iter().map(|status| status.code());
    let statuses = codes
        .zip(totals.statuses())
        .filter(|(_, count)| **count > 0);
    let buckets = totals.requests_per_connection().iter().enumerate();
    let buckets = buckets.map(|(bucket, connections)| {
        let (first, last) = requests_bucket_span(bucket);
        object([
            ("from", first.to_string()),
            ("to", or_null(last)),
            ("connections", connections.to_string()),
        ])
    });
    let microseconds = PERCENTILES.map(|(key, _, share)| {
        let nanoseconds = percentile(totals.latency(), share);
        let microseconds = nanoseconds.map(|ns| format!("{:.1}", ns as f64 / 1e3));
        (key, or_null(microseconds))
    });
    members.extend([
        ("closed_by_reason", object(reasons.zip(totals.closed()))),
        ("responses", object(statuses)),
        ("requests_per_connection", list(buckets)),
        ("latency_microseconds", object(microseconds)),
    ]);
    members
}

fn kernel(kernel: &KernelView) -> String {
    let states = SOCKET_STATES.map(|(state, _)| state);
    let side = |counts: SocketCounts| object(states.into_iter().zip(counts));
    object([
        ("listen_queue", kernel.listen_queue.to_string()),
        ("listen_overflows", kernel.listen_overflows.to_string()),
        ("server", side(kernel.server)),
        ("clients", side(kernel.clients)),
    ])
}

fn story((age, story): &(Duration, Story)) -> String {
    let first_byte = story.first_byte.map(|time| time.as_micros());
    let mut members = vec![
        ("closed_seconds_ago", seconds(*age)),
        ("connection", story.connection.to_string()),
        ("client", or_null(story.client.map(quoted))),
        ("worker", story.worker.to_string()),
        ("first_byte_microseconds", or_null(first_byte)),
        ("requests_count", story.requests_count.to_string()),
        ("requests", list(story.requests.iter().map(request))),
    ];
    if let Some((closed, reason)) = story.end {
        members.extend([
            ("closed_microseconds", closed.as_micros().to_string()),
            ("reason", quoted(reason.name())),
            ("first", quoted(reason.first())),
        ]);
    }
    object(members)
}

fn request(request: &RecordedRequest) -> String {
    object([
        ("line", string(request.line())),
        ("status", request.status.code().to_string()),
        ("bytes", request.bytes.to_string()),
        (
            "received_microseconds",
            request.received.as_micros().to_string(),
        ),
        ("took_microseconds", request.took.as_micros().to_string()),
    ])
}

fn limits(snapshot: &Snapshot) -> String {
    let facts = &snapshot.facts;
    let (limits, waits) = (&facts.limits, &facts.timeouts);
    let seconds = |wait: Duration| wait.as_secs_f64().to_string();
    object([
        ("connections_max", facts.connections_max.to_string()),
        (
            "connections_per_ip_max",
            limits.connections_per_ip_max.to_string(),
        ),
        ("requests_max", limits.requests_max.to_string()),
        ("body_bytes_max", limits.body_bytes_max.to_string()),
        ("cache_bytes", snapshot.cache_bytes.to_string()),
        ("cache_bytes_max", facts.cache_bytes_max.to_string()),
        ("keep_alive_seconds", seconds(waits.keep_alive)),
        ("header_timeout_seconds", seconds(waits.header)),
        ("body_timeout_seconds", seconds(waits.body)),
        ("write_timeout_seconds", seconds(waits.write)),
    ])
}

fn seconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64())
}

fn or_null(value: Option<impl Display>) -> String {
    value.map_or("null".into(), |value| value.to_string())
}

/// `{"name":value,...}`
fn object(members: impl IntoIterator<Item = (impl Display, impl Display)>) -> String {
    let members = members.into_iter();
    let members = members.map(|(name, value)| format!("\"{name}\":{value}"));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// `[item,...]`
fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

/// A string that needs no escaping.
fn quoted(text: impl Display) -> String {
    format!("\"{text}\"")
}

/// Bytes as the access log writes them.
fn string(bytes: &[u8]) -> String {
    let mut text = Vec::new();
    log_line::json_string(Some(bytes), &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::observe::fixture;

    #[test]
    fn it_is_json_and_holds_the_figures() {
        let text = json(&fixture::snapshot());
        assert!(serde_json::from_str::<Value>(&text).is_ok(), "{text}");
        for part in [
            r#""draining":false"#,
            r#""listeners":["127.0.0.1:8080"]"#,
            r#""open":{"count":74,"idle":60,"reading":6,"writing":4,"lingering":4}"#,
            r#""client_closed":200"#,
            r#""from":17,"to":32,"connections":200"#,
            r#""line":"GET /<script>?a=\"&amp;""#,
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert_eq!(text.matches(r#""closed":"#).count(), 1, "{text}");
    }
}
