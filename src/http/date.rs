//! HTTP dates (RFC 9110 section 5.6.7): parsing and formatting.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A time in whole seconds since the epoch, from 1970 to the end of 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HttpDate(u64);

/// The length of an IMF-fixdate in bytes.
pub const IMF_FIXDATE_BYTES: usize = 29;

/// The time of day of a leap second, which is valid in a date.
const LEAP_SECOND: &str = "23:59:60";

/// The last second of the year 9999, since the epoch.
const SECONDS_MAX: i64 = 253_402_300_799;

impl HttpDate {
    /// The date `seconds` after the epoch, clamped to the supported range.
    pub const fn from_unix_seconds(seconds: i64) -> HttpDate {
        match seconds {
            ..0 => HttpDate(0),
            SECONDS_MAX.. => HttpDate(SECONDS_MAX as u64),
            _ => HttpDate(seconds as u64),
        }
    }

    /// Seconds since the epoch.
    pub const fn unix_seconds(self) -> u64 {
        self.0
    }

    /// Parses any of the three formats that a recipient must accept; `None` for anything else,
    /// including a wrong day of the week. A date before 1970 is clamped.
    ///
    /// Two-digit years of the RFC 850 format are 1970 to 2069.
    pub fn parse(value: &[u8]) -> Option<HttpDate> {
        let text = std::str::from_utf8(value).ok()?;
        // In the RFC 850 format `httpdate` accepts any byte instead of the space before the time.
        let time = text
            .strip_suffix(" GMT")
            .and_then(|rest| rest.rsplit(' ').next());
        if time.is_some_and(|time| time.len() != LEAP_SECOND.len()) {
            return None;
        }
        if let Ok(time) = httpdate::parse_http_date(text) {
            return HttpDate::from_system_time(time);
        }
        if let Some((before, after)) = text.split_once(LEAP_SECOND) {
            // `httpdate` rejects a leap second: parse the second before it and add one.
            let last = httpdate::parse_http_date(&format!("{before}23:59:59{after}")).ok()?;
            return HttpDate::from_system_time(last + Duration::from_secs(1));
        }
        is_before_1970(value).then_some(HttpDate(0))
    }

    fn from_system_time(time: SystemTime) -> Option<HttpDate> {
        let since_epoch = time.duration_since(UNIX_EPOCH).ok()?;
        let seconds = i64::try_from(since_epoch.as_secs()).ok()?;
        Some(HttpDate::from_unix_seconds(seconds))
    }

    /// The IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT`.
    pub fn imf_fixdate(self) -> [u8; IMF_FIXDATE_BYTES] {
        let text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(self.0));
        text.as_bytes()
            .try_into()
            .unwrap_or([b' '; IMF_FIXDATE_BYTES])
    }

    /// The ISO 8601 format: `1994-11-06T08:49:37Z`.
    pub fn iso_8601(self) -> [u8; ISO_8601_BYTES] {
        let fixdate = self.imf_fixdate();
        let names = b"JanFebMarAprMayJunJulAugSepOctNovDec".chunks_exact(3);
        let month = 1 + names.take_while(|name| *name != &fixdate[8..11]).count() as u8;
        let mut text = *b"0000-00-00T00:00:00Z";
        text[..4].copy_from_slice(&fixdate[12..16]);
        text[5..7].copy_from_slice(&[b'0' + month / 10, b'0' + month % 10]);
        text[8..10].copy_from_slice(&fixdate[5..7]);
        text[11..19].copy_from_slice(&fixdate[17..25]);
        text
    }
}

/// The length of an ISO 8601 date and time in bytes.
pub const ISO_8601_BYTES: usize = 20;

