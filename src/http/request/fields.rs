//! The single fields of a head: which may occur only once, and the meaning of those that control
//! the message.

use super::{Expectation, Request, Version};
use crate::http::{
    error::RequestError,
    framing::BodyFraming,
    headers::{Field, FieldValues, Fields},
    persistence::{self, ConnectionOptions},
    target::is_host,
};

/// The fields this server knows. Those up to `UserAgent` may occur only once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum FieldName {
    Authorization,
    ContentLength,
    ContentLocation,
    ContentRange,
    ContentType,
    Date,
    From,
    Host,
    IfModifiedSince,
    IfRange,
    IfUnmodifiedSince,
    MaxForwards,
    ProxyAuthorization,
    Range,
    Referer,
    UserAgent,
    Accept,
    AcceptEncoding,
    Connection,
    Expect,
    Forwarded,
    IfMatch,
    IfNoneMatch,
    TransferEncoding,
    XForwardedFor,
}

impl FieldName {
    /// Looks up a name, ignoring case. Length and first letter select the one candidate, so at most
    /// one comparison is needed (`if-match` and `if-range` differ in their fourth letter).
    fn of(name: &str) -> Option<FieldName> {
        let first = name.as_bytes().first()? | 0x20;
        let (known, text) = match (name.len(), first) {
            (4, b'h') => (FieldName::Host, "host"),
            (4, b'd') => (FieldName::Date, "date"),
            (4, b'f') => (FieldName::From, "from"),
            (5, b'r') => (FieldName::Range, "range"),
            (6, b'a') => (FieldName::Accept, "accept"),
            (6, b'e') => (FieldName::Expect, "expect"),
            (7, b'r') => (FieldName::Referer, "referer"),
            (8, b'i') => match name.as_bytes()[3] | 0x20 {
                b'm' => (FieldName::IfMatch, "if-match"),
                _ => (FieldName::IfRange, "if-range"),
            },
            (9, b'f') => (FieldName::Forwarded, "forwarded"),
            (10, b'c') => (FieldName::Connection, "connection"),
            (10, b'u') => (FieldName::UserAgent, "user-agent"),
            (12, b'c') => (FieldName::ContentType, "content-type"),
            (12, b'm') => (FieldName::MaxForwards, "max-forwards"),
            (13, b'a') => (FieldName::Authorization, "authorization"),
            (13, b'c') => (FieldName::ContentRange, "content-range"),
            (13, b'i') => (FieldName::IfNoneMatch, "if-none-match"),
            (14, b'c') => (FieldName::ContentLength, "content-length"),
            (15, b'a') => (FieldName::AcceptEncoding, "accept-encoding"),
            (15, b'x') => (FieldName::XForwardedFor, "x-forwarded-for"),
            (16, b'c') => (FieldName::ContentLocation, "content-location"),
            (17, b'i') => (FieldName::IfModifiedSince, "if-modified-since"),
            (17, b't') => (FieldName::TransferEncoding, "transfer-encoding"),
            (19, b'i') => (FieldName::IfUnmodifiedSince, "if-unmodified-since"),
            (19, b'p') => (FieldName::ProxyAuthorization, "proxy-authorization"),
            _ => return None,
        };
        name.eq_ignore_ascii_case(text).then_some(known)
    }

    /// Whether a second line of this field is an error: its grammar is not a list (RFC 9110 section
    /// 5.3), so two lines would be ambiguous.
    fn is_single(self) -> bool {
        self <= FieldName::UserAgent
    }
}

