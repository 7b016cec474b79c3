//! The request target (RFC 9112 section 3.2) and the path it names.

use std::borrow::Cow;

/// A request target in one of its four forms, already checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'b> {
    /// Origin-form, or the path and query of absolute-form.
    Path {
        /// Begins with a slash; percent-encoded as it came.
        path: &'b str,
        /// Without its question mark; may be empty.
        query: Option<&'b str>,
    },
    /// Authority-form, with CONNECT only.
    Authority,
    /// Asterisk-form, with OPTIONS only.
    Asterisk,
}

/// A path beneath the root: decoded once, dot segments resolved, never above
/// the root, without a NUL or an encoded slash. There is one way to make one.
///
/// It has no leading slash; it ends in a slash (or is empty, the root itself)
/// exactly when it names a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPath<'b> {
    bytes: Cow<'b, [u8]>,
}

/// Why a path was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// A bad percent-encoding, an encoded slash or NUL: 400.
    Malformed,
    /// Dot segments lead above the root: 400.
    AboveRoot,
}

impl<'b> RequestPath<'b> {
    /// The path that `path` (percent-encoded, beginning with a slash) names.
    pub fn new(path: &'b str) -> Result<RequestPath<'b>, PathError> {
        let _ = path;
        todo!()
    }

    /// The decoded bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether it names a folder: it is empty or ends in a slash.
    pub fn is_folder(&self) -> bool {
        todo!()
    }

    /// Whether a segment begins with a dot, the first one being
    /// `.well-known` (RFC 8615) aside.
    pub fn is_hidden(&self) -> bool {
        todo!()
    }
}
