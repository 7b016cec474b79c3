//! Content codings and the `Accept-Encoding` field (RFC 9110 sections 8.4.1 and 12.5.3).

use super::headers::{FieldValues, QUALITY_MAX, quality};

macro_rules! content_codings {
    ($($(#[$doc:meta])* $variant:ident $name:literal $suffix:literal,)*) => {
        /// A coding in which a precompressed variant may exist next to its original.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ContentCoding { $($(#[$doc])* $variant,)* }

        impl ContentCoding {
            /// All codings; the index of each is `coding as usize`.
            pub const ALL: [ContentCoding; [$($name),*].len()] = [$(ContentCoding::$variant),*];

            /// The name in `Content-Encoding`.
            pub const fn name(self) -> &'static str {
                match self { $(ContentCoding::$variant => $name,)* }
            }

            /// The suffix of the variant's file name, including the dot.
            pub const fn suffix(self) -> &'static str {
                match self { $(ContentCoding::$variant => $suffix,)* }
            }
        }
    };
}

content_codings! {
    // In order of preference at equal quality.
    /// `br`, in a variant ending in `.br`.
    Brotli "br" ".br",
    /// `zstd`, in a variant ending in `.zst`.
    Zstd "zstd" ".zst",
    /// `gzip` (and `x-gzip`), in a variant ending in `.gz`.
    Gzip "gzip" ".gz",
}

/// A value for each coding, in the order of [`ContentCoding::ALL`].
pub type PerCoding<T> = [T; ContentCoding::ALL.len()];

/// What a request accepts: a quality from 0 to 1000 for each coding.
///
/// An absent field would allow any coding (section 12.5.3), but such a client is served the
/// identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptEncoding {
    codings: PerCoding<u16>,
    identity: u16,
}

/// The quality of the identity if the field does not mention it: acceptable, but the least
/// preferred. At equal quality a coding wins over the identity.
const IDENTITY_UNSTATED: u16 = 1;

impl AcceptEncoding {
    /// Accepts only the identity: the field is absent.
    pub const IDENTITY: AcceptEncoding = AcceptEncoding {
        codings: [0; ContentCoding::ALL.len()],
        identity: IDENTITY_UNSTATED,
    };

    /// Parses the field. A malformed element is ignored. If a coding is listed twice, the lower
    /// quality counts, so a coding that was excluded once is never sent.
    pub fn parse(lines: FieldValues<'_>) -> AcceptEncoding {
        let mut stated = Stated::default();
        for line in lines.iter() {
            for element in line.split(|&byte| byte == b',') {
                stated.note(element);
            }
        }
        stated.resolve()
    }

    /// Whether any coding other than the identity is accepted.
    pub fn accepts_any(self) -> bool {
        self.codings != Self::IDENTITY.codings
    }

    /// Chooses the best available variant; `has(coding)` tells which exist. `Ok(None)` is the
    /// identity, `Err` means that nothing available is acceptable (RFC 9110 section 12.5.3 allows
    /// serving the identity or 406: the caller decides).
    ///
    /// The highest quality wins; at equal quality the first of [`ContentCoding::ALL`], the identity
    /// last. `has` is called only for accepted codings, at most once each.
    pub fn choose(
        self,
        has: impl Fn(ContentCoding) -> bool,
    ) -> Result<Option<ContentCoding>, NoneAcceptable> {
        let mut best = None;
        let mut best_quality = 0;
        for (coding, quality) in ContentCoding::ALL.into_iter().zip(self.codings) {
            if quality > best_quality && has(coding) {
                (best, best_quality) = (Some(coding), quality);
            }
        }
        if self.identity > best_quality {
            return Ok(None);
        }
        best.map(Some).ok_or(NoneAcceptable)
    }
}

/// No available representation is acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoneAcceptable;

/// The explicit qualities, before `*` is applied to the others.
#[derive(Default)]
struct Stated {
    codings: PerCoding<Option<u16>>,
    identity: Option<u16>,
    star: Option<u16>,
}

