//! HTTP dates (RFC 9110 section 5.6.7).

/// A moment in whole seconds since the epoch, as HTTP dates have it.
/// From 1970 to the end of the year 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HttpDate(u64);

/// The length of an IMF-fixdate in bytes.
pub const IMF_FIXDATE_BYTES: usize = 29;

impl HttpDate {
    /// The date so many seconds after the epoch; clamped to the span.
    pub fn from_unix_seconds(seconds: i64) -> HttpDate {
        let _ = seconds;
        todo!()
    }

    /// Seconds since the epoch.
    pub fn unix_seconds(self) -> u64 {
        self.0
    }

    /// Any of the three formats a recipient must accept; `None` for anything
    /// else.
    pub fn parse(value: &[u8]) -> Option<HttpDate> {
        let _ = value;
        todo!()
    }

    /// The IMF-fixdate.
    pub fn imf_fixdate(self) -> [u8; IMF_FIXDATE_BYTES] {
        todo!()
    }
}
