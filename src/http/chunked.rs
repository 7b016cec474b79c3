//! The chunked transfer coding (RFC 9112 section 7.1), decoded strictly. The content is discarded:
//! a static file server does not use it.
//!
//! ```text
//! chunked-body   = *chunk last-chunk trailer-section CRLF
//! chunk          = chunk-size [ chunk-ext ] CRLF chunk-data CRLF
//! chunk-size     = 1*HEXDIG
//! last-chunk     = 1*("0") [ chunk-ext ] CRLF
//! chunk-ext      = *( BWS ";" BWS chunk-ext-name
//!                     [ BWS "=" BWS chunk-ext-val ] )
//! chunk-ext-val  = token / quoted-string
//! trailer-section = *( field-line CRLF )
//! ```
//!
//! Only CRLF ends a line; whitespace is accepted only where BWS is.

use super::{
    error::RequestError,
    headers::{is_token_byte, is_value_byte},
};

/// Digits of a chunk size, including leading zeros; more is 400. A `u64` has as many, so no size
/// overflows.
pub const SIZE_DIGITS_MAX: u8 = 16;

/// Bytes of extensions in one chunk line; more is 400.
pub const EXTENSION_BYTES_MAX: u32 = 256;

/// Bytes of extensions in all lines of a body; more is 400. The caller bounds the content; this
/// bounds the overhead.
pub const EXTENSIONS_BYTES_MAX: u32 = 16 << 10;

/// Bytes of the trailer section; more is 431.
pub const TRAILERS_BYTES_MAX: u32 = 8 << 10;

/// Fields of the trailer section; more is 431.
pub const TRAILERS_MAX: u32 = 32;

/// An incremental decoder that stores only its state. The default is at the start of a body.
#[derive(Clone, Debug, Default)]
pub struct ChunkedDecoder {
    state: State,
    /// Bytes left in the chunk, or its size while that is being parsed.
    chunk_bytes: u64,
    size_digits: u8,
    extension_bytes: u32,
    extensions_bytes: u32,
    trailers_bytes: u32,
    trailers: u32,
    /// The name of the current trailer field, bounded by the section limit.
    name: Vec<u8>,
    content_bytes: u64,
}

/// What the next byte belongs to, or follows. In the order of the grammar, by which the states of
/// extensions and those of trailers are told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    #[default]
    Size,
    /// After a size or a value and whitespace: a semicolon must follow. The first of extensions.
    BeforeSemicolon,
    /// After a semicolon and whitespace: a name must follow.
    BeforeName,
    Name,
    AfterName,
    /// After an equals sign and whitespace: a value must follow.
    BeforeValue,
    Token,
    Quoted,
    QuotedPair,
    /// The last of extensions.
    AfterQuoted,
    SizeLineFeed,
    Data,
    DataReturn,
    DataLineFeed,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLineFeed,
    LastLineFeed,
    Complete,
}

impl ChunkedDecoder {
    /// Decodes the next piece. Returns how many bytes of it belong to the body if that ends in it,
    /// with its trailers and the final CRLF; `None` if more must arrive. Not to be called again
    /// after an error. The result does not depend on how the body was split.
    pub fn decode(&mut self, input: &[u8]) -> Result<Option<usize>, RequestError> {
        let mut consumed = 0;
        while let Some(&byte) = input.get(consumed) {
            match self.state {
                State::Complete => break,
                State::Data => consumed += self.skip_data(&input[consumed..]),
                _ => {
                    self.state = self.step(byte)?;
                    consumed += 1;
                }
            }
        }
        Ok((self.state == State::Complete).then_some(consumed))
    }

    /// Bytes of content decoded so far.
    pub fn content_bytes(&self) -> u64 {
        self.content_bytes
    }

    /// Skips the chunk data in `rest` and returns its length.
    fn skip_data(&mut self, rest: &[u8]) -> usize {
        let bytes = self.chunk_bytes.min(rest.len() as u64);
        self.chunk_bytes -= bytes;
        self.content_bytes += bytes;
        if self.chunk_bytes == 0 {
            self.state = State::DataReturn;
        }
        bytes as usize
    }

