//! What ends a worker's wait when no event does.
//!
//! A wait with a time-out sets up a timer of the kernel and removes it again, with each
//! request of a lightly loaded server; in a virtual machine both may have to be told to
//! the host. On Linux the waits have no time-out, but a timer among the descriptors of
//! the poll (timerfd_create(2)) that is set once for all waits until it expires.
//! Elsewhere, or if the system refuses one, each wait has a time-out.

use std::{os::fd::OwnedFd, time::Duration};

use mio::{Registry, Token};

use crate::config::Moment;

/// The token of the timer; no descriptor is as large.
pub const TIMER: Token = Token(usize::MAX - 1);

/// The timer of one poll. It reports its expiry as an event with the token [`TIMER`].
#[derive(Debug)]
pub struct Timer {
    /// Never read: the poll reports each expiry once, and setting it again makes it
    /// unreadable.
    descriptor: Option<OwnedFd>,
    /// When it expires at the earliest, if it is set.
    expires: Option<Moment>,
}

impl Timer {
    /// A timer that is not set, as a part of a poll.
    pub fn register(registry: &Registry) -> Timer {
        let descriptor = kernel::create(registry);
        if let Err(error) = &descriptor {
            log::info!("waits have time-outs: no timer: {error}");
        }
        Timer {
            descriptor: descriptor.ok(),
            expires: None,
        }
    }

    /// Sees to it that a wait that begins `now` ends at `end`. Returns the time-out to
    /// wait with; `None`: none is needed. A timer that is still set for an earlier wait
    /// may end this one sooner.
    pub fn bound(&mut self, now: Moment, end: Moment) -> Option<Duration> {
        if end <= now {
            return Some(Duration::ZERO);
        }
        if self.expires.is_none_or(|expires| expires > end) {
            self.set(now, end);
        }
        self.expires.is_none().then(|| end.since(now))
    }

    #[cold]
    fn set(&mut self, now: Moment, end: Moment) {
        let timer = self.descriptor.as_ref();
        let is_set = timer.is_some_and(|timer| kernel::set(timer, end.since(now)));
        self.expires = is_set.then_some(end);
    }

    /// Takes note of an event of the timer.
    pub fn expired(&mut self) {
        self.expires = None;
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod kernel {
    use std::{
        io,
        os::fd::{AsRawFd, OwnedFd},
        time::Duration,
    };

    use mio::{Interest, Registry, unix::SourceFd};
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };

    pub fn create(registry: &Registry) -> io::Result<OwnedFd> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let source = &mut SourceFd(&timer.as_raw_fd());
        registry.register(source, super::TIMER, Interest::READABLE)?;
        Ok(timer)
    }

    /// Sets it to expire once, after `wait`, which is not zero. Returns whether it is set.
    pub fn set(timer: &OwnedFd, wait: Duration) -> bool {
        let Ok(it_value) = Timespec::try_from(wait) else {
            return false;
        };
        let it_interval = Timespec::default();
        let value = Itimerspec {
            it_interval,
            it_value,
        };
        timerfd_settime(timer, TimerfdTimerFlags::empty(), &value).is_ok()
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod kernel {
    use std::{io, os::fd::OwnedFd, time::Duration};

    use mio::Registry;

    pub fn create(_: &Registry) -> io::Result<OwnedFd> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn set(_: &OwnedFd, _: Duration) -> bool {
        false
    }
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use mio::{Events, Poll};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(1);

    /// Bounds waits from `now`, one after the other, and then waits for an event of
    /// the timer. `None`: none comes.
    #[track_caller]
    fn check(waits: &[Duration], expected: Option<Token>) {
        let mut poll = Poll::new().unwrap();
        let mut timer = Timer::register(poll.registry());
        let now = Moment::now();
        for &wait in waits {
            let timeout = timer.bound(now, now + wait);
            assert_eq!(timeout, wait.is_zero().then_some(wait), "{waits:?}");
        }
        let mut events = Events::with_capacity(1);
        let time_max = match expected {
            Some(_) => LONG,
            None => Duration::from_millis(20),
        };
        poll.poll(&mut events, Some(time_max)).unwrap();
        let token = events.iter().next().map(|event| event.token());
        assert_eq!(token, expected, "{waits:?}");
    }

    #[test]
    fn the_timer_ends_a_wait() {
        check(&[], None);
        check(&[Duration::ZERO], None);
        check(&[LONG], None);
        check(&[SHORT], Some(TIMER));
        check(&[SHORT, Duration::ZERO], Some(TIMER));
        // One that ends later is not set again; one that ends earlier is.
        check(&[SHORT, LONG], Some(TIMER));
        check(&[LONG, SHORT], Some(TIMER));
    }

    #[test]
    fn it_is_set_again_after_it_expired() {
        let mut poll = Poll::new().unwrap();
        let mut timer = Timer::register(poll.registry());
        let mut events = Events::with_capacity(1);
        for _ in 0..3 {
            let now = Moment::now();
            assert_eq!(timer.bound(now, now + SHORT), None);
            poll.poll(&mut events, Some(LONG)).unwrap();
            assert!(events.iter().any(|event| event.token() == TIMER));
            timer.expired();
        }
    }
}
