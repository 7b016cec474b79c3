//! Names and numbers, escaped for HTML pages and JSON. Templates pass their variables as references.

use std::fmt::{self, Display, Formatter};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// The characters encoded in a path segment: more than required, so that no byte of a name is
/// special in a URL or in HTML (RFC 3986 section 2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A link to `name` relative to its folder. The leading dot segment prevents a colon from turning
/// it into a scheme (RFC 3986 section 4.2).
pub fn href(name: &[u8], is_folder: bool) -> impl Display {
    let slash = if is_folder { "/" } else { "" };
    fmt::from_fn(move |out| write!(out, "./{}{slash}", percent_encode(name, SEGMENT)))
}

/// How invisible characters are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Unseen {
    /// As an escape with its own style.
    Marked,
    /// As an escape in plain text, where no markup is possible.
    Plain,
}

/// A name as text of an HTML element. Invalid UTF-8 becomes replacement characters.
pub fn html(name: &[u8], unseen: Unseen) -> impl Display {
    escaped(name, is_special, move |out, special| {
        match (special, unseen) {
            ('&', _) => out.write_str("&amp;"),
            ('<', _) => out.write_str("&lt;"),
            ('>', _) => out.write_str("&gt;"),
            ('"', _) => out.write_str("&quot;"),
            ('\'', _) => out.write_str("&#39;"),
            (_, Unseen::Marked) => write!(out, "<b>{}</b>", special.escape_default()),
            (_, Unseen::Plain) => write!(out, "{}", special.escape_default()),
        }
    })
}

/// A name in which `write` writes the `special` characters.
fn escaped(
    name: &[u8],
    special: impl Fn(char) -> bool,
    write: impl Fn(&mut Formatter<'_>, char) -> fmt::Result,
) -> impl Display {
    fmt::from_fn(move |out| {
        let name = String::from_utf8_lossy(name);
        let mut begin = 0;
        for (at, character) in name.char_indices().filter(|(_, c)| special(*c)) {
            out.write_str(&name[begin..at])?;
            write(out, character)?;
            begin = at + character.len_utf8();
        }
        out.write_str(&name[begin..])
    })
}

fn is_special(character: char) -> bool {
    match character {
        '&' | '<' | '>' | '"' | '\'' => true,
        ' '..='~' => false,
        _ => character.is_control() || is_unseen(character),
    }
}

/// Characters that change text direction, break the line or have no width: with them one name could
/// pass for another. Of Unicode's Default_Ignorable_Code_Point, joiners and variation selectors are
/// not among them, because scripts and emoji need those.
fn is_unseen(character: char) -> bool {
    matches!(
        character,
        '\u{AD}'
            | '\u{34F}'
            | '\u{61C}'
            | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180E}'
            | '\u{200B}'
            | '\u{200E}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{3164}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E007F}'
    )
}

/// A name as the content of a JSON string (RFC 8259 section 7). Invalid UTF-8 becomes replacement
/// characters.
pub fn json(name: &[u8]) -> impl Display {
    let is_special = |character: char| {
        matches!(character, '"' | '\\') || character.is_control() || is_unseen(character)
    };
    escaped(name, is_special, |out, special| match special {
        '"' | '\\' => write!(out, "\\{special}"),
        _ => (special.encode_utf16(&mut [0; 2]).iter())
            .try_for_each(|unit| write!(out, "\\u{unit:04x}")),
    })
}

/// A human-readable size: `999 B`, `1.2 kB`, `15.0 MB`, `120 GB`; in powers of 1000, truncated.
pub fn size(&bytes: &u64) -> String {
    let power = bytes.checked_ilog(1000).unwrap_or(0);
    let unit = 1000_u64.pow(power);
    let name = ["B", "kB", "MB", "GB", "TB", "PB", "EB"][power as usize];
    let (whole, tenth) = (bytes / unit, bytes % unit * 10 / unit);
    if unit == 1 || whole >= 100 {
        format!("{whole} {name}")
    } else {
        format!("{whole}.{tenth} {name}")
    }
}

/// A number with a thousands separator.
pub fn exact(&number: &u64) -> String {
    match number {
        ..1000 => number.to_string(),
        _ => format!("{},{:03}", exact(&(number / 1000)), number % 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<'n, const N: usize, T: Display>(
        text: impl Fn(&'n [u8]) -> T,
        cases: [(&'n [u8], &str); N],
    ) {
        for (name, expected) in cases {
            let name_text = name.escape_ascii();
            assert_eq!(text(name).to_string(), expected, "{name_text}");
        }
    }

    #[test]
    fn hrefs() {
        check(
            |name| href(name, false),
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
        check(|name| href(name, true), [(b"d", "./d/")]);
    }

    #[test]
    fn html_text() {
        check(
            |name| html(name, Unseen::Marked),
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
                (
                    "a\u{3164}b\u{E0041}".as_bytes(),
                    "a<b>\\u{3164}</b>b<b>\\u{e0041}</b>",
                ),
                ("❤\u{FE0F}".as_bytes(), "❤\u{FE0F}"),
                ("é – 日本 👩\u{200D}💻".as_bytes(), "é – 日本 👩\u{200D}💻"),
                (b"a\xFFb\xC3", "a\u{FFFD}b\u{FFFD}"),
                (b"\xFF<", "\u{FFFD}&lt;"),
            ],
        );
        check(
            |name| html(name, Unseen::Plain),
            [(b"a\n<b>", "a\\n&lt;b&gt;")],
        );
    }

    #[test]
    fn json_strings() {
        check(
            json,
            [
                (b"a b", "a b"),
                (b"\"\\/", r#"\"\\/"#),
                (b"\n\x1F\x7F", r"\u000a\u001f\u007f"),
                ("é\u{202E}".as_bytes(), r"é\u202e"),
                ("\u{E0041}😀".as_bytes(), r"\udb40\udc41😀"),
                (b"\xFF", "\u{FFFD}"),
            ],
        );
    }

    #[test]
    fn sizes() {
        for (bytes, human, whole) in [
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
            assert_eq!(size(&bytes), human);
            assert_eq!(exact(&bytes), whole);
        }
    }
}
