//! Response heads as values, and the one place that writes them.

use super::{
    content_coding::ContentCoding,
    date::HttpDate,
    etag::EntityTag,
    method::Method,
    persistence::Persistence,
    range::ByteRange,
    status::Status,
};

/// The fields that describe a representation.
#[derive(Clone, Copy, Debug)]
pub struct RepresentationFields<'a> {
    /// `Content-Type`, parameters included.
    pub content_type: &'a str,
    /// `Content-Encoding`, unless the identity.
    pub content_coding: Option<ContentCoding>,
    /// `Content-Length` of the whole representation.
    pub content_length: u64,
    /// `ETag`.
    pub etag: &'a EntityTag,
    /// `Last-Modified`.
    pub last_modified: Option<HttpDate>,
    /// The value of `Cache-Control`.
    pub cache_control: &'a str,
    /// Whether `Vary: Accept-Encoding` is sent: variants exist.
    pub varies: bool,
}

/// The lines of [`RepresentationFields`], ready made once for many answers.
///
/// They are laid out so that what a 304, a 206 and a 200 send are prefixes of
/// one another.
#[derive(Clone, Debug)]
pub struct ReadyFields {
    lines: Box<[u8]>,
    not_modified_end: usize,
    multipart_end: usize,
    partial_end: usize,
}

impl ReadyFields {
    /// Writes the lines.
    pub fn new(fields: &RepresentationFields<'_>) -> ReadyFields {
        let RepresentationFields {
            content_type,
            content_coding,
            content_length,
            etag,
            last_modified,
            cache_control,
            varies,
        } = *fields;
        let mut lines = Vec::with_capacity(256);
        let mut line = |name: &str, value: &[u8]| {
            write_line(&mut lines, name, value);
            lines.len()
        };
        line("ETag", etag.as_bytes());
        if let Some(date) = last_modified {
            line("Last-Modified", &date.imf_fixdate());
        }
        if varies {
            line("Vary", b"Accept-Encoding");
        }
        let not_modified_end = line("Cache-Control", cache_control.as_bytes());
        let mut multipart_end = line("Accept-Ranges", b"bytes");
        if let Some(coding) = content_coding {
            multipart_end = line("Content-Encoding", coding.name().as_bytes());
        }
        let partial_end = line("Content-Type", content_type.as_bytes());
        line("Content-Length", content_length.to_string().as_bytes());
        ReadyFields {
            lines: lines.into_boxed_slice(),
            not_modified_end,
            multipart_end,
            partial_end,
        }
    }

    /// What a 304 repeats of its 200 (RFC 9110 section 15.4.5).
    pub fn not_modified(&self) -> &[u8] {
        &self.lines[..self.not_modified_end]
    }

    /// What a 206 of several parts has in common with its 200: each part says
    /// its own `Content-Type`.
    pub fn multipart(&self) -> &[u8] {
        &self.lines[..self.multipart_end]
    }

    /// What a 206 has in common with its 200, `Content-Length` aside.
    pub fn partial(&self) -> &[u8] {
        &self.lines[..self.partial_end]
    }

    /// All of them: a 200.
    pub fn whole(&self) -> &[u8] {
        &self.lines
    }
}

/// What `Content-Range` says (RFC 9110 section 14.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentRange {
    /// This part of a representation of so many bytes.
    Part(ByteRange, u64),
    /// No part could be sent; the representation has so many bytes.
    Unsatisfied(u64),
}