impl Stated {
    /// Adds one element, `codings [ weight ]`. Unknown codings and malformed elements are ignored.
    fn note(&mut self, element: &[u8]) {
        let (name, parameter) = match element.iter().position(|&byte| byte == b';') {
            None => (element, None),
            Some(at) => (&element[..at], Some(&element[at + 1..])),
        };
        let Some(slot) = self.slot(name.trim_ascii()) else {
            return;
        };
        let Some(quality) = parameter.map_or(Some(QUALITY_MAX), |text| quality(text.trim_ascii()))
        else {
            return;
        };
        *slot = Some(slot.map_or(quality, |before| before.min(quality)));
    }

    /// Names are case-insensitive (section 8.4.1).
    fn slot(&mut self, name: &[u8]) -> Option<&mut Option<u16>> {
        if name == b"*" {
            return Some(&mut self.star);
        }
        if name.eq_ignore_ascii_case(b"identity") {
            return Some(&mut self.identity);
        }
        // Section 8.4.1.3: x-gzip is equivalent to gzip.
        let name = match name.eq_ignore_ascii_case(b"x-gzip") {
            true => b"gzip",
            false => name,
        };
        let is_named = |coding: &ContentCoding| name.eq_ignore_ascii_case(coding.name().as_bytes());
        let coding = ContentCoding::ALL.into_iter().find(is_named)?;
        Some(&mut self.codings[coding as usize])
    }

