//! A request's body: checked strictly, and discarded.

use crate::http::{chunked::ChunkedDecoder, error::RequestError, framing::BodyFraming};

/// The framing of a body, and how much of it has arrived.
#[derive(Clone, Debug)]
pub enum Body {
    /// A body of known length.
    Length {
        /// Bytes still to arrive.
        left: u64,
        /// Bytes that have arrived.
        arrived: u64,
    },
    /// A chunked body.
    Chunked(ChunkedDecoder),
}

impl Body {
    /// A body with this framing, of which nothing has arrived; `None` if there is
    /// no body.
    pub fn begin(framing: BodyFraming) -> Option<Body> {
        match framing {
            BodyFraming::None => None,
            BodyFraming::Length(left) => Some(Body::Length { left, arrived: 0 }),
            BodyFraming::Chunked => Some(Body::Chunked(ChunkedDecoder::default())),
        }
    }

    /// Consumes input, with the result of [`ChunkedDecoder::decode`]. Exceeding
    /// `bytes_max` takes precedence over a later syntax error, so the result does not
    /// depend on how the input was split.
    pub fn take(&mut self, input: &[u8], bytes_max: u64) -> Result<Option<usize>, RequestError> {
        let (consumed, content_bytes) = match self {
            Body::Length { left, arrived } => {
                let consumed = (*left).min(input.len() as u64) as usize;
                *left -= consumed as u64;
                *arrived += consumed as u64;
                (Ok((*left == 0).then_some(consumed)), *arrived)
            }
            Body::Chunked(decoder) => {
                let consumed = decoder.decode(input);
                (consumed, decoder.content_bytes())
            }
        };
        if content_bytes > bytes_max {
            return Err(RequestError::BodyTooLarge);
        }
        consumed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES_MAX: u64 = 10;

    /// Checks the bytes left over after a body, `None` if more must arrive, or
    /// the error; for the whole input, and split at every byte.
    #[track_caller]
    fn check(framing: BodyFraming, input: &[u8], expected: Result<Option<usize>, RequestError>) {
        for cut in 0..=input.len() {
            let mut body = Body::begin(framing).expect("a body");
            let (first, second) = input.split_at(cut);
            let outcome = match body.take(first, BYTES_MAX) {
                Ok(None) => body
                    .take(second, BYTES_MAX)
                    .map(|end| end.map(|end| cut + end)),
                ended => ended,
            };
            let left = outcome.map(|end| end.map(|end| input.len() - end));
            assert_eq!(left, expected, "{} cut at {cut}", input.escape_ascii());
        }
    }

    #[test]
    fn a_body_ends_where_its_framing_says() {
        use BodyFraming::*;
        assert!(Body::begin(None).is_none());
        check(Length(3), b"ab", Ok(Option::None));
        check(Length(3), b"abc", Ok(Some(0)));
        check(Length(3), b"abcGET /", Ok(Some(5)));
        check(Length(10), b"0123456789", Ok(Some(0)));
        check(Chunked, b"3\r\nabc\r\n", Ok(Option::None));
        check(Chunked, b"3\r\nabc\r\n0\r\n\r\n", Ok(Some(0)));
        check(Chunked, b"3\r\nabc\r\n0\r\n\r\nGET /", Ok(Some(5)));
    }

    #[test]
    fn the_first_error_is_reported() {
        use BodyFraming::*;
        use RequestError::BodyTooLarge;
        check(Length(11), b"0123456789", Ok(Option::None));
        check(Length(11), b"0123456789a", Err(BodyTooLarge));
        check(Length(u64::MAX), b"0123456789a", Err(BodyTooLarge));
        check(Chunked, b"b\r\n0123456789a\r\n", Err(BodyTooLarge));
        check(Chunked, b"b\r\n0123456789a!\r\n", Err(BodyTooLarge));
        let malformed = RequestError::Malformed("chunk is longer than its size");
        check(Chunked, b"3\r\nabcd\r\n", Err(malformed));
        check(Chunked, b"3\r\nabcdef0123456789", Err(malformed));
    }
}
