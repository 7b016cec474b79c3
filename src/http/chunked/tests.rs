use proptest::prelude::*;

use super::*;

/// Bytes of body and of content, or the status of the error, or `None` for an incomplete body.
type Verdict = Option<Result<(usize, u64), u16>>;

fn verdict(pieces: &[&[u8]]) -> Verdict {
    let mut decoder = ChunkedDecoder::default();
    let mut body_bytes = 0;
    for piece in pieces {
        match decoder.decode(piece) {
            Err(error) => return Some(Err(error.status().code())),
            Ok(Some(consumed)) => {
                return Some(Ok((body_bytes + consumed, decoder.content_bytes())));
            }
            Ok(None) => body_bytes += piece.len(),
        }
    }
    None
}

/// Asserts that the result is the same for the whole body, byte by byte, and for every split in
/// two.
fn check_cuts(body: &[u8]) -> Verdict {
    let whole = verdict(&[body]);
    let bytes: Vec<&[u8]> = body.chunks(1).collect();
    assert_eq!(verdict(&bytes), whole, "{}", body.escape_ascii());
    for at in 0..=body.len() {
        let (first, second) = body.split_at(at);
        assert_eq!(
            verdict(&[first, second]),
            whole,
            "{} at {at}",
            body.escape_ascii()
        );
    }
    whole
}

fn check(body: &[u8], expected: Verdict) {
    assert_eq!(check_cuts(body), expected, "{}", body.escape_ascii());
}

fn refused(bodies: &[&str]) {
    for body in bodies {
        check(body.as_bytes(), Some(Err(400)));
    }
}

/// Asserts that bodies are complete with this many bytes of content, and that bytes after them are
/// not consumed.
fn accepted(bodies: &[(&str, u64)]) {
    for (body, content) in bodies {
        let whole = Some(Ok((body.len(), *content)));
        check(body.as_bytes(), whole);
        check(format!("{body}GET / HTTP/1.1\r\n").as_bytes(), whole);
    }
}

#[test]
fn chunks_are_counted() {
    accepted(&[
        ("0\r\n\r\n", 0),
        ("000\r\n\r\n", 0),
        ("5\r\nhello\r\n0\r\n\r\n", 5),
        ("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", 3),
        ("A\r\n0123456789\r\n0\r\n\r\n", 10),
        ("a\r\n0123456789\r\n0\r\n\r\n", 10),
        ("00000000000000a\r\n0123456789\r\n0\r\n\r\n", 10),
        ("0000000000000001\r\na\r\n0000000000000000\r\n\r\n", 1),
        ("4\r\n\r\n\r\n\r\n0\r\n\r\n", 4),
    ]);
}

#[test]
fn an_incomplete_body_is_not_an_error() {
    for body in [
        "",
        "5",
        "5\r",
        "5\r\n",
        "5\r\nhell",
        "5\r\nhello",
        "5\r\nhello\r\n0\r\n",
        "0\r\n\r",
    ] {
        check(body.as_bytes(), None);
    }
    check(b"ffffffffffffffff\r\na", None);
}

#[test]
fn sizes_are_only_hex_digits() {
    refused(&[
        "\r\n",
        "g\r\n",
        "+5\r\n",
        "-1\r\n",
        "0x5\r\n",
        "5_0\r\n",
        " 5\r\n",
        "5 \r\n",
        "5\t\r\n",
        "5.\r\n",
        "\t5\r\n",
        "5h\r\n",
        "5,5\r\n",
        "\u{665}\r\n",
        "00000000000000005\r\n",
        "10000000000000000\r\n",
        "fffffffffffffffff\r\n",
        ";\r\n",
        ";a\r\n",
        "\0\r\n",
    ]);
}