    /// The state after one byte that is not content. Trailer fields follow the grammar of field
    /// lines and are discarded, never merged into the head (RFC 9112 section 7.1.2).
    fn step(&mut self, byte: u8) -> Result<State, RequestError> {
        use State::*;

        let malformed = |rule| Err(RequestError::Malformed(rule));
        let next = match (self.state, byte) {
            (Size, _) if byte.is_ascii_hexdigit() => {
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                self.chunk_bytes = self.chunk_bytes << 4 | u64::from(digit);
                self.size_digits += 1;
                if self.size_digits > SIZE_DIGITS_MAX {
                    return malformed("chunk size too long");
                }
                Size
            }
            (Size, _) if self.size_digits == 0 => return malformed("chunk without a size"),

            (Size | Name | Token | AfterQuoted, b'\r') => SizeLineFeed,
            (Size | BeforeSemicolon | Name | AfterName | Token | AfterQuoted, b';') => BeforeName,
            (Size | BeforeSemicolon | Token | AfterQuoted, b' ' | b'\t') => BeforeSemicolon,
            (BeforeName, b' ' | b'\t') => BeforeName,
            (BeforeName | Name, _) if is_token_byte(byte) => Name,
            (Name | AfterName, b' ' | b'\t') => AfterName,
            (Name | AfterName, b'=') => BeforeValue,
            (BeforeValue, b' ' | b'\t') => BeforeValue,
            (BeforeValue, b'"') => Quoted,
            (BeforeValue | Token, _) if is_token_byte(byte) => Token,
            (Quoted, b'"') => AfterQuoted,
            (Quoted, b'\\') => QuotedPair,
            (Quoted | QuotedPair, _) if is_value_byte(byte) => Quoted,

            (SizeLineFeed, b'\n') if self.chunk_bytes > 0 => Data,
            (DataReturn, b'\r') => DataLineFeed,
            (DataReturn, _) => return malformed("chunk is longer than its size"),
            (DataLineFeed, b'\n') => {
                self.size_digits = 0;
                self.extension_bytes = 0;
                Size
            }

            (SizeLineFeed, b'\n') => TrailerStart,
            (TrailerStart, b'\r') => LastLineFeed,
            (TrailerStart, _) if is_token_byte(byte) => {
                self.trailers += 1;
                self.name.clear();
                self.name.push(byte);
                TrailerName
            }
            (TrailerName, b':') if !is_forbidden(&self.name) => TrailerValue,
            (TrailerName, _) if is_token_byte(byte) => {
                self.name.push(byte);
                TrailerName
            }
            (TrailerValue, b'\r') => TrailerLineFeed,
            (TrailerValue, _) if is_value_byte(byte) => TrailerValue,
            (TrailerLineFeed, b'\n') => TrailerStart,
            (LastLineFeed, b'\n') => Complete,
            _ => return malformed("malformed chunk, extension or trailer"),
        };
        self.count(next)?;
        Ok(next)
    }

    /// Counts the byte that leads to `next` against the limits.
    fn count(&mut self, next: State) -> Result<(), RequestError> {
        if (State::BeforeSemicolon..=State::AfterQuoted).contains(&next) {
            self.extension_bytes += 1;
            self.extensions_bytes += 1;
            if self.extension_bytes > EXTENSION_BYTES_MAX
                || self.extensions_bytes > EXTENSIONS_BYTES_MAX
            {
                return Err(RequestError::Malformed("too many chunk extensions"));
            }
        } else if (State::TrailerStart..=State::TrailerLineFeed).contains(&self.state)
            && next != State::LastLineFeed
        {
            self.trailers_bytes += 1;
            if self.trailers > TRAILERS_MAX {
                return Err(RequestError::TooManyFields);
            }
            if self.trailers_bytes > TRAILERS_BYTES_MAX {
                return Err(RequestError::FieldsTooLarge);
            }
        }
        Ok(())
    }
}

/// Fields for framing, routing, authentication, request modifiers or content processing. None may
/// be sent as a trailer (RFC 9110 section 6.5.1); such requests are rejected, because another hop
/// might merge the trailers into the head.
const FORBIDDEN: [&[u8]; 11] = [
    b"authorization",
    b"connection",
    b"content-encoding",
    b"content-length",
    b"content-range",
    b"content-type",
    b"expect",
    b"host",
    b"te",
    b"trailer",
    b"transfer-encoding",
];

fn is_forbidden(name: &[u8]) -> bool {
    FORBIDDEN
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests;
