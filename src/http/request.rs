//! Parsing and validation of one request head.
//!
//! `httparse` alone decides where a head ends and which bytes its parts may
//! contain. It is more lenient than RFC 9112 about line terminators and does not
//! interpret fields; this module rejects the rest: `line` checks the request
//! line, `block` the header section as a whole, `fields` single fields.
//!
//! The result does not depend on how the bytes were split in transit. If a head
//! breaks several rules, the reported error is, in this order: the request line;
//! in the header section, whichever comes first of a byte that `httparse` rejects
//! and an exceeded limit; then, once the head is complete, everything else.

mod block;
mod fields;
mod line;

use std::mem::MaybeUninit;

use super::{
    error::RequestError,
    framing::BodyFraming,
    headers::{Field, Fields},
    method::Method,
    persistence::Persistence,
    target::Target,
};

/// The HTTP versions that are distinguished (RFC 9112 section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1, and any later minor version of major version 1.
    Http11,
}

/// The `Expect` field (RFC 9110 section 10.1.1); ignored in HTTP/1.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// No expectation.
    None,
    /// `100-continue`.
    Continue,
    /// Anything else: 417.
    Unknown,
}

/// A well-formed request head.
#[derive(Clone, Copy, Debug)]
pub struct Request<'h> {
    /// The method.
    pub method: Method,
    /// The method and target as received, for the log: `GET /a?b`.
    pub line: &'h [u8],
    /// The target.
    pub target: Target<'h>,
    /// The version.
    pub version: Version,
    /// The fields that this server uses.
    pub fields: Fields<'h>,
    /// The framing of the body.
    pub framing: BodyFraming,
    /// What the client asks for about its connection.
    pub persistence: Persistence,
    /// The expectation.
    pub expectation: Expectation,
    /// The size of the head in bytes, including the empty line.
    pub head_bytes: usize,
}

/// The limits of a request head.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Bytes of the request line, without its CRLF. More is 414.
    pub request_line_bytes_max: usize,
    /// Bytes of all field lines. More is 431.
    pub header_section_bytes_max: usize,
    /// Number of field lines, at most [`HEADER_FIELDS_MAX`]. More is 431.
    pub header_fields_max: usize,
}

/// The capacity of a [`FieldBuffer`]: no head can have more fields.
pub const HEADER_FIELDS_MAX: usize = 100;

/// An uninitialised buffer for the fields of one head.
pub type FieldBuffer<'h> = [MaybeUninit<Field<'h>>; HEADER_FIELDS_MAX];

impl HeadLimits {
    /// A request line of 8 KiB, a header section of 32 KiB, 100 fields.
    pub const DEFAULT: HeadLimits = HeadLimits {
        request_line_bytes_max: 8 << 10,
        header_section_bytes_max: 32 << 10,
        header_fields_max: HEADER_FIELDS_MAX,
    };
}

/// Parses the head at the start of `bytes`. Returns `None` while it is incomplete, which is not an
/// error until a limit is exceeded. Bytes after the head are not examined.
///
/// An error can be reported before the first line feed (a TLS handshake, a line over its limit, an
/// invalid byte). After that, call again only if new bytes contain a line feed or exceed a limit:
/// without either the head cannot be complete.
pub fn parse<'h>(
    bytes: &'h [u8],
    buffer: &'h mut FieldBuffer<'h>,
    limits: &HeadLimits,
) -> Result<Option<Request<'h>>, RequestError> {
    let Some(start) = line::start(bytes)? else {
        return Ok(None);
    };
    let head = &bytes[start..];
    let Some(line_bytes) = line::validate_bytes(head, limits.request_line_bytes_max)? else {
        return Ok(None);
    };
    let split = match line::is_common_version(&head[..line_bytes]) {
        true => split(head, line_bytes, buffer, limits),
        false => split_later_version(head, line_bytes, buffer, limits),
    };
    let Some(parts) = split? else {
        return block::validate_partial(&head[line_bytes..], limits).map(|()| None);
    };
    let block = &head[line_bytes..parts.head_bytes];
    block::validate(block, parts.fields.len(), limits)?;
    interpret(head, start, parts).map(Some)
}

/// A head as split by `httparse`.
struct ParsedHead<'h> {
    method: &'h str,
    target: &'h str,
    version: Version,
    fields: &'h [Field<'h>],
    head_bytes: usize,
}

/// Splits a head whose version is 1.0 or 1.1.
fn split<'h>(
    head: &'h [u8],
    line_bytes: usize,
    buffer: &'h mut FieldBuffer<'h>,
    limits: &HeadLimits,
) -> Result<Option<ParsedHead<'h>>, RequestError> {
    let mut request = httparse::Request::new(&mut []);
    let Ok(status) = request.parse_with_uninit_headers(head, buffer) else {
        line::validate_common(&head[..line_bytes])?;
        return Err(block::first_error(&head[line_bytes..], limits));
    };
    let (httparse::Status::Complete(head_bytes), Some(method), Some(target)) =
        (status, request.method, request.path)
    else {
        return Ok(None);
    };
    Ok(Some(ParsedHead {
        method,
        target,
        version: match request.version {
            Some(0) => Version::Http10,
            _ => Version::Http11,
        },
        fields: request.headers,
        head_bytes,
    }))
}

/// Splits a head with another version. HTTP/1.2 and later are treated as 1.1 (RFC 9110 section
/// 2.5); `httparse` rejects them, so the line and the fields are parsed separately. Rare, so not
/// optimized.
#[cold]
fn split_later_version<'h>(
    head: &'h [u8],
    line_bytes: usize,
    buffer: &'h mut FieldBuffer<'h>,
    limits: &HeadLimits,
) -> Result<Option<ParsedHead<'h>>, RequestError> {
    let (method, target) = line::parse_later_version(&head[..line_bytes])?;
    let mut fields = [httparse::EMPTY_HEADER; HEADER_FIELDS_MAX];
    let (block_bytes, fields) = match httparse::parse_headers(&head[line_bytes..], &mut fields) {
        Ok(httparse::Status::Complete(parsed)) => parsed,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(block::first_error(&head[line_bytes..], limits)),
    };
    Ok(Some(ParsedHead {
        method,
        target,
        version: Version::Http11,
        fields: buffer[..fields.len()].write_copy_of_slice(fields),
        head_bytes: line_bytes + block_bytes,
    }))
}

/// Interprets the parts of a head.
fn interpret<'h>(
    head: &'h [u8],
    start: usize,
    parts: ParsedHead<'h>,
) -> Result<Request<'h>, RequestError> {
    let line_bytes = parts.method.len() + 1 + parts.target.len();
    let method = Method::from_token(parts.method);
    let mut request = Request {
        method,
        line: &head[..line_bytes],
        target: Target::parse(method, parts.target)?,
        version: parts.version,
        fields: Fields::default(),
        framing: BodyFraming::None,
        persistence: Persistence::Close,
        expectation: Expectation::None,
        head_bytes: start + parts.head_bytes,
    };
    fields::interpret(&mut request, &head[..parts.head_bytes], parts.fields)?;
    Ok(request)
}

#[cfg(test)]
mod tests;
