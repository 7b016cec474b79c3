//! Random bytes, judged by the server and by an independent grammar.

use std::cell::RefCell;

use proptest::{collection::vec, prelude::*, sample::select};
use stdhttpd::http::chunked::ChunkedDecoder;

use crate::{
    grammar,
    scripted::{Stage, take_final},
    values,
};

/// Fragments of requests, valid and invalid.
const PIECES: &[&[u8]] = &[
    b"GET",
    b"HEAD",
    b"POST",
    b"OPTIONS",
    b"CONNECT",
    b"BREW",
    b" ",
    b" ",
    b"  ",
    b"\t",
    b"/",
    b"*",
    b"/a.txt",
    b"/%61?b",
    b"http://a",
    b"http://a/b",
    b"a:1",
    b"#",
    b"\\",
    b" HTTP/1.1\r\n",
    b" HTTP/1.0\r\n",
    b" HTTP/1.5\r\n",
    b" HTTP/2.0\r\n",
    b"HTTP/1.1",
    b"\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b"\n\n",
    b"Host: a\r\n",
    b"Host: a\r\n",
    b"Host:\r\n",
    b"host: a:80\r\n",
    b"Host: a, b\r\n",
    b"Host",
    b":",
    b": ",
    b" :",
    b"X: y\r\n",
    b" z\r\n",
    b"Content-Length: 3\r\n",
    b"Content-Length: 0\r\n",
    b"Content-Length: +3\r\n",
    b"content-length: 3",
    b", 3",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip\r\n",
    b"Transfer-Encoding:\tchunked\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"Connection: a b\r\n",
    b"Expect: 100-continue\r\n",
    b"Expect: tea\r\n",
    b"3\r\nabc\r\n",
    b"0\r\n\r\n",
    b"0\r\n",
    b"3;a=b\r\n",
    b"3;\r\n",
    b"a\r\n0123456789\r\n",
    b"0x3\r\n",
    b"abc",
    b"\"",
    b";",
    b"=",
    b",",
    b"\0",
    b"\x7f",
    b"\xe9",
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /a.txt HTTP/1.1\r\nHost: a\r\n",
    b"POST /a.txt HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"POST /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
    b"Trailer-X: y\r\n",
];

/// Fragments in random order.
fn random_pieces() -> impl Strategy<Value = Vec<u8>> {
    vec(select(PIECES), 1..14).prop_map(|pieces| pieces.concat())
}

/// A valid request with some bytes replaced, removed or inserted.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let faults = vec((any::<prop::sample::Index>(), 0..3u8, select(PIECES)), 1..3);
    (valid(), faults).prop_map(|(mut bytes, faults)| {
        for (place, kind, piece) in faults {
            let at = place.index(bytes.len());
            let end = if kind == 0 {
                at
            } else {
                (at + kind as usize).min(bytes.len())
            };
            let piece = if kind == 2 {
                b""
            } else {
                &piece[..piece.len().min(3)]
            };
            bytes.splice(at..end, piece.iter().copied());
            if bytes.is_empty() {
                break;
            }
        }
        bytes
    })
}

fn token() -> impl Strategy<Value = String> {
    "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}"
}

/// A valid field that this server does not interpret.
fn field() -> impl Strategy<Value = String> {
    (
        "X-[0-9a-z!~|-]{1,10}",
        "[ \t]{0,2}",
        "([!-~]([ \t!-~]{0,20}[!-~])?)?",
        "[ \t]{0,2}",
    )
        .prop_map(|(name, before, value, after)| format!("{name}:{before}{value}{after}\r\n"))
}

/// A valid chunked body.
fn chunked() -> impl Strategy<Value = Vec<u8>> {
    let extension = prop_oneof![
        3 => Just(String::new()),
        1 => token().prop_map(|name| format!(";{name}")),
        1 => (token(), token()).prop_map(|(name, value)| format!(" ;\t{name} = {value}")),
        1 => (token(), "([ !#-\\[\\]-~]|\\\\[ -~]){0,8}").prop_map(|(name, text)| format!(";{name}=\"{text}\"")),
    ];
    let chunk = (
        vec(any::<u8>(), 1..40),
        0..3usize,
        any::<bool>(),
        extension.clone(),
    );
    let trailers = vec(field(), 0..3);
    (vec(chunk, 0..5), extension, trailers).prop_map(|(chunks, extension, trailers)| {
        let mut body = Vec::new();
        for (data, zeros, upper, extension) in chunks {
            let size = if upper {
                format!("{:X}", data.len())
            } else {
                format!("{:x}", data.len())
            };
            body.extend_from_slice(
                format!("{}{size}{extension}\r\n", "0".repeat(zeros)).as_bytes(),
            );
            body.extend_from_slice(&data);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("0{extension}\r\n{}\r\n", trailers.concat()).as_bytes());
        body
    })
}

