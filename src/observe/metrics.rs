//! A snapshot as Prometheus text (exposition format 0.0.4), base units only. The text is the
//! template `metrics.txt`.

use std::ops::RangeInclusive;

use askama::Template;

use super::{
    close_reason::CloseReason,
    counters::{Count, OPEN_STATES, Totals},
    histogram::{count_below, requests_bucket_span},
    kernel::SOCKET_STATES,
    snapshot::{Facts, Snapshot},
};
use crate::http::status::Status;

/// The media type of the text.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The bucket boundaries of the duration histogram: 2^13 ns (8 microseconds) to 2^34 ns (17
/// seconds), at powers of two, where counts are exact.
const DURATION_BITS: RangeInclusive<u32> = 13..=34;

/// The snapshot, with HELP and TYPE for each metric. All possible label values are always present,
/// so that rates have no gaps.
pub fn metrics(snapshot: &Snapshot) -> String {
    let metrics = Metrics {
        snapshot,
        facts: &snapshot.facts,
        totals: &snapshot.totals,
    };
    // A template ends without its last line feed.
    format!("{metrics}\n")
}

/// What the template shows.
#[derive(Template)]
#[template(path = "observe/metrics.txt", config = "src/askama.toml")]
struct Metrics<'s> {
    snapshot: &'s Snapshot,
    facts: &'s Facts,
    totals: &'s Totals,
}

fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

impl Metrics<'_> {
    /// The upper ends of the buckets, and the cumulative counts.
    fn durations(&self) -> impl Iterator<Item = (f64, u64)> {
        DURATION_BITS.map(|bit| (seconds(1 << bit), count_below(self.totals.latency(), bit)))
    }

    fn duration_sum(&self) -> f64 {
        seconds(self.totals.latency_nanoseconds())
    }

    /// The upper ends of the buckets, and the cumulative counts.
    fn connection_requests(&self) -> impl Iterator<Item = (u64, u64)> {
        let buckets = self.totals.requests_per_connection().iter().enumerate();
        let cumulated = buckets.scan(0, |count, (bucket, connections)| {
            *count += connections;
            Some((requests_bucket_span(bucket).1, *count))
        });
        cumulated.filter_map(|(end, count)| Some((end?, count)))
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
        assert!(text.ends_with(" 1\n"));
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
            "listen_queue 3",
            "listen_overflows_total 2",
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
