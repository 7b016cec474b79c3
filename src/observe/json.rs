//! A snapshot as JSON, for scripts and tests.

use std::fmt::{self, Display, Write};

use super::{
    close_reason::CloseReason,
    counters::Count,
    histogram::{PERCENTILES, REQUESTS_BUCKETS, requests_bucket_span},
    kernel::SOCKET_STATES,
    snapshot::{Facts, OpenConnections, Snapshot, Totals},
    story::Story,
};
use crate::http::status::Status;

/// The snapshot as one JSON object. Durations are in the unit their key ends
/// in; a missing figure is `null`.
pub fn json(snapshot: &Snapshot) -> String {
    let mut out = String::with_capacity(16 << 10);
    // Writing to a String does not fail.
    let _ = write_snapshot(snapshot, &mut out);
    out
}

fn write_snapshot(snapshot: &Snapshot, out: &mut String) -> fmt::Result {
    let uptime = snapshot.uptime.as_secs_f64();
    write!(out, "{{\"version\":\"{}\"", env!("CARGO_PKG_VERSION"))?;
    write!(
        out,
        ",\"uptime_seconds\":{uptime:.3},\"draining\":{}",
        snapshot.facts.is_draining()
    )?;
    let listeners = snapshot.facts.listeners.iter();
    list(out, "listeners", listeners, |out, listener| {
        write!(out, "\"{listener}\"")
    })?;
    out.push_str(",\"open\":");
    write_open(&snapshot.open(), out)?;
    list(out, "workers", snapshot.workers.iter(), |out, worker| {
        write_open(worker, out)
    })?;
    write_totals(&snapshot.totals, out)?;
    write_kernel(snapshot, out)?;
    list(
        out,
        "stories",
        snapshot.stories.iter(),
        |out, (age, story)| {
            write!(out, "{{\"closed_seconds_ago\":{:.3}", age.as_secs_f64())?;
            write_story(story, out)
        },
    )?;
    write_limits(&snapshot.facts, out)?;
    out.push_str("}\n");
    Ok(())
}

fn write_open(open: &OpenConnections, out: &mut String) -> fmt::Result {
    write!(out, "{{\"count\":{}", open.count())?;
    for (state, count) in open.states() {
        write!(out, ",\"{state}\":{count}")?;
    }
    out.push('}');
    Ok(())
}

fn write_totals(totals: &Totals, out: &mut String) -> fmt::Result {
    for &count in Count::ALL {
        write!(out, ",\"{}\":{}", count.key(), totals[count])?;
        if count == Count::Accepted {
            // Beside those that were opened.
            write!(out, ",\"closed\":{}", totals.closed_count())?;
        }
    }
    let closed = CloseReason::ALL
        .iter()
        .map(|reason| reason.name())
        .zip(totals.closed);
    object(out, "closed_by_reason", closed)?;
    let statuses = Status::ALL
        .iter()
        .map(|status| status.code())
        .zip(totals.statuses);
    object(out, "responses", statuses.filter(|(_, count)| *count > 0))?;
    let buckets = (0..REQUESTS_BUCKETS).zip(totals.requests_per_connection);
    list(
        out,
        "requests_per_connection",
        buckets,
        |out, (bucket, count)| {
            let (first, last) = requests_bucket_span(bucket);
            let last = or_null(last);
            write!(
                out,
                "{{\"from\":{first},\"to\":{last},\"connections\":{count}}}"
            )
        },
    )?;
    let microseconds = PERCENTILES.map(|(key, _, share)| {
        let nanoseconds = totals.latency.percentile(share);
        let microseconds = nanoseconds.map(|ns| format!("{:.1}", ns as f64 / 1e3));
        (key, or_null(microseconds))
    });
    object(out, "latency_microseconds", microseconds)
}

fn write_kernel(snapshot: &Snapshot, out: &mut String) -> fmt::Result {
    let Some(kernel) = &snapshot.kernel else {
        out.push_str(",\"kernel\":null");
        return Ok(());
    };
    write!(
        out,
        ",\"kernel\":{{\"listen_queue\":{}",
        kernel.listen_queue
    )?;
    write!(out, ",\"listen_overflows\":{}", kernel.listen_overflows)?;
    let states = SOCKET_STATES.map(|(state, _)| state);
    object(out, "server", states.into_iter().zip(kernel.server))?;
    object(out, "clients", states.into_iter().zip(kernel.clients))?;
    out.push('}');
    Ok(())
}

