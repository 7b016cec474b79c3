//! A snapshot as Prometheus text (exposition format 0.0.4), base units only.

use std::fmt::Display;

use super::{
    close_reason::CloseReason,
    counters::{Count, Totals},
    histogram::{count_below, requests_bucket_span},
    kernel::{KernelView, SOCKET_STATES},
    snapshot::{OPEN_STATES, Snapshot},
};
use crate::http::status::Status;

/// The media type of the text.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The bucket boundaries of the duration histogram: 2^13 ns (8 microseconds) to 2^34 ns (17
/// seconds), at powers of two, where counts are exact.
const DURATION_BITS: std::ops::RangeInclusive<u32> = 13..=34;

/// The snapshot, with HELP and TYPE for each metric. All possible label values are always present,
/// so that rates have no gaps.
pub fn metrics(snapshot: &Snapshot) -> String {
    let mut text = Text::default();
    connections(snapshot, &mut text);
    requests(&snapshot.totals, &mut text);
    duration(&snapshot.totals, &mut text);
    requests_per_connection(&snapshot.totals, &mut text);
    if let Some(kernel) = &snapshot.kernel {
        sockets(kernel, &mut text);
    }
    process(snapshot, &mut text);
    text.0
}

fn connections(snapshot: &Snapshot, text: &mut Text) {
    let totals = &snapshot.totals;
    let help = "Open connections by state.";
    text.metric("connections", "gauge", help);
    for ((state, _), count) in OPEN_STATES.iter().zip(snapshot.open()) {
        text.sample("connections", format_args!("{{state=\"{state}\"}}"), count);
    }
    let help = "Maximum open connections.";
    text.gauge("connections_max", help, snapshot.facts.connections_max);
    text.count(Count::Accepted, totals);
    let help = "Connections closed, by reason and by the side that closed first.";
    text.metric("connections_closed_total", "counter", help);
    for (reason, count) in CloseReason::ALL.iter().zip(totals.closed()) {
        let (name, first) = (reason.name(), reason.first());
        let labels = format_args!("{{reason=\"{name}\",first=\"{first}\"}}");
        text.sample("connections_closed_total", labels, count);
    }
}

fn requests(totals: &Totals, text: &mut Text) {
    // `Accepted` is listed with the connections.
    let counts = Count::ALL.iter().filter(|&&count| count != Count::Accepted);
    for &count in counts {
        text.count(count, totals);
    }
    text.metric("responses_total", "counter", "Responses by status code.");
    for (status, count) in Status::ALL.iter().zip(totals.statuses()) {
        let labels = format_args!("{{code=\"{}\"}}", status.code());
        text.sample("responses_total", labels, count);
    }
}

fn duration(totals: &Totals, text: &mut Text) {
    let seconds = |nanoseconds: u64| nanoseconds as f64 / 1e9;
    let help = "Time from the last byte of a request to the last byte of its response written.";
    let buckets = DURATION_BITS.map(|bit| {
        let end = seconds(1 << bit);
        (end.to_string(), count_below(totals.latency(), bit))
    });
    let sum = seconds(totals.latency_nanoseconds());
    let count = totals.latency().iter().sum();
    text.histogram("request_duration_seconds", help, buckets, sum, count);
}

fn requests_per_connection(totals: &Totals, text: &mut Text) {
    let help = "Requests per connection, recorded when it closes.";
    let mut count = 0;
    let mut buckets = Vec::new();
    for (bucket, connections) in totals.requests_per_connection().iter().enumerate() {
        count += connections;
        let (_, last) = requests_bucket_span(bucket);
        buckets.extend(last.map(|last| (last.to_string(), count)));
    }
    let sum = totals.requests_of_closed();
    text.histogram("connection_requests", help, buckets, sum, count);
}

