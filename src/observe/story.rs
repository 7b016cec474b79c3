//! The record of a single connection for the status page.

use std::{net::SocketAddr, time::Duration};

use super::close_reason::CloseReason;
use crate::{config::Moment, http::status::Status};

/// Requests of one connection that are recorded; further ones are only counted.
pub const REQUESTS_RECORDED_MAX: usize = 8;
/// Bytes recorded of a request line.
pub const LINE_BYTES_MAX: usize = 40;
/// Closed connections that each worker stores.
pub const STORIES_MAX: usize = 32;

/// The events of one connection, at times since the accept.
#[derive(Clone, Debug)]
pub struct Story {
    /// The connection's number, as in the log.
    pub connection: u64,
    /// The peer; `None` for a Unix domain socket.
    pub client: Option<SocketAddr>,
    /// The worker's number, from 0.
    pub worker: usize,
    /// When it was accepted.
    pub accepted: Moment,
    /// The first byte of the first request.
    pub first_byte: Option<Duration>,
    /// The first [`REQUESTS_RECORDED_MAX`] requests.
    pub requests: Vec<RecordedRequest>,
    /// All requests.
    pub requests_count: u64,
}

/// The story of a closed connection.
#[derive(Clone, Debug)]
pub struct ClosedStory {
    /// Up to its close.
    pub story: Box<Story>,
    /// When it was closed, since the accept.
    pub closed: Duration,
    /// Why.
    pub reason: CloseReason,
}

/// One request of a [`Story`].
#[derive(Clone, Copy, Debug)]
pub struct RecordedRequest {
    /// From the accept to the last byte of the request.
    pub received: Duration,
    /// From the last byte of the request to the last byte of the response written.
    pub took: Duration,
    /// The status of the response.
    pub status: Status,
    /// Bytes of content sent.
    pub bytes: u64,
    line: [u8; LINE_BYTES_MAX],
    line_bytes: u8,
}

impl RecordedRequest {
    /// Method and target, truncated to [`LINE_BYTES_MAX`].
    pub fn line(&self) -> &[u8] {
        self.line
            .get(..usize::from(self.line_bytes))
            .unwrap_or_default()
    }
}

impl Story {
    /// Starts a story. Costs one allocation, and a second one with the first request.
    pub fn begin(
        connection: u64,
        client: Option<SocketAddr>,
        worker: usize,
        now: Moment,
    ) -> Box<Story> {
        Box::new(Story {
            connection,
            client,
            worker,
            accepted: now,
            first_byte: None,
            requests: Vec::new(),
            requests_count: 0,
        })
    }

    /// Records the first byte; later calls are ignored.
    #[inline]
    pub fn first_byte(&mut self, now: Moment) {
        if self.first_byte.is_none() {
            self.first_byte = Some(now.since(self.accepted));
        }
    }

    /// Requests that are only counted.
    pub fn unrecorded(&self) -> u64 {
        self.requests_count - self.requests.len() as u64
    }

    /// Records a request that was complete at `received` and whose response was written at `sent`.
    pub fn request(
        &mut self,
        line: &[u8],
        status: Status,
        bytes: u64,
        received: Moment,
        sent: Moment,
    ) {
        self.requests_count += 1;
        if self.requests.len() >= REQUESTS_RECORDED_MAX {
            return;
        }
        let line_bytes = line.len().min(LINE_BYTES_MAX);
        let mut kept = [0; LINE_BYTES_MAX];
        kept[..line_bytes].copy_from_slice(&line[..line_bytes]);
        self.requests.push(RecordedRequest {
            received: received.since(self.accepted),
            took: sent.since(received),
            status,
            bytes,
            line: kept,
            line_bytes: line_bytes as u8,
        });
    }
}
