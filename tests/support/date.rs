//! HTTP dates, parsed strictly and independently of the server.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The time that an IMF-fixdate denotes (RFC 9110 section 5.6.7). The day of the week is checked
/// too.
pub fn imf_fixdate(text: &str) -> Result<SystemTime, String> {
    let fault = |why: &str| format!("{text:?} is not an IMF-fixdate: {why}");
    let shape = "Aaa, 00 Aaa 0000 00:00:00 GMT";
    let fits = text.len() == shape.len()
        && text
            .bytes()
            .zip(shape.bytes())
            .enumerate()
            .all(|(i, (got, wanted))| match wanted {
                b'0' => got.is_ascii_digit(),
                b'A' if i < 25 => got.is_ascii_uppercase(),
                b'a' => got.is_ascii_lowercase(),
                _ => got == wanted,
            });
    if !fits {
        return Err(fault("wrong format"));
    }
    let number = |at: std::ops::Range<usize>| text[at].parse::<u64>().expect("digits");
    let (day, year) = (number(5..7), number(12..16));
    let (hour, minute, second) = (number(17..19), number(20..22), number(23..25));
    let month = MONTHS
        .iter()
        .position(|name| *name == &text[8..11])
        .ok_or_else(|| fault("wrong month"))?;
    if year < 1970 || hour > 23 || minute > 59 || second > 60 {
        return Err(fault("out of range"));
    }
    let days_before = (1970..year)
        .map(|y| if leap(y) { 366 } else { 365 })
        .sum::<u64>()
        + (0..month).map(|m| month_days(year, m)).sum::<u64>();
    if day == 0 || day > month_days(year, month) {
        return Err(fault("wrong day"));
    }
    let days = days_before + day - 1;
    if DAYS[(days % 7) as usize] != &text[0..3] {
        return Err(fault("wrong day of the week"));
    }
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
    Ok(UNIX_EPOCH + Duration::from_secs(seconds))
}

fn leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn month_days(year: u64, month: usize) -> u64 {
    match month {
        1 if leap(year) => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}
