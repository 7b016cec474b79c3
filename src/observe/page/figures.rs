//! Human-readable figures. They take references, as the template passes its variables.

use std::time::Duration;

use crate::observe::{
    counters::{Count, Totals},
    histogram::{percentile, requests_bucket_span},
};

/// A count in groups of three digits: `12 345`, with thin spaces.
pub fn grouped(count: &u64) -> String {
    match *count {
        ..1000 => count.to_string(),
        _ => format!("{}\u{202f}{:03}", grouped(&(count / 1000)), count % 1000),
    }
}

/// Bytes in the unit that leaves one to four digits: `14.2 MiB`.
pub fn bytes(count: &u64) -> String {
    let mut value = *count as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1000.0 {
            let digits = usize::from(unit != "B" && value.fract() > 0.0 && value < 100.0);
            return format!("{value:.digits$}\u{a0}{unit}");
        }
        value /= 1024.0;
    }
    format!("{value:.1}\u{a0}TiB")
}

/// A duration: `83.0 µs`.
pub fn time(duration: &Duration) -> String {
    let text = format!("{duration:.1?}");
    let (number, unit) = text.split_at(text.trim_end_matches(char::is_alphabetic).len());
    format!("{number}\u{a0}{unit}")
}

/// The latency that a fraction `share` of all does not exceed; unknown is a dash.
pub fn latency(totals: &Totals, share: &f64) -> String {
    let latency = percentile(totals.latency(), *share).map(Duration::from_nanos);
    latency.map_or_else(|| "–".to_owned(), |latency| time(&latency))
}

/// A percentage; a dash if the whole is 0.
pub fn share(part: &u64, whole: &u64) -> String {
    let (part, whole) = (*part, *whole);
    match (part as f64 * 100.0 / whole as f64, whole) {
        (_, 0) => "–".to_owned(),
        // Never round to "100 %" or "0 %".
        (percent, _) if part < whole && percent >= 99.9 => ">\u{a0}99.9\u{a0}%".to_owned(),
        (percent, _) if part > 0 && percent < 0.1 => "<\u{a0}0.1\u{a0}%".to_owned(),
        (percent, _) if percent.fract() == 0.0 => format!("{percent:.0}\u{a0}%"),
        (percent, _) => format!("{percent:.1}\u{a0}%"),
    }
}

/// A fraction, 0 to 1.
pub fn part(part: &u64, whole: &u64) -> f64 {
    (*part as f64 / (*whole).max(1) as f64).min(1.0)
}

/// The share of requests that reused a connection.
pub fn reuse(totals: &Totals) -> String {
    share(&totals[Count::RequestsReused], &totals[Count::Requests])
}

/// A limit on a number, which 0 lifts.
pub fn limit(count: &u64) -> String {
    match count {
        0 => "no limit".to_owned(),
        _ => grouped(count),
    }
}

/// The numbers of requests of a bucket: `17 to 32`.
pub fn span(bucket: &usize) -> String {
    match requests_bucket_span(*bucket) {
        (first, Some(last)) if first == last => grouped(&first),
        (first, Some(last)) => format!("{} to {}", grouped(&first), grouped(&last)),
        (first, None) => format!("{} or more", grouped(&first)),
    }
}

/// A long duration in its two largest units.
pub fn uptime(duration: &Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}\u{a0}s"),
        (0, 0, _) => format!("{minutes}\u{a0}min {}\u{a0}s", seconds % 60),
        (0, _, _) => format!("{hours}\u{a0}h {minutes}\u{a0}min"),
        _ => format!("{days}\u{a0}d {hours}\u{a0}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures() {
        let rows = [
            (grouped(&0), "0"),
            (grouped(&999), "999"),
            (grouped(&1_234_567), "1\u{202f}234\u{202f}567"),
            (bytes(&0), "0\u{a0}B"),
            (bytes(&1024), "1\u{a0}KiB"),
            (bytes(&1_500_000), "1.4\u{a0}MiB"),
            (bytes(&u64::MAX), "16777216.0\u{a0}TiB"),
            (latency(&Totals::default(), &0.5), "–"),
            (time(&Duration::from_nanos(950)), "950.0\u{a0}ns"),
            (time(&Duration::from_micros(83)), "83.0\u{a0}µs"),
            (time(&Duration::from_millis(2_345)), "2.3\u{a0}s"),
            (share(&0, &0), "–"),
            (share(&0, &5), "0\u{a0}%"),
            (share(&5, &5), "100\u{a0}%"),
            (share(&1, &3), "33.3\u{a0}%"),
            (share(&99_999, &100_000), ">\u{a0}99.9\u{a0}%"),
            (share(&1, &100_000), "<\u{a0}0.1\u{a0}%"),
            (uptime(&Duration::from_secs(59)), "59\u{a0}s"),
            (uptime(&Duration::from_secs(61)), "1\u{a0}min 1\u{a0}s"),
            (uptime(&Duration::from_secs(7261)), "2\u{a0}h 1\u{a0}min"),
            (uptime(&Duration::from_secs(90_000)), "1\u{a0}d 1\u{a0}h"),
        ];
        for (text, expected) in rows {
            assert_eq!(text, expected);
        }
    }
}
