//! The body of a request: judged strictly, and discarded.

use crate::http::{
    chunked::{ChunkedDecoder, Decoded},
    error::RequestError,
    framing::BodyFraming,
};

/// How far a request's body has come.
#[derive(Clone, Debug)]
pub enum Body {
    /// So many bytes are still to come, and so many have come.
    Length {
        /// Bytes still to come.
        left: u64,
        /// Bytes that have come.
        arrived: u64,
    },
    /// Chunks.
    Chunked(ChunkedDecoder),
}

impl Body {
    /// A body framed so, none of which has come; `None` where there is none.
    pub fn begin(framing: BodyFraming) -> Option<Body> {
        match framing {
            BodyFraming::None => None,
            BodyFraming::Length(left) => Some(Body::Length { left, arrived: 0 }),
            BodyFraming::Chunked => Some(Body::Chunked(ChunkedDecoder::new())),
        }
    }

    /// Takes what came. An error is final; one of them is that more than
    /// `bytes_max` bytes of content have come.
    pub fn take(&mut self, input: &[u8], bytes_max: u64) -> Result<Decoded, RequestError> {
        let (decoded, content_bytes) = match self {
            Body::Length { left, arrived } => {
                let consumed = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= consumed as u64;
                *arrived += consumed as u64;
                let decoded = Decoded {
                    consumed,
                    complete: *left == 0,
                };
                (decoded, *arrived)
            }
            Body::Chunked(decoder) => {
                let decoded = decoder.decode(input)?;
                (decoded, decoder.content_bytes())
            }
        };
        if content_bytes > bytes_max {
            return Err(RequestError::BodyTooLarge);
        }
        Ok(decoded)
    }
}
