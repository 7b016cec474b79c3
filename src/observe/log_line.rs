//! The lines of the access log.
//!
//! A line has three parts: what is known when the response begins, the
//! outcome, and what follows it. So a line can be written at once, or begun
//! and completed in a later turn, by the same functions.

use std::{io::Write, net::IpAddr};

use super::close_reason::CloseReason;
use crate::{
    config::LogFormat,
    http::{
        date::{HttpDate, ISO_8601_BYTES},
        request::Version,
        response::write_decimal,
        status::Status,
    },
};

/// Bytes of a malformed first line that are logged. A well-formed one is logged
/// whole: [`HeadLimits::request_line_bytes_max`](crate::http::request::HeadLimits)
/// bounds it.
pub const RAW_BYTES_MAX: usize = 1 << 10;
/// Bytes of `Referer` and of `User-Agent` that are logged.
pub const FIELD_BYTES_MAX: usize = 4 << 10;

/// A second of wall time as both formats write it, always in UTC.
#[derive(Clone, Debug)]
pub struct LogTime {
    /// `[22/Nov/2026:14:50:00 +0000]`
    combined: [u8; 28],
    /// `2026-11-22T14:50:00Z`
    iso: [u8; ISO_8601_BYTES],
}

impl LogTime {
    /// This second.
    pub fn new(date: HttpDate) -> LogTime {
        let fixdate = date.imf_fixdate();
        let mut combined = *b"[00/---/0000:00:00:00 +0000]";
        combined[1..3].copy_from_slice(&fixdate[5..7]);
        combined[4..7].copy_from_slice(&fixdate[8..11]);
        combined[8..12].copy_from_slice(&fixdate[12..16]);
        combined[13..21].copy_from_slice(&fixdate[17..25]);
        let iso = date.iso_8601();
        LogTime { combined, iso }
    }
}

/// What is known of a request when its response begins.
#[derive(Clone, Copy, Debug)]
pub struct LogEntry<'a> {
    /// The client, behind a trusted proxy the one it names; `None` where it
    /// came by a Unix domain socket.
    pub client: Option<IpAddr>,
    /// When the head was whole.
    pub time: &'a LogTime,
    /// Method and target as they came; of a malformed request what of its first
    /// line was kept, nothing being written as `-`.
    pub line: &'a [u8],
    /// `None` of a malformed one.
    pub version: Option<Version>,
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

/// Appends one line. It does not allocate once `out` has its size, and cannot
/// fail; whatever the request held, the line has one line feed, at its end.
pub fn write_line(format: LogFormat, entry: &LogEntry, outcome: &LogOutcome, out: &mut Vec<u8>) {
    write_before(format, entry, out);
    write_outcome(format, outcome, out);
    write_after(format, entry, out);
}

/// A line whose outcome is not yet known: a response that takes more than one
/// turn. It owns a copy of what the request said.
#[derive(Clone, Debug)]
pub struct PendingLine {
    format: LogFormat,
    bytes: Box<[u8]>,
    outcome_at: usize,
}

impl PendingLine {
    /// The line of a response that has begun.
    pub fn new(format: LogFormat, entry: &LogEntry) -> PendingLine {
        let mut bytes = Vec::new();
        write_before(format, entry, &mut bytes);
        let outcome_at = bytes.len();
        write_after(format, entry, &mut bytes);
        PendingLine {
            format,
            bytes: bytes.into_boxed_slice(),
            outcome_at,
        }
    }

    /// Appends the line, now that its outcome is known.
    pub fn complete(&self, outcome: &LogOutcome, out: &mut Vec<u8>) {
        let (before, after) = self.bytes.split_at(self.outcome_at);
        out.extend_from_slice(before);
        write_outcome(self.format, outcome, out);
        out.extend_from_slice(after);
    }
}

fn write_before(format: LogFormat, entry: &LogEntry, out: &mut Vec<u8>) {
    match format {
        LogFormat::Combined => combined_before(entry, out),
        LogFormat::Json => json_before(entry, out),
    }
}

fn write_outcome(format: LogFormat, outcome: &LogOutcome, out: &mut Vec<u8>) {
    match format {
        LogFormat::Combined => write_decimal(out, outcome.bytes),
        LogFormat::Json => json_outcome(outcome, out),
    }
}

fn write_after(format: LogFormat, entry: &LogEntry, out: &mut Vec<u8>) {
    match format {
        LogFormat::Combined => combined_after(entry, out),
        LogFormat::Json => out.extend_from_slice(b"}\n"),
    }
}

