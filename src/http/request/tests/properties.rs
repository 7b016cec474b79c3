//! Random heads: whole and split give the same result.

use proptest::prelude::*;

use super::*;

fn valid_head() -> impl Strategy<Value = (String, String)> {
    let method = "[A-Z!a-z]{1,12}";
    let target = "/[a-zA-Z0-9._~!$&'()*+,;=:@/-]{0,30}(\\?[a-z0-9/?=&]{0,20})?";
    let lines = "([XYZ][a-z0-9-]{0,10}:[ \t]{0,3}[!-~]{0,20}[ \t]{0,2}\r\n){0,5}";
    let start = prop::sample::select(vec!["", "\r\n"]);
    (start, method, target, 0..10u8, lines)
        .prop_filter("CONNECT has another form", |(_, method, ..)| {
            method != "CONNECT"
        })
        .prop_map(|(start, method, target, minor, lines)| {
            let line = format!("{method} {target}");
            (
                format!("{start}{line} HTTP/1.{minor}\r\nHost: a\r\n{lines}\r\n"),
                line,
            )
        })
}

fn likely_bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "GET ",
        "GET / HTTP/1.1\r\n",
        "/",
        " ",
        "HTTP/1.1",
        "HTTP/1.3",
        "HTTP/2.0",
        "HTTP/1",
        "\r\n",
        "\r\n",
        "\r",
        "\n",
        "Host: a\r\n",
        "Host:",
        "Content-Length: 1\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Connection:",
        "a",
        ":",
        "\t",
        "\0",
        "\u{16}",
        "\u{3}",
        "X:",
        "é",
        "aaaaaaaaaaaaaaaaaaaaaaaa",
        "\r\n\r\n",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat().into_bytes())
}

const SMALL: HeadLimits = HeadLimits {
    request_line_bytes_max: 36,
    header_section_bytes_max: 24,
    header_fields_max: 2,
};

proptest! {
    #[test]
    fn valid_heads_are_accepted_however_split((head, line) in valid_head()) {
        accepted(&head, |request| assert_eq!(request.line, line.as_bytes()));
    }

    #[test]
    fn a_changed_byte_gives_one_result((head, _) in valid_head(), at: prop::sample::Index, byte: u8) {
        let mut bytes = head.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        check_cuts(&bytes, &HeadLimits::DEFAULT);
        check_cuts(&bytes, &SMALL);
    }

    #[test]
    fn likely_bytes_give_one_result(bytes in likely_bytes()) {
        check_cuts(&bytes, &HeadLimits::DEFAULT);
        check_cuts(&bytes, &SMALL);
    }

    #[test]
    fn any_bytes_give_one_result(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        check_cuts(&bytes, &HeadLimits::DEFAULT);
        check_cuts(&bytes, &SMALL);
    }
}
