//! Entity tags (RFC 9110 section 8.8.3).

use super::content_coding::ContentCoding;

/// Appends a strong entity tag: `"<version>-<size>"` in hexadecimal, where `version` distinguishes
/// the versions of a file, followed by `-br`, `-zst` or `-gz` for a coding: two codings of one file
/// are two representations and must not share a tag (section 8.8.3.3).
pub fn write_strong(out: &mut Vec<u8>, size: u64, version: i128, coding: Option<ContentCoding>) {
    out.extend_from_slice(if version < 0 { b"\"n" } else { b"\"" });
    write_hex(out, version.unsigned_abs());
    out.push(b'-');
    write_hex(out, size.into());
    if let Some(coding) = coding {
        out.push(b'-');
        out.extend_from_slice(coding.suffix().trim_start_matches('.').as_bytes());
    }
    out.push(b'"');
}

/// Without leading zeros.
fn write_hex(out: &mut Vec<u8>, number: u128) {
    let digits = (u128::BITS - number.leading_zeros()).div_ceil(4).max(1);
    let digit = |place| b"0123456789abcdef"[(number >> (4 * place)) as usize & 0xf];
    out.extend((0..digits).rev().map(digit));
}

/// One element of the list in `If-Match` or `If-None-Match`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListedTag<'v> {
    /// `*`, which is valid only as the sole element.
    Any,
    /// An entity tag.
    Tag {
        /// Whether it has the prefix `W/` (case-sensitive).
        weak: bool,
        /// The opaque tag, including quotes.
        opaque: &'v [u8],
    },
    /// Not an entity tag: unquoted, unterminated, or followed by something other than a comma.
    /// Matches nothing.
    Malformed,
}

/// The elements of one line of `If-Match` or `If-None-Match`: `#entity-tag` (sections 5.6.1 and
/// 8.8.3). Empty elements are skipped. A comma within quotes belongs to the tag; parsing resumes
/// after the comma that follows a malformed element.
pub fn listed(value: &[u8]) -> impl Iterator<Item = ListedTag<'_>> {
    let mut rest = value;
    std::iter::from_fn(move || {
        while let [b' ' | b'\t' | b',', behind @ ..] = rest {
            rest = behind;
        }
        if rest.is_empty() {
            return None;
        }
        let (element, behind) = split_element(rest);
        rest = behind.trim_ascii_start();
        if matches!(rest, [] | [b',', ..]) {
            return Some(element);
        }
        let comma = rest.iter().position(|&byte| byte == b',');
        rest = comma.map_or(&[], |at| &rest[at..]);
        Some(ListedTag::Malformed)
    })
}

/// Splits the first element from `value`.
fn split_element(value: &[u8]) -> (ListedTag<'_>, &[u8]) {
    let (weak, opaque) = match value {
        [b'*', behind @ ..] => return (ListedTag::Any, behind),
        [b'W', b'/', opaque @ ..] => (true, opaque),
        _ => (false, value),
    };
    let [b'"', inner @ ..] = opaque else {
        return (ListedTag::Malformed, value);
    };
    match inner.iter().position(|&byte| !is_etagc(byte)) {
        Some(end) if inner[end] == b'"' => {
            let (opaque, behind) = opaque.split_at(end + 2);
            (ListedTag::Tag { weak, opaque }, behind)
        }
        Some(end) => (ListedTag::Malformed, &inner[end..]),
        None => (ListedTag::Malformed, &[]),
    }
}

/// `etagc = %x21 / %x23-7E / obs-text` (section 8.8.3).
fn is_etagc(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x7E | 0x80..)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{ListedTag::*, *};

    #[test]
    fn tags_are_written() {
        for (size, version, coding, expected) in [
            (0, 0, None, &br#""0-0""#[..]),
            (4096, 1_000, None, br#""3e8-1000""#),
            (
                4096,
                1_000,
                Some(ContentCoding::Brotli),
                br#""3e8-1000-br""#,
            ),
            (4096, 1_000, Some(ContentCoding::Zstd), br#""3e8-1000-zst""#),
            (4096, 1_000, Some(ContentCoding::Gzip), br#""3e8-1000-gz""#),
            (1, -1_000, None, br#""n3e8-1""#),
            (
                u64::MAX,
                i128::MIN,
                Some(ContentCoding::Zstd),
                br#""n80000000000000000000000000000000-ffffffffffffffff-zst""#,
            ),
        ] {
            let mut tag = Vec::new();
            write_strong(&mut tag, size, version, coding);
            assert_eq!(tag, expected);
        }
    }

    fn tag(weak: bool, opaque: &str) -> ListedTag<'_> {
        let opaque = opaque.as_bytes();
        Tag { weak, opaque }
    }

    fn check(value: &str, expected: &[ListedTag<'_>]) {
        let elements: Vec<_> = listed(value.as_bytes()).collect();
        assert_eq!(elements, expected, "{value:?}");
    }

    #[test]
    fn lists_are_read() {
        check("", &[]);
        check(" , ,\t", &[]);
        check("*", &[Any]);
        check(r#""""#, &[tag(false, r#""""#)]);
        check(r#""a""#, &[tag(false, r#""a""#)]);
        check(r#"W/"a""#, &[tag(true, r#""a""#)]);
        check(
            r#""a",W/"b" ,, "c" "#,
            &[
                tag(false, r#""a""#),
                tag(true, r#""b""#),
                tag(false, r#""c""#),
            ],
        );
        check(
            r#""a,b", "c""#,
            &[tag(false, r#""a,b""#), tag(false, r#""c""#)],
        );
        check(r#""é\""#, &[tag(false, r#""é\""#)]);
        // The bounds of `etagc`; U+0080 ends in the byte 0x80.
        check("\"!#~\u{80}\"", &[tag(false, "\"!#~\u{80}\"")]);
        check(r#"*, "a""#, &[Any, tag(false, r#""a""#)]);
    }

    #[test]
    fn malformed_elements_are_reported() {
        check("a", &[Malformed]);
        check("W/", &[Malformed]);
        check("W/a", &[Malformed]);
        check(r#"w/"a""#, &[Malformed]);
        check(r#"W/ "a""#, &[Malformed]);
        check(r#"""#, &[Malformed]);
        check(r#""a"#, &[Malformed]);
        check(r#""a b""#, &[Malformed]);
        check("\"a\x7f\"", &[Malformed]);
        check("\"a\x1f\"", &[Malformed]);
        check(r#""a""b""#, &[Malformed]);
        check(r#""a" "b""#, &[Malformed]);
        check(r#""a"-gzip"#, &[Malformed]);
        check("**", &[Malformed]);
        check(r#"'a', "b""#, &[Malformed, tag(false, r#""b""#)]);
        // The comma belongs to the unterminated tag.
        check(r#""a, "b""#, &[Malformed]);
        check(r#""a,b"#, &[Malformed]);
        check(r#""a, "b", "c""#, &[Malformed, tag(false, r#""c""#)]);
        check(r#""x,"b",y""#, &[Malformed, Malformed]);
        // Only the closing quote ends a tag.
        check(r#""a ,"b""#, &[Malformed, tag(false, r#""b""#)]);
    }

    proptest! {
        #[test]
        fn reading_ends_and_yields_parts_of_the_value(value: Vec<u8>) {
            for (count, element) in listed(&value).enumerate() {
                prop_assert!(count <= value.len());
                if let Tag { opaque, .. } = element {
                    prop_assert!(value.windows(opaque.len()).any(|part| part == opaque));
                }
            }
        }
    }
}