#[test]
fn lines_end_only_in_crlf() {
    refused(&[
        "\n",
        "5\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\rh",
        "5\r\rh",
        "5\r\nhello\n",
        "5\r\nhello0",
        "5\r\nhello\r0",
        "5\r\nhello\r\r",
        "5\r\nhelloX\r\n",
        "5\r\nhello\r\n\r\n",
        "3\r\nhello\r\n",
        "0\n\n",
        "0\r\n\n",
        "0\r\n\r0",
        "0\r\n\r\r",
        "5;a\nhello",
        "5;a\r\r",
        "0\r\na:b\n\r\n",
        "0\r\na:b\rc",
        "0\r\na:b\r\n\n",
    ]);
}

#[test]
fn extensions_obey_their_grammar() {
    accepted(&[
        ("1;a\r\nx\r\n0;b\r\n\r\n", 1),
        ("1;a=b\r\nx\r\n0\r\n\r\n", 1),
        ("1 \t; a \t= b ; c\r\nx\r\n0\r\n\r\n", 1),
        ("1;a;b;c=d\r\nx\r\n0\r\n\r\n", 1),
        ("1;a=\"\"\r\nx\r\n0\r\n\r\n", 1),
        ("1;a=\"b;c \\\" \\\\ d\t\u{e9}\" ;e\r\nx\r\n0\r\n\r\n", 1),
        ("1;a ;b\r\nx\r\n0\r\n\r\n", 1),
    ]);
    refused(&[
        "1;\r\n",
        "1; \r\n",
        "1;;\r\n",
        "1;a;\r\n",
        "1;a \r\n",
        "1;a=b \r\n",
        "1;a=\r\n",
        "1;a= \r\n",
        "1;=b\r\n",
        "1;a b\r\n",
        "1;a=b c\r\n",
        "1;a==b\r\n",
        "1;a=\"b\r\n",
        "1;a=\"b\"c\r\n",
        "1;a=\"b\\\r\n",
        "1;a=\"\n\"\r\n",
        "1;a=\"\0\"\r\n",
        "1;a=\"\x7f\"\r\n",
        "1;a=\"\\\x01\"\r\n",
        "1;a,b\r\n",
        "1;a\0\r\n",
        "1;\u{e9}\r\n",
        "1;a=\u{e9}\r\n",
        "1;a=b\"c\"\r\n",
        "1a;b c=d\r\n",
        "1,a\r\n",
        "1;a\x0b\r\n",
    ]);
}

#[test]
fn extensions_are_bounded() {
    let with = |bytes: usize| format!("1;{}\r\nx\r\n", "a".repeat(bytes - 1));
    let most = EXTENSION_BYTES_MAX as usize;
    accepted(&[(&format!("{}0\r\n\r\n", with(most)), 1)]);
    refused(&[&with(most + 1), &with(most * 9)]);
    // Every byte counts, whatever it belongs to.
    let each = " ; a ;b= c;d=\"e\\f\" ;";
    let with_each = |bytes: usize| format!("1{each}{}\r\nx\r\n", "a".repeat(bytes - each.len()));
    accepted(&[(&format!("{}0\r\n\r\n", with_each(most)), 1)]);
    refused(&[&with_each(most + 1)]);
    let lines = EXTENSIONS_BYTES_MAX / EXTENSION_BYTES_MAX;
    let fill = with(most).repeat(lines as usize);
    let whole = format!("{fill}0\r\n\r\n");
    assert_eq!(
        verdict(&[whole.as_bytes()]),
        Some(Ok((whole.len(), lines.into())))
    );
    assert_eq!(verdict(&[fill.as_bytes(), b"0;a"]), Some(Err(400)));
}

