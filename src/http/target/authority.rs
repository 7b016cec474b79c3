//! Host and port, in the authority of a target and in the `Host` field.

use core::net::Ipv6Addr;

/// Whether `value` is a valid `Host`: `uri-host [ ":" port ]` (RFC 9110 section 7.2), or empty,
/// which a client sends if the target has no authority.
pub fn is_host(value: &[u8]) -> bool {
    value.is_empty() || is_authority(value)
}

/// Whether `text` is the authority of an `http` URI: a non-empty host and an optional port.
/// Userinfo is rejected (RFC 9110 sections 4.2.1, 4.2.4).
pub(super) fn is_authority(text: &[u8]) -> bool {
    after_host(text).is_some_and(is_port)
}

/// Whether `text` is a host and a non-empty port, as CONNECT requires.
pub(super) fn is_connect_authority(text: &[u8]) -> bool {
    after_host(text).is_some_and(|rest| is_port(rest) && rest.len() > 1)
}

/// What follows the valid, non-empty host at the start of `text`.
fn after_host(text: &[u8]) -> Option<&[u8]> {
    if let Some(rest) = text.strip_prefix(b"[") {
        let end = rest.iter().position(|&byte| byte == b']')?;
        return is_ip_literal(&rest[..end]).then_some(&rest[end + 1..]);
    }
    let end = reg_name_bytes(text);
    (end > 0).then(|| text.split_at(end).1)
}

/// The length of the registered name at the start of `text`: up to the first byte that is not
/// allowed in one. The percent sign of an invalid percent-encoding is none, nor does a port begin
/// with it.
///
/// `reg-name = *( unreserved / pct-encoded / sub-delims )` (RFC 3986 section 3.2.2), which includes
/// every IPv4 address. The comma, although a sub-delim, is rejected: it occurs in lists of hosts
/// but not in names.
fn reg_name_bytes(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        if IS_NAME_BYTE[usize::from(byte)] {
            at += 1;
        } else if let Some([b'%', high, low]) = text.get(at..at + 3)
            && high.is_ascii_hexdigit()
            && low.is_ascii_hexdigit()
        {
            at += 3;
        } else {
            break;
        }
    }
    at
}

/// Whether `literal` is valid between the brackets of an `IP-literal` (RFC 3986 section 3.2.2). A
/// zone is rejected: it has no meaning outside the client (RFC 9844).
fn is_ip_literal(literal: &[u8]) -> bool {
    if let [b'v' | b'V', rest @ ..] = literal {
        let mut parts = rest.splitn(2, |&byte| byte == b'.');
        let (version, address) = (parts.next(), parts.next());
        return version.is_some_and(|hex| !hex.is_empty() && hex.iter().all(u8::is_ascii_hexdigit))
            && address.is_some_and(|address| {
                !address.is_empty() && address.iter().all(|&b| b == b':' || is_name_byte(b))
            });
    }
    std::str::from_utf8(literal).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

/// `unreserved / sub-delims` of RFC 3986 section 2, except the comma.
const fn is_name_byte(byte: u8) -> bool {
    matches!(byte,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~'
        | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b';' | b'=')
}

/// [`is_name_byte`] as a table, because the host is validated in every request.
const IS_NAME_BYTE: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = is_name_byte(byte as u8);
        byte += 1;
    }
    table
};

/// Empty, or `":" *DIGIT` up to 65535 (RFC 3986 section 3.2.3).
fn is_port(text: &[u8]) -> bool {
    let Some((b':', digits)) = text.split_first() else {
        return text.is_empty();
    };
    let append = |port: u16, digit: &u8| {
        let value = digit.wrapping_sub(b'0');
        (value < 10).then(|| port.checked_mul(10)?.checked_add(value.into()))?
    };
    digits.iter().try_fold(0, append).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &[u8], expected: bool) {
        assert_eq!(is_host(value), expected, "{}", value.escape_ascii());
    }

    #[test]
    fn valid_hosts_are_accepted() {
        for good in [
            "",
            "a",
            "localhost",
            "localhost:8080",
            "example.org.",
            "127.0.0.1",
            "127.0.0.1:80",
            "999.1.1.1",
            "a:",
            "a:0",
            "a:00080",
            "a:65535",
            "[::1]",
            "[::1]:8080",
            "[::]:",
            "[::ffff:127.0.0.1]",
            "[v1.a:b]",
            "[vF.~]:1",
            "[V1.a]",
            "a_b",
            "a-b",
            "A.B",
            "%41%2e",
            "%41",
            "a~!$&'()*+;=",
            "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
            "xn--bcher-kva.example",
        ] {
            check(good.as_bytes(), true);
        }
    }

    #[test]
    fn invalid_hosts_are_rejected() {
        for bad in [
            &b":80"[..],
            b":",
            b"a:b",
            b"a:-1",
            b"a:+1",
            b"a:65536",
            b"a:999999999999",
            b"a:80:80",
            b"a::",
            b"a:8 0",
            b"a b",
            b"a, b",
            b"a,b",
            b"u@a",
            b"u:p@a",
            b"a/",
            b"a/b",
            b"/",
            b"a?b",
            b"a#b",
            b"http://a",
            b"[::1",
            b"::1",
            b"[]",
            b"[::1]a",
            b"[::1]]",
            b"[::1%25eth0]",
            b"[:::1]",
            b"[1.2.3.4]",
            b"[v.a]",
            b"[v1.]",
            b"[vg.a]",
            b"[v1g.a]",
            b"[v1.a@]",
            b"[v1.a.@]",
            b"[v1]",
            b"%4",
            b"%",
            b"%zz",
            b"%4z",
            b"%z4",
            b"a\\b",
            b"a\tb",
            b"a\0",
            b"\xe9",
            b"a\x7f",
            b"\"a\"",
            b"a<b",
            b"a{",
            b"a^",
            b"a|b",
            b"[::1] :80",
        ] {
            check(bad, false);
        }
    }
}
