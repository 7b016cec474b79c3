//! The most memory and descriptors that the limits in force can cost: logged at the
//! start, at `info`, and derived term by term in `docs/bounds.md`.

use std::fmt;

use super::{scheduler::RECEIVED_BYTES_MAX, table::Slot};
use crate::{
    config::Config,
    connection::{
        Connection, context::READ_BYTES, output::KEPT_BYTES_MAX,
        response_cache::RESPONSE_CACHE_BYTES_MAX, serve::COALESCED_BYTES_MAX, socket::Stream,
    },
    files::{
        MEMORY_BYTES_MAX,
        listing::{LISTINGS_BYTES_MAX, UNSHARED_BYTES},
    },
    http::content_coding::ContentCoding,
    observe::{
        access_log::QUEUE_BYTES_MAX,
        log_line::FIELD_BYTES_MAX,
        story::{REQUESTS_RECORDED_MAX, RecordedRequest, Story},
    },
};

/// The part of a thread's stack that is ever touched, and its poll's events.
const THREAD_BYTES: u64 = 512 << 10;

/// The program itself and everything that exists once.
const PROGRAM_BYTES: u64 = 16 << 20;

/// The head and page of one response, except for a listing, which has terms of
/// its own.
const RESPONSE_BYTES: u64 = 16 << 10;

/// The allocator takes more than it gives, by this part of it.
const ALLOCATOR_DIVISOR: u64 = 4;

/// A growing table is copied into one twice as large.
const TABLE_COPIES: u64 = 3;

/// A file and its variants, all held while one of them is sent.
const FILES: u64 = 1 + ContentCoding::ALL.len() as u64;

/// All of them, each as large as one held in memory can be.
const FILES_BYTES: u64 = FILES * MEMORY_BYTES_MAX;

/// The most that escaping makes of one byte in a logged line.
const ESCAPED_BYTES: u64 = 6;

/// The record of a connection for the status page.
const STORY_BYTES: u64 =
    (size_of::<Story>() + REQUESTS_RECORDED_MAX * size_of::<RecordedRequest>()) as u64;

/// For a listing instead: its entries, the first chunk, and the one being
/// written.
const LISTING_BYTES: u64 = 3 * UNSHARED_BYTES as u64;

/// The worst case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes independent of connections: program, workers, cache, listings, access log.
    pub base_bytes: u64,
    /// Bytes of an idle connection.
    pub idle_bytes: u64,
    /// Bytes of a connection in its most costly state.
    pub busy_bytes: u64,
    /// Connections.
    pub connections: u64,
    /// Descriptors: the connections, the files that each may send from, those kept open, and
    /// everything else; at most the limit on open files.
    pub descriptors: u64,
}

impl Bounds {
    /// The bounds of a server with these numbers of connections and descriptors, and `beside`
    /// descriptors for anything else (see [`beside`](super::descriptors::beside)).
    pub fn new(config: &Config, connections: usize, beside: u64, descriptors: u64) -> Bounds {
        let head = &config.limits.head;
        let input =
            (head.request_line_bytes_max + head.header_section_bytes_max + 2 * READ_BYTES) as u64;
        let buffers = RECEIVED_BYTES_MAX + KEPT_BYTES_MAX + RESPONSE_CACHE_BYTES_MAX;
        let worker = input + buffers as u64 + THREAD_BYTES;
        let slot = size_of::<Slot<Connection<Stream>>>() as u64;
        let (story, story_line) = match config.status {
            Some(_) => (
                with_allocator(STORY_BYTES),
                head.request_line_bytes_max as u64,
            ),
            None => (0, 0),
        };
        let idle_bytes = TABLE_COPIES * slot + story;
        // The log line of a response is kept until all of it is sent.
        let (logs, log_line) = match config.access_log {
            Some(_) => (
                2 * QUEUE_BYTES_MAX as u64,
                ESCAPED_BYTES * (head.request_line_bytes_max + 2 * FIELD_BYTES_MAX) as u64,
            ),
            None => (0, 0),
        };
        // Half a head, or half a response followed by further requests.
        let owned = input + COALESCED_BYTES_MAX as u64 + RESPONSE_BYTES + story_line + log_line;
        let (held, listings) = match config.site.listing {
            true => (FILES_BYTES.max(LISTING_BYTES), LISTINGS_BYTES_MAX),
            false => (FILES_BYTES, 0),
        };
        let connections = connections as u64;
        Bounds {
            base_bytes: PROGRAM_BYTES
                + config.threads.get() as u64 * worker
                + with_allocator(config.site.cache_bytes_max.saturating_add(listings + logs)),
            idle_bytes,
            busy_bytes: idle_bytes + with_allocator(owned + held),
            connections,
            descriptors: connections
                .saturating_mul(1 + FILES)
                .saturating_add(config.site.descriptors_kept_max)
                .saturating_add(beside)
                .min(descriptors),
        }
    }

