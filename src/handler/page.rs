//! Pages that the server generates: errors, redirects, listings.

use std::{borrow::Cow, cmp::Reverse, sync::LazyLock};

use askama::Template;
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

use crate::{
    files::listing::{self, Chunk, Form},
    http::{
        error::RequestError,
        headers::{FieldValues, QUALITY_MAX, quality},
        response::ContentRange,
        status::Status,
        target::RequestPath,
    },
};

/// A generated page. Data from the request is always escaped.
#[derive(Clone, Debug)]
pub struct Page {
    /// The status.
    pub status: Status,
    /// The content.
    pub body: Cow<'static, str>,
    /// Further content after `body`.
    pub chunks: Vec<Chunk>,
    /// The media type of the content.
    pub content_type: &'static str,
    /// The value of `Content-Security-Policy`.
    pub content_security_policy: &'static str,
    /// The value of `Location`, encoded.
    pub location: Option<Vec<u8>>,
    /// The value of `Cache-Control`.
    pub cache_control: Cow<'static, str>,
    /// The seconds of `Retry-After` (RFC 9110 section 10.2.3).
    pub retry_after: Option<u64>,
    /// The value of `Content-Range` in a 416.
    pub content_range: Option<ContentRange>,
    /// The value of `Vary` (RFC 9110 section 12.5.5).
    pub vary: Option<&'static str>,
    /// Whether to close the connection after it, because bytes after the request are not trusted.
    pub refused: bool,
}

/// The seconds after which a client may retry when the server is overloaded: by then a listing that
/// is being sent has usually released its memory.
pub const RETRY_AFTER_SECONDS: u64 = 2;

const HTML_UTF_8: &str = "text/html; charset=utf-8";

/// The policy of an error page: only its inline style.
const ERROR_CSP: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

impl Page {
    /// The error page of `status`.
    pub fn of(status: Status) -> Page {
        Page {
            status,
            body: Cow::Borrowed(&ERROR_BODIES[status as usize]),
            chunks: Vec::new(),
            content_type: HTML_UTF_8,
            content_security_policy: ERROR_CSP,
            location: None,
            cache_control: Cow::Borrowed("no-cache"),
            retry_after: (status == Status::ServiceUnavailable).then_some(RETRY_AFTER_SECONDS),
            content_range: None,
            vary: (status == Status::NotAcceptable).then_some("Accept-Encoding"),
            refused: false,
        }
    }

    /// The error page of `status`; the connection closes after it.
    pub fn refused(status: Status) -> Page {
        Page {
            refused: true,
            ..Page::of(status)
        }
    }

    /// The error page for a request that could not be parsed.
    pub fn of_error(error: RequestError) -> Page {
        let mut page = Page::refused(error.status());
        let text = match error {
            RequestError::TlsOnPlainPort => {
                "This port serves plain HTTP: use http://, not https://."
            }
            RequestError::Http2Preface => "This server supports HTTP/1.1, not HTTP/2.",
            _ => explanation(page.status),
        };
        page.body = error_html(page.status, text).into();
        page
    }

    /// 416 with the length of the representation (RFC 9110 section 15.5.17).
    pub fn range_not_satisfiable(length: u64) -> Page {
        Page {
            content_range: Some(ContentRange::Unsatisfied(length)),
            ..Page::of(Status::RangeNotSatisfiable)
        }
    }

    /// Redirects a folder to its URL with a trailing slash, keeping the query. The path is encoded
    /// anew from the decoded path, so it begins with exactly one slash and cannot lead to another
    /// host.
    pub fn redirect_to_folder(
        path: &RequestPath<'_>,
        query: Option<&str>,
        cache_control: &str,
    ) -> Page {
        let mut location = String::from("/");
        location.extend(percent_encode(path.as_bytes(), PATH));
        location.push('/');
        if let Some(query) = query {
            location.push('?');
            push_query(&mut location, query);
        }
        Page {
            location: Some(location.into_bytes()),
            // The folder may be replaced by a file, so the redirect is cached like one.
            cache_control: Cow::Owned(cache_control.to_owned()),
            ..Page::of(Status::MovedPermanently)
        }
    }

    /// A finished listing.
    pub fn listing(form: Form, chunks: Vec<Chunk>) -> Page {
        Page {
            body: "".into(),
            chunks,
            content_type: match form {
                Form::Html => HTML_UTF_8,
                Form::Json => JSON,
            },
            content_security_policy: listing::CSP,
            vary: Some("Accept"),
            ..Page::of(Status::Ok)
        }
    }

    /// 304 for a listing (RFC 9110 section 15.4.5).
    pub fn listing_not_modified() -> Page {
        Page {
            status: Status::NotModified,
            ..Page::listing(Form::Html, Vec::new())
        }
    }

    /// The length of the content in bytes.
    pub fn content_bytes(&self) -> u64 {
        let chunks = self.chunks.iter().map(|chunk| chunk.as_ref().len() as u64);
        self.body.len() as u64 + chunks.sum::<u64>()
    }
}

/// The bytes encoded in the path of a `Location`: all but RFC 3986 pchar and the slash.
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The bytes encoded in a query: the same, except the question mark.
const QUERY: &AsciiSet = &PATH.remove(b'?');

/// Appends a query as received, but encodes what RFC 3986 section 3.4 does not allow, because
/// clients send it anyway.
fn push_query(location: &mut String, query: &str) {
    for (index, part) in query.split('%').enumerate() {
        let digits = part.as_bytes().get(..2);
        let is_escape = digits.is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
        if index > 0 {
            location.push_str(if is_escape { "%" } else { "%25" });
        }
        location.extend(percent_encode(part.as_bytes(), QUERY));
    }
}

