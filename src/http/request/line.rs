//! The request line (RFC 9112 section 3) and what may precede it.

use crate::http::{error::RequestError, method::METHOD_BYTES_MAX};

/// The offset of the request line: at most one empty line may precede it (RFC 9112 section 2.2).
/// `None` until enough bytes have arrived.
pub(super) fn start(bytes: &[u8]) -> Result<Option<usize>, RequestError> {
    match bytes {
        [] | [b'\r'] | [0x16] => Ok(None),
        // The record type and version that begin every TLS handshake.
        [0x16, 0x03, ..] => Err(RequestError::TlsOnPlainPort),
        [b'\r', b'\n'] => Ok(None),
        [b'\r', b'\n', b'\r' | b'\n', ..] => {
            Err(RequestError::Malformed("two empty lines before a request"))
        }
        [b'\r', b'\n', ..] => Ok(Some(2)),
        [b'\r' | b'\n', ..] => Err(RequestError::Malformed("bare CR or LF before a request")),
        _ => Ok(Some(0)),
    }
}

/// The size of the request line including its line feed; `None` while it is incomplete. Reports
/// what can be detected before the end of the line: a method or line over its limit, and bytes that
/// `httparse` rejects.
pub(super) fn validate_bytes(
    head: &[u8],
    request_line_bytes_max: usize,
) -> Result<Option<usize>, RequestError> {
    // A line feed after this many bytes would end a line that is too long.
    let reach = head.len().min(request_line_bytes_max.saturating_add(2));
    let line_feed = memchr::memchr(b'\n', &head[..reach]);
    let text = &head[..line_feed.unwrap_or(reach)];
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let is_too_long = text.len() > request_line_bytes_max;
    let text = &text[..text.len().min(request_line_bytes_max.saturating_add(1))];

    let method = &text[..text.len().min(METHOD_BYTES_MAX + 1)];
    if method.len() > METHOD_BYTES_MAX && !method.contains(&b' ') {
        return Err(RequestError::Malformed("method is too long"));
    }
    match line_feed {
        Some(at) if !is_too_long => Ok(Some(at + 1)),
        _ => validate_incomplete(&head[..reach], text, is_too_long).map(|()| None),
    }
}

/// Validates a line that is incomplete or exceeds its limit. The version is checked once the line
/// is complete, so `httparse`'s version errors are ignored here.
#[cold]
fn validate_incomplete(seen: &[u8], text: &[u8], is_too_long: bool) -> Result<(), RequestError> {
    use httparse::Error::Version;

    let checked = if is_too_long { text } else { seen };
    match httparse::Request::new(&mut []).parse(checked) {
        Err(error) if error != Version => Err(RequestError::Malformed("malformed request line")),
        _ if is_too_long => Err(RequestError::LineTooLong),
        _ => Ok(()),
    }
}

/// Whether `line` ends in a version that `httparse` supports, and CRLF.
pub(super) fn is_common_version(line: &[u8]) -> bool {
    line.ends_with(b" HTTP/1.1\r\n") || line.ends_with(b" HTTP/1.0\r\n")
}

/// Validates the line of a head that `httparse` rejected: if the line is valid, the error is in the
/// fields.
#[cold]
pub(super) fn validate_common(line: &[u8]) -> Result<(), RequestError> {
    match httparse::Request::new(&mut []).parse(line) {
        Ok(_) => Ok(()),
        Err(_) => Err(RequestError::Malformed("malformed request line")),
    }
}

/// Method and target of a line with another version than 1.0 or 1.1: an error, unless it is a later
/// minor version of HTTP/1.
///
/// `HTTP-version = HTTP-name "/" DIGIT "." DIGIT`, in upper case (RFC 9112
/// section 2.3). A line without a version would be HTTP/0.9.
pub(super) fn parse_later_version(line: &[u8]) -> Result<(&str, &str), RequestError> {
    let malformed = RequestError::Malformed("malformed request line");
    let text = line.strip_suffix(b"\r\n").ok_or(malformed)?;
    let mut request = httparse::Request::new(&mut []);
    let rejected = request.parse(line).err();
    let (Some(httparse::Error::Version), Some(method), Some(target)) =
        (rejected, request.method, request.path)
    else {
        return Err(malformed);
    };
    let version = text.get(method.len() + 1 + target.len() + 1..);
    match version.and_then(|version| version.strip_prefix(b"HTTP/")) {
        Some([b'1', b'.', b'0'..=b'9']) => Ok((method, target)),
        // RFC 9113 section 3.4: the preface looks like a request.
        Some(_) if text == b"PRI * HTTP/2.0" => Err(RequestError::Http2Preface),
        Some([b'0'..=b'9', b'.', b'0'..=b'9']) => Err(RequestError::Version),
        _ => Err(RequestError::Malformed("malformed HTTP version")),
    }
}