    /// Bytes with every connection in its most costly state at once.
    pub fn memory_bytes(&self) -> u64 {
        self.base_bytes
            .saturating_add(self.busy_bytes.saturating_mul(self.connections))
    }
}

fn with_allocator(bytes: u64) -> u64 {
    bytes.saturating_add(bytes.div_ceil(ALLOCATOR_DIVISOR))
}

impl fmt::Display for Bounds {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "resource bounds: {} MiB of memory ({} MiB, and {} connections of {} bytes idle, \
             {} KiB busy) and {} descriptors",
            self.memory_bytes() >> 20,
            self.base_bytes >> 20,
            self.connections,
            self.idle_bytes,
            self.busy_bytes >> 10,
            self.descriptors,
        )
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::config::AccessLogTarget;

    #[test]
    fn each_limit_moves_its_own_term() {
        let config = Config {
            threads: NonZeroUsize::MIN,
            ..Config::default()
        };
        let bounds = Bounds::new(&config, 100, 2, 1_000);
        assert!(bounds.idle_bytes <= 1024, "{bounds}");
        assert_eq!(
            Bounds::new(&config, 200, 2, 1_000).memory_bytes() - bounds.memory_bytes(),
            100 * bounds.busy_bytes
        );
        let mut more = config.clone();
        more.site.cache_bytes_max += 100 << 20;
        let difference = Bounds::new(&more, 100, 2, 1_000).base_bytes - bounds.base_bytes;
        assert_eq!(difference, 125 << 20);
        more = config.clone();
        more.site.listing = true;
        let difference = Bounds::new(&more, 100, 2, 1_000).base_bytes - bounds.base_bytes;
        assert_eq!(difference, LISTINGS_BYTES_MAX / 4 * 5);
        more = config.clone();
        more.status = Some(([127, 0, 0, 1], 0).into());
        let difference = Bounds::new(&more, 100, 2, 1_000).idle_bytes - bounds.idle_bytes;
        assert_eq!(difference, STORY_BYTES + STORY_BYTES.div_ceil(4));
        more = config.clone();
        more.access_log = Some(AccessLogTarget::Stdout);
        let with_log = Bounds::new(&more, 100, 2, 1_000);
        assert!(with_log.base_bytes > bounds.base_bytes);
        assert!(with_log.busy_bytes > bounds.busy_bytes);
        more = config.clone();
        more.limits.head.header_section_bytes_max += 100_000;
        let difference = Bounds::new(&more, 100, 2, 1_000).busy_bytes - bounds.busy_bytes;
        assert!((124_900..=125_100).contains(&difference), "{difference}");
        more = config.clone();
        more.threads = NonZeroUsize::MIN.saturating_add(2);
        let difference = Bounds::new(&more, 100, 2, 1_000).base_bytes - bounds.base_bytes;
        assert!(difference > 2 * THREAD_BYTES, "{difference}");
    }

    #[test]
    fn the_status_page_and_the_access_log_copy_the_request_line() {
        for (has_status, has_log, copies) in [(false, false, 1), (true, false, 2), (false, true, 7)]
        {
            let mut config = Config {
                status: has_status.then(|| ([127, 0, 0, 1], 0).into()),
                access_log: has_log.then_some(AccessLogTarget::Stdout),
                ..Config::default()
            };
            let before = Bounds::new(&config, 100, 2, 1_000).busy_bytes;
            config.limits.head.request_line_bytes_max += 100_000;
            let difference = Bounds::new(&config, 100, 2, 1_000).busy_bytes - before;
            assert_eq!(difference / 1_000, copies * 125, "{copies} copies");
        }
    }

    #[test]
    fn a_connection_holds_its_socket_and_a_file_with_its_variants() {
        let mut config = Config::default();
        config.site.descriptors_kept_max = 7;
        assert_eq!(Bounds::new(&config, 100, 2, 1_000).descriptors, 509);
        assert_eq!(Bounds::new(&config, 100, 2, 508).descriptors, 508);
        assert_eq!(Bounds::new(&config, usize::MAX, 2, 64).descriptors, 64);
    }
}
