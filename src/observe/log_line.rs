//! The lines of the access log.

use std::net::IpAddr;

use super::close_reason::CloseReason;
use crate::{
    config::LogFormat,
    http::{request::Version, status::Status},
};

/// A second of wall time as both formats write it, always in UTC.
#[derive(Clone, Debug)]
pub struct LogTime {
    unix_seconds: u64,
}

impl LogTime {
    /// The second so long after the epoch.
    pub fn new(unix_seconds: u64) -> LogTime {
        LogTime { unix_seconds }
    }

    /// Moves to another second; costs a comparison when it is still the same.
    pub fn set(&mut self, unix_seconds: u64) {
        self.unix_seconds = unix_seconds;
    }
}

/// The first line of a request, as far as it was understood.
#[derive(Clone, Copy, Debug)]
pub enum LogRequest<'a> {
    /// Well-formed: method and target as they came.
    Parsed(&'a str, Version),
    /// Malformed: the first bytes as they came; none are written as `-`.
    Raw(&'a [u8]),
}

/// What is known of a request when its response begins.
#[derive(Clone, Copy, Debug)]
pub struct LogEntry<'a> {
    /// The client, behind a trusted proxy the one it names.
    pub client: IpAddr,
    /// When the head was whole.
    pub time: &'a LogTime,
    /// The first line.
    pub request: LogRequest<'a>,
    /// The answer's status.
    pub status: Status,
    /// `Referer`.
    pub referer: Option<&'a [u8]>,
    /// `User-Agent`.
    pub user_agent: Option<&'a [u8]>,
    /// The connection's number.
    pub connection: u64,
    /// The request's number on its connection, from 1.
    pub number: u64,
}

/// What is known of a request when its response has ended.
#[derive(Clone, Copy, Debug)]
pub struct LogOutcome {
    /// Bytes of content sent, without the head.
    pub bytes: u64,
    /// From the head's last byte to the last byte written.
    pub microseconds: u64,
    /// Why the connection closes after this response; `None`: it is kept.
    pub close: Option<CloseReason>,
}

/// Appends one line. It neither allocates, once `out` has its size, nor fails.
pub fn write_line(format: LogFormat, entry: &LogEntry, outcome: &LogOutcome, out: &mut Vec<u8>) {
    let _ = (format, entry, outcome, out);
    todo!()
}

/// A line whose outcome is not yet known: a response that takes more than one
/// turn. It owns a copy of what the request said.
#[derive(Clone, Debug)]
pub struct PendingLine {
    /// What stands before and behind the outcome.
    bytes: Box<[u8]>,
    outcome_at: usize,
    format: LogFormat,
}

impl PendingLine {
    /// The line of a response that has begun.
    pub fn new(format: LogFormat, entry: &LogEntry) -> PendingLine {
        let _ = (format, entry);
        todo!()
    }

    /// Appends the line, now that its outcome is known.
    pub fn complete(&self, outcome: &LogOutcome, out: &mut Vec<u8>) {
        let _ = (outcome, out, &self.bytes, self.outcome_at, self.format);
        todo!()
    }
}
