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
    state: DecoderState,
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

/// What the next byte belongs to, or follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum DecoderState {
    #[default]
    Size,
    Extension(Extension),
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

/// The states within chunk extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extension {
    /// After a size or a value and whitespace: a semicolon must follow.
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
    AfterQuoted,
}

impl ChunkedDecoder {
    /// Decodes the next piece. Returns how many bytes of it belong to the body if that ends in it,
    /// with its trailers and the final CRLF; `None` if more must arrive. Not to be called again
    /// after an error. The result does not depend on how the body was split.
    pub fn decode(&mut self, input: &[u8]) -> Result<Option<usize>, RequestError> {
        let mut consumed = 0;
        while let Some(&byte) = input.get(consumed) {
            match self.state {
                DecoderState::Complete => break,
                DecoderState::Data => consumed += self.skip_data(&input[consumed..]),
                _ => {
                    self.state = self.step(byte)?;
                    consumed += 1;
                }
            }
        }
        Ok((self.state == DecoderState::Complete).then_some(consumed))
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
            self.state = DecoderState::DataReturn;
        }
        bytes as usize
    }

    /// The state after one byte that is not content.
    fn step(&mut self, byte: u8) -> Result<DecoderState, RequestError> {
        match (self.state, byte) {
            (DecoderState::Size, _) => self.step_size(byte),
            (DecoderState::Extension(extension), _) => self.step_extension(extension, byte),
            (DecoderState::SizeLineFeed, b'\n') if self.chunk_bytes == 0 => {
                Ok(DecoderState::TrailerStart)
            }
            (DecoderState::SizeLineFeed, b'\n') => Ok(DecoderState::Data),
            (DecoderState::DataReturn, b'\r') => Ok(DecoderState::DataLineFeed),
            (DecoderState::DataReturn, _) => malformed("chunk is longer than its size"),
            (DecoderState::DataLineFeed, b'\n') => {
                self.size_digits = 0;
                self.extension_bytes = 0;
                Ok(DecoderState::Size)
            }
            (DecoderState::LastLineFeed, b'\n') => Ok(DecoderState::Complete),
            (
                DecoderState::SizeLineFeed
                | DecoderState::DataLineFeed
                | DecoderState::LastLineFeed,
                _,
            ) => malformed("bare CR in a chunked body"),
            (DecoderState::TrailerStart, b'\r') => Ok(DecoderState::LastLineFeed),
            _ => self.step_trailer(byte),
        }
    }

    fn step_size(&mut self, byte: u8) -> Result<DecoderState, RequestError> {
        let digit = char::from(byte).to_digit(16);
        match (digit, byte) {
            (Some(_), _) if self.size_digits == SIZE_DIGITS_MAX => malformed("chunk size too long"),
            (Some(digit), _) => {
                self.size_digits += 1;
                self.chunk_bytes = self.chunk_bytes << 4 | u64::from(digit);
                Ok(DecoderState::Size)
            }
            _ if self.size_digits == 0 => malformed("chunk without a size"),
            (None, b'\r') => Ok(DecoderState::SizeLineFeed),
            (None, _) => self.step_extension(Extension::BeforeSemicolon, byte),
        }
    }

    /// Handles one byte between the size and the end of the line.
    fn step_extension(
        &mut self,
        extension: Extension,
        byte: u8,
    ) -> Result<DecoderState, RequestError> {
        use Extension::*;

        let next = match (extension, byte) {
            (Name | Token | AfterQuoted, b'\r') => return Ok(DecoderState::SizeLineFeed),
            (BeforeSemicolon | Name | AfterName | Token | AfterQuoted, b';') => BeforeName,
            (BeforeSemicolon | Token | AfterQuoted, b' ' | b'\t') => BeforeSemicolon,
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
            _ => return malformed("malformed chunk extension"),
        };
        self.extension_bytes += 1;
        self.extensions_bytes += 1;
        if self.extension_bytes > EXTENSION_BYTES_MAX
            || self.extensions_bytes > EXTENSIONS_BYTES_MAX
        {
            return malformed("too many chunk extensions");
        }
        Ok(DecoderState::Extension(next))
    }

    /// Handles one byte of the trailer section (RFC 9112 section 7.1.2), which follows the grammar
    /// of field lines and is discarded, never merged into the head.
    fn step_trailer(&mut self, byte: u8) -> Result<DecoderState, RequestError> {
        self.trailers_bytes += 1;
        if self.trailers_bytes > TRAILERS_BYTES_MAX {
            return Err(RequestError::FieldsTooLarge);
        }
        match (self.state, byte) {
            (DecoderState::TrailerStart, _) if is_token_byte(byte) => {
                self.trailers += 1;
                if self.trailers > TRAILERS_MAX {
                    return Err(RequestError::TooManyFields);
                }
                self.name.clear();
                self.name.push(byte);
                Ok(DecoderState::TrailerName)
            }
            (DecoderState::TrailerName, b':') if is_forbidden(&self.name) => {
                malformed("a trailer field that belongs in the head")
            }
            (DecoderState::TrailerName, b':') => Ok(DecoderState::TrailerValue),
            (DecoderState::TrailerName, _) if is_token_byte(byte) => {
                self.name.push(byte);
                Ok(DecoderState::TrailerName)
            }
            (DecoderState::TrailerValue, b'\r') => Ok(DecoderState::TrailerLineFeed),
            (DecoderState::TrailerValue, _) if is_value_byte(byte) => {
                Ok(DecoderState::TrailerValue)
            }
            (DecoderState::TrailerLineFeed, b'\n') => Ok(DecoderState::TrailerStart),
            _ => malformed("malformed trailer"),
        }
    }
}

fn malformed(rule: &'static str) -> Result<DecoderState, RequestError> {
    Err(RequestError::Malformed(rule))
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