/// A response head as a value.
///
/// To add a field to responses: add it here; [`Head::write`] does not compile
/// until it writes it, and whoever builds a head until it decides about it.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The status.
    pub status: Status,
    /// The lines every response has, ready made: see [`CommonFields`].
    pub common: &'a CommonFields,
    /// Lines of a representation, ready made: a part of [`ReadyFields`].
    pub representation: &'a [u8],
    /// `Location` (RFC 9110 section 10.2.2), already encoded.
    pub location: Option<&'a [u8]>,
    /// Whether `Allow` is sent (section 10.2.1).
    pub allow: bool,
    /// `Cache-Control`, where no representation brings one.
    pub cache_control: Option<&'a str>,
    /// `Content-Security-Policy` of a page the server writes itself.
    pub content_security_policy: Option<&'a str>,
    /// Whether `Vary: Accept` is sent: the answer was chosen by `Accept`.
    pub varies_by_accept: bool,
    /// `Content-Type`, where no representation brings one.
    pub content_type: Option<&'a str>,
    /// `Content-Range`.
    pub content_range: Option<ContentRange>,
    /// `Content-Length`, where no representation brings one.
    pub content_length: Option<u64>,
    /// What is said of the connection.
    pub persistence: Persistence,
}

impl Head<'_> {
    /// Appends the head, empty line included. The only place that writes one.
    pub fn write(&self, out: &mut Vec<u8>) {
        let Head {
            status,
            common,
            representation,
            location,
            allow,
            cache_control,
            content_security_policy,
            varies_by_accept,
            content_type,
            content_range,
            content_length,
            persistence,
        } = *self;
        out.extend_from_slice(status.line().as_bytes());
        out.extend_from_slice(&common.lines);
        out.extend_from_slice(representation);
        if let Some(location) = location {
            write_line(out, "Location", location);
        }
        if allow {
            write_line(out, "Allow", Method::ALLOW.as_bytes());
        }
        if let Some(value) = cache_control {
            write_line(out, "Cache-Control", value.as_bytes());
        }
        if let Some(value) = content_security_policy {
            write_line(out, "Content-Security-Policy", value.as_bytes());
        }
        if varies_by_accept {
            write_line(out, "Vary", b"Accept");
        }
        if let Some(value) = content_type {
            write_line(out, "Content-Type", value.as_bytes());
        }
        if let Some(range) = content_range {
            write_content_range(out, range);
        }
        if let Some(length) = content_length {
            out.extend_from_slice(b"Content-Length: ");
            write_decimal(out, length);
            out.extend_from_slice(b"\r\n");
        }
        match persistence {
            Persistence::Keep => {}
            Persistence::KeepAnnounced => write_line(out, "Connection", b"keep-alive"),
            Persistence::Close(_) => write_line(out, "Connection", b"close"),
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// The interim response that asks for the body (RFC 9110 section 15.2.1).
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The lines that every response carries: `Server`, `Date`,
/// `X-Content-Type-Options` and what the operator added.
#[derive(Clone, Debug)]
pub struct CommonFields {
    lines: Vec<u8>,
    date_at: usize,
    date: HttpDate,
}

impl CommonFields {
    /// The lines with `added` (already checked) at the end; an added field
    /// replaces ours of the same name.
    pub fn new(added: &[(String, String)], date: HttpDate) -> CommonFields {
        let replaced = |name: &str| added.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        let mut lines = Vec::with_capacity(128);
        lines.extend_from_slice(b"Date: ");
        let date_at = lines.len();
        lines.extend_from_slice(&date.imf_fixdate());
        lines.extend_from_slice(b"\r\n");
        for (name, value) in [("Server", "stdhttpd"), ("X-Content-Type-Options", "nosniff")] {
            if !replaced(name) {
                write_line(&mut lines, name, value.as_bytes());
            }
        }
        for (name, value) in added {
            // Cache-Control stands with the representation it speaks of.
            if !name.eq_ignore_ascii_case("Cache-Control") {
                write_line(&mut lines, name, value.as_bytes());
            }
        }
        CommonFields {
            lines,
            date_at,
            date,
        }
    }

    /// Sets `Date`, in place.
    pub fn set_date(&mut self, date: HttpDate) {
        self.date = date;
        let fixdate = date.imf_fixdate();
        self.lines[self.date_at..self.date_at + fixdate.len()].copy_from_slice(&fixdate);
    }

    /// The moment that `Date` says.
    pub fn date(&self) -> HttpDate {
        self.date
    }
}

fn write_line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
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

/// Appends a number in decimal, without the machinery of formatting.
pub fn write_decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}
