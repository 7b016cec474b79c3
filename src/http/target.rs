//! The request target (RFC 9112 section 3.2) and the path it names.

mod authority;
mod path;

pub use self::{authority::is_host, path::RequestPath};

use self::authority::{is_authority, is_connect_authority};
use super::{error::RequestError, method::Method};

/// A validated request target in one of its four forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'b> {
    /// Origin-form, or the path and query of absolute-form.
    Path {
        /// Begins with a slash; percent-encoded as received.
        path: &'b str,
        /// Without the question mark; may be empty.
        query: Option<&'b str>,
    },
    /// Authority-form, with CONNECT only.
    Authority,
    /// Asterisk-form, with OPTIONS only.
    Asterisk,
}

impl<'b> Target<'b> {
    /// Parses the target of a request with this method; 400 if it is malformed.
    ///
    /// Anything outside visible ASCII is rejected, and so are `"`, `<`, `>`, `\` and `#`, which no
    /// client sends unencoded. Accepted although RFC 3986 requires encoding: `[`, `]`, `^`, `` `
    /// ``, `{`, `|` and `}`, because clients that follow the URL Standard send some of these raw,
    /// mostly in queries. Percent-encoding is validated in the path, by [`RequestPath::new`], and
    /// ignored in the query.
    pub fn parse(method: Method, text: &'b str) -> Result<Target<'b>, RequestError> {
        if has_forbidden_byte(text.as_bytes()) {
            return Err(RequestError::Malformed("forbidden character in target"));
        }
        if method == Method::Connect {
            return Target::parse_authority(text);
        }
        if text.starts_with('/') {
            return Ok(split_query(text));
        }
        if text == "*" {
            return match method {
                Method::Options => Ok(Target::Asterisk),
                _ => Err(RequestError::Malformed("target * without OPTIONS")),
            };
        }
        Target::parse_absolute(method, text)
    }

    /// `authority-form = uri-host ":" port` (RFC 9112 section 3.2.3); an empty
    /// port or one out of range is rejected (RFC 9110 section 9.3.6).
    fn parse_authority(text: &str) -> Result<Target<'b>, RequestError> {
        match is_connect_authority(text.as_bytes()) {
            true => Ok(Target::Authority),
            false => Err(RequestError::Malformed("malformed target of CONNECT")),
        }
    }

    /// `absolute-form = absolute-URI` (RFC 9112 section 3.2.2), which a server
    /// must accept. Its authority replaces `Host`, so it must satisfy the same grammar and not be
    /// empty (RFC 9110 section 4.2.1). `https` must not be served over a plain connection (section
    /// 7.4); other schemes are not HTTP.
    fn parse_absolute(method: Method, text: &'b str) -> Result<Target<'b>, RequestError> {
        let malformed = |rule| Err(RequestError::Malformed(rule));
        let Some((scheme, rest)) = text.split_once("://") else {
            return malformed("target in none of the four forms");
        };
        if !scheme.eq_ignore_ascii_case("http") {
            return malformed("scheme of the target is not http");
        }
        let path_at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path_and_query) = rest.split_at(path_at);
        if !is_authority(authority.as_bytes()) {
            return malformed("malformed authority in target");
        }
        match (path_and_query.strip_prefix('?'), path_and_query) {
            // RFC 9112 section 3.2.4: a proxy would forward it as `*`.
            (None, "") if method == Method::Options => Ok(Target::Asterisk),
            (None, "") => Ok(split_query("/")),
            (None, _) => Ok(split_query(path_and_query)),
            (Some(query), _) => Ok(Target::Path {
                path: "/",
                query: Some(query),
            }),
        }
    }
}

/// Whether `text` contains a byte that is invalid in any target.
fn has_forbidden_byte(text: &[u8]) -> bool {
    let is_allowed = |byte: &u8| {
        matches!(byte, b'!'..=b'~') && !matches!(byte, b'"' | b'#' | b'<' | b'>' | b'\\')
    };
    !text.iter().all(is_allowed)
}

