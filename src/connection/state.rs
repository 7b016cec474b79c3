//! The life of a connection: its states, and how long each may last.
//!
//! ```text
//!   accepted
//!      |
//!      v        head whole, body to come
//!  ReadingHead ------------------------> DiscardingBody
//!   ^  ^   | \                                |
//!   |  |   |  \ a folder to be listed         |
//!   |  |   |   `---> ReadingDirectory            |
//!   |  |   | answered,     | listed: answered | body whole: answered
//!   |  |   v not all sent  v                  v
//!   |  |  Writing <--------+------------------+
//!   |  |   |  |
//!   |  +---+  | all sent, nothing buffered
//!   | next    v
//!   +------ Idle           last response sent: our side shut
//!   first byte  |               |
//!               |               v
//!               |           Lingering
//!               v               |
//!             closed <----------+
//! ```
//!
//! A response that goes out in one write never enters `Writing`: its state
//! leads straight to where `Writing` would. Not drawn are:
//!
//! - the ways to `closed` that every state has: the peer's end, a reset, a
//!   deadline, the end of the server, which `Idle` and `ReadingHead` await in
//!   `Lingering`;
//! - what a refused request, or one that did not come in time, leads to: its
//!   answer is the last response;
//! - `Writing` to `DiscardingBody` or `ReadingDirectory`, where a 100 (Continue), or
//!   responses to requests before it, could not be sent at once ([`Then`]).
//!
//! Every state ends by itself: [`State::deadline`] is the only place that says
//! when. What leads from one to the next stands where it happens: in `read`,
//! `serve`, `folder`, `write` and `close`.

use std::time::Instant;

use super::{accounting::PendingRecord, body::Body, output::Output};
use crate::{
    config::Timeouts, files::listing::Listing, http::request::HeadLimits,
    observe::close_reason::CloseReason,
};

/// Where a connection stands. What a state needs, it holds.
#[derive(Debug)]
pub enum State {
    /// Waiting for a head, or for the rest of one.
    ReadingHead(ReadingHead),
    /// The head is whole, its body is not.
    DiscardingBody(Box<DiscardingBody>),
    /// The request is whole; the folder that it asks for is being listed.
    ReadingDirectory(Box<ReadingDirectory>),
    /// A response is under way that the transport could not take at once.
    Writing(Box<Writing>),
    /// Kept alive, between two requests. It owns nothing.
    Idle {
        /// When the last response was sent.
        since: Instant,
    },
    /// Our side is shut. What still comes is discarded, so that no reset
    /// overtakes the last response (RFC 9112 section 9.6).
    Lingering(Lingering),
}

/// See [`State::ReadingHead`].
#[derive(Debug)]
pub struct ReadingHead {
    /// When the connection was accepted, or the first byte of this request
    /// came. The time-out counts from here, whatever else comes.
    pub since: Instant,
    /// What has been read of this head and, `deferred`, what follows it.
    pub input: Vec<u8>,
    /// Whether `input` may hold a whole head: the turn's budget ran out.
    pub deferred: bool,
}

/// See [`State::DiscardingBody`].
#[derive(Debug)]
pub struct DiscardingBody {
    /// When the head was whole.
    pub since: Instant,
    /// The head, kept to be answered once its body is whole.
    pub head: Box<[u8]>,
    /// How far the body has come.
    pub body: Body,
}

/// See [`State::ReadingDirectory`].
#[derive(Debug)]
pub struct ReadingDirectory {
    /// When it began.
    pub since: Instant,
    /// The request's head, kept to be answered once the listing is finished.
    pub head: Box<[u8]>,
    /// How far the listing has come.
    pub listing: Box<Listing>,
    /// What has been read behind the request.
    pub unparsed: Vec<u8>,
}

