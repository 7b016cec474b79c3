//! What must hold for any bytes: one function for each fuzz target, shared with
//! the test that replays the corpora.

#![allow(dead_code)]

use std::{borrow::Cow, mem::MaybeUninit};

use stdhttpd::http::{
    chunked::ChunkedDecoder,
    content_coding::{AcceptEncoding, ContentCoding},
    date::HttpDate,
    headers::{Field, FieldValues},
    method::Method,
    range::{self, ByteRange, RangeOutcome},
    request::{self, HEADER_FIELDS_MAX, HeadLimits},
    status::Status,
    target::{RequestPath, Target, is_host},
};

/// A target's function.
pub type Claim = fn(&[u8]);

/// All targets by the name of their corpus.
pub const TARGETS: [(&str, Claim); 6] = [
    ("head", head),
    ("chunked", chunked),
    ("target", target),
    ("range", range),
    ("date", date),
    ("accept_encoding", accept_encoding),
];

/// A head gets one verdict, however it is cut and whatever follows it.
pub fn head(bytes: &[u8]) {
    let whole = head_verdict(bytes);
    for end in cuts(bytes) {
        match head_verdict(&bytes[..end]) {
            Ok(None) => {}
            Ok(Some(length)) => assert_eq!(whole, Ok(Some(length)), "cut at {end}"),
            Err(error) => assert_eq!(whole, Err(error), "cut at {end}"),
        }
    }
    if let Ok(Some(length)) = whole {
        assert!(length <= bytes.len() && bytes[..length].ends_with(b"\r\n\r\n"));
        let head = &bytes[..length];
        let bare = |pair: &[u8]| (pair[0] == b'\r') != (pair[1] == b'\n');
        assert!(!head.windows(2).any(bare), "a bare line end was taken");
        assert!(
            !head.contains(&0) && !head.contains(&0x7f),
            "a control character was taken"
        );
        assert_eq!(head_verdict(head), whole, "what follows a head changed it");
    }
}

/// The bytes of a whole head, `None` while it is incomplete, or the status that
/// refuses it.
fn head_verdict(bytes: &[u8]) -> Result<Option<usize>, Status> {
    let mut room = [const { MaybeUninit::uninit() }; HEADER_FIELDS_MAX];
    match request::parse(bytes, &mut room, &HeadLimits::DEFAULT) {
        Ok(request) => Ok(request.map(|request| request.head_bytes)),
        Err(error) => Err(error.status()),
    }
}

/// A chunked body gets one verdict, however it is cut. The first byte says
/// into how large pieces.
pub fn chunked(bytes: &[u8]) {
    let Some((&size, body)) = bytes.split_first() else {
        return;
    };
    let mut decoder = ChunkedDecoder::default();
    let whole = decoder.decode(body);
    let mut pieces = ChunkedDecoder::default();
    let mut verdict = Ok(None);
    let mut at = 0;
    for piece in body.chunks(usize::from(size).max(1)) {
        let ended = pieces.decode(piece);
        verdict = ended.map(|consumed| consumed.map(|consumed| at + consumed));
        if verdict != Ok(None) {
            break;
        }
        at += piece.len();
    }
    assert_eq!(verdict, whole);
    assert_eq!(pieces.content_bytes(), decoder.content_bytes());
    if let Ok(Some(consumed)) = whole {
        assert!(body[..consumed].ends_with(b"\r\n"));
    }
}

/// A path never leaves the root, and names the same when it is encoded anew.
pub fn target(bytes: &[u8]) {
    let _ = is_host(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for method in [Method::Get, Method::Options, Method::Connect] {
        let Ok(target) = Target::parse(method, text) else {
            continue;
        };
        assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text:?}");
        if let Target::Path { path, .. } = target
            && let Some(decoded) = RequestPath::new(path)
        {
            let name = decoded.as_bytes();
            assert!(!name.contains(&0) && !name.starts_with(b"/"));
            let segments = || name.split(|&byte| byte == b'/');
            assert!(!segments().any(|segment| matches!(segment, b"." | b"..")));
            assert_eq!(decoded.is_folder(), name.is_empty() || name.ends_with(b"/"));
            let is_hidden = segments().any(|segment| segment.starts_with(b"."));
            assert!(!decoded.is_hidden() || is_hidden);
            let encoded: Cow<str> = percent_encoded(name).into();
            let again = RequestPath::new(&encoded).expect("an encoded path is valid");
            assert_eq!(again.as_bytes(), name);
        }
    }
}

fn percent_encoded(name: &[u8]) -> String {
    let mut text = String::from("/");
    for &byte in name {
        match byte {
            b'/' => text.push('/'),
            _ => text.push_str(&format!("%{byte:02x}")),
        }
    }
    text
}

/// Ranges lie within the representation, apart from each other, and are few.
/// The first two bytes are its length.
pub fn range(bytes: &[u8]) {
    let Some((length, value)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    let length = u16::from_be_bytes(*length);
    // A short one, and the longest there is.
    for length in [u64::from(length), u64::MAX - u64::from(length)] {
        let lies_within = |range: &ByteRange| range.first <= range.last && range.last < length;
        match range::resolve(value, length) {
            RangeOutcome::Whole | RangeOutcome::Unsatisfiable => {}
            RangeOutcome::Single(range) => assert!(lies_within(&range), "{range:?}"),
            RangeOutcome::Multiple(ranges) => {
                assert!((2..=range::RANGES_MAX).contains(&ranges.len()));
                assert!(ranges.iter().all(lies_within), "{ranges:?}");
                let mut sorted = ranges.clone();
                sorted.sort_by_key(|range| range.first);
                assert!(
                    sorted
                        .windows(2)
                        .all(|pair| pair[0].last + 1 < pair[1].first)
                );
            }
        }
    }
}

/// A date that is understood is written as IMF-fixdate, which means the same.
pub fn date(bytes: &[u8]) {
    if let Some(date) = HttpDate::parse(bytes) {
        assert_eq!(HttpDate::parse(&date.imf_fixdate()), Some(date));
    }
}

/// What is chosen is there and is accepted; lines mean what a list means.
pub fn accept_encoding(bytes: &[u8]) {
    let values: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
    let fields: Vec<Field<'_>> = values
        .iter()
        .map(|&value| Field {
            name: "Accept-Encoding",
            value,
        })
        .collect();
    let lines = AcceptEncoding::parse(FieldValues::new(&fields, "accept-encoding"));
    let list = values.join(&b","[..]);
    let field = [Field {
        name: "accept-encoding",
        value: &list,
    }];
    let joined = AcceptEncoding::parse(FieldValues::new(&field, "accept-encoding"));
    assert_eq!(lines, joined);
    for present in 0..8u8 {
        let has = |coding| {
            let place = ContentCoding::ALL.iter().position(|&known| known == coding);
            place.is_some_and(|place| present & (1 << place) != 0)
        };
        if let Ok(Some(coding)) = lines.choose(has) {
            assert!(has(coding) && lines.accepts_any(), "{coding:?}");
        }
    }
}

/// Every place to cut at, or a sample of many.
fn cuts(bytes: &[u8]) -> impl Iterator<Item = usize> {
    (0..bytes.len()).step_by(1 + bytes.len() / 64)
}
