//! Human-readable figures.

use std::time::Duration;

use crate::observe::counters::{Count, Totals};

/// A count in groups of three digits: `12 345`, with thin spaces.
pub fn grouped(count: u64) -> String {
    match count {
        ..1000 => count.to_string(),
        _ => format!("{}\u{202f}{:03}", grouped(count / 1000), count % 1000),
    }
}

/// Bytes in the unit that leaves one to four digits: `14.2 MiB`.
pub fn bytes(count: u64) -> String {
    let mut value = count as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1000.0 {
            let digits = usize::from(unit != "B" && value.fract() > 0.0 && value < 100.0);
            return format!("{value:.digits$}\u{a0}{unit}");
        }
        value /= 1024.0;
    }
    format!("{value:.1}\u{a0}TiB")
}

/// A duration in nanoseconds: `83 µs`; unknown is a dash.
pub fn nanoseconds(nanoseconds: Option<u64>) -> String {
    let Some(nanoseconds) = nanoseconds else {
        return "–".to_owned();
    };
    let (value, unit) = match nanoseconds as f64 {
        value if value < 1e6 => (value / 1e3, "µs"),
        value if value < 1e9 => (value / 1e6, "ms"),
        value => (value / 1e9, "s"),
    };
    let digits = match value {
        ..10.0 => 2,
        10.0..100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$}\u{a0}{unit}")
}

/// The same of a [`Duration`].
pub fn time(duration: Duration) -> String {
    nanoseconds(Some(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
}

/// A percentage as HTML text; a dash if the whole is 0.
pub fn share(part: u64, whole: u64) -> String {
    match (part as f64 * 100.0 / whole as f64, whole) {
        (_, 0) => "–".to_owned(),
        // Never round to "100 %" or "0 %".
        (percent, _) if part < whole && percent >= 99.9 => "&gt;\u{a0}99.9\u{a0}%".to_owned(),
        (percent, _) if part > 0 && percent < 0.1 => "&lt;\u{a0}0.1\u{a0}%".to_owned(),
        (percent, _) if percent.fract() == 0.0 => format!("{percent:.0}\u{a0}%"),
        (percent, _) => format!("{percent:.1}\u{a0}%"),
    }
}

/// The share of requests that reused a connection.
pub fn reuse(totals: &Totals) -> String {
    share(totals[Count::RequestsReused], totals[Count::Requests])
}

/// A long duration in its two largest units.
pub fn uptime(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}\u{a0}s"),
        (0, 0, _) => format!("{minutes}\u{a0}min {}\u{a0}s", seconds % 60),
        (0, _, _) => format!("{hours}\u{a0}h {minutes}\u{a0}min"),
        _ => format!("{days}\u{a0}d {hours}\u{a0}h"),
    }
}

/// Bytes from a peer as HTML text; everything but printable ASCII is `\xHH`.
pub fn escaped(bytes: &[u8]) -> String {
    let each = |&byte: &u8| match byte {
        b'<' => "&lt;".to_owned(),
        b'>' => "&gt;".to_owned(),
        b'&' => "&amp;".to_owned(),
        b'"' => "&quot;".to_owned(),
        0x20..0x7f => char::from(byte).to_string(),
        _ => format!("\\x{byte:02X}"),
    };
    bytes.iter().map(each).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures() {
        let rows = [
            (grouped(0), "0"),
            (grouped(999), "999"),
            (grouped(1_234_567), "1\u{202f}234\u{202f}567"),
            (bytes(0), "0\u{a0}B"),
            (bytes(1024), "1\u{a0}KiB"),
            (bytes(1_500_000), "1.4\u{a0}MiB"),
            (bytes(u64::MAX), "16777216.0\u{a0}TiB"),
            (nanoseconds(None), "–"),
            (nanoseconds(Some(950)), "0.95\u{a0}µs"),
            (nanoseconds(Some(83_000)), "83.0\u{a0}µs"),
            (nanoseconds(Some(1_250_000_000)), "1.25\u{a0}s"),
            (share(0, 0), "–"),
            (share(0, 5), "0\u{a0}%"),
            (share(5, 5), "100\u{a0}%"),
            (share(1, 3), "33.3\u{a0}%"),
            (share(99_999, 100_000), "&gt;\u{a0}99.9\u{a0}%"),
            (share(1, 100_000), "&lt;\u{a0}0.1\u{a0}%"),
            (uptime(Duration::from_secs(59)), "59\u{a0}s"),
            (uptime(Duration::from_secs(61)), "1\u{a0}min 1\u{a0}s"),
            (uptime(Duration::from_secs(7261)), "2\u{a0}h 1\u{a0}min"),
            (uptime(Duration::from_secs(90_000)), "1\u{a0}d 1\u{a0}h"),
            (
                escaped(b"<a href=\"&\">\xff"),
                "&lt;a href=&quot;&amp;&quot;&gt;\\xFF",
            ),
        ];
        for (text, expected) in rows {
            assert_eq!(text, expected);
        }
    }
}