/// See [`State::Writing`].
#[derive(Debug)]
pub struct Writing {
    /// What is left to send.
    pub output: Output,
    /// What has been read behind the request being answered.
    pub unparsed: Vec<u8>,
    /// What comes after.
    pub then: Then,
    /// When the transport last took a byte.
    pub progress_at: Instant,
    /// Begin of the stretch over which the least rate is judged.
    pub rate_since: Instant,
    /// Bytes sent in that stretch.
    pub rate_bytes: u64,
    /// What is to be noted of the last response once it is sent.
    pub pending: Option<Box<PendingRecord>>,
}

/// See [`State::Lingering`].
#[derive(Debug)]
pub struct Lingering {
    /// When our side was shut.
    pub since: Instant,
    /// Why the connection ends.
    pub reason: CloseReason,
}

/// What follows a write.
#[derive(Debug)]
pub enum Then {
    /// The next request.
    Request,
    /// The body that a 100 (Continue) asked for.
    Body(Box<DiscardingBody>),
    /// The listing of a folder that is not finished, for the request with this
    /// head.
    Listing(Box<[u8]>, Box<Listing>),
    /// The end.
    Close(CloseReason),
}

impl State {
    /// Waiting for a head since then, of which `input` is there.
    pub fn reading(since: Instant, input: Vec<u8>, deferred: bool) -> State {
        State::ReadingHead(ReadingHead {
            since,
            input,
            deferred,
        })
    }

    /// When the connection is cut if nothing changes.
    pub fn deadline(&self, timeouts: &Timeouts) -> Instant {
        match self {
            State::ReadingHead(reading) => reading.since + timeouts.header,
            State::DiscardingBody(discarding) => discarding.since + timeouts.body,
            State::ReadingDirectory(reading) => reading.since + timeouts.write,
            State::Writing(writing) => writing.progress_at + timeouts.write,
            State::Idle { since } => *since + timeouts.keep_alive,
            State::Lingering(lingering) => lingering.since + timeouts.linger,
        }
    }

    /// Since when it is idle, if it is.
    pub fn idle_since(&self) -> Option<Instant> {
        match self {
            State::Idle { since } => Some(*since),
            _ => None,
        }
    }

    /// The name people know it by.
    pub fn name(&self) -> &'static str {
        match self {
            State::ReadingHead(_) => "reading a head",
            State::DiscardingBody(_) => "discarding a body",
            State::ReadingDirectory(_) => "reading a directory",
            State::Writing(_) => "writing",
            State::Idle { .. } => "idle",
            State::Lingering(_) => "lingering",
        }
    }
}

impl ReadingHead {
    /// Whether a byte of a request came: an empty line behind the last one
    /// begins none (RFC 9112 section 2.2).
    pub fn has_begun(&self) -> bool {
        !matches!(&*self.input, b"" | b"\r" | b"\r\n")
    }

    /// Whether `new` bytes behind those `held` can bring a verdict, as
    /// [`request::parse`](crate::http::request::parse) has it: any byte of the
    /// request line can; of what follows only a line feed, or one beyond the
    /// limit. So a head that comes in many pieces is not parsed for each.
    pub fn can_end(held: &[u8], new: &[u8], limits: &HeadLimits) -> bool {
        // An empty line may stand before the request line.
        let start = if held.starts_with(b"\r\n") { 2 } else { 0 };
        let line = held[start..].iter().position(|&byte| byte == b'\n');
        line.is_none_or(|line_end| {
            let block_bytes = held.len() + new.len() - (start + line_end + 1);
            new.contains(&b'\n') || block_bytes > limits.fields_bytes_max
        })
    }
}

