//! Names and numbers as a page and JSON may hold them.

use std::io::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// What must be encoded in a path segment; more than must be, so that no byte
/// of a name has a meaning in a URL or in HTML (RFC 3986 section 2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Writes a name as a link relative to its folder. The dot segment before it
/// keeps a colon from making it a scheme (RFC 3986 section 4.2).
pub fn push_href(out: &mut Vec<u8>, name: &[u8], is_folder: bool) {
    out.extend_from_slice(b"./");
    for piece in percent_encode(name, SEGMENT) {
        out.extend_from_slice(piece.as_bytes());
    }
    if is_folder {
        out.push(b'/');
    }
}

/// How characters that cannot be seen are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Unseen {
    /// As an escape set apart from the name by its looks.
    Marked,
    /// As an escape, where only text may stand.
    Plain,
}

/// Writes a name as the text of an element. Bytes that are not UTF-8 become
/// replacement characters.
pub fn push_html(out: &mut Vec<u8>, name: &[u8], unseen: Unseen) {
    for chunk in name.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some(at) = rest.find(is_special) {
            let (before, from) = rest.split_at(at);
            out.extend_from_slice(before.as_bytes());
            let mut characters = from.chars();
            if let Some(special) = characters.next() {
                push_special(out, special, unseen);
            }
            rest = characters.as_str();
        }
        out.extend_from_slice(rest.as_bytes());
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{FFFD}".as_bytes());
        }
    }
}

fn push_special(out: &mut Vec<u8>, special: char, unseen: Unseen) {
    let entity = match special {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&quot;",
        '\'' => "&#39;",
        _ => {
            let escape = special.escape_default();
            let _ = match unseen {
                Unseen::Marked => write!(out, "<b>{escape}</b>"),
                Unseen::Plain => write!(out, "{escape}"),
            };
            return;
        }
    };
    out.extend_from_slice(entity.as_bytes());
}

fn is_special(character: char) -> bool {
    match character {
        '&' | '<' | '>' | '"' | '\'' => true,
        ' '..='~' => false,
        _ => character.is_control() || is_unseen(character),
    }
}

/// Characters that change the direction of others, break the line or take no
/// room: with them one name can pass for another.
fn is_unseen(character: char) -> bool {
    matches!(
        character,
        '\u{AD}'
            | '\u{61C}'
            | '\u{200B}'
            | '\u{200E}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{2069}'
            | '\u{FEFF}'
    )
}

/// Writes a name as a JSON string (RFC 8259 section 7). Bytes that are not
/// UTF-8 become replacement characters.
pub fn push_json(out: &mut Vec<u8>, name: &[u8]) {
    out.push(b'"');
    for character in String::from_utf8_lossy(name).chars() {
        match character {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            _ if character.is_control() || is_unseen(character) => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

/// Writes a size as people read it: `999 B`, `1.2 kB`, `15.0 MB`, `120 GB`;
/// in powers of 1000, cut and not rounded.
pub fn push_size(out: &mut Vec<u8>, bytes: u64) {
    let mut unit = 1_u64;
    let mut names = ["B", "kB", "MB", "GB", "TB", "PB", "EB"].into_iter();
    let mut name = names.next().unwrap_or_default();
    for larger in names {
        if bytes / unit < 1000 {
            break;
        }
        unit *= 1000;
        name = larger;
    }
    let (whole, tenth) = (bytes / unit, bytes % unit * 10 / unit);
    let _ = if unit == 1 || whole >= 100 {
        write!(out, "{whole} {name}")
    } else {
        write!(out, "{whole}.{tenth} {name}")
    };
}

/// Writes a number with a comma before every three digits.
pub fn push_exact(out: &mut Vec<u8>, number: u64) {
    if number >= 1000 {
        push_exact(out, number / 1000);
        let _ = write!(out, ",{:03}", number % 1000);
    } else {
        let _ = write!(out, "{number}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<const N: usize>(write: impl Fn(&mut Vec<u8>, &[u8]), cases: [(&[u8], &str); N]) {
        for (name, expected) in cases {
            let mut out = Vec::new();
            write(&mut out, name);
            assert_eq!(
                str::from_utf8(&out),
                Ok(expected),
                "{}",
                name.escape_ascii()
            );
        }
    }

    #[test]
    fn hrefs() {
        check(
            |out, name| push_href(out, name, false),
            [
                (b"a.txt", "./a.txt"),
                (b"javascript:alert(1)", "./javascript%3Aalert%281%29"),
                (b"a b+c%d", "./a%20b%2Bc%25d"),
                (b"?q#f&\"'<>", "./%3Fq%23f%26%22%27%3C%3E"),
                (b"\\\n\x7F\0", "./%5C%0A%7F%00"),
                ("é".as_bytes(), "./%C3%A9"),
                (b"\xFF\xFE", "./%FF%FE"),
                (b"-_.~", "./-_.~"),
            ],
        );
        check(|out, name| push_href(out, name, true), [(b"d", "./d/")]);
    }

    #[test]
    fn html_text() {
        check(
            |out, name| push_html(out, name, Unseen::Marked),
            [
                (b"a b.txt", "a b.txt"),
                (b"<script>", "&lt;script&gt;"),
                (b"\"a' & b", "&quot;a&#39; &amp; b"),
                (
                    b"a\nb\tc\x1B\x7F",
                    "a<b>\\n</b>b<b>\\t</b>c<b>\\u{1b}</b><b>\\u{7f}</b>",
                ),
                (
                    "a\u{202E}b\u{2066}".as_bytes(),
                    "a<b>\\u{202e}</b>b<b>\\u{2066}</b>",
                ),
                (
                    "\u{85}\u{FEFF}".as_bytes(),
                    "<b>\\u{85}</b><b>\\u{feff}</b>",
                ),
                ("é – 日本 👩\u{200D}💻".as_bytes(), "é – 日本 👩\u{200D}💻"),
                (b"a\xFFb\xC3", "a\u{FFFD}b\u{FFFD}"),
                (b"\xFF<", "\u{FFFD}&lt;"),
            ],
        );
        check(
            |out, name| push_html(out, name, Unseen::Plain),
            [(b"a\n<b>", "a\\n&lt;b&gt;")],
        );
    }

    #[test]
    fn json_strings() {
        check(
            push_json,
            [
                (b"a b", r#""a b""#),
                (b"\"\\/", r#""\"\\/""#),
                (b"\n\x1F\x7F", r#""\u000a\u001f\u007f""#),
                ("é\u{202E}".as_bytes(), r#""é\u202e""#),
                (b"\xFF", "\"\u{FFFD}\""),
            ],
        );
    }

    #[test]
    fn sizes() {
        for (bytes, human, exact) in [
            (0, "0 B", "0"),
            (999, "999 B", "999"),
            (1_000, "1.0 kB", "1,000"),
            (1_999, "1.9 kB", "1,999"),
            (99_999, "99.9 kB", "99,999"),
            (100_000, "100 kB", "100,000"),
            (999_999, "999 kB", "999,999"),
            (15_000_007, "15.0 MB", "15,000,007"),
            (5_368_709_120, "5.3 GB", "5,368,709,120"),
            (u64::MAX, "18.4 EB", "18,446,744,073,709,551,615"),
        ] {
            let (mut first, mut second) = (Vec::new(), Vec::new());
            push_size(&mut first, bytes);
            push_exact(&mut second, bytes);
            assert_eq!(str::from_utf8(&first), Ok(human));
            assert_eq!(str::from_utf8(&second), Ok(exact));
        }
    }
}
