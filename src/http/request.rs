//! One request head, judged whole.
//!
//! `httparse` alone says where a head ends and which bytes its parts may have.
//! It is more lenient than RFC 9112 about line ends, and silent about meaning;
//! what is refused beyond it is found here: `line` for the request line,
//! `block` for the field block as a whole, `fields` for single fields.
//!
//! The verdict never depends on how the bytes were cut on their way. Where a
//! head breaks several rules, the order is: the request line; then whatever
//! comes first among a byte that `httparse` refuses in the fields and a limit
//! that is passed; then, once the head is whole, everything else.

mod block;
mod fields;
mod line;

use std::mem::MaybeUninit;

use super::{
    error::RequestError,
    framing::BodyFraming,
    headers::{Field, Fields},
    method::Method,
    target::Target,
};

/// The versions told apart (RFC 9112 section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1, and any later minor version of major version 1.
    Http11,
}

/// What the `Connection` field asks for (RFC 9110 section 7.6.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionOptions {
    /// `close` stands in the list.
    pub close: bool,
    /// `keep-alive` stands in the list.
    pub keep_alive: bool,
}

/// What the `Expect` field asks for (RFC 9110 section 10.1.1); nothing on 1.0.
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
    /// The method and target as they came, for the log: `GET /a?b`.
    pub line: &'h [u8],
    /// The target.
    pub target: Target<'h>,
    /// The version.
    pub version: Version,
    /// The fields that matter.
    pub fields: Fields<'h>,
    /// The framing of the body.
    pub framing: BodyFraming,
    /// The options of `Connection`.
    pub connection: ConnectionOptions,
    /// The expectation.
    pub expectation: Expectation,
    /// The size of the head in bytes, empty line included.
    pub head_bytes: usize,
}

/// What of a [`Request`] still matters once its answer is known: to its
/// response, and to whoever notes it.
#[derive(Clone, Copy, Debug)]
pub struct RequestSummary<'h> {
    /// [`Request::line`].
    pub line: &'h [u8],
    /// The version.
    pub version: Version,
    /// The options of `Connection`.
    pub connection: ConnectionOptions,
    /// Whether the response has no content: the method is HEAD.
    pub head_only: bool,
    /// `Referer`, `User-Agent` and what proxies said of the client.
    pub fields: Fields<'h>,
}

impl<'h> From<&Request<'h>> for RequestSummary<'h> {
    fn from(request: &Request<'h>) -> RequestSummary<'h> {
        RequestSummary {
            line: request.line,
            version: request.version,
            connection: request.connection,
            head_only: request.method == Method::Head,
            fields: request.fields,
        }
    }
}

/// The bounds of a head.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Bytes of the request line, CRLF excluded. More is 414.
    pub request_line_bytes_max: usize,
    /// Bytes of all field lines. More is 431.
    pub header_section_bytes_max: usize,
    /// Number of fields, at most [`HEADER_FIELDS_MAX`]. More is 431.
    pub header_fields_max: usize,
}

/// The most fields a head can ever have: the room [`FieldBuffer`] has.
pub const HEADER_FIELDS_MAX: usize = 100;

/// Room for the fields of one head; needs no initialising.
pub type FieldBuffer<'h> = [MaybeUninit<Field<'h>>; HEADER_FIELDS_MAX];

impl HeadLimits {
    /// 8 KiB line, 32 KiB of fields, 100 fields.
    pub const DEFAULT: HeadLimits = HeadLimits {
        request_line_bytes_max: 8 << 10,
        header_section_bytes_max: 32 << 10,
        header_fields_max: HEADER_FIELDS_MAX,
    };
}

