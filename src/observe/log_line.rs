//! The lines of the access log.
//!
//! All fields but the outcome are known when the response starts. So the same functions can write a
//! line at once, or start it and insert the outcome in a later turn.

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

/// Bytes logged of a malformed request line. A well-formed one is logged completely:
/// [`HeadLimits::request_line_bytes_max`](crate::http::request::HeadLimits) bounds it.
pub const RAW_BYTES_MAX: usize = 1 << 10;
/// Bytes of `Referer` and of `User-Agent` that are logged.
pub const FIELD_BYTES_MAX: usize = 4 << 10;

/// A wall-clock time in seconds, formatted for both formats, in UTC.
#[derive(Clone, Debug)]
pub struct LogTime {
    /// `[22/Nov/2026:14:50:00 +0000]`
    combined: [u8; 28],
    /// `2026-11-22T14:50:00Z`
    iso: [u8; ISO_8601_BYTES],
}

impl LogTime {
    /// Formats `date`.
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

/// The fields of a request that are known when its response starts.
#[derive(Clone, Copy, Debug)]
pub struct LogEntry<'a> {
    /// The client address, as reported by trusted proxies; `None` for a Unix domain socket.
    pub client: Option<IpAddr>,
    /// The second in which it starts.
    pub time: &'a LogTime,
    /// Method and target as received; for a malformed request the stored part of its first line. If
    /// empty, `-` is logged.
    pub line: &'a [u8],
    /// `None` for a malformed request.
    pub version: Option<Version>,
    /// The status of the response.
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

/// The outcome of a response.
#[derive(Clone, Copy, Debug)]
pub struct LogOutcome {
    /// Bytes of content sent, without the head.
    pub bytes: u64,
    /// From the last byte of the request to the last byte of the response written.
    pub microseconds: u64,
    /// Why the connection closes after this response; `None` if it is kept open.
    pub close: Option<CloseReason>,
}

/// Appends one line. Does not allocate if `out` has enough capacity, and cannot fail. Whatever the
/// request contained, the line has exactly one line feed, at its end.
pub fn write_line(format: LogFormat, entry: &LogEntry, outcome: &LogOutcome, out: &mut Vec<u8>) {
    write_around(format, entry, out, |out| {
        write_outcome(format, outcome, out)
    });
}

/// A line whose outcome is not yet known, for a response that takes more than one turn. Owns copies
/// of the request's fields.
#[derive(Clone, Debug)]
pub struct PendingLine {
    bytes: Box<[u8]>,
    outcome_at: usize,
}

impl PendingLine {
    /// Starts the line of a response.
    pub fn new(format: LogFormat, entry: &LogEntry) -> PendingLine {
        let (mut bytes, mut outcome_at) = (Vec::new(), 0);
        write_around(format, entry, &mut bytes, |out| outcome_at = out.len());
        PendingLine {
            bytes: bytes.into_boxed_slice(),
            outcome_at,
        }
    }

    /// Appends the line with its outcome.
    pub fn complete(&self, format: LogFormat, outcome: &LogOutcome, out: &mut Vec<u8>) {
        let (before, after) = self.bytes.split_at(self.outcome_at);
        out.extend_from_slice(before);
        write_outcome(format, outcome, out);
        out.extend_from_slice(after);
    }
}

/// Appends a line; `outcome` is called at the place of the outcome.
fn write_around(
    format: LogFormat,
    entry: &LogEntry,
    out: &mut Vec<u8>,
    outcome: impl FnOnce(&mut Vec<u8>),
) {
    match format {
        LogFormat::Combined => combined(entry, out, outcome),
        LogFormat::Json => json(entry, out, outcome),
    }
}

fn write_outcome(format: LogFormat, outcome: &LogOutcome, out: &mut Vec<u8>) {
    match format {
        LogFormat::Combined => write_decimal(out, outcome.bytes),
        LogFormat::Json => json_outcome(outcome, out),
    }
}

/// `client - - [time] "request" status outcome "referer" "user agent"`
fn combined(entry: &LogEntry, out: &mut Vec<u8>, outcome: impl FnOnce(&mut Vec<u8>)) {
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
    outcome(out);
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

fn json(entry: &LogEntry, out: &mut Vec<u8>, outcome: impl FnOnce(&mut Vec<u8>)) {
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
    outcome(out);
    out.extend_from_slice(b"}\n");
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

/// Appends a string, or `null` for none. Only printable ASCII is not escaped.
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

/// The bytes that need no escaping in either format.
static PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        plain[byte] = byte != b'"' as usize && byte != b'\\' as usize;
        byte += 1;
    }
    plain
};

/// Appends `bytes`: runs of plain bytes as they are, the others through `escape`.
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

/// `\u00HH`: bytes are treated as ISO-8859-1 (RFC 9110 section 5.5), so that the line is always
/// valid JSON.
fn json_escape(byte: u8, out: &mut Vec<u8>) {
    if matches!(byte, b'"' | b'\\') {
        return out.extend_from_slice(&[b'\\', byte]);
    }
    let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
    out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
}

/// A client without an address is `unix:`, as in nginx's logs.
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