/// Validates the fields of `head`, and sets those of `request` that follow from them.
pub(super) fn interpret<'h>(
    request: &mut Request<'h>,
    head: &[u8],
    all: &'h [Field<'h>],
) -> Result<(), RequestError> {
    let mut connection = ConnectionOptions::default();
    let mut content_length = None;
    let mut seen = 0u32;

    for (at, &Field { name, value }) in all.iter().enumerate() {
        let Some(known) = FieldName::of(name) else {
            continue;
        };
        let is_first = seen & (1 << known as u32) == 0;
        if !is_first && known.is_single() {
            return Err(RequestError::Malformed("a singleton field occurs twice"));
        }
        seen |= 1 << known as u32;
        match known {
            FieldName::Host if !is_host(value) => {
                return Err(RequestError::Malformed("malformed Host"));
            }
            FieldName::Connection => connection.add(value)?,
            FieldName::Expect => request.expectation = request.expectation.and(value),
            FieldName::ContentLength => content_length = Some(value),
            _ if is_first => keep(&mut request.fields, known, all, at),
            _ => {}
        }
    }

    let has = |name: FieldName| seen & (1 << name as u32) != 0;
    // RFC 9112 section 3.2: HTTP/1.1 without Host is 400, also with a target in absolute-form.
    if request.version == Version::Http11 && !has(FieldName::Host) {
        return Err(RequestError::Malformed("no Host"));
    }
    request.persistence = persistence::decide(request.version, connection);
    let codings = has(FieldName::TransferEncoding).then(|| transfer_encodings(head, all));
    request.framing = BodyFraming::decide(request.version, content_length, codings)?;
    // RFC 9110 section 10.1.1: ignored in HTTP/1.0.
    if request.version == Version::Http10 {
        request.expectation = Expectation::None;
    }
    // The client may or may not send the body, so nothing after the head can be parsed.
    if request.expectation == Expectation::Unknown && request.framing != BodyFraming::None {
        return Err(RequestError::UnknownExpectation);
    }
    Ok(())
}

/// Stores the first line of a field, `all[at]`; [`FieldValues`] finds further lines from there.
fn keep<'h>(fields: &mut Fields<'h>, known: FieldName, all: &'h [Field<'h>], at: usize) {
    let value = Some(all[at].value);
    let lines = FieldValues::from_first(&all[at..]);
    match known {
        FieldName::Accept => fields.accept = lines,
        FieldName::AcceptEncoding => fields.accept_encoding = lines,
        FieldName::Forwarded => fields.logged.forwarded = lines,
        FieldName::IfMatch => fields.if_match = lines,
        FieldName::IfNoneMatch => fields.if_none_match = lines,
        FieldName::XForwardedFor => fields.logged.x_forwarded_for = lines,
        FieldName::IfModifiedSince => fields.if_modified_since = value,
        FieldName::IfRange => fields.if_range = value,
        FieldName::IfUnmodifiedSince => fields.if_unmodified_since = value,
        FieldName::Range => fields.range = value,
        FieldName::Referer => fields.logged.referer = value,
        FieldName::UserAgent => fields.logged.user_agent = value,
        FieldName::Authorization
        | FieldName::Connection
        | FieldName::ContentLength
        | FieldName::ContentLocation
        | FieldName::ContentRange
        | FieldName::ContentType
        | FieldName::Date
        | FieldName::Expect
        | FieldName::From
        | FieldName::Host
        | FieldName::MaxForwards
        | FieldName::ProxyAuthorization
        | FieldName::TransferEncoding => {}
    }
}

/// The raw values of `Transfer-Encoding`, with the surrounding whitespace that the parser strips.
fn transfer_encodings<'v>(
    head: &'v [u8],
    fields: &'v [Field<'_>],
) -> impl Iterator<Item = &'v [u8]> {
    let is_named = |field: &&Field<'_>| field.name.eq_ignore_ascii_case("transfer-encoding");
    fields.iter().filter(is_named).map(|field| {
        let colon_at = field.name.as_bytes().as_ptr_range().end.addr();
        let value_at = colon_at + 1 - head.as_ptr().addr();
        let value = head.get(value_at..).unwrap_or_default();
        let line_end = value.iter().position(|&byte| byte == b'\r');
        &value[..line_end.unwrap_or(value.len())]
    })
}

impl Expectation {
    /// Combines this with one more line: a list (RFC 9110 section 10.1.1) in which anything but
    /// `100-continue` (case-insensitive) is unknown.
    fn and(self, value: &[u8]) -> Expectation {
        let elements = value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
        let present = elements.filter(|element| !element.is_empty());
        present.fold(self, |expectation, element| {
            let is_continue = element.eq_ignore_ascii_case(b"100-continue");
            match expectation {
                Expectation::None | Expectation::Continue if is_continue => Expectation::Continue,
                _ => Expectation::Unknown,
            }
        })
    }
}
