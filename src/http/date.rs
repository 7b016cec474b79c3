//! HTTP dates (RFC 9110 section 5.6.7), and the calendar they are made of.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment in whole seconds since the epoch, as HTTP dates have it.
/// From 1970 to the end of the year 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HttpDate(u64);

/// The length of an IMF-fixdate in bytes.
pub const IMF_FIXDATE_BYTES: usize = 29;

/// The time of day of a leap second, which a date may have.
const LEAP_SECOND: &str = "23:59:60";

/// The last second of the year 9999, since the epoch.
const SECONDS_MAX: i64 = 253_402_300_799;

/// The first second of the year 0, since the epoch.
const SECONDS_MIN: i64 = -62_167_219_200;

impl HttpDate {
    /// The date so many seconds after the epoch; clamped to the span.
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

    /// Any of the three formats a recipient must accept; `None` for anything
    /// else, a wrong day of the week included. A date before 1970 is clamped.
    ///
    /// The two-digit year of the RFC 850 format is read as 1970 to 2069.
    pub fn parse(value: &[u8]) -> Option<HttpDate> {
        let text = std::str::from_utf8(value).ok()?;
        if let Ok(time) = httpdate::parse_http_date(text) {
            return HttpDate::from_system_time(time);
        }
        if let Some((before, after)) = text.split_once(LEAP_SECOND) {
            // httpdate does not read it: it is the second after the one before.
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
        let civil = Civil::from_unix_seconds(self.0 as i64);
        let mut text = *b"---, 00 --- 0000 00:00:00 GMT";
        text[..3].copy_from_slice(civil.weekday_name().as_bytes());
        put_two(&mut text, 5, civil.day);
        text[8..11].copy_from_slice(civil.month_name().as_bytes());
        put_year(&mut text, 12, civil.year);
        put_time(&mut text, 17, civil);
        text
    }
}

/// Whether `value` is a valid date of the years 0 to 1969, which `httpdate`
/// does not read. The calendar repeats every 400 years, days of the week
/// included, so such a date is as valid as the one 2000 years later.
fn is_before_1970(value: &[u8]) -> bool {
    let year_at = match value.len() {
        // IMF-fixdate and the format of asctime().
        IMF_FIXDATE_BYTES => 12,
        24 => 20,
        _ => return false,
    };
    let mut later = value.to_vec();
    let Some(year) = later.get_mut(year_at..year_at + 4) else {
        return false;
    };
    match year {
        [millennium @ b'0', ..] | [millennium @ b'1', b'0'..=b'8', ..] => *millennium += 2,
        [millennium @ b'1', b'9', b'0'..=b'6', _] => *millennium += 2,
        _ => return false,
    }
    str::from_utf8(&later).is_ok_and(|text| httpdate::parse_http_date(text).is_ok())
}

/// A moment in the Gregorian calendar, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// From 0 to 9999.
    pub year: u16,
    /// From 1 to 12.
    pub month: u8,
    /// From 1 to 31.
    pub day: u8,
    /// From 0 to 23.
    pub hour: u8,
    /// From 0 to 59.
    pub minute: u8,
    /// From 0 to 59: there are no leap seconds since the epoch.
    pub second: u8,
    /// From 0, a Monday, to 6.
    pub weekday: u8,
}

/// The length of an ISO 8601 date and time in bytes.
pub const ISO_8601_BYTES: usize = 20;