/// Judges the head at the start of `bytes`: `None` while it is incomplete,
/// which is not an error until a limit is passed. What follows the head is
/// neither read nor judged.
///
/// A verdict can come before the first line feed (a TLS handshake, a line over
/// its limit, a byte no request line can have). After that it is enough to ask
/// again when new bytes hold a line feed, or pass a limit: until then a request
/// cannot be whole.
pub fn parse<'h>(
    bytes: &'h [u8],
    room: &'h mut FieldBuffer<'h>,
    limits: &HeadLimits,
) -> Result<Option<Request<'h>>, RequestError> {
    let Some(start) = line::start(bytes)? else {
        return Ok(None);
    };
    let head = &bytes[start..];
    let Some(line_bytes) = line::judge_bytes(head, limits.request_line_bytes_max)? else {
        return Ok(None);
    };
    let scanned = if line::is_common_version(&head[..line_bytes]) {
        scan(head, line_bytes, room)
    } else {
        scan_later_version(head, line_bytes, room)
    };
    match scanned? {
        Scan::Complete(parts) => {
            let block = &head[line_bytes..parts.head_bytes];
            block::judge(block, parts.fields.len(), limits)?;
            judge(head, start, parts).map(Some)
        }
        Scan::Partial => block::judge_partial(&head[line_bytes..], limits).map(|()| None),
        Scan::Refused => Err(block::first_error(&head[line_bytes..], limits)),
    }
}

/// The parts of a head as `httparse` tells them apart.
struct Parts<'h> {
    method: &'h str,
    target: &'h str,
    version: Version,
    fields: &'h [Field<'h>],
    head_bytes: usize,
}

/// What `httparse` says of a head.
enum Scan<'h> {
    Complete(Parts<'h>),
    Partial,
    /// Something in the field block is refused.
    Refused,
}

/// A head whose version is 1.0 or 1.1.
fn scan<'h>(
    head: &'h [u8],
    line_bytes: usize,
    room: &'h mut FieldBuffer<'h>,
) -> Result<Scan<'h>, RequestError> {
    let mut request = httparse::Request::new(&mut []);
    let status = match request.parse_with_uninit_headers(head, room) {
        Ok(status) => status,
        Err(_) => return line::judge_common(&head[..line_bytes]).map(|()| Scan::Refused),
    };
    let (httparse::Status::Complete(head_bytes), Some(method), Some(target)) =
        (status, request.method, request.path)
    else {
        return Ok(Scan::Partial);
    };
    Ok(Scan::Complete(Parts {
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

/// A head with another version: HTTP/1.2 and above are 1.1 to this server
/// (RFC 9110 section 2.5), which `httparse` does not know, so that the line and
/// the fields are parsed apart. Rare, hence not in haste.
#[cold]
fn scan_later_version<'h>(
    head: &'h [u8],
    line_bytes: usize,
    room: &'h mut FieldBuffer<'h>,
) -> Result<Scan<'h>, RequestError> {
    let (method, target) = line::parse_later_version(&head[..line_bytes])?;
    let mut fields = [httparse::EMPTY_HEADER; HEADER_FIELDS_MAX];
    let (block_bytes, fields) = match httparse::parse_headers(&head[line_bytes..], &mut fields) {
        Ok(httparse::Status::Complete(parsed)) => parsed,
        Ok(httparse::Status::Partial) => return Ok(Scan::Partial),
        Err(_) => return Ok(Scan::Refused),
    };
    Ok(Scan::Complete(Parts {
        method,
        target,
        version: Version::Http11,
        fields: room[..fields.len()].write_copy_of_slice(fields),
        head_bytes: line_bytes + block_bytes,
    }))
}

/// Gives the parts of a head their meaning, or says what is wrong with it.
fn judge<'h>(head: &'h [u8], start: usize, parts: Parts<'h>) -> Result<Request<'h>, RequestError> {
    let line_bytes = parts.method.len() + 1 + parts.target.len();
    let method = Method::from_token(parts.method);
    let target = Target::parse(method, parts.target)?;
    let verdict = fields::judge(&head[..parts.head_bytes], parts.fields, parts.version)?;
    Ok(Request {
        method,
        line: &head[..line_bytes],
        target,
        version: parts.version,
        fields: verdict.fields,
        framing: verdict.framing,
        connection: verdict.connection,
        expectation: verdict.expectation,
        head_bytes: start + parts.head_bytes,
    })
}

#[cfg(test)]
mod tests;
