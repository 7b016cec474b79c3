//! The path of a target, decoded once and confined to the root.

use std::borrow::Cow;

/// A path under the root: decoded once, with dot segments resolved, never above the root, without
/// NUL or an encoded slash. [`RequestPath::new`] is the only constructor.
///
/// It has no leading slash. It ends in a slash, or is empty for the root itself, if and only if it
/// names a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPath<'b> {
    bytes: Cow<'b, [u8]>,
}

impl<'b> RequestPath<'b> {
    /// Decodes `path`, which is percent-encoded and begins with a slash. `None` (400) for an
    /// invalid percent-encoding, an encoded slash or NUL, and dot segments that lead above the
    /// root.
    ///
    /// Empty segments are ignored, so `//` is `/`, as in file systems. Dot segments (RFC 3986
    /// section 5.2.4) are resolved, encoded or not, because `%2e` is equivalent to `.` (section
    /// 6.2.2.2). A backslash, raw or encoded, has no special meaning.
    pub fn new(path: &'b str) -> Option<RequestPath<'b>> {
        let rest = path.strip_prefix('/')?;
        let bytes = match is_plain(path.as_bytes()) {
            true => Cow::Borrowed(rest.as_bytes()),
            false => Cow::Owned(resolve(rest.as_bytes())?),
        };
        Some(RequestPath { bytes })
    }

    /// The decoded bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether it names a folder: it is empty or ends in a slash.
    pub fn is_folder(&self) -> bool {
        matches!(*self.bytes, [] | [.., b'/'])
    }

    /// Whether a segment begins with a dot, except a first segment `.well-known` (RFC 8615).
    pub fn is_hidden(&self) -> bool {
        let exempt = match self.bytes.strip_prefix(b".well-known") {
            Some([] | [b'/', ..]) => b".well-known".len(),
            _ => 0,
        };
        let rest = &self.bytes[exempt..];
        rest.first() == Some(&b'.') || rest.windows(2).any(|pair| pair == b"/.")
    }
}

/// Whether nothing needs decoding, merging or resolving: no percent sign, no NUL, and no slash
/// before a slash or a dot. Without an early return, so that the compiler vectorizes the loop.
fn is_plain(path: &[u8]) -> bool {
    let Some((&last, firsts)) = path.split_last() else {
        return false;
    };
    let special = firsts
        .iter()
        .zip(&path[1..])
        .fold(false, |found, (&byte, &next)| {
            let joint = (byte == b'/') & ((next == b'/') | (next == b'.'));
            found | joint | (byte == b'%') | (byte == 0)
        });
    !special && last != b'%' && last != 0
}

/// Resolves a path segment by segment; `rest` has no leading slash.
fn resolve(rest: &[u8]) -> Option<Vec<u8>> {
    let mut resolved = Vec::with_capacity(rest.len() + 1);
    let mut is_folder = true;
    for encoded in rest.split(|&byte| byte == b'/') {
        let start = resolved.len();
        decode_segment(encoded, &mut resolved)?;
        is_folder = matches!(resolved[start..], [] | [b'.'] | [b'.', b'.']);
        if !is_folder {
            resolved.push(b'/');
            continue;
        }
        let climbs = resolved.len() == start + 2;
        resolved.truncate(start);
        if climbs {
            resolved.pop()?;
            let parent = resolved.iter().rposition(|&byte| byte == b'/');
            resolved.truncate(parent.map_or(0, |slash| slash + 1));
        }
    }
    if !is_folder {
        resolved.pop();
    }
    Some(resolved)
}

/// Decodes one segment into `decoded` (RFC 3986 section 2.1).
fn decode_segment(mut encoded: &[u8], decoded: &mut Vec<u8>) -> Option<()> {
    loop {
        let (byte, rest) = match encoded {
            [] => return Some(()),
            [b'%', high, low, rest @ ..] => (hex_value(*high, *low)?, rest),
            [b'%', ..] => return None,
            [byte, rest @ ..] => (*byte, rest),
        };
        if byte == b'/' || byte == 0 {
            return None;
        }
        decoded.push(byte);
        encoded = rest;
    }
}

/// The byte of two hexadecimal digits, case-insensitive.
fn hex_value(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    Some((digit(high)? << 4 | digit(low)?) as u8)
}

#[cfg(test)]
mod tests;
