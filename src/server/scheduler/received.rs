//! Requests that are read before any of them is answered.
//!
//! A turn first reads from all connections that are ready, then looks up in the
//! response cache what it has read, and then answers. So a file is checked once for
//! all of them, and never before one of them was sent; and the processor runs the
//! same code several times in a row, which it then finds in its caches: the system
//! calls of a response leave little of it there.

use std::ops::{ControlFlow::Continue, Range};

use super::{Driver, EXTRA_RESPONSES_MAX, Key, Scheduler};
use crate::connection::{
    Connection, Readiness, Received, context::READ_BYTES, response_cache::Hit, transport::Transport,
};

/// Connections that are read from before the first of them is answered, which waits
/// as long as the others take to read: about 50 us.
const RECEIVED_CONNECTIONS_MAX: usize = 64;

/// The size of the buffer that they share. Requests are answered once it has no room
/// for another read.
pub const RECEIVED_BYTES_MAX: usize = 128 << 10;

/// What has been read and not answered.
#[derive(Debug)]
pub(super) struct ReceivedRequests {
    buffer: Box<[u8]>,
    filled: usize,
    reads: Vec<Read>,
}

/// What one connection sent.
#[derive(Debug)]
struct Read {
    key: Key,
    /// Where it lies in the buffer.
    received: Received<Range<usize>>,
    /// Set if it is one request, whose response is cached.
    hit: Option<Hit>,
}

impl Default for ReceivedRequests {
    fn default() -> ReceivedRequests {
        ReceivedRequests {
            buffer: vec![0; RECEIVED_BYTES_MAX].into_boxed_slice(),
            filled: 0,
            reads: Vec::with_capacity(RECEIVED_CONNECTIONS_MAX),
        }
    }
}

impl ReceivedRequests {
    /// Reads from a connection, if it waits for a request; returns whether it does.
    /// In any case the connection keeps what the poll reported about reading. There
    /// must be room: see [`ReceivedRequests::is_full`].
    pub(super) fn receive<T: Transport>(
        &mut self,
        key: Key,
        readiness: Readiness,
        connection: &mut Connection<T>,
    ) -> bool {
        connection.note_readiness(readiness);
        let at = self.filled;
        let Some(received) = connection.receive_first(&mut self.buffer[at..at + READ_BYTES]) else {
            return false;
        };
        let received = received.map_continue(|count| at..at + count);
        if let Continue(range) = &received {
            self.filled = range.end;
        }
        self.reads.push(Read {
            key,
            received,
            hit: None,
        });
        true
    }

    /// Whether there is no room for another read.
    pub(super) fn is_full(&self) -> bool {
        self.reads.len() == RECEIVED_CONNECTIONS_MAX || self.buffer.len() - self.filled < READ_BYTES
    }
}

impl<T: Transport, D: Driver<T>> Scheduler<T, D> {
    /// Reads the clock, and answers what was received, within the limits of a turn.
    /// [`Scheduler::finish_turn`] does so after the events.
    pub fn serve_received(&mut self) {
        // Files are checked from here on, after the last request was sent.
        self.cx.refresh();
        if self.received.reads.is_empty() {
            return;
        }
        let mut reads = std::mem::take(&mut self.received.reads);
        let buffer = std::mem::take(&mut self.received.buffer);
        for read in &mut reads {
            if let Continue(range) = &read.received {
                read.hit = self.cx.look_up_alone(&buffer[range.clone()]);
            }
        }
        for Read { key, received, hit } in reads.drain(..) {
            let received = received.map_continue(|range| &buffer[range]);
            // Enough of this turn went to connections with many requests.
            if let Continue(data) = received
                && self.extra_responses > EXTRA_RESPONSES_MAX
            {
                self.act(key, |connection, _, cx| connection.defer_received(data, cx));
                continue;
            }
            self.act(key, |connection, input, cx| match (hit, received) {
                (Some(hit), Continue(head)) => connection.advance_hit(&hit, head, input, cx),
                (_, received) => connection.advance_received(received, input, cx),
            });
            self.extra_responses += self.cx.extra_responses();
        }
        self.received = ReceivedRequests {
            buffer,
            filled: 0,
            reads,
        };
    }
}