/// Whether `value` is a valid date in the years 0 to 1969, which `httpdate` rejects. The calendar
/// repeats every 400 years, including days of the week, so the date 2000 years later is checked.
fn is_before_1970(value: &[u8]) -> bool {
    let year_at = match value.len() {
        // IMF-fixdate and the format of asctime().
        IMF_FIXDATE_BYTES => 12,
        24 => 20,
        _ => return false,
    };
    let mut later = value.to_vec();
    let year = &mut later[year_at..year_at + 4];
    if *year >= b"1970"[..] {
        return false;
    }
    year[0] += 2;
    str::from_utf8(&later).is_ok_and(|text| httpdate::parse_http_date(text).is_ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: Option<u64>) {
        let parsed = HttpDate::parse(text.as_bytes());
        assert_eq!(parsed.map(HttpDate::unix_seconds), expected, "{text:?}");
    }

    #[test]
    fn three_formats_are_read() {
        // RFC 9110 section 5.6.7.
        check("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777));
        check("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777));
        check("Sun Nov  6 08:49:37 1994", Some(784_111_777));
        check("Thu, 01 Jan 1970 00:00:00 GMT", Some(0));
        check("Fri, 31 Dec 9999 23:59:59 GMT", Some(SECONDS_MAX as u64));
        check("Thu, 29 Feb 2024 12:00:00 GMT", Some(1_709_208_000));
    }

    #[test]
    fn a_leap_second_is_read() {
        check("Sat, 31 Dec 2016 23:59:60 GMT", Some(1_483_228_800));
        check("Saturday, 31-Dec-16 23:59:60 GMT", Some(1_483_228_800));
        check("Sat Dec 31 23:59:60 2016", Some(1_483_228_800));
        check("Fri, 31 Dec 9999 23:59:60 GMT", Some(SECONDS_MAX as u64));
        check("Sat, 31 Dec 2016 23:58:60 GMT", None);
        check("Sun, 31 Dec 2016 23:59:60 GMT", None);
        check(&"23:59:60".repeat(1_000), None);
    }

    #[test]
    fn dates_before_1970_are_clamped() {
        check("Wed, 31 Dec 1969 23:59:59 GMT", Some(0));
        check("Wed Dec 31 23:59:59 1969", Some(0));
        check("Mon, 01 Jan 1900 00:00:00 GMT", Some(0));
        check("Sat, 01 Jan 0000 00:00:00 GMT", Some(0));
    }

    #[test]
    fn malformed_dates_are_rejected() {
        for text in [
            "",
            "0",
            "784111777",
            "yesterday",
            "1994-11-06T08:49:37Z",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "sun, 06 nov 1994 08:49:37 gmt",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sunday, 06-Nov-94T08:49:37 GMT",
            "Sunday, 06-Nov-94 008:49:37 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Wed, 30 Feb 2024 12:00:00 GMT",
            "Wed, 29 Feb 2023 12:00:00 GMT",
            "Thu, 31 Dec 1969 23:59:59 GMT",
            "Thu, 29 Feb 1900 00:00:00 GMT",
            "Wed, 31 Dec 19x9 23:59:59 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT; length=5",
            "Sün, 06 Nov 1994 08:49:37 GMT",
        ] {
            check(text, None);
        }
        assert_eq!(HttpDate::parse(b"Sun, 06 Nov 1994 08:49:37 GM\xFF"), None);
    }

    #[test]
    fn written_as_imf_fixdate() {
        for (seconds, expected) in [
            (i64::MIN, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (-1, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (i64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            let text = HttpDate::from_unix_seconds(seconds).imf_fixdate();
            assert_eq!(str::from_utf8(&text), Ok(expected));
        }
    }

    #[test]
    fn written_as_iso_8601() {
        for (seconds, expected) in [
            (i64::MIN, "1970-01-01T00:00:00Z"),
            (-1, "1970-01-01T00:00:00Z"),
            (0, "1970-01-01T00:00:00Z"),
            (781_433_377, "1994-10-06T08:49:37Z"),
            (784_111_777, "1994-11-06T08:49:37Z"),
            (i64::MAX, "9999-12-31T23:59:59Z"),
        ] {
            let text = HttpDate::from_unix_seconds(seconds).iso_8601();
            assert_eq!(str::from_utf8(&text), Ok(expected));
        }
    }

    proptest! {
        #[test]
        fn agrees_with_httpdate(seconds in 0..=SECONDS_MAX) {
            let date = HttpDate::from_unix_seconds(seconds);
            let text = date.imf_fixdate();
            let expected = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds as u64));
            prop_assert_eq!(str::from_utf8(&text), Ok(expected.as_str()));
            prop_assert_eq!(HttpDate::parse(&text), Some(date));
        }

        #[test]
        fn never_panics(value: Vec<u8>) {
            let _ = HttpDate::parse(&value);
        }
    }
}
