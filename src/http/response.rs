//! Response heads as values, and the only code that writes them.

use std::ops::Range;

use super::{
    content_coding::ContentCoding,
    date::{HttpDate, IMF_FIXDATE_BYTES},
    etag,
    method::Method,
    persistence::Persistence,
    range::ByteRange,
    status::Status,
};

/// The fields that describe a representation.
#[derive(Clone, Copy, Debug)]
pub struct RepresentationFields<'a> {
    /// `Content-Type`, including parameters.
    pub content_type: &'a str,
    /// `Content-Encoding`; `None` is the identity.
    pub content_coding: Option<ContentCoding>,
    /// `Content-Length` of the whole representation.
    pub content_length: u64,
    /// What distinguishes it in `ETag` from other versions of the file.
    pub version: i128,
    /// `Last-Modified`.
    pub last_modified: Option<HttpDate>,
    /// The value of `Cache-Control`.
    pub cache_control: &'a str,
    /// Whether variants exist, so that `Vary: Accept-Encoding` is sent.
    pub varies: bool,
}

/// The lines of [`RepresentationFields`], serialized once for many responses.
///
/// Their order makes the lines of a 304, a 206 and a 200 prefixes of one another. `Vary`, which a
/// response may override, comes first.
#[derive(Clone, Debug)]
pub struct ReadyFields {
    lines: Box<[u8]>,
    vary_end: usize,
    etag: Range<usize>,
    not_modified_end: usize,
    multipart_end: usize,
    partial_end: usize,
}

impl ReadyFields {
    /// Serializes the lines.
    pub fn new(fields: &RepresentationFields<'_>) -> ReadyFields {
        let mut lines = Vec::with_capacity(256);
        let vary_end = match fields.varies {
            true => write_line(&mut lines, "Vary", b"Accept-Encoding"),
            false => 0,
        };
        lines.extend_from_slice(b"ETag: ");
        let etag_start = lines.len();
        etag::write_strong(
            &mut lines,
            fields.content_length,
            fields.version,
            fields.content_coding,
        );
        let etag = etag_start..lines.len();
        lines.extend_from_slice(b"\r\n");
        let not_modified_end =
            write_line(&mut lines, "Cache-Control", fields.cache_control.as_bytes());
        if let Some(date) = fields.last_modified {
            write_line(&mut lines, "Last-Modified", &date.imf_fixdate());
        }
        let mut multipart_end = write_line(&mut lines, "Accept-Ranges", b"bytes");
        if let Some(coding) = fields.content_coding {
            multipart_end = write_line(&mut lines, "Content-Encoding", coding.name().as_bytes());
        }
        let partial_end = write_line(&mut lines, "Content-Type", fields.content_type.as_bytes());
        write_number_line(&mut lines, "Content-Length", fields.content_length);
        ReadyFields {
            // Copied: to shrink the buffer would leave the allocator none of its size for the next.
            lines: lines.as_slice().into(),
            vary_end,
            etag,
            not_modified_end,
            multipart_end,
            partial_end,
        }
    }

    /// The value of `ETag`.
    pub fn etag(&self) -> &[u8] {
        &self.lines[self.etag.clone()]
    }

    /// The lines of a 304 (RFC 9110 section 15.4.5). `Last-Modified` is left out, because the
    /// `ETag` identifies the content.
    pub fn not_modified(&self) -> &[u8] {
        &self.lines[..self.not_modified_end]
    }

    /// The lines of a multipart 206: each part has its own `Content-Type`.
    pub fn multipart(&self) -> &[u8] {
        &self.lines[..self.multipart_end]
    }

    /// The lines of a single-range 206, without `Content-Length`.
    pub fn partial(&self) -> &[u8] {
        &self.lines[..self.partial_end]
    }

    /// `lines`, a prefix of these, without `Vary`.
    pub fn without_vary<'l>(&self, lines: &'l [u8]) -> &'l [u8] {
        lines.get(self.vary_end..).unwrap_or_default()
    }

    /// The lines of a 200: all of them.
    pub fn whole(&self) -> &[u8] {
        &self.lines
    }
}

/// The value of `Content-Range` (RFC 9110 section 14.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentRange {
    /// A range of a representation with this length.
    Part(ByteRange, u64),
    /// No range could be sent; the length of the representation.
    Unsatisfied(u64),
}

/// A response head as a value.
///
/// To add a field to responses: add it here, and to [`Head::new`] as absent;
/// [`Head::write`] does not compile until it writes it.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The status.
    pub status: Status,
    /// The serialized lines of every response: see [`CommonFields`].
    pub common: &'a CommonFields,
    /// The serialized lines of a representation: a prefix of [`ReadyFields`].
    pub representation: &'a [u8],
    /// `Location` (RFC 9110 section 10.2.2), already encoded.
    pub location: Option<&'a [u8]>,
    /// `Allow` (section 10.2.1).
    pub allow: Option<&'static str>,
    /// The seconds of `Retry-After` (section 10.2.3).
    pub retry_after: Option<u64>,
    /// `Cache-Control`, if no representation supplies one.
    pub cache_control: Option<&'a str>,
    /// `Content-Security-Policy` of a page that the server generates.
    pub content_security_policy: Option<&'a str>,
    /// `Vary` (section 12.5.5), if no representation supplies one.
    pub vary: Option<&'static str>,
    /// `Content-Type`, if no representation supplies one.
    pub content_type: Option<&'a str>,
    /// `Content-Range`.
    pub content_range: Option<ContentRange>,
    /// `Content-Length`, if no representation supplies one.
    pub content_length: Option<u64>,
    /// Decides the `Connection` field.
    pub persistence: Persistence,
}

