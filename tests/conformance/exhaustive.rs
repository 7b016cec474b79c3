//! Every single fault: in some requests, each byte is replaced by every other byte, every byte is
//! inserted at each position, each byte is removed, and each pair of significant bytes is inserted
//! at each position. The server and the grammar must agree on all of them.

use crate::{
    grammar::{self, Verdict as Expected},
    values::{self, Verdict},
};

/// Requests that together contain each element that a request can have.
const BASES: &[&str] = &[
    "GET /a?b HTTP/1.1\r\nHost: a:80\r\nX: y\r\n\r\n",
    "\r\nOPTIONS * HTTP/1.1\r\nHost:\r\nConnection: a, b\r\n\r\n",
    "GET http://[::1]:8/ HTTP/1.1\r\nhost: %61\r\n\r\n",
    "CONNECT a:443 HTTP/1.1\r\nHost: [v1.a]\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    "P / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b ; c=\"d\\\"\"\r\nxy\r\n0;e\r\nF: g\r\n\r\n",
];

/// Bytes that begin, end or separate an element.
const SIGNIFICANT: &[u8] = b"\0\t\n\r \"#%,-./0:;=@\\f\x7f\x80";

/// Completes a head and a body that a fault has left incomplete, so that both verdicts are final.
const END: &[u8] = b"\r\n\r\n";

fn compare(bytes: &[u8]) {
    let (verdict, length) = values::judge(bytes);
    let agree = match (grammar::judge(bytes), verdict) {
        (Expected::Valid(wanted), Verdict::Whole(..)) => length == wanted,
        (Expected::Refused, Verdict::Refused(_)) => true,
        // The server detects some faults before a line is complete.
        (Expected::Unfinished, Verdict::Partial | Verdict::Refused(_)) => true,
        _ => false,
    };
    let (expected, shown) = (grammar::judge(bytes), bytes.escape_ascii());
    assert!(
        agree,
        "grammar: {expected:?}, server: {verdict:?} of {length} bytes: {shown}"
    );
}

fn with(base: &[u8], at: usize, removed: usize, inserted: &[u8]) -> Vec<u8> {
    let rest = &base[at + removed..];
    [&base[..at], inserted, rest, END].concat()
}

#[test]
fn every_single_fault_has_the_verdict_of_the_grammar() {
    for base in BASES {
        let base = base.as_bytes();
        assert_eq!(grammar::judge(base), Expected::Valid(base.len()));
        compare(base);
        for at in 0..base.len() {
            compare(&with(base, at, 1, b""));
            for byte in 0..=255 {
                compare(&with(base, at, 1, &[byte]));
                compare(&with(base, at, 0, &[byte]));
            }
            for &first in SIGNIFICANT {
                for &second in SIGNIFICANT {
                    compare(&with(base, at, 0, &[first, second]));
                }
            }
        }
    }
}

#[test]
fn every_prefix_of_a_request_is_incomplete() {
    for base in BASES {
        for end in 0..base.len() {
            let (verdict, _) = values::judge(&base.as_bytes()[..end]);
            assert_eq!(verdict, Verdict::Partial, "{base:?}, first {end} bytes");
        }
    }
}
