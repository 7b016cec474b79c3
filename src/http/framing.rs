//! The length of a request body (RFC 9112 section 6).

use super::{
    error::RequestError,
    headers::{digits, is_token},
    request::Version,
};

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

impl BodyFraming {
    /// Decides the framing (RFC 9112 section 6.3) from the value of `Content-Length` and the values
    /// of all lines of `Transfer-Encoding`, in order and including the surrounding whitespace;
    /// `None` if the field is absent.
    ///
    /// A client that sends both, or `Transfer-Encoding` in HTTP/1.0, is broken or attempts request
    /// smuggling: 400 (section 6.1).
    pub fn decide<'v>(
        version: Version,
        content_length: Option<&[u8]>,
        transfer_encoding: Option<impl Iterator<Item = &'v [u8]>>,
    ) -> Result<BodyFraming, RequestError> {
        let malformed = |rule| Err(RequestError::Malformed(rule));
        match (transfer_encoding, content_length) {
            (None, None) => Ok(BodyFraming::None),
            (None, Some(value)) => match parse_content_length(value)? {
                0 => Ok(BodyFraming::None),
                length => Ok(BodyFraming::Length(length)),
            },
            (Some(_), Some(_)) => malformed("Transfer-Encoding beside Content-Length"),
            (Some(_), None) if version == Version::Http10 => {
                malformed("Transfer-Encoding in HTTP/1.0")
            }
            (Some(values), None) => {
                check_transfer_encoding(values)?;
                Ok(BodyFraming::Chunked)
            }
        }
    }
}

/// `Content-Length = 1*DIGIT` (RFC 9110 section 8.6), so leading zeros are valid and a sign or a
/// list is not. A recipient may accept or reject a list of equal values; this one rejects it,
/// because it shows that two senders disagreed.
fn parse_content_length(value: &[u8]) -> Result<u64, RequestError> {
    let length = digits(value).and_then(|digits| digits.parse().ok());
    length.ok_or(RequestError::Malformed("Content-Length is not a length"))
}

/// `Transfer-Encoding` must be `chunked`, once and alone (RFC 9112 sections 6.1 and 6.3). A
/// well-formed list with any other coding is 501, unless that follows `chunked`: 400. `identity`,
/// which RFC 7230 removed, is such a coding.
///
/// Two valid forms are rejected on purpose, because recipients disagree about them, which enables
/// smuggling: a horizontal tab next to a coding, and an empty list element.
fn check_transfer_encoding<'v>(values: impl Iterator<Item = &'v [u8]>) -> Result<(), RequestError> {
    let mut chunked = false;
    let mut unknown = false;
    for coding in values.flat_map(|value| value.split(|&byte| byte == b',')) {
        let coding = trim_spaces(coding);
        if !is_token(coding) {
            return Err(RequestError::Malformed("malformed Transfer-Encoding"));
        }
        if chunked {
            return Err(RequestError::Malformed("a transfer coding after chunked"));
        }
        chunked = coding.eq_ignore_ascii_case(b"chunked");
        unknown |= !chunked;
    }
    if unknown {
        return Err(RequestError::UnknownTransferCoding);
    }
    Ok(())
}

/// Trims spaces, but not tabs.
fn trim_spaces(mut value: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] | [rest @ .., b' '] = value {
        value = rest;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAD: Result<BodyFraming, u16> = Err(400);

    #[track_caller]
    fn check(
        version: Version,
        length: Option<&str>,
        codings: &[&str],
        expected: Result<BodyFraming, u16>,
    ) {
        let values = (!codings.is_empty()).then(|| codings.iter().map(|value| value.as_bytes()));
        let framing = BodyFraming::decide(version, length.map(str::as_bytes), values);
        let framing = framing.map_err(|error| error.status().code());
        assert_eq!(framing, expected, "{version:?} {length:?} {codings:?}");
    }

    #[test]
    fn content_length_is_digits_only() {
        for (value, expected) in [
            ("0", Ok(BodyFraming::None)),
            ("000", Ok(BodyFraming::None)),
            ("1", Ok(BodyFraming::Length(1))),
            ("0042", Ok(BodyFraming::Length(42))),
            ("18446744073709551615", Ok(BodyFraming::Length(u64::MAX))),
            ("00000000000000000000000000007", Ok(BodyFraming::Length(7))),
            ("18446744073709551616", BAD),
            ("99999999999999999999999", BAD),
            ("", BAD),
            ("+1", BAD),
            ("-1", BAD),
            ("1 1", BAD),
            ("1, 1", BAD),
            ("1,", BAD),
            ("1,2", BAD),
            ("0x1", BAD),
            ("1_0", BAD),
            ("1.0", BAD),
            ("1e3", BAD),
            ("a", BAD),
            ("1;", BAD),
            ("\u{0661}", BAD),
        ] {
            check(Version::Http11, Some(value), &[], expected);
            check(Version::Http10, Some(value), &[], expected);
        }
    }

    #[test]
    fn transfer_encoding_is_chunked_alone() {
        let chunked = Ok(BodyFraming::Chunked);
        for (values, expected) in [
            (&["chunked"][..], chunked),
            (&["CHUNKED"], chunked),
            (&["Chunked "], chunked),
            (&["  chunked"], chunked),
            (&["gzip"], Err(501)),
            (&["identity"], Err(501)),
            (&["xchunked"], Err(501)),
            (&["chunkedx"], Err(501)),
            (&["gzip, chunked"], Err(501)),
            (&["gzip", "chunked"], Err(501)),
            (&["deflate,gzip"], Err(501)),
            (&[""], BAD),
            (&[" "], BAD),
            (&[","], BAD),
            (&["chunked,"], BAD),
            (&[",chunked"], BAD),
            (&["gzip,,chunked"], BAD),
            (&["chunked", ""], BAD),
            (&["chunked, chunked"], BAD),
            (&["chunked", "chunked"], BAD),
            (&["chunked, gzip"], BAD),
            (&["chunked, identity"], BAD),
            (&["chunked", "gzip"], BAD),
            (&["chunked;q=1"], BAD),
            (&["chunked;"], BAD),
            (&["gzip;level=1"], BAD),
            (&["\tchunked"], BAD),
            (&["chunked\t"], BAD),
            (&["gzip,\tchunked"], BAD),
            (&["\u{b}chunked"], BAD),
            (&["chun ked"], BAD),
            (&["\"chunked\""], BAD),
            (&["chunked\u{e9}"], BAD),
        ] {
            check(Version::Http11, None, values, expected);
            check(Version::Http11, Some("5"), values, BAD);
            check(Version::Http10, None, values, BAD);
        }
    }

    #[test]
    fn without_both_fields_there_is_no_body() {
        check(Version::Http11, None, &[], Ok(BodyFraming::None));
    }
}
