//! One request head, judged whole.

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
    pub line: &'h str,
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

/// The bounds of a head.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Bytes of the request line, CRLF excluded. More is 414.
    pub line_bytes_max: usize,
    /// Bytes of all field lines. More is 431.
    pub fields_bytes_max: usize,
    /// Number of fields, at most [`FIELDS_MAX`]. More is 431.
    pub fields_max: usize,
}

/// The most fields a head can ever have: the room [`FieldRoom`] has.
pub const FIELDS_MAX: usize = 100;

/// Room for the fields of one head; needs no initialising.
pub type FieldRoom<'h> = [MaybeUninit<Field<'h>>; FIELDS_MAX];

impl HeadLimits {
    /// 8 KiB line, 32 KiB of fields, 100 fields.
    pub const DEFAULT: HeadLimits = HeadLimits {
        line_bytes_max: 8 << 10,
        fields_bytes_max: 32 << 10,
        fields_max: FIELDS_MAX,
    };
}

/// Judges the head at the start of `bytes`: `None` while it is incomplete,
/// which is not an error until a limit is passed.
pub fn parse<'h>(
    bytes: &'h [u8],
    room: &'h mut FieldRoom<'h>,
    limits: &HeadLimits,
) -> Result<Option<Request<'h>>, RequestError> {
    let _ = (bytes, room, limits);
    todo!()
}