/// `client - - [time] "request" status `
fn combined_before(entry: &LogEntry, out: &mut Vec<u8>) {
    client(entry.client, out);
    out.extend_from_slice(b" - - ");
    out.extend_from_slice(&entry.time.combined);
    out.extend_from_slice(b" \"");
    match entry.line {
        [] => out.push(b'-'),
        line => escaped(line, combined_escape, out),
    }
    if let Some(version) = entry.version {
        out.push(b' ');
        out.extend_from_slice(version_name(version));
    }
    out.extend_from_slice(b"\" ");
    write_decimal(out, u64::from(entry.status.code()));
    out.push(b' ');
}

/// ` "referer" "user agent"`
fn combined_after(entry: &LogEntry, out: &mut Vec<u8>) {
    for field in [entry.referer, entry.user_agent] {
        out.extend_from_slice(b" \"");
        match field {
            None | Some([]) => out.push(b'-'),
            Some(value) => escaped(bounded(value), combined_escape, out),
        }
        out.push(b'"');
    }
    out.push(b'\n');
}

fn json_before(entry: &LogEntry, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"time\":\"");
    out.extend_from_slice(&entry.time.iso);
    out.extend_from_slice(b"\",\"client\":\"");
    client(entry.client, out);
    out.extend_from_slice(b"\",\"connection\":");
    write_decimal(out, entry.connection);
    out.extend_from_slice(b",\"request\":");
    write_decimal(out, entry.number);
    out.extend_from_slice(b",\"line\":");
    json_string(Some(entry.line), out);
    out.extend_from_slice(b",\"version\":");
    json_string(entry.version.map(version_name), out);
    out.extend_from_slice(b",\"status\":");
    write_decimal(out, u64::from(entry.status.code()));
    out.extend_from_slice(b",\"referer\":");
    json_string(entry.referer.map(bounded), out);
    out.extend_from_slice(b",\"user_agent\":");
    json_string(entry.user_agent.map(bounded), out);
}

fn json_outcome(outcome: &LogOutcome, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"bytes\":");
    write_decimal(out, outcome.bytes);
    out.extend_from_slice(b",\"microseconds\":");
    write_decimal(out, outcome.microseconds);
    match outcome.close {
        None => out.extend_from_slice(b",\"kept\":true,\"close\":null"),
        Some(reason) => {
            out.extend_from_slice(b",\"kept\":false,\"close\":\"");
            out.extend_from_slice(reason.name().as_bytes());
            out.push(b'"');
        }
    }
}

fn json_string(value: Option<&[u8]>, out: &mut Vec<u8>) {
    let Some(value) = value else {
        return out.extend_from_slice(b"null");
    };
    out.push(b'"');
    escaped(value, json_escape, out);
    out.push(b'"');
}

fn version_name(version: Version) -> &'static [u8] {
    match version {
        Version::Http10 => b"HTTP/1.0",
        Version::Http11 => b"HTTP/1.1",
    }
}

fn bounded(value: &[u8]) -> &[u8] {
    &value[..value.len().min(FIELD_BYTES_MAX)]
}

/// The bytes that stand for themselves in both formats.
static PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        plain[byte] = byte != b'"' as usize && byte != b'\\' as usize;
        byte += 1;
    }
    plain
};

/// Appends `bytes`; the plain ones in runs, each other one through `escape`.
#[inline]
fn escaped(bytes: &[u8], escape: fn(u8, &mut Vec<u8>), out: &mut Vec<u8>) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let plain = rest.iter().position(|&byte| !PLAIN[usize::from(byte)]);
        let (run, tail) = rest.split_at(plain.unwrap_or(rest.len()));
        out.extend_from_slice(run);
        let Some((&byte, tail)) = tail.split_first() else {
            return;
        };
        escape(byte, out);
        rest = tail;
    }
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// `\xHH`, as nginx writes it.
fn combined_escape(byte: u8, out: &mut Vec<u8>) {
    let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
    out.extend_from_slice(&[b'\\', b'x', high, low]);
}

/// `\u00HH`: a byte is read as ISO-8859-1, as RFC 9110 section 5.5 has it, so
/// that the line is JSON whatever the field held.
fn json_escape(byte: u8, out: &mut Vec<u8>) {
    if matches!(byte, b'"' | b'\\') {
        return out.extend_from_slice(&[b'\\', byte]);
    }
    let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
    out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
}

/// Who has no address is `unix:`, as in nginx's logs.
fn client(address: Option<IpAddr>, out: &mut Vec<u8>) {
    match address.map(|address| address.to_canonical()) {
        None => out.extend_from_slice(b"unix:"),
        Some(IpAddr::V4(address)) => {
            let [a, b, c, d] = address.octets();
            for (octet, end) in [(a, b"." as &[u8]), (b, b"."), (c, b"."), (d, b"")] {
                write_decimal(out, u64::from(octet));
                out.extend_from_slice(end);
            }
        }
        // Writing to a Vec does not fail.
        Some(IpAddr::V6(address)) => drop(write!(out, "{address}")),
    }
}

#[cfg(test)]
mod tests;
