//! The chunked transfer coding (RFC 9112 section 7.1), decoded strictly and
//! discarded: a server of files has no use for a request's content.

use super::error::RequestError;

/// A decoder that is fed bytes as they come and keeps only its state.
#[derive(Clone, Debug)]
pub struct ChunkedDecoder {}

/// What became of one piece of input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Bytes of the input that belong to the body; all, unless `complete`.
    pub consumed: usize,
    /// Whether the body has ended, trailers and last CRLF included.
    pub complete: bool,
}

impl ChunkedDecoder {
    /// A decoder at the start of a body.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        todo!()
    }

    /// Takes the next piece. An error is final.
    pub fn decode(&mut self, input: &[u8]) -> Result<Decoded, RequestError> {
        let _ = input;
        todo!()
    }

    /// Bytes of content decoded so far.
    pub fn content_bytes(&self) -> u64 {
        todo!()
    }
}
