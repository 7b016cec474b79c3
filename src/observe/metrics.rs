//! A snapshot as Prometheus text (exposition format 0.0.4), base units only.

use std::fmt::{self, Display, Write};

use super::{
    close_reason::CloseReason,
    counters::Count,
    histogram::{REQUESTS_BUCKETS, requests_bucket_span},
    kernel::{KernelView, SOCKET_STATES},
    snapshot::{Snapshot, Totals},
};
use crate::http::status::Status;

/// The media type of the text.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The boundaries of the duration histogram are 2^13 ns (8 microseconds) to
/// 2^34 ns (17 seconds): powers of two, because there our counts are exact.
const DURATION_BITS: std::ops::RangeInclusive<u32> = 13..=34;

/// The snapshot, every metric with its HELP and TYPE. Every label value that
/// can occur is always present, so that rates have no gaps.
pub fn metrics(snapshot: &Snapshot) -> String {
    let mut text = Text(String::with_capacity(16 << 10));
    // Writing to a String does not fail.
    let _ = write_all(snapshot, &mut text);
    text.0
}

fn write_all(snapshot: &Snapshot, text: &mut Text) -> fmt::Result {
    connections(snapshot, text)?;
    requests(&snapshot.totals, text)?;
    duration(&snapshot.totals, text)?;
    requests_per_connection(&snapshot.totals, text)?;
    if let Some(kernel) = &snapshot.kernel {
        sockets(kernel, text)?;
    }
    process(snapshot, text)
}

fn connections(snapshot: &Snapshot, text: &mut Text) -> fmt::Result {
    let totals = &snapshot.totals;
    let help = "Open connections by what they wait for.";
    text.metric("connections", "gauge", help)?;
    for (state, count) in snapshot.open().states() {
        text.sample("connections", &format_args!("{{state=\"{state}\"}}"), count)?;
    }
    let help = "Open connections allowed.";
    text.gauge("connections_max", help, snapshot.facts.connections_max)?;
    text.count(Count::Accepted, totals)?;
    let help = "Connections closed, by reason and by the side that closed first.";
    text.metric("connections_closed_total", "counter", help)?;
    for (reason, count) in CloseReason::ALL.iter().zip(totals.closed) {
        let (name, first) = (reason.name(), reason.first().name());
        let labels = format_args!("{{reason=\"{name}\",first=\"{first}\"}}");
        text.sample("connections_closed_total", &labels, count)?;
    }
    Ok(())
}

fn requests(totals: &Totals, text: &mut Text) -> fmt::Result {
    // Those accepted stand with the connections.
    let counts = Count::ALL.iter().filter(|&&count| count != Count::Accepted);
    for &count in counts {
        text.count(count, totals)?;
    }
    text.metric("responses_total", "counter", "Responses by status code.")?;
    for (status, count) in Status::ALL.iter().zip(totals.statuses) {
        let labels = format_args!("{{code=\"{}\"}}", status.code());
        text.sample("responses_total", &labels, count)?;
    }
    Ok(())
}

fn duration(totals: &Totals, text: &mut Text) -> fmt::Result {
    let name = "request_duration_seconds";
    let help = "From the last byte of a request's head to the last byte of its response written.";
    text.metric(name, "histogram", help)?;
    for bit in DURATION_BITS {
        let end = seconds(1 << bit);
        let labels = format_args!("_bucket{{le=\"{end}\"}}");
        text.sample(name, &labels, totals.latency.count_below(bit))?;
    }
    let count = totals.latency.count();
    text.sample(name, &"_bucket{le=\"+Inf\"}", count)?;
    text.sample(name, &"_sum", seconds(totals.latency.nanoseconds))?;
    text.sample(name, &"_count", count)
}

fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

fn requests_per_connection(totals: &Totals, text: &mut Text) -> fmt::Result {
    let name = "connection_requests";
    text.metric(
        name,
        "histogram",
        "Requests that closed connections had carried.",
    )?;
    let mut count = 0;
    for (bucket, connections) in (0..REQUESTS_BUCKETS).zip(totals.requests_per_connection) {
        count += connections;
        match requests_bucket_span(bucket) {
            (_, Some(last)) => {
                text.sample(name, &format_args!("_bucket{{le=\"{last}\"}}"), count)?;
            }
            (_, None) => text.sample(name, &"_bucket{le=\"+Inf\"}", count)?,
        }
    }
    text.sample(name, &"_sum", totals.requests_of_closed)?;
    text.sample(name, &"_count", count)
}

fn sockets(kernel: &KernelView, text: &mut Text) -> fmt::Result {
    let help = "The kernel's sockets of our addresses, by side (clients: those on this machine).";
    text.metric("sockets", "gauge", help)?;
    for (side, counts) in [("server", kernel.server), ("client", kernel.clients)] {
        for ((state, _), count) in SOCKET_STATES.iter().zip(counts) {
            let labels = format_args!("{{side=\"{side}\",state=\"{state}\"}}");
            text.sample("sockets", &labels, count)?;
        }
    }
    let help = "Connections that wait to be accepted.";
    text.gauge("listen_queue", help, kernel.listen_queue)?;
    let help = "Connections dropped because a listen queue of this machine was full.";
    text.counter("listen_overflows_total", help, kernel.listen_overflows)
}