    /// Applies `*` to every coding that is not listed, including the identity.
    fn resolve(self) -> AcceptEncoding {
        let star = self.star;
        AcceptEncoding {
            codings: self.codings.map(|stated| stated.or(star).unwrap_or(0)),
            identity: self.identity.or(star).unwrap_or(IDENTITY_UNSTATED),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::headers::field, *};

    fn parse(values: &[&[u8]]) -> AcceptEncoding {
        let fields: Vec<_> = (values.iter())
            .map(|value| field("Accept-Encoding", *value))
            .collect();
        AcceptEncoding::parse(FieldValues::new(&fields, "accept-encoding"))
    }

    /// Qualities of br, zstd, gzip, identity.
    fn check(value: &str, expected: [u16; 4]) {
        let AcceptEncoding { codings, identity } = parse(&[value.as_bytes()]);
        let [brotli, zstd, gzip] = codings;
        assert_eq!([brotli, zstd, gzip, identity], expected, "{value:?}");
    }

    #[test]
    fn qualities_are_read() {
        check("", [0, 0, 0, 1]);
        check("gzip, deflate, br, zstd", [1000, 1000, 1000, 1]);
        check("gzip", [0, 0, 1000, 1]);
        check("GZip;Q=0.5", [0, 0, 500, 1]);
        check("x-gzip", [0, 0, 1000, 1]);
        check("X-GZip", [0, 0, 1000, 1]);
        check("br;q=1.0, gzip;q=0.8, *;q=0.1", [1000, 100, 800, 100]);
        check("*", [1000, 1000, 1000, 1000]);
        check("*;q=0", [0, 0, 0, 0]);
        check("*;q=0, gzip", [0, 0, 1000, 0]);
        check("identity", [0, 0, 0, 1000]);
        check("Identity;q=0.2", [0, 0, 0, 200]);
        check("identity;q=0", [0, 0, 0, 0]);
        check("identity;q=0.5, *;q=0", [0, 0, 0, 500]);
        check("gzip;q=0", [0, 0, 0, 1]);
        check("br;q=0.001,zstd;q=0.01,gzip;q=0.1", [1, 10, 100, 1]);
        check("br;q=0.,zstd;q=1.,gzip;q=1.000", [0, 1000, 1000, 1]);
        check("gzip\t;\tq=0.25 , ,br ;q=1", [1000, 0, 250, 1]);
        check("compress, deflate, dcb, brr, b", [0, 0, 0, 1]);
    }

    #[test]
    fn malformed_elements_are_ignored() {
        for element in [
            "gzip;q=2",
            "gzip;q=1.1",
            "gzip;q=1.001",
            "gzip;q=0.1234",
            "gzip;q=1.0000",
            "gzip;q=-1",
            "gzip;q=.5",
            "gzip;q=00",
            "gzip;q=0.5x",
            "gzip;q=",
            "gzip;q",
            "gzip;",
            "gzip;q =1",
            "gzip;q= 1",
            "gzip;q=\"1\"",
            "gzip;level=9",
            "gzip;q=1;q=1",
            "gzip=1",
            "gzip br",
            "\"gzip\"",
            "gzip\0",
        ] {
            check(&format!("br, {element}"), [1000, 0, 0, 1]);
        }
        assert_eq!(parse(&[b"\xFF\xFE, br"]), parse(&[b"br"]));
    }

    #[test]
    fn of_two_statements_the_lower_counts() {
        check("gzip, gzip;q=0", [0, 0, 0, 1]);
        check("gzip;q=0, x-gzip", [0, 0, 0, 1]);
        check("*, *;q=0.2", [200, 200, 200, 200]);
    }

    #[test]
    fn several_lines_are_one_list() {
        assert_eq!(parse(&[b"gzip;q=0.5", b"br"]), parse(&[b"gzip;q=0.5, br"]));
        assert_eq!(parse(&[]), AcceptEncoding::IDENTITY);
        assert_eq!(parse(&[b""]), AcceptEncoding::IDENTITY);
        assert_eq!(
            AcceptEncoding::parse(FieldValues::default()),
            AcceptEncoding::IDENTITY
        );
    }

    #[test]
    fn accepts_any_is_true_for_any_coding_but_the_identity() {
        for (value, expected) in [
            ("", false),
            ("identity", false),
            ("deflate", false),
            ("gzip;q=0", false),
            ("gzip;q=0.001", true),
            ("*", true),
        ] {
            assert_eq!(
                parse(&[value.as_bytes()]).accepts_any(),
                expected,
                "{value:?}"
            );
        }
    }

    #[test]
    fn the_best_variant_is_chosen() {
        use ContentCoding::{Brotli, Gzip, Zstd};
        let all = &ContentCoding::ALL[..];
        for (value, variants, expected) in [
            ("gzip, deflate, br, zstd", all, Ok(Some(Brotli))),
            ("gzip, zstd", all, Ok(Some(Zstd))),
            ("gzip, deflate, br, zstd", &[Gzip], Ok(Some(Gzip))),
            ("gzip, deflate, br, zstd", &[], Ok(None)),
            ("br;q=0.5, gzip", all, Ok(Some(Gzip))),
            ("br;q=0.5, gzip", &[Brotli], Ok(Some(Brotli))),
            ("br;q=0, *", all, Ok(Some(Zstd))),
            ("*", all, Ok(Some(Brotli))),
            ("*", &[], Ok(None)),
            ("", all, Ok(None)),
            ("deflate", all, Ok(None)),
            ("gzip;q=0.001", all, Ok(Some(Gzip))),
            // At equal quality the coding wins; the identity needs a higher one.
            ("gzip, identity", all, Ok(Some(Gzip))),
            ("gzip;q=0.5, identity;q=0.5", all, Ok(Some(Gzip))),
            ("gzip;q=0.5, identity", all, Ok(None)),
            ("gzip;q=0.5, *", &[Gzip], Ok(None)),
            ("identity;q=0", all, Err(NoneAcceptable)),
            ("identity;q=0, gzip", &[Gzip], Ok(Some(Gzip))),
            ("identity;q=0, gzip", &[Brotli], Err(NoneAcceptable)),
            ("*;q=0", all, Err(NoneAcceptable)),
            ("*;q=0, identity", all, Ok(None)),
        ] {
            let accept = parse(&[value.as_bytes()]);
            let chosen = accept.choose(|coding| variants.contains(&coding));
            assert_eq!(chosen, expected, "{value:?} of {variants:?}");
        }
    }

    proptest! {
        #[test]
        fn the_choice_exists_and_is_accepted(value: Vec<u8>, variants: [bool; 3]) {
            let accept = parse(&[&value]);
            let has = |coding: ContentCoding| {
                assert!(accept.codings[coding as usize] > 0, "looked up {coding:?} for nothing");
                variants[coding as usize]
            };
            if let Ok(Some(coding)) = accept.choose(has) {
                prop_assert!(has(coding) && accept.codings[coding as usize] > 0);
            }
        }
    }
}