/// A valid request with its body.
fn valid() -> impl Strategy<Value = Vec<u8>> {
    let method = prop_oneof![
        3 => Just("GET".to_owned()),
        1 => Just("HEAD".to_owned()),
        1 => Just("POST".to_owned()),
        1 => Just("OPTIONS".to_owned()),
        1 => token().prop_filter("CONNECT needs the authority-form", |method| method != "CONNECT"),
    ];
    let target = prop_oneof![
        "(/[a-zA-Z0-9._~!$&'()*+,;=:@-]{1,8}){1,3}(\\?[a-z0-9/?%=&\\[\\]{}|]{0,9})?",
        "http://[a-z0-9.-]{1,9}(:[0-9]{0,4})?(/[a-z]{0,5})?(\\?[a-z]{0,3})?",
        Just("/a.txt".to_owned()),
    ];
    let host = prop_oneof![
        "[a-z0-9._~!$&'()*+;=-]{0,9}",
        "[a-z]{1,5}:[0-9]{0,4}",
        Just("[::1]:80".into())
    ];
    let body = prop_oneof![
        2 => Just((String::new(), Vec::new())),
        1 => vec(any::<u8>(), 0..50).prop_map(|body| (format!("Content-Length: {}\r\n", body.len()), body)),
        1 => chunked().prop_map(|body| ("Transfer-Encoding: chunked\r\n".to_owned(), body)),
    ];
    let empty_line = select(&["", "", "\r\n"][..]);
    let version = 1..=9u8;
    (empty_line, method, target, version, host, vec(field(), 0..5), body).prop_map(
        |(empty_line, method, target, version, host, fields, (framing, body))| {
            let fields = fields.concat();
            let head = format!(
                "{empty_line}{method} {target} HTTP/1.{version}\r\nHost: {host}\r\n{fields}{framing}\r\n"
            );
            [head.as_bytes(), &body].concat()
        },
    )
}

thread_local! {
    static STAGE: RefCell<Stage> = RefCell::new(Stage::new());
}

/// The final responses to `pieces`: all bytes, and the first status.
fn answers(pieces: &[&[u8]]) -> (Vec<u8>, Option<u16>) {
    let outcome = STAGE.with_borrow_mut(|stage| stage.run(pieces.iter().copied(), false));
    let written = without_interim(&outcome.written);
    let is_head = |bytes: &[u8]| {
        bytes
            .strip_prefix(b"\r\n")
            .unwrap_or(bytes)
            .starts_with(b"HEAD ")
    };
    let all = pieces.concat();
    let first = take_final(&mut &written[..], is_head(&all))
        .expect("well-formed responses")
        .0;
    (written, first.map(|reply| reply.status))
}

fn without_interim(written: &[u8]) -> Vec<u8> {
    const INTERIM: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut out = Vec::with_capacity(written.len());
    let mut rest = written;
    while let Some(&byte) = rest.first() {
        match rest.strip_prefix(INTERIM) {
            Some(after) => rest = after,
            None => {
                out.push(byte);
                rest = &rest[1..];
            }
        }
    }
    out
}

/// Compares the verdict of the server with that of the grammar, and the responses to the input as a
/// whole with the responses to the input split in two.
fn compare(bytes: &[u8], cut: usize) -> Result<(), TestCaseError> {
    use crate::{grammar::Verdict::*, values::Verdict};

    let expected = grammar::judge(bytes);
    let (verdict, length) = values::judge(bytes);
    match (expected, verdict) {
        (Valid(wanted), Verdict::Whole(..)) => prop_assert_eq!(length, wanted),
        (Valid(_), Verdict::Refused(417)) => {}
        (Valid(_), _) => prop_assert!(false, "grammar: valid, server: {verdict:?}"),
        (Refused | Unfinished, Verdict::Whole(..)) => {
            prop_assert!(false, "grammar: {expected:?}, server: {verdict:?}")
        }
        (Refused, Verdict::Partial) => {
            let is_open = !bytes[2.min(bytes.len())..]
                .windows(4)
                .any(|window| window == b"\r\n\r\n");
            prop_assert!(is_open, "refused by the grammar, incomplete for the server");
        }
        (Refused | Unfinished, _) => {}
    }
    let (_, status) = answers(&[bytes]);
    if !matches!(expected, Valid(_)) {
        prop_assert!(
            status.is_none_or(|status| status >= 400),
            "grammar: {expected:?}, server: {status:?}"
        );
    }
    // A head is parsed again when a line ends, so the runs are compared after a line end.
    let ended = [bytes, b"\r\n\r\n"].concat();
    let (first, second) = ended.split_at(cut);
    prop_assert_eq!(
        answers(&[&ended]).0,
        answers(&[first, second]).0,
        "split at {}",
        cut
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 1..200), cut in any::<prop::sample::Index>()) {
        compare(&bytes, cut.index(bytes.len()))?;
    }

    #[test]
    fn any_pieces(bytes in random_pieces(), cut in any::<prop::sample::Index>()) {
        compare(&bytes, cut.index(bytes.len()))?;
    }

    #[test]
    fn mutated_requests(bytes in mutated(), cut in any::<prop::sample::Index>()) {
        prop_assume!(!bytes.is_empty());
        compare(&bytes, cut.index(bytes.len()))?;
    }

    #[test]
    fn valid_requests(bytes in valid(), cut in any::<prop::sample::Index>()) {
        prop_assert_eq!(grammar::judge(&bytes), grammar::Verdict::Valid(bytes.len()));
        compare(&bytes, cut.index(bytes.len()))?;
    }

    #[test]
    fn chunked_bodies(
        body in chunked(),
        fault in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())),
        behind in vec(any::<u8>(), 0..9),
        cuts in vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let mut bytes = [&body[..], &behind].concat();
        if let Some((place, byte)) = fault {
            let at = place.index(body.len());
            bytes[at] = byte;
        }
        let mut whole = ChunkedDecoder::default();
        let expected = whole.decode(&bytes);
        if fault.is_none() {
            prop_assert_eq!(expected, Ok(Some(body.len())));
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort();
        let mut pieces = ChunkedDecoder::default();
        let mut verdict = Ok(None);
        for pair in cuts.windows(2) {
            let ended = pieces.decode(&bytes[pair[0]..pair[1]]);
            verdict = ended.map(|consumed| consumed.map(|consumed| pair[0] + consumed));
            if verdict != Ok(None) {
                break;
            }
        }
        prop_assert_eq!(verdict, expected);
        prop_assert_eq!(pieces.content_bytes(), whole.content_bytes());
    }
}