/// Splits an origin-form into path and query (RFC 9112 section 3.2.1).
fn split_query(text: &str) -> Target<'_> {
    let (path, query) = match memchr::memchr(b'?', text.as_bytes()) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    Target::Path { path, query }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &str, text: &str, expected: Option<Target<'_>>) {
        let target = Target::parse(Method::from_token(method), text);
        assert_eq!(target.ok(), expected, "{method} {text}");
    }

    fn path<'b>(path: &'b str, query: Option<&'b str>) -> Option<Target<'b>> {
        Some(Target::Path { path, query })
    }

    #[test]
    fn origin_form_is_split() {
        check("GET", "/", path("/", None));
        check("GET", "/?", path("/", Some("")));
        check("GET", "/a/b.c?d=e?f", path("/a/b.c", Some("d=e?f")));
        check("OPTIONS", "/a", path("/a", None));
        check("GET", "//a", path("//a", None));
        check("GET", "/a:b@c", path("/a:b@c", None));
        check("GET", "/100%", path("/100%", None));
        check("GET", "/?f[a]=1|2^3`{}", path("/", Some("f[a]=1|2^3`{}")));
        let unreserved = "/-._~!$&'()*+,;=:@azAZ09";
        check("GET", unreserved, path(unreserved, None));
        for bad in [
            "/a#b", "/#", "/a\\b", "/a?\\", "/a\"b", "/<", "/>", "/a b", "/a\tb", "/\0", "/\x7f",
            "/\u{e9}", "/\u{ff}?", "a", "a/b", "", "?", "?a", "#",
        ] {
            check("GET", bad, None);
            check("OPTIONS", bad, None);
            check("CONNECT", bad, None);
        }
        // Every position of a longer target, to cover vectors and remainder.
        for place in 1..40 {
            let mut target = format!("/{}", "a".repeat(40));
            target.replace_range(place..=place, "#");
            check("GET", &target, None);
        }
    }

    #[test]
    fn absolute_form_needs_a_valid_authority() {
        check("GET", "http://a", path("/", None));
        check("GET", "http://a/", path("/", None));
        check("GET", "HTTP://a:80/b?c", path("/b", Some("c")));
        check("GET", "http://a?b", path("/", Some("b")));
        check("GET", "http://a?b/c", path("/", Some("b/c")));
        check("GET", "http://[::1]:8080/x", path("/x", None));
        check("GET", "http://a://b", path("//b", None));
        check("OPTIONS", "http://a", Some(Target::Asterisk));
        check("OPTIONS", "http://a/", path("/", None));
        for bad in [
            "http://",
            "http:///a",
            "http://:80/",
            "http://?a",
            "http:/a",
            "http:a",
            "http://u@a/",
            "http://u:p@a/",
            "http://a:b/",
            "http://a:65536/",
            "http://a,b/",
            "http://[::1/",
            "http://a#b",
            "https://a/",
            "ftp://a/",
            "://a/",
            "mailto:a",
            "http://a%/",
        ] {
            check("GET", bad, None);
        }
    }

    #[test]
    fn authority_and_asterisk_form_are_accepted_for_their_method() {
        check("CONNECT", "a:443", Some(Target::Authority));
        check("CONNECT", "a:4", Some(Target::Authority));
        check("CONNECT", "[::1]:443", Some(Target::Authority));
        for bad in [
            "a",
            "a:",
            ":443",
            "a:0x1",
            "a:65536",
            "/",
            "*",
            "http://a/",
            "u@a:1",
            "a:1/",
        ] {
            check("CONNECT", bad, None);
        }
        check("OPTIONS", "*", Some(Target::Asterisk));
        for (method, target) in [
            ("GET", "*"),
            ("HEAD", "*"),
            ("POST", "*"),
            ("OPTIONS", "**"),
        ] {
            check(method, target, None);
        }
        check("GET", "a:443", None);
    }
}