/// Whether `Accept` lists HTML explicitly: the client requests a page, not a subresource.
pub fn asks_for_html(accept: FieldValues<'_>) -> bool {
    let mut ranges = accepted(accept);
    ranges.any(|(range, _)| is_one_of(range, &[HTML, "application/xhtml+xml"]))
}

/// Whether `Accept` lists JSON and prefers it to HTML; at equal quality the first one wins.
pub fn prefers_json(accept: FieldValues<'_>) -> bool {
    let forms = accepted(accept).filter(|(range, _)| is_one_of(range, &[JSON, HTML]));
    let best = forms.min_by_key(|(_, quality)| Reverse(*quality));
    best.is_some_and(|(range, _)| is_one_of(range, &[JSON]))
}

const HTML: &str = "text/html";
const JSON: &str = "application/json";

fn is_one_of(range: &[u8], names: &[&str]) -> bool {
    let mut names = names.iter();
    names.any(|name| range.eq_ignore_ascii_case(name.as_bytes()))
}

/// The media ranges of `Accept` with a quality above 0 (RFC 9110 section 12.5.1). A malformed
/// weight is ignored.
fn accepted<'h>(accept: FieldValues<'h>) -> impl Iterator<Item = (&'h [u8], u16)> {
    accept
        .iter()
        .flat_map(|line| line.split(|&byte| byte == b','))
        .filter_map(|element| {
            let mut parts = element.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
            let range = parts.next()?;
            let weight = parts.find_map(quality);
            Some((range, weight.unwrap_or(QUALITY_MAX)))
        })
        .filter(|(_, quality)| *quality > 0)
}

/// One sentence for the error page.
fn explanation(status: Status) -> &'static str {
    match status {
        Status::MovedPermanently => "This folder is at the same address with a trailing slash.",
        Status::BadRequest => "The request is malformed.",
        Status::Forbidden => "The server is not permitted to read this file.",
        Status::NotFound => "There is nothing at this address.",
        Status::MethodNotAllowed => {
            "This server only serves files: it supports GET, HEAD and OPTIONS."
        }
        Status::NotAcceptable => {
            "The file is not available in a content coding that the client accepts."
        }
        Status::RequestTimeout => "The request did not arrive in time.",
        Status::PreconditionFailed => "A precondition of the request is not met.",
        Status::ContentTooLarge => "The request body is too large.",
        Status::UriTooLong => "The address is too long.",
        Status::RangeNotSatisfiable => "The requested range is outside the file.",
        Status::ExpectationFailed => "The server does not support the expectation of this request.",
        Status::RequestHeaderFieldsTooLarge => "The header fields of the request are too large.",
        Status::InternalServerError => "The server failed. The reason is in its log.",
        Status::NotImplemented => "The server does not implement this method or transfer coding.",
        Status::ServiceUnavailable => "The server is temporarily overloaded. Please try again.",
        Status::HttpVersionNotSupported => "This server supports only HTTP/1.1 and HTTP/1.0.",
        Status::Ok | Status::NoContent | Status::PartialContent | Status::NotModified => "",
    }
}

/// The error page of each status.
static ERROR_BODIES: LazyLock<[String; Status::ALL.len()]> = LazyLock::new(|| {
    let body = |status| error_html(status, explanation(status));
    std::array::from_fn(|place| body(Status::ALL[place]))
});

/// What the template of an error page shows.
#[derive(Template)]
#[template(path = "handler/error.html", config = "src/askama.toml")]
struct ErrorPage<'t> {
    status: Status,
    text: &'t str,
}

fn error_html(status: Status, text: &str) -> String {
    // A template ends without its last line feed.
    format!("{}\n", ErrorPage { status, text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::headers::field;

    #[test]
    fn every_status_has_its_page() {
        let mut texts = std::collections::HashSet::new();
        for &status in Status::ALL {
            let page = Page::of(status).body;
            let heading = format!(
                "<h1><span>{}</span> {}</h1>",
                status.code(),
                status.reason()
            );
            assert!(page.contains(&heading), "{page}");
            let (_, end) = page.split_once("<p>").unwrap();
            let (text, _) = end.split_once("</p>").unwrap();
            let has_page = status == Status::MovedPermanently || status.code() >= 400;
            assert_eq!(!text.is_empty(), has_page, "{page}");
            assert!(!has_page || texts.insert(text.to_owned()), "{page}");
        }
    }

    #[test]
    fn accept_chooses_between_a_page_and_json() {
        for (accept, html, json) in [
            ("", false, false),
            ("*/*", false, false),
            ("text/*", false, false),
            ("text/html", true, false),
            ("TEXT/HTML;level=1", true, false),
            ("text/html;q=0", false, false),
            ("text/html;q=0.000, */*", false, false),
            ("text/html; q=0.001", true, false),
            ("text/html;q=x", true, false),
            ("text/htmlx", false, false),
            ("application/xhtml+xml", true, false),
            ("text/html,application/xhtml+xml,*/*;q=0.8", true, false),
            ("image/avif,*/*;q=0.8", false, false),
            ("application/json", false, true),
            ("application/json;q=0", false, false),
            ("application/json, text/plain, */*", false, true),
            ("application/json, text/html", true, true),
            ("text/html, application/json", true, false),
            ("application/json;q=0.5, text/html", true, false),
            ("text/html;q=0.5, application/json", true, true),
            ("text/html;q=0, application/json;q=0.1", false, true),
            ("text/html;q=0, application/xhtml+xml", true, false),
            ("application/json;q=0.001, text/html;q=0.001", true, true),
        ] {
            let fields = [field("Accept", accept)];
            let lines = FieldValues::new(&fields, "accept");
            assert_eq!(asks_for_html(lines), html, "{accept}");
            assert_eq!(prefers_json(lines), json, "{accept}");
        }
    }
}