fn write_story(story: &Story, out: &mut String) -> fmt::Result {
    let client = or_null(story.client.map(|client| format!("\"{client}\"")));
    let first_byte = or_null(story.first_byte.map(|time| time.as_micros()));
    write!(out, ",\"connection\":{}", story.connection)?;
    write!(out, ",\"client\":{client},\"worker\":{}", story.worker)?;
    write!(out, ",\"first_byte_microseconds\":{first_byte}")?;
    write!(out, ",\"requests_count\":{}", story.requests_count)?;
    list(out, "requests", story.requests.iter(), |out, request| {
        out.push_str("{\"line\":");
        string(request.line(), out)?;
        let (received, took) = (request.received.as_micros(), request.took.as_micros());
        write!(
            out,
            ",\"status\":{},\"bytes\":{}",
            request.status.code(),
            request.bytes
        )?;
        write!(
            out,
            ",\"received_microseconds\":{received},\"took_microseconds\":{took}}}"
        )
    })?;
    if let Some((closed, reason)) = story.end {
        write!(out, ",\"closed_microseconds\":{}", closed.as_micros())?;
        write!(
            out,
            ",\"reason\":\"{}\",\"first\":\"{}\"",
            reason.name(),
            reason.first().name()
        )?;
    }
    out.push('}');
    Ok(())
}

fn write_limits(facts: &Facts, out: &mut String) -> fmt::Result {
    let (limits, waits) = (&facts.limits, &facts.timeouts);
    let seconds = |wait: std::time::Duration| wait.as_secs_f64().to_string();
    let limits = [
        ("connections_max", facts.connections_max.to_string()),
        (
            "connections_per_ip_max",
            limits.connections_per_ip_max.to_string(),
        ),
        ("requests_max", limits.requests_max.to_string()),
        ("body_bytes_max", limits.body_bytes_max.to_string()),
        ("cache_bytes", facts.cache_bytes.get().to_string()),
        ("cache_bytes_max", facts.cache_bytes_max.to_string()),
        ("keep_alive_seconds", seconds(waits.keep_alive)),
        ("header_timeout_seconds", seconds(waits.header)),
        ("body_timeout_seconds", seconds(waits.body)),
        ("write_timeout_seconds", seconds(waits.write)),
    ];
    object(out, "limits", limits)
}

fn or_null(value: Option<impl Display>) -> String {
    value.map_or("null".into(), |value| value.to_string())
}

/// `,"key":{"name":value,...}`
fn object(
    out: &mut String,
    key: &str,
    members: impl IntoIterator<Item = (impl Display, impl Display)>,
) -> fmt::Result {
    write!(out, ",\"{key}\":{{")?;
    for (place, (name, value)) in members.into_iter().enumerate() {
        let comma = if place > 0 { "," } else { "" };
        write!(out, "{comma}\"{name}\":{value}")?;
    }
    out.push('}');
    Ok(())
}

/// `,"key":[item,...]`
fn list<T>(
    out: &mut String,
    key: &str,
    items: impl Iterator<Item = T>,
    write_item: impl Fn(&mut String, T) -> fmt::Result,
) -> fmt::Result {
    write!(out, ",\"{key}\":[")?;
    for (place, item) in items.enumerate() {
        if place > 0 {
            out.push(',');
        }
        write_item(out, item)?;
    }
    out.push(']');
    Ok(())
}

/// Bytes read as ISO-8859-1; all that is not plain ASCII is escaped.
fn string(bytes: &[u8], out: &mut String) -> fmt::Result {
    out.push('"');
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => write!(out, "\\{}", char::from(byte))?,
            0x20..0x7f => out.push(char::from(byte)),
            _ => write!(out, "\\u{byte:04x}")?,
        }
    }
    out.push('"');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture;

    #[test]
    fn strings_are_escaped() {
        let mut out = String::new();
        string(b"a\"b\\c\n\xff<", &mut out).unwrap();
        assert_eq!(out, r#""a\"b\\c\u000a\u00ff<""#);
    }

    #[test]
    fn the_object_is_balanced_and_holds_the_figures() {
        let text = json(&fixture::snapshot());
        let bare = text.replace(r#"\""#, "");
        let (mut depth, mut in_string) = (0i32, false);
        for (at, byte) in bare.bytes().enumerate() {
            match byte {
                b'"' => in_string = !in_string,
                b'{' | b'[' if !in_string => depth += 1,
                b'}' | b']' if !in_string => depth -= 1,
                _ => {}
            }
            assert!(depth > 0 || at >= bare.len() - 2, "{at}");
        }
        assert!(!in_string && depth == 0 && !bare.contains(",}") && !bare.contains(",]"));
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
    }
}