impl Civil {
    /// The moment so many seconds after (or before) the epoch; clamped to the
    /// years 0 to 9999.
    pub const fn from_unix_seconds(seconds: i64) -> Civil {
        let seconds = match seconds {
            ..SECONDS_MIN => SECONDS_MIN,
            SECONDS_MAX.. => SECONDS_MAX,
            _ => seconds,
        };
        // Counted from 1 March of the year 0, a year ends with its leap day
        // and an era of 400 years has always the same number of days.
        let days = (seconds - SECONDS_MIN) as u64 / 86_400 + 306 + DAYS_PER_ERA - 366;
        let clock = (seconds - SECONDS_MIN) as u64 % 86_400;
        let (era, day_of_era) = (days / DAYS_PER_ERA, days % DAYS_PER_ERA);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let after_new_year = month_from_march >= 10;
        let year = era * 400 + year_of_era + after_new_year as u64 - 400;
        Civil {
            year: year as u16,
            month: (month_from_march + if after_new_year { 0 } else { 12 } - 9) as u8,
            day: (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u8,
            hour: (clock / 3_600) as u8,
            minute: (clock / 60 % 60) as u8,
            second: (clock % 60) as u8,
            weekday: ((days + 2) % 7) as u8,
        }
    }

    /// The month in three letters: `Nov`.
    pub fn month_name(self) -> &'static str {
        name(
            "JanFebMarAprMayJunJulAugSepOctNovDec",
            self.month.wrapping_sub(1),
        )
    }

    /// The day of the week in three letters: `Sun`.
    pub fn weekday_name(self) -> &'static str {
        name("MonTueWedThuFriSatSun", self.weekday)
    }

    /// The moment as ISO 8601 has it: `1994-11-06T08:49:37Z`.
    pub fn iso_8601(self) -> [u8; ISO_8601_BYTES] {
        let mut text = *b"0000-00-00T00:00:00Z";
        put_year(&mut text, 0, self.year);
        put_two(&mut text, 5, self.month);
        put_two(&mut text, 8, self.day);
        put_time(&mut text, 11, self);
        text
    }
}

/// Days in the 400 years after which the calendar repeats.
const DAYS_PER_ERA: u64 = 146_097;

/// The three letters at `index`; three dashes where there are none.
fn name(names: &'static str, index: u8) -> &'static str {
    let start = usize::from(index) * 3;
    names.get(start..start + 3).unwrap_or("---")
}

fn put_two(text: &mut [u8], at: usize, value: u8) {
    text[at] = b'0' + value / 10;
    text[at + 1] = b'0' + value % 10;
}

fn put_year(text: &mut [u8], at: usize, year: u16) {
    put_two(text, at, (year / 100) as u8);
    put_two(text, at + 2, (year % 100) as u8);
}

fn put_time(text: &mut [u8], at: usize, civil: Civil) {
    put_two(text, at, civil.hour);
    put_two(text, at + 3, civil.minute);
    put_two(text, at + 6, civil.second);
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
    fn what_is_before_1970_is_clamped() {
        check("Wed, 31 Dec 1969 23:59:59 GMT", Some(0));
        check("Wed Dec 31 23:59:59 1969", Some(0));
        check("Mon, 01 Jan 1900 00:00:00 GMT", Some(0));
        check("Sat, 01 Jan 0000 00:00:00 GMT", Some(0));
    }

    #[test]
    fn anything_else_is_not() {
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
            (i64::MIN, "0000-01-01T00:00:00Z"),
            (SECONDS_MIN + 59 * 86_400, "0000-02-29T00:00:00Z"),
            (SECONDS_MIN + 366 * 86_400, "0001-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (0, "1970-01-01T00:00:00Z"),
            (784_111_777, "1994-11-06T08:49:37Z"),
            (i64::MAX, "9999-12-31T23:59:59Z"),
        ] {
            let text = Civil::from_unix_seconds(seconds).iso_8601();
            assert_eq!(str::from_utf8(&text), Ok(expected));
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut before = Civil::from_unix_seconds(SECONDS_MIN);
        for day in 1..=3_652_424 {
            let now = Civil::from_unix_seconds(SECONDS_MIN + day * 86_400);
            assert_eq!(now.weekday, (before.weekday + 1) % 7, "{now:?}");
            let next_day =
                (now.year, now.month, now.day) == (before.year, before.month, before.day + 1);
            let next_month = now.day == 1 && now.month == before.month % 12 + 1 && before.day >= 28;
            assert!(next_day || next_month, "{before:?} {now:?}");
            before = now;
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
