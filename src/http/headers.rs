//! Header fields: grammar, field values, and the fields this server uses.

pub use httparse::Header as Field;

/// Whether a byte is allowed in a token, such as a method or a field name.
///
/// `tchar = "!" / "#" / "$" / "%" / "&" / "'" / "*" / "+" / "-" / "." / "^" /
/// "_" / "`" / "|" / "~" / DIGIT / ALPHA` (RFC 9110 section 5.6.2).
pub const fn is_token_byte(byte: u8) -> bool {
    matches!(byte,
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'!' | b'#' | b'$' | b'%' | b'&' | b'\''
        | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~')
}

/// Whether `bytes` is a token: `1*tchar` (RFC 9110 section 5.6.2).
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
}

/// Whether a byte is allowed in a field value: visible characters, space, tab and obs-text (RFC
/// 9110 section 5.5).
pub const fn is_value_byte(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

/// Returns `bytes` as text if they are `1*DIGIT`, ready to be parsed as a number.
pub fn digits(bytes: &[u8]) -> Option<&str> {
    let is_number = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
    str::from_utf8(bytes).ok().filter(|_| is_number)
}

/// The quality of an element without a weight, in thousandths.
pub const QUALITY_MAX: u16 = 1000;

/// Parses a `weight` into thousandths; `None` if it is malformed (RFC 9110 section 12.4.2):
/// `"q=" qvalue`, where
/// `qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )`.
pub fn quality(text: &[u8]) -> Option<u16> {
    let [b'q' | b'Q', b'=', whole @ (b'0' | b'1'), fraction @ ..] = text else {
        return None;
    };
    let digits = match fraction {
        [] => fraction,
        [b'.', digits @ ..] if digits.len() <= 3 => digits,
        _ => return None,
    };
    let mut quality = u16::from(whole - b'0');
    for place in 0..3 {
        let digit = digits.get(place).unwrap_or(&b'0');
        if !digit.is_ascii_digit() {
            return None;
        }
        quality = quality * 10 + u16::from(digit - b'0');
    }
    (quality <= QUALITY_MAX).then_some(quality)
}

/// All values of one field, in order.
///
/// A field whose grammar is a list may be split over several lines (RFC 9110 section 5.3). The
/// default is an absent field.
#[derive(Clone, Copy, Debug, Default)]
pub struct FieldValues<'h> {
    /// All fields from its first line on; empty if the field is absent.
    fields: &'h [Field<'h>],
}

impl<'h> FieldValues<'h> {
    /// The values of the lines of `fields` named `name` (case-insensitive).
    pub fn new(fields: &'h [Field<'h>], name: &str) -> Self {
        let is_named = |field: &Field<'_>| field.name.eq_ignore_ascii_case(name);
        let first = fields.iter().position(is_named).unwrap_or(fields.len());
        FieldValues::from_first(&fields[first..])
    }

    /// The values of the field named by the first of `fields`.
    pub fn from_first(fields: &'h [Field<'h>]) -> Self {
        FieldValues { fields }
    }

    /// Whether the field is absent.
    pub fn is_absent(self) -> bool {
        self.fields.is_empty()
    }

    /// The value of each line.
    pub fn iter(self) -> impl Iterator<Item = &'h [u8]> {
        let name = self.fields.first().map_or("", |first| first.name);
        let is_named = move |field: &&Field<'_>| field.name.eq_ignore_ascii_case(name);
        self.fields.iter().filter(is_named).map(|field| field.value)
    }
}

/// The fields of a request that affect its response or its log line.
///
/// Singleton fields are single values (a second line is a
/// [`RequestError`](super::error::RequestError)); list fields are [`FieldValues`]. By default all
/// are absent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fields<'h> {
    /// `Accept` (RFC 9110 section 12.5.1).
    pub accept: FieldValues<'h>,
    /// `Accept-Encoding` (section 12.5.3).
    pub accept_encoding: FieldValues<'h>,
    /// `If-Match` (section 13.1.1).
    pub if_match: FieldValues<'h>,
    /// `If-None-Match` (section 13.1.2).
    pub if_none_match: FieldValues<'h>,
    /// `If-Modified-Since` (section 13.1.3).
    pub if_modified_since: Option<&'h [u8]>,
    /// `If-Unmodified-Since` (section 13.1.4).
    pub if_unmodified_since: Option<&'h [u8]>,
    /// `If-Range` (section 13.1.5).
    pub if_range: Option<&'h [u8]>,
    /// `Range` (section 14.2).
    pub range: Option<&'h [u8]>,
    /// Those that affect only its log line.
    pub logged: LoggedFields<'h>,
}

/// The fields of a request that affect only its log line. By default all are absent.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoggedFields<'h> {
    /// `Referer` (RFC 9110 section 10.1.3).
    pub referer: Option<&'h [u8]>,
    /// `User-Agent` (section 10.1.5).
    pub user_agent: Option<&'h [u8]>,
    /// `Forwarded` (RFC 7239), used only if it comes from a trusted proxy.
    pub forwarded: FieldValues<'h>,
    /// `X-Forwarded-For`, likewise.
    pub x_forwarded_for: FieldValues<'h>,
}

/// A field with a value of text or bytes, for tests.
#[cfg(test)]
pub fn field<'h>(name: &'h str, value: &'h (impl AsRef<[u8]> + ?Sized)) -> Field<'h> {
    let value = value.as_ref();
    Field { name, value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_in_order_and_names_are_case_insensitive() {
        let fields = [
            field("Accept", "a"),
            field("X", "b"),
            field("ACCEPT", "c"),
            field("accept-encoding", "d"),
            field("accept", ""),
        ];
        let check = |name, expected: &[&[u8]]| {
            let lines = FieldValues::new(&fields, name);
            assert_eq!(lines.iter().collect::<Vec<_>>(), expected, "{name}");
            assert_eq!(lines.is_absent(), expected.is_empty(), "{name}");
        };
        check("accept", &[b"a", b"c", b""]);
        check("Accept-Encoding", &[b"d"]);
        check("range", &[]);
        assert!(FieldValues::default().is_absent());
    }

    #[test]
    fn byte_classes_match_the_grammar() {
        for byte in 0..=255u8 {
            let delimiter = b"\"(),/:;<=>?@[\\]{}".contains(&byte);
            assert_eq!(is_token_byte(byte), byte.is_ascii_graphic() && !delimiter);
            let control = byte.is_ascii_control() && byte != b'\t';
            assert_eq!(is_value_byte(byte), !control);
        }
        assert!(is_token(b"a-b") && !is_token(b"") && !is_token(b"a b"));
    }
}
