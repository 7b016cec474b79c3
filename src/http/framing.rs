//! How long a request's body is (RFC 9112 section 6).

/// The framing of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFraming {
    /// No body: neither `Transfer-Encoding` nor `Content-Length`, or length 0.
    None,
    /// Exactly this many bytes, never zero.
    Length(u64),
    /// The chunked transfer coding (RFC 9112 section 7.1).
    Chunked,
}