fn process(snapshot: &Snapshot, text: &mut Text) -> fmt::Result {
    let facts = &snapshot.facts;
    let help = "Bytes of files kept in memory.";
    text.gauge("cache_bytes", help, facts.cache_bytes.get())?;
    let help = "Bytes of files that may be kept.";
    text.gauge("cache_bytes_max", help, facts.cache_bytes_max)?;
    text.gauge("workers", "Threads of the pool.", facts.workers.len())?;
    let help = "1 while the server is stopping.";
    text.gauge("draining", help, u8::from(facts.is_draining()))?;
    let help = "How long the server has been serving.";
    text.gauge("uptime_seconds", help, snapshot.uptime.as_secs_f64())?;
    text.metric("build_info", "gauge", "The version, as a label.")?;
    let labels = concat!("{version=\"", env!("CARGO_PKG_VERSION"), "\"}");
    text.sample("build_info", &labels, 1)
}

/// The text so far.
struct Text(String);

impl Text {
    fn metric(&mut self, name: &str, kind: &str, help: &str) -> fmt::Result {
        writeln!(self.0, "# HELP stdhttpd_{name} {help}")?;
        writeln!(self.0, "# TYPE stdhttpd_{name} {kind}")
    }

    /// `suffix` is what follows the metric's name: labels, or `_sum`.
    fn sample(&mut self, name: &str, suffix: &dyn Display, value: impl Display) -> fmt::Result {
        writeln!(self.0, "stdhttpd_{name}{suffix} {value}")
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) -> fmt::Result {
        self.metric(name, "gauge", help)?;
        self.sample(name, &"", value)
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.metric(name, "counter", help)?;
        self.sample(name, &"", value)
    }

    fn count(&mut self, count: Count, totals: &Totals) -> fmt::Result {
        let (name, help) = count.metric();
        self.counter(name, help, totals[count])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::observe::fixture;

    /// The metrics as name, type and lines of samples.
    fn families(text: &str) -> Vec<(&str, &str, Vec<&str>)> {
        let mut families = Vec::new();
        let mut lines = text.lines().peekable();
        while let Some(help) = lines.next() {
            let name = help
                .strip_prefix("# HELP ")
                .unwrap()
                .split(' ')
                .next()
                .unwrap();
            let kind = lines.next().unwrap().strip_prefix("# TYPE ").unwrap();
            let kind = kind.strip_prefix(name).unwrap().trim();
            let mut samples = Vec::new();
            while lines.peek().is_some_and(|line| !line.starts_with('#')) {
                samples.extend(lines.next());
            }
            families.push((name, kind, samples));
        }
        families
    }

    #[test]
    fn every_metric_is_described_once_and_named_as_its_kind() {
        let text = metrics(&fixture::snapshot());
        let mut names = HashSet::new();
        for (name, kind, samples) in families(&text) {
            assert!(names.insert(name), "{name} twice");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
            assert!(!samples.is_empty(), "{name}");
            for sample in samples {
                let (series, value) = sample.rsplit_once(' ').unwrap();
                assert!(series.starts_with(name), "{sample}");
                assert!(value.parse::<f64>().unwrap() >= 0.0, "{sample}");
            }
        }
    }

    #[test]
    fn only_final_responses_are_told() {
        let text = metrics(&fixture::snapshot());
        let families = families(&text);
        let of = |wanted| families.iter().find(|(name, ..)| *name == wanted).unwrap();
        let (_, _, responses) = of("stdhttpd_responses_total");
        for sample in responses {
            let (_, code) = sample.split_once("{code=\"").unwrap();
            assert!(!code.starts_with('1'), "{sample}");
        }
        assert!(responses.len() > 10, "{responses:?}");
    }

    #[test]
    fn histograms_are_cumulative_and_end_with_their_count() {
        let text = metrics(&fixture::snapshot());
        let mut histograms = 0;
        for (name, _, samples) in families(&text)
            .iter()
            .filter(|(_, kind, _)| *kind == "histogram")
        {
            let values: Vec<f64> = samples
                .iter()
                .map(|sample| sample.rsplit_once(' ').unwrap().1.parse().unwrap())
                .collect();
            let [buckets @ .., sum, count] = &values[..] else {
                panic!("{name}")
            };
            assert!(buckets.is_sorted(), "{name}");
            assert_eq!(buckets.last(), Some(count), "{name}");
            assert!(*sum > 0.0 && *count > 0.0, "{name}");
            histograms += 1;
        }
        assert_eq!(histograms, 2);
    }
}
