//! The first way to test a row: with the parser and the body decoders.

use std::mem::MaybeUninit;

use stdhttpd::{
    connection::body::Body,
    http::{
        method::Method,
        persistence::Persistence,
        request::{self, Expectation, HeadLimits, Request},
        target::{RequestPath, Target},
    },
};

use crate::row::{After, Row};

/// The result for a request, before any file is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Malformed or rejected: the status; the connection is closed.
    Refused(u16),
    /// Well-formed: the status (`None` if it depends on a file), and whether the connection stays
    /// open.
    Whole(Option<u16>, bool),
    /// Incomplete.
    Partial,
}

/// The default limit for a body.
const BODY_BYTES_MAX: u64 = 1 << 20;

/// Judges the request at the start of `bytes`, and returns its length.
pub fn judge(bytes: &[u8]) -> (Verdict, usize) {
    let mut room = [const { MaybeUninit::uninit() }; request::HEADER_FIELDS_MAX];
    let request = match request::parse(bytes, &mut room, &HeadLimits::DEFAULT) {
        Ok(Some(request)) => request,
        Ok(None) => return (Verdict::Partial, 0),
        Err(error) => return (Verdict::Refused(error.status().code()), 0),
    };
    let mut length = request.head_bytes;
    assert!(length <= bytes.len(), "the head is longer than the input");
    let status = status_of(&request);
    if let Some(mut body) = Body::begin(request.framing) {
        if request.expectation == Expectation::Continue && announces_too_many_bytes(&request) {
            return (Verdict::Refused(413), 0);
        }
        match body.take(&bytes[length..], BODY_BYTES_MAX) {
            Ok(Some(consumed)) => length += consumed,
            Ok(None) => return (Verdict::Partial, 0),
            Err(error) => return (Verdict::Refused(error.status().code()), 0),
        }
    }
    let is_refused = status == Some(400) || request.method == Method::Connect;
    let is_kept = !is_refused && request.persistence != Persistence::Close;
    (Verdict::Whole(status, is_kept), length)
}

fn announces_too_many_bytes(request: &Request<'_>) -> bool {
    use stdhttpd::http::framing::BodyFraming;
    matches!(request.framing, BodyFraming::Length(bytes) if bytes > BODY_BYTES_MAX)
}

/// The status of a well-formed request, unless it depends on a file.
fn status_of(request: &Request<'_>) -> Option<u16> {
    if request.expectation == Expectation::Unknown {
        return Some(417);
    }
    let is_sound = match request.target {
        Target::Path { path, .. } => RequestPath::new(path).is_some(),
        Target::Authority | Target::Asterisk => true,
    };
    match (request.method, request.target) {
        _ if !is_sound => Some(400),
        (Method::Get | Method::Head, Target::Path { .. }) => None,
        (Method::Get | Method::Head, _) => Some(400),
        (Method::Options, _) => Some(204),
        (Method::Other | Method::Connect, _) => Some(405),
        (Method::Unknown, _) => Some(501),
    }
}

/// Longer rows are parsed only as a whole, because parsing every prefix would take too long.
const CUT_BYTES_MAX: usize = 2_000;

/// Checks that a row has the expected result, and that the connection, if it stays open, does not
/// consume more than the row.
pub fn check(row: &Row) -> Result<(), String> {
    let (verdict, length) = judge(&row.sent);
    let is_right = match (verdict, row.after) {
        (Verdict::Partial, After::Waits | After::WaitsSilently) => true,
        (Verdict::Refused(status), After::Closed) => row.statuses.contains(&status),
        (Verdict::Whole(status, is_kept), After::Kept | After::Closed) => {
            let expected = |status| row.statuses.contains(&status);
            let by_file = || {
                row.statuses
                    .iter()
                    .all(|s| [200, 301, 304, 404].contains(s))
            };
            is_kept == (row.after == After::Kept) && status.map_or_else(by_file, expected)
        }
        _ => false,
    };
    if !is_right {
        return Err(format!("parser: {verdict:?}"));
    }
    // A prefix is incomplete or has the same result as the whole input.
    let cuts = 0..row.sent.len();
    for end in cuts.filter(|_| row.sent.len() <= CUT_BYTES_MAX) {
        let (early, _) = judge(&row.sent[..end]);
        if early != Verdict::Partial && early != verdict {
            return Err(format!("parser, first {end} bytes: {early:?}"));
        }
    }
    // The bytes after the end of the body belong to the next request.
    match row.after == After::Kept && length > row.sent.len() {
        true => Err(format!("parser: {length} bytes consumed")),
        false => Ok(()),
    }
}
