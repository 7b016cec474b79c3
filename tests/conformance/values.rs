//! The first way: the rows as values, through the parser and the decoders.

use std::mem::MaybeUninit;

use stdhttpd::{
    connection::body::Body,
    http::{
        method::Method,
        persistence::{self, Persistence, ServerState},
        request::{self, Expectation, HeadLimits, Request},
        target::{RequestPath, Target},
    },
};

use crate::row::{After, Row};

/// What a request comes to before any file is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Malformed, or refused: this status, and the connection closes.
    Refused(u16),
    /// Well-formed: this status (`None`: a file decides) and whether the
    /// connection is kept.
    Whole(Option<u16>, bool),
    /// More has to come.
    Partial,
}

/// The bound of a body at its default.
const BODY_BYTES_MAX: u64 = 1 << 20;

/// Judges the request at the start of `bytes`, and says how long it is.
pub fn judge(bytes: &[u8]) -> (Verdict, usize) {
    let mut room = [const { MaybeUninit::uninit() }; request::HEADER_FIELDS_MAX];
    let request = match request::parse(bytes, &mut room, &HeadLimits::DEFAULT) {
        Ok(Some(request)) => request,
        Ok(None) => return (Verdict::Partial, 0),
        Err(error) => return (Verdict::Refused(error.status().code()), 0),
    };
    let mut length = request.head_bytes;
    assert!(length <= bytes.len(), "a head longer than its bytes");
    let status = status_of(&request);
    if let Some(mut body) = Body::begin(request.framing) {
        if request.expectation == Expectation::Continue && announces_too_much(&request) {
            return (Verdict::Refused(413), 0);
        }
        match body.take(&bytes[length..], BODY_BYTES_MAX) {
            Ok(decoded) if decoded.complete => length += decoded.consumed,
            Ok(_) => return (Verdict::Partial, 0),
            Err(error) => return (Verdict::Refused(error.status().code()), 0),
        }
    }
    let circumstances = ServerState {
        refused: status == Some(400) || request.method == Method::Connect,
        ..ServerState::default()
    };
    let persistence = persistence::decide(request.version, request.connection, circumstances);
    let is_kept = !matches!(persistence, Persistence::Close(_));
    (Verdict::Whole(status, is_kept), length)
}

fn announces_too_much(request: &Request<'_>) -> bool {
    use stdhttpd::http::framing::BodyFraming;
    matches!(request.framing, BodyFraming::Length(bytes) if bytes > BODY_BYTES_MAX)
}

/// The status of a well-formed request, as far as no file decides it.
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
        (Method::Other | Method::Trace | Method::Connect, _) => Some(405),
        (Method::Unknown, _) => Some(501),
    }
}

/// Rows longer than this are parsed only as a whole: to cut a long one at every
/// byte takes too long.
const CUT_BYTES_MAX: usize = 2_000;

/// Whether a row's bytes come to what it expects, and are wholly consumed
/// where the connection is kept.
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
        return Err(format!("as values: {verdict:?}"));
    }
    // A prefix is incomplete, or has the same result as the whole.
    let cuts = 0..row.sent.len();
    for end in cuts.filter(|_| row.sent.len() <= CUT_BYTES_MAX) {
        let (early, _) = judge(&row.sent[..end]);
        if early != Verdict::Partial && early != verdict {
            return Err(format!("as values, cut at {end}: {early:?}"));
        }
    }
    // What follows a body that ended early is the next request's.
    match row.after == After::Kept && length > row.sent.len() {
        true => Err(format!("as values: {length} bytes consumed")),
        false => Ok(()),
    }
}
