//! Files of every size are sent exactly, from memory and from disk.

mod support;

use std::fmt::Write;

use support::{Kind, Server, content};

/// Around what is copied, kept in memory, or sent in pieces.
const SIZES: &[usize] = &[
    0, 1, 2, 100, 4_095, 4_096, 4_097, 16_383, 16_384, 16_385, 32_767, 32_768, 32_769, 65_535,
    65_536, 65_537, 524_287, 524_288, 524_289, 1_048_575, 1_048_576, 1_048_577, 5_000_000,
    9_999_999,
];

fn site(args: &str) -> Server {
    let all = content(9_999_999);
    let mut builder = Server::build().args(args);
    for size in SIZES {
        builder = builder.file(&format!("{size}.bin"), &all[..*size]);
    }
    builder.start()
}

#[test]
fn each_is_sent_whole_again_and_again() {
    let all = content(9_999_999);
    for args in ["", "--cache-size 0", "--cache-size 1"] {
        let server = site(args);
        let mut client = server.connect();
        for _ in 0..3 {
            for &size in SIZES {
                let reply = client.get(&format!("/{size}.bin"));
                assert_eq!(reply.must("content-length"), size.to_string());
                assert!(reply.body == all[..size], "{size} {args}");
                let head = client.request("HEAD", &format!("/{size}.bin"), "");
                assert_eq!(head.must("content-length"), size.to_string());
            }
        }
    }
}

#[test]
fn all_of_them_asked_for_at_once_come_in_order() {
    let all = content(9_999_999);
    let server = site("");
    let mut client = server.connect();
    let mut requests = String::new();
    let mut expected = Vec::new();
    for &size in SIZES.iter().chain(SIZES.iter().rev()) {
        for method in ["GET", "HEAD"] {
            let _ = write!(requests, "{method} /{size}.bin HTTP/1.1\r\nHost: a\r\n\r\n");
            expected.push((method, size));
        }
    }
    client.send(&requests);
    for (method, size) in expected {
        let reply = match method {
            "HEAD" => client.reply_to(Kind::Head),
            _ => client.reply(),
        };
        assert_eq!(reply.must("content-length"), size.to_string());
        assert!(method == "HEAD" || reply.body == all[..size], "{size}");
    }
    client.assert_open();
}
