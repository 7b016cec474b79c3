//! The header section as a whole: its line terminators and limits.

use super::{HEADER_FIELDS_MAX, HeadLimits};
use crate::http::error::RequestError;

/// Validates a complete header section with `fields` fields, including its empty line.
pub(super) fn validate(
    block: &[u8],
    fields: usize,
    limits: &HeadLimits,
) -> Result<(), RequestError> {
    if block.len() > limits.header_section_bytes_max || fields > limits.header_fields_max {
        validate_partial(block, limits)?;
    }
    // RFC 9112 section 2.2: a recipient may accept a bare LF as a line terminator; this one does
    // not. A bare CR must be rejected or replaced.
    match has_bare_cr_or_lf(block) {
        true => Err(RequestError::Malformed("bare CR or LF in a head")),
        false => Ok(()),
    }
}

/// Checks the limits of a header section that is well-formed so far.
pub(super) fn validate_partial(block: &[u8], limits: &HeadLimits) -> Result<(), RequestError> {
    exceeded_limit(block, limits).map_or(Ok(()), |(_, error)| Err(error))
}

/// The error for a header section that `httparse` rejects: an exceeded limit, if that comes before
/// the invalid byte.
#[cold]
pub(super) fn first_error(block: &[u8], limits: &HeadLimits) -> RequestError {
    let Some((at, error)) = exceeded_limit(block, limits) else {
        return RequestError::Malformed("malformed field line");
    };
    let mut fields = [httparse::EMPTY_HEADER; HEADER_FIELDS_MAX];
    match httparse::parse_headers(&block[..at], &mut fields) {
        Ok(_) | Err(httparse::Error::TooManyHeaders) => error,
        Err(_) => RequestError::Malformed("malformed field line"),
    }
}

/// The first limit that `block` exceeds, and after how many bytes.
fn exceeded_limit(block: &[u8], limits: &HeadLimits) -> Option<(usize, RequestError)> {
    let header_fields_max = limits.header_fields_max.min(HEADER_FIELDS_MAX);
    let mut line_start = 0;
    for count in 0.. {
        let rest = block.get(line_start..)?;
        let line_feed = rest.iter().position(|&byte| byte == b'\n');
        let is_end = matches!(rest, [] | [b'\r' | b'\n', ..]);
        if is_end {
            return None;
        }
        let line_end = line_start + line_feed.map_or(rest.len(), |at| at + 1);
        if line_end > limits.header_section_bytes_max {
            return Some((
                limits.header_section_bytes_max + 1,
                RequestError::FieldsTooLarge,
            ));
        }
        line_feed?;
        if count == header_fields_max {
            return Some((line_end, RequestError::TooManyFields));
        }
        line_start = line_end;
    }
    None
}

/// Whether a CR is not followed by LF, or an LF does not follow a CR, in a block that ends in an LF.
/// Without an early return, so that the compiler vectorizes the loop.
fn has_bare_cr_or_lf(block: &[u8]) -> bool {
    let Some(&first) = block.first() else {
        return false;
    };
    let pairs = block.iter().zip(&block[1..]);
    let unpaired = pairs.fold(false, |found, (&byte, &next)| {
        found | ((byte == b'\r') != (next == b'\n'))
    });
    unpaired || first == b'\n'
}