fn sockets(kernel: &KernelView, text: &mut Text) {
    let help =
        "Kernel sockets on the listening addresses, by side (clients: only those on this machine).";
    text.metric("sockets", "gauge", help);
    for (side, counts) in [("server", kernel.server), ("client", kernel.clients)] {
        for ((state, _), count) in SOCKET_STATES.iter().zip(counts) {
            let labels = format_args!("{{side=\"{side}\",state=\"{state}\"}}");
            text.sample("sockets", labels, count);
        }
    }
    let help = "Connections waiting to be accepted.";
    text.gauge("listen_queue", help, kernel.listen_queue);
    let help = "Connections dropped because a listen queue of this machine was full.";
    text.counter("listen_overflows_total", help, kernel.listen_overflows);
}

fn process(snapshot: &Snapshot, text: &mut Text) {
    let facts = &snapshot.facts;
    let help =
        "Cache weight in use: bytes of cached files, plus a fixed charge per large file kept open.";
    text.gauge("cache_bytes", help, snapshot.cache_bytes);
    let help = "Maximum cache weight.";
    text.gauge("cache_bytes_max", help, facts.cache_bytes_max);
    text.gauge("workers", "Worker threads.", facts.workers.len());
    let help = "1 while the server is shutting down, otherwise 0.";
    text.gauge("draining", help, u8::from(facts.is_draining()));
    let help = "Time since the server started.";
    text.gauge("uptime_seconds", help, snapshot.uptime.as_secs_f64());
    text.metric("build_info", "gauge", "Always 1; the label is the version.");
    let labels = concat!("{version=\"", env!("CARGO_PKG_VERSION"), "\"}");
    text.sample("build_info", labels, 1);
}

/// The text so far.
#[derive(Default)]
struct Text(String);

impl Text {
    fn metric(&mut self, name: &str, kind: &str, help: &str) {
        self.0 += &format!("# HELP stdhttpd_{name} {help}\n# TYPE stdhttpd_{name} {kind}\n");
    }

    /// `suffix` follows the metric's name: labels, or `_sum`.
    fn sample(&mut self, name: &str, suffix: impl Display, value: impl Display) {
        self.0 += &format!("stdhttpd_{name}{suffix} {value}\n");
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.metric(name, "gauge", help);
        self.sample(name, "", value);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.metric(name, "counter", help);
        self.sample(name, "", value);
    }

    fn count(&mut self, count: Count, totals: &Totals) {
        let (name, help) = count.metric();
        self.counter(name, help, totals[count]);
    }

    /// `buckets` are pairs of upper end and cumulative count.
    fn histogram(
        &mut self,
        name: &str,
        help: &str,
        buckets: impl IntoIterator<Item = (String, u64)>,
        sum: impl Display,
        count: u64,
    ) {
        self.metric(name, "histogram", help);
        let all = [("+Inf".to_owned(), count)];
        for (end, count) in buckets.into_iter().chain(all) {
            self.sample(name, format_args!("_bucket{{le=\"{end}\"}}"), count);
        }
        self.sample(name, "_sum", sum);
        self.sample(name, "_count", count);
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
    fn metrics_have_the_values_of_the_snapshot() {
        let text = metrics(&fixture::snapshot());
        for sample in [
            "connections{state=\"idle\"} 60",
            "connections_max 1000",
            "connections_accepted_total 685",
            "connections_closed_total{reason=\"client_asked\",first=\"server\"} 400",
            "requests_total 5454",
            "requests_reused_total 4848",
            "sent_bytes_total 10800000",
            "cache_misses_total 24",
            "access_log_lines_lost_total 0",
            "responses_total{code=\"404\"} 206",
            "request_duration_seconds_bucket{le=\"0.000016384\"} 1018",
            "request_duration_seconds_bucket{le=\"+Inf\"} 5454",
            "connection_requests_bucket{le=\"1\"} 400",
            "connection_requests_bucket{le=\"32\"} 606",
            "connection_requests_sum 5454",
            "sockets{side=\"client\",state=\"time_wait\"} 200",
            "listen_queue 0",
            "listen_overflows_total 0",
            "cache_bytes 3145728",
            "cache_bytes_max 67108864",
            "workers 2",
            "draining 0",
            "uptime_seconds 3700",
        ] {
            let line = format!("\nstdhttpd_{sample}\n");
            assert!(text.contains(&line), "{sample} in {text}");
        }
    }

    #[test]
    fn interim_responses_are_not_counted() {
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