#[test]
fn trailers_obey_the_rules_of_fields() {
    accepted(&[
        ("0\r\na:b\r\n\r\n", 0),
        ("0\r\na:\r\n\r\n", 0),
        ("0\r\na: \t b \t\r\nC-d: \u{e9}\r\n\r\n", 0),
        ("0\r\nContent-Lengths: 1\r\n\r\n", 0),
        ("0\r\nContent-Lengt: 1\r\n\r\n", 0),
        ("0\r\nTransfer-Encoding-Or-Something-Else: 1\r\n\r\n", 0),
        ("0\r\nhos: a\r\n\r\n", 0),
    ]);
    refused(&[
        "0\r\n:b\r\n",
        "0\r\na\r\n",
        "0\r\na :b\r\n",
        "0\r\n a:b\r\n",
        "0\r\na:b\r\n c\r\n",
        "0\r\na:b\r\n\tc\r\n",
        "0\r\na b:c\r\n",
        "0\r\na:\0\r\n",
        "0\r\na:\x7f\r\n",
        "0\r\na:\x01\r\n",
        "0\r\n\u{e9}:a\r\n",
        "0\r\na(:b\r\n",
        "0\r\nContent-Length: 0\r\n\r\n",
        "0\r\ncontent-length:\r\n",
        "0\r\na:b\r\nHOST: c\r\n",
        "0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "0\r\nTE:\r\n",
        "0\r\nAuthorization:\r\n",
        "0\r\nConnection:\r\n",
        "0\r\nContent-Encoding:\r\n",
        "0\r\nContent-Range:\r\n",
        "0\r\nContent-Type:\r\n",
        "0\r\nExpect:\r\n",
        "0\r\nTrailer: a\r\n",
    ]);
}

#[test]
fn trailers_are_bounded() {
    let most = "a:b\r\n".repeat(TRAILERS_MAX as usize);
    accepted(&[(&format!("0\r\n{most}\r\n"), 0)]);
    check(format!("0\r\n{most}c").as_bytes(), Some(Err(431)));
    let room = TRAILERS_BYTES_MAX as usize - "a:\r\n".len();
    let large = |bytes: usize| format!("0\r\na:{}\r\n\r\n", "b".repeat(bytes));
    let whole = large(room);
    assert_eq!(verdict(&[whole.as_bytes()]), Some(Ok((whole.len(), 0))));
    assert_eq!(verdict(&[large(room + 1).as_bytes()]), Some(Err(431)));
    assert_eq!(verdict(&[large(room * 3).as_bytes()]), Some(Err(431)));
}

fn valid_body() -> impl Strategy<Value = (Vec<u8>, u64)> {
    let data = prop::collection::vec(any::<u8>(), 1..40);
    let extension = "([ \t]{0,2};[ \t]{0,2}[a-z!]{1,4}([ \t]{0,2}=[ \t]{0,2}([a-z]{1,3}|\"([ a-z]|\\\\\")*\"))?){0,2}";
    let chunks = prop::collection::vec((data, extension, any::<bool>()), 0..5);
    let trailers = "(X-[a-z]{1,5}:[ \t]{0,2}[!-~]{0,8}\r\n){0,3}";
    (chunks, trailers).prop_map(|(chunks, trailers)| {
        let mut body = Vec::new();
        let mut content = 0;
        for (data, extension, upper) in chunks {
            let size = match upper {
                true => format!("{:X}{extension}\r\n", data.len()),
                false => format!("{:03x}{extension}\r\n", data.len()),
            };
            body.extend_from_slice(size.as_bytes());
            body.extend_from_slice(&data);
            body.extend_from_slice(b"\r\n");
            content += data.len() as u64;
        }
        body.extend_from_slice(format!("0\r\n{trailers}\r\n").as_bytes());
        (body, content)
    })
}

fn likely_bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "0",
        "1",
        "2",
        "a",
        "x",
        "\r\n",
        "\r\n",
        "\r",
        "\n",
        ";",
        "=",
        "\"",
        "\\",
        " ",
        ":",
        "1\r\na\r\n",
        "0\r\n",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn valid_bodies_are_accepted_however_split((body, content) in valid_body()) {
        prop_assert_eq!(check_cuts(&body), Some(Ok((body.len(), content))));
    }

    #[test]
    fn likely_bytes_give_one_result(body in likely_bytes()) {
        check_cuts(&body);
    }

    #[test]
    fn random_bytes_give_one_result(body in prop::collection::vec(any::<u8>(), 0..60)) {
        check_cuts(&body);
    }

    #[test]
    fn a_changed_byte_never_panics((mut body, _) in valid_body(), at: prop::sample::Index, byte: u8) {
        let at = at.index(body.len());
        body[at] = byte;
        check_cuts(&body);
    }
}