impl Writing {
    /// Notes that the transport took `sent` bytes, and says whether the peer
    /// still reads fast enough: `rate_min` bytes a second on average over
    /// each stretch of the write time-out.
    pub fn progress(
        &mut self,
        sent: usize,
        now: Instant,
        timeouts: &Timeouts,
        rate_min: u64,
    ) -> bool {
        if sent == 0 {
            return true;
        }
        self.progress_at = now;
        self.rate_bytes += sent as u64;
        let stretch = now.saturating_duration_since(self.rate_since);
        if stretch < timeouts.write {
            return true;
        }
        let fast_enough = self.rate_bytes as f64 >= rate_min as f64 * stretch.as_secs_f64();
        self.rate_since = now;
        self.rate_bytes = 0;
        fast_enough
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn writing(at: Instant) -> Writing {
        Writing {
            output: Output::default(),
            unparsed: Vec::new(),
            then: Then::Request,
            progress_at: at,
            rate_since: at,
            rate_bytes: 0,
            pending: None,
        }
    }

    #[test]
    fn a_state_has_its_deadline() {
        let start = Instant::now();
        let timeouts = Timeouts {
            keep_alive: SECOND,
            header: 2 * SECOND,
            body: 3 * SECOND,
            write: 4 * SECOND,
            linger: 5 * SECOND,
            shutdown: 6 * SECOND,
        };
        let body = DiscardingBody {
            since: start,
            head: Box::default(),
            body: Body::Length {
                left: 1,
                arrived: 0,
            },
        };
        let lingering = Lingering {
            since: start,
            reason: CloseReason::ClientAsked,
        };
        let check = |state: State, name: &str, seconds: u32| {
            assert_eq!(state.name(), name);
            let deadline = start + seconds * SECOND;
            assert_eq!(state.deadline(&timeouts), deadline, "{name}");
        };
        check(State::Idle { since: start }, "idle", 1);
        let reading = State::reading(start, Vec::new(), false);
        check(reading, "reading a head", 2);
        let discarding = State::DiscardingBody(Box::new(body));
        check(discarding, "discarding a body", 3);
        check(State::Writing(Box::new(writing(start))), "writing", 4);
        check(State::Lingering(lingering), "lingering", 5);
    }

    #[test]
    fn only_what_can_end_a_head_is_judged() {
        let limits = HeadLimits {
            line_bytes_max: 20,
            fields_bytes_max: 10,
            fields_max: 3,
        };
        let check = |held: &str, new: &str, expected: bool| {
            let judged = ReadingHead::can_end(held.as_bytes(), new.as_bytes(), &limits);
            assert_eq!(judged, expected, "{held:?} {new:?}");
        };
        check("", "G", true);
        check("GET", " ", true);
        check("GET / HTTP/1.1\r", "\n", true);
        check("GET / HTTP/1.1\r\n", "Host", false);
        check("GET / HTTP/1.1\r\nHost: ", "h\r\n", true);
        check("GET / HTTP/1.1\r\nHost: ", "1234", false);
        check("GET / HTTP/1.1\r\nHost: ", "12345", true);
        check("\r\n", "G", true);
        check("\r\nGET", " ", true);
        check("\r\nGET / HTTP/1.1\r\n", "Host", false);
    }

    #[test]
    fn a_reader_is_judged_over_whole_stretches() {
        let start = Instant::now();
        let timeouts = Timeouts {
            write: 10 * SECOND,
            ..Timeouts::default()
        };
        // (second, bytes, whether that is fast enough at 100 bytes a second)
        let check = |sent: &[(u32, usize, bool)]| {
            let mut writing = writing(start);
            for &(second, bytes, expected) in sent {
                let now = start + second * SECOND;
                let is_enough = writing.progress(bytes, now, &timeouts, 100);
                assert_eq!(is_enough, expected, "{sent:?} at {second}");
                if bytes > 0 {
                    assert_eq!(writing.progress_at, now);
                }
            }
        };
        check(&[(9, 1, true), (9, 1, true)]);
        check(&[(9, 1, true), (10, 1, false)]);
        check(&[(9, 999, true), (10, 1, true)]);
        check(&[(15, 1_499, false)]);
        check(&[(15, 1_500, true), (24, 1, true), (25, 998, false)]);
        check(&[(15, 1_500, true), (24, 1, true), (25, 999, true)]);
        check(&[(40, 0, true)]);
    }
}
