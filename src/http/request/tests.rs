//! Parses heads whole and split at every byte.

use super::*;

mod fields;
mod limits;
mod line;
mod properties;

/// The result of parsing a head, reduced to what the tests compare.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Incomplete,
    Refused(RequestError),
    Request(String, usize),
}

impl Verdict {
    fn status(&self) -> Option<u16> {
        match self {
            Verdict::Refused(error) => Some(error.status().code()),
            _ => None,
        }
    }
}

fn verdict_within(bytes: &[u8], limits: &HeadLimits) -> Verdict {
    let mut room: FieldBuffer<'_> = [const { MaybeUninit::uninit() }; HEADER_FIELDS_MAX];
    match parse(bytes, &mut room, limits) {
        Ok(None) => Verdict::Incomplete,
        // The text is only for the log.
        Err(RequestError::Malformed(_)) => Verdict::Refused(RequestError::Malformed("")),
        Err(error) => Verdict::Refused(error),
        Ok(Some(request)) => Verdict::Request(format!("{request:?}"), request.head_bytes),
    }
}

/// The result for `bytes`; asserts that it is the same for every split.
fn check_cuts(bytes: &[u8], limits: &HeadLimits) -> Verdict {
    let whole = verdict_within(bytes, limits);
    let is_long = bytes.len() > 2000;
    for end in (0..bytes.len()).filter(|end| !is_long || end % 97 == 0 || *end + 9 > bytes.len()) {
        match verdict_within(&bytes[..end], limits) {
            Verdict::Incomplete => {}
            early => assert_eq!(early, whole, "{} at {end}", bytes.escape_ascii()),
        }
    }
    whole
}

/// Asserts that `bytes` are rejected with this status, split or whole, whatever follows.
fn refused(status: u16, bytes: impl AsRef<[u8]>) {
    let bytes = bytes.as_ref();
    let verdict = check_cuts(bytes, &HeadLimits::DEFAULT);
    assert_eq!(
        verdict.status(),
        Some(status),
        "{} {verdict:?}",
        bytes.escape_ascii()
    );
    let followed = [bytes, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
    assert_eq!(check_cuts(&followed, &HeadLimits::DEFAULT), verdict);
}

/// Asserts that `bytes` are accepted, split or whole, whatever follows; `look` checks the request.
fn accepted(bytes: impl AsRef<[u8]>, look: impl Fn(Request<'_>)) {
    let bytes = bytes.as_ref();
    let verdict = check_cuts(bytes, &HeadLimits::DEFAULT);
    let Verdict::Request(_, head_bytes) = &verdict else {
        panic!("{} {verdict:?}", bytes.escape_ascii());
    };
    assert_eq!(*head_bytes, bytes.len());
    let followed = [bytes, b"\0\n\n anything"].concat();
    assert_eq!(check_cuts(&followed, &HeadLimits::DEFAULT), verdict);

    let mut room: FieldBuffer<'_> = [const { MaybeUninit::uninit() }; HEADER_FIELDS_MAX];
    if let Ok(Some(request)) = parse(bytes, &mut room, &HeadLimits::DEFAULT) {
        look(request);
    }
}

/// A head with `Host` and these field lines.
fn with_fields(lines: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
}