impl<'a> Head<'a> {
    /// A head without optional fields, except those its status requires: `Allow` in a 405 (RFC 9110
    /// section 15.5.6).
    pub fn new(status: Status, common: &'a CommonFields, persistence: Persistence) -> Head<'a> {
        Head {
            status,
            common,
            representation: b"",
            location: None,
            allow: (status == Status::MethodNotAllowed).then_some(Method::ALLOW),
            retry_after: None,
            cache_control: None,
            content_security_policy: None,
            vary: None,
            content_type: None,
            content_range: None,
            content_length: None,
            persistence,
        }
    }

    /// Appends the head, including the empty line. The only function that writes one.
    pub fn write(&self, out: &mut Vec<u8>) {
        let Head {
            status,
            common,
            representation,
            location,
            allow,
            retry_after,
            cache_control,
            content_security_policy,
            vary,
            content_type,
            content_range,
            content_length,
            persistence,
        } = *self;
        out.extend_from_slice(status.line().as_bytes());
        out.extend_from_slice(&common.lines);
        out.extend_from_slice(representation);
        write_optional(out, "Location", location);
        write_optional(out, "Allow", allow);
        if let Some(seconds) = retry_after {
            write_number_line(out, "Retry-After", seconds);
        }
        write_optional(out, "Cache-Control", cache_control);
        write_optional(out, "Content-Security-Policy", content_security_policy);
        write_optional(out, "Vary", vary);
        write_optional(out, "Content-Type", content_type);
        if let Some(range) = content_range {
            write_content_range(out, range);
        }
        if let Some(length) = content_length {
            write_number_line(out, "Content-Length", length);
        }
        let connection = match persistence {
            Persistence::Keep => None,
            Persistence::KeepAnnounced => Some("keep-alive"),
            Persistence::Close => Some("close"),
        };
        write_optional(out, "Connection", connection);
        out.extend_from_slice(b"\r\n");
    }
}

/// The interim response that requests the body (RFC 9110 section 15.2.1).
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The lines of every response: `Server`, `Date`, `X-Content-Type-Options`, and those that the
/// operator added.
#[derive(Clone, Debug)]
pub struct CommonFields {
    lines: Vec<u8>,
    date_at: usize,
    date: HttpDate,
}

impl CommonFields {
    /// The lines, with `added` (already validated) at the end. An added `Server` or
    /// `X-Content-Type-Options` replaces the server's own.
    pub fn new(added: &[(String, String)], date: HttpDate) -> CommonFields {
        let replaced = |name: &str| added.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        let mut lines = Vec::with_capacity(128);
        let ours = |lines: &mut Vec<u8>, name, value: &str| {
            if !replaced(name) {
                write_line(lines, name, value.as_bytes());
            }
        };
        ours(&mut lines, "Server", "stdhttpd");
        let date_at = lines.len() + b"Date: ".len();
        write_line(&mut lines, "Date", &date.imf_fixdate());
        ours(&mut lines, "X-Content-Type-Options", "nosniff");
        for (name, value) in added {
            write_line(&mut lines, name, value.as_bytes());
        }
        CommonFields {
            lines,
            date_at,
            date,
        }
    }

    /// Sets `Date` in place.
    pub fn set_date(&mut self, date: HttpDate) {
        self.date = date;
        let fixdate = date.imf_fixdate();
        self.lines[self.date_at..self.date_at + fixdate.len()].copy_from_slice(&fixdate);
    }

    /// Overwrites the `Date` of a complete `response` that was written with these lines.
    pub fn put_date(&self, response: &mut [u8]) {
        let status_line = response.iter().position(|&byte| byte == b'\n');
        let Some(at) = status_line.map(|end| end + 1 + self.date_at) else {
            return;
        };
        let ours = &self.lines[self.date_at..self.date_at + IMF_FIXDATE_BYTES];
        if let Some(place) = response.get_mut(at..at + IMF_FIXDATE_BYTES) {
            place.copy_from_slice(ours);
        }
    }

    /// The value of `Date`.
    pub fn date(&self) -> HttpDate {
        self.date
    }
}

fn write_optional(out: &mut Vec<u8>, name: &str, value: Option<impl AsRef<[u8]>>) {
    if let Some(value) = value {
        write_line(out, name, value.as_ref());
    }
}

/// Appends a line, and returns where it ends.
fn write_line(out: &mut Vec<u8>, name: &str, value: &[u8]) -> usize {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
    out.len()
}

fn write_number_line(out: &mut Vec<u8>, name: &str, value: u64) {
    write_line(out, name, itoa::Buffer::new().format(value).as_bytes());
}

/// Appends a `Content-Range` line.
pub fn write_content_range(out: &mut Vec<u8>, range: ContentRange) {
    out.extend_from_slice(b"Content-Range: bytes ");
    let length = match range {
        ContentRange::Part(part, length) => {
            write_decimal(out, part.first);
            out.push(b'-');
            write_decimal(out, part.last);
            length
        }
        ContentRange::Unsatisfied(length) => {
            out.push(b'*');
            length
        }
    };
    out.push(b'/');
    write_decimal(out, length);
    out.extend_from_slice(b"\r\n");
}

/// Appends a decimal number, without the overhead of `fmt`.
pub fn write_decimal(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

#[cfg(test)]
mod tests;
