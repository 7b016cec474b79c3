//! Time as the server counts it.

use std::{
    ops::{Add, Sub},
    sync::LazyLock,
    time::{Duration, Instant},
};

/// When the process first read the clock.
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A point in time, of the monotonic clock: in nanoseconds since the process first read it, negative
/// before.
///
/// It is one number, where [`Instant`] is two, whose difference takes a call: each request needs
/// several, and each connection keeps some. Sums and differences saturate, 292 years from then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(i64);

impl Moment {
    /// The current time.
    pub fn now() -> Moment {
        let origin = *ORIGIN;
        Moment(0) + Instant::now().saturating_duration_since(origin)
    }

    /// The number.
    pub fn nanoseconds(self) -> i64 {
        self.0
    }

    /// Nanoseconds since `earlier`; 0 if that is later.
    pub fn nanoseconds_since(self, earlier: Moment) -> u64 {
        self.0.saturating_sub(earlier.0).max(0).cast_unsigned()
    }

    /// The time since `earlier`; zero if that is later.
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_nanos(self.nanoseconds_since(earlier))
    }

    /// The time from then until now.
    pub fn elapsed(self) -> Duration {
        Moment::now().since(self)
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, duration: Duration) -> Moment {
        Moment(self.0.saturating_add(nanoseconds(duration)))
    }
}

impl Sub<Duration> for Moment {
    type Output = Moment;

    fn sub(self, duration: Duration) -> Moment {
        Moment(self.0.saturating_sub(nanoseconds(duration)))
    }
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn sums_and_differences_saturate() {
        let check = |moment: Moment, expected: i64| assert_eq!(moment.nanoseconds(), expected);
        let start = Moment(-5);
        check(start + SECOND, 999_999_995);
        check(start - SECOND, -1_000_000_005);
        check(start + Duration::MAX, i64::MAX - 5);
        check(Moment(5) + Duration::MAX, i64::MAX);
        check(start - Duration::MAX, i64::MIN);
        assert_eq!((start + SECOND).since(start), SECOND);
        assert_eq!(start.since(start + SECOND), Duration::ZERO);
        assert_eq!(
            Moment(i64::MAX).nanoseconds_since(Moment(i64::MIN)),
            i64::MAX as u64
        );
    }

    #[test]
    fn it_is_the_monotonic_clock() {
        let (before, moment, after) = (Instant::now(), Moment::now(), Instant::now());
        while after.elapsed() < Duration::from_millis(2) {}
        let elapsed = moment.elapsed();
        assert!(elapsed >= Duration::from_millis(2));
        assert!(elapsed <= before.elapsed());
    }
}
