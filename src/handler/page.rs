//! Pages that the server writes itself: errors, redirects, listings.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

use crate::{
    files::listing,
    http::{
        error::RequestError,
        headers::Lines,
        response::ContentRange,
        status::Status,
        target::RequestPath,
    },
};

/// A page of the server's own. Nothing of the request stands in it unescaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its status.
    pub status: Status,
    /// Its content.
    pub body: Cow<'static, [u8]>,
    /// The content's type.
    pub content_type: &'static str,
    /// What it may load.
    pub content_security_policy: &'static str,
    /// Where to go instead, encoded.
    pub location: Option<Vec<u8>>,
    /// How it may be kept.
    pub cache_control: Cow<'static, str>,
    /// Which range could not be sent.
    pub content_range: Option<ContentRange>,
    /// Whether it says which methods are allowed.
    pub allow: bool,
    /// Whether it was chosen by `Accept`.
    pub varies_by_accept: bool,
    /// Whether the connection ends with it: what follows is not trusted.
    pub refused: bool,
}

const HTML: &str = "text/html; charset=utf-8";

/// What an error page may load: its own style, by hash, and nothing else.
const ERROR_CSP: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

impl Page {
    /// The error page of `status`.
    pub fn of(status: Status) -> Page {
        Page {
            status,
            body: Cow::Owned(error_html(status, explanation(status)).into_bytes()),
            content_type: HTML,
            content_security_policy: ERROR_CSP,
            location: None,
            cache_control: Cow::Borrowed("no-cache"),
            content_range: None,
            allow: status == Status::MethodNotAllowed,
            varies_by_accept: false,
            refused: false,
        }
    }

    /// 400 for a target that names nothing; the connection ends.
    pub fn refused() -> Page {
        Page {
            refused: true,
            ..Page::of(Status::BadRequest)
        }
    }

    /// The page for a request that could not be parsed.
    pub fn of_error(error: RequestError) -> Page {
        let mut page = Page::refused();
        page.status = error.status();
        let text = match error {
            RequestError::TlsOnPlainPort => "This port speaks plain HTTP: use http://, not https://.",
            RequestError::Http2Preface => "This server speaks HTTP/1.1, not HTTP/2.",
            _ => explanation(page.status),
        };
        page.body = Cow::Owned(error_html(page.status, text).into_bytes());
        page
    }

    /// 416, with the length there is (RFC 9110 section 15.5.17).
    pub fn range_not_satisfiable(length: u64) -> Page {
        Page {
            content_range: Some(ContentRange::Unsatisfied(length)),
            ..Page::of(Status::RangeNotSatisfiable)
        }
    }

    /// The redirect of a folder to its slash, keeping the query. The path is
    /// written anew from what it was decoded to, so that it begins with one
    /// slash and can never lead to another host.
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
            location.push_str(query);
        }
        Page {
            location: Some(location.into_bytes()),
            // A folder may be a file tomorrow.
            cache_control: Cow::Owned(cache_control.to_owned()),
            ..Page::of(Status::MovedPermanently)
        }
    }

    /// A listing for people.
    pub fn listing_html(body: Vec<u8>) -> Page {
        Page {
            status: Status::Ok,
            body: Cow::Owned(body),
            content_security_policy: listing::CSP,
            cache_control: Cow::Borrowed("no-cache"),
            varies_by_accept: true,
            ..Page::of(Status::Ok)
        }
    }

    /// A listing for programs.
    pub fn listing_json(body: Vec<u8>) -> Page {
        Page {
            content_type: "application/json",
            ..Page::listing_html(body)
        }
    }
}

/// What stands unencoded in the path of a `Location`: RFC 3986 pchar and the
/// slash, less what some clients take for something else.
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

/// Whether `Accept` names HTML itself: a page is asked for, not an image.
pub fn asks_for_html(accept: Lines<'_>) -> bool {
    media_ranges(accept).any(|range| {
        range.eq_ignore_ascii_case(b"text/html")
            || range.eq_ignore_ascii_case(b"application/xhtml+xml")
    })
}

/// Whether `Accept` names JSON, and HTML not before it.
pub fn prefers_json(accept: Lines<'_>) -> bool {
    media_ranges(accept)
        .find(|range| {
            range.eq_ignore_ascii_case(b"text/html") || range.eq_ignore_ascii_case(b"application/json")
        })
        .is_some_and(|range| range.eq_ignore_ascii_case(b"application/json"))
}

/// The media ranges of `Accept` that are not refused with a weight of zero.
fn media_ranges<'h>(accept: Lines<'h>) -> impl Iterator<Item = &'h [u8]> {
    accept
        .into_iter()
        .flat_map(|line| line.split(|&byte| byte == b','))
        .filter_map(|element| {
            let mut parts = element.split(|&byte| byte == b';');
            let range = parts.next()?.trim_ascii();
            let refused = parts.any(|part| {
                let part = part.trim_ascii();
                part.len() >= 3
                    && part[..2].eq_ignore_ascii_case(b"q=")
                    && part[2..].iter().all(|byte| matches!(byte, b'0' | b'.'))
            });
            (!refused).then_some(range)
        })
}

/// One sentence for people.
fn explanation(status: Status) -> &'static str {
    match status {
        Status::MovedPermanently => "This folder is found at its address with a slash at the end.",
        Status::BadRequest => "The server could not understand this request.",
        Status::Forbidden => "The server may not read what was asked for.",
        Status::NotFound => "There is nothing at this address.",
        Status::MethodNotAllowed => "This server gives out files: it answers GET, HEAD and OPTIONS.",
        Status::NotAcceptable => "None of the forms this file has is one the client accepts.",
        Status::RequestTimeout => "The request did not arrive in time.",
        Status::PreconditionFailed => "The file is not as the request assumed.",
        Status::ContentTooLarge => "The request carries more than the server takes.",
        Status::UriTooLong => "The address is longer than the server takes.",
        Status::RangeNotSatisfiable => "The file has no such part.",
        Status::ExpectationFailed => "The server cannot meet what the request expects.",
        Status::RequestHeaderFieldsTooLarge => "The request's header is larger than the server takes.",
        Status::InternalServerError => "The server failed. Its log says why.",
        Status::NotImplemented => "The server does not know this method or coding.",
        Status::ServiceUnavailable => "The server has no room for this now. Please try again.",
        Status::HttpVersionNotSupported => "This server speaks HTTP/1.1.",
        Status::Continue
        | Status::Ok
        | Status::NoContent
        | Status::PartialContent
        | Status::NotModified => "",
    }
}

fn error_html(status: Status, text: &str) -> String {
    let (code, reason) = (status.code(), status.reason());
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{code} {reason}</title>\n\
         <style>:root{{color-scheme:light dark}}body{{font:1.1em/1.6 system-ui,sans-serif;\
         max-width:32em;margin:18vh auto;padding:0 1.5em}}h1{{font-weight:600;\
         letter-spacing:-.02em}}h1 span{{opacity:.45;font-weight:400}}</style>\n\
         <h1><span>{code}</span> {reason}</h1>\n<p>{text}</p>\n</html>\n"
    )
}
