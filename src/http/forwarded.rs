//! The client address, from `Forwarded` (RFC 7239) or `X-Forwarded-For` of trusted proxies.
//!
//! Each proxy appends the address of its peer, so only the right end of the list comes from trusted
//! proxies; everything to the left of the first untrusted address may be forged.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::headers::{LoggedFields, digits, is_token_byte};

/// The client address: the right-most one that is not a trusted proxy. A peer on a Unix domain
/// socket has no address (`None`).
///
/// 1. A peer that is not a trusted proxy is the client; its fields are ignored.
/// 2. If every address is trusted, the client is the left-most.
/// 3. The walk ends at an entry that is not an address (`unknown`, `_hidden`, malformed): the
///    client is the proxy that added it. Empty entries are ignored (RFC 9110 section 5.6.1.2).
/// 4. If both fields are present and disagree, one of them passed through a proxy that does not
///    maintain it, so neither is trusted: the client is the peer.
pub fn client(
    fields: &LoggedFields<'_>,
    peer: Option<IpAddr>,
    is_trusted: impl Fn(Option<IpAddr>) -> bool,
) -> Option<IpAddr> {
    if !is_trusted(peer) {
        return peer;
    }
    // The accumulator is the client if all remaining entries are trusted proxies.
    let step = |client: Option<IpAddr>, entry: Option<IpAddr>| match entry {
        Some(_) if is_trusted(entry) => client.or(entry),
        _ => entry,
    };
    let (standard, customary) = (fields.forwarded, fields.x_forwarded_for);
    let present = |entry: &&[u8]| !entry.is_empty();
    let elements = standard.iter().flat_map(|line| unquoted_split(line, b','));
    let by_standard = (elements.map(<[u8]>::trim_ascii).filter(present))
        .map(forwarded_for)
        .fold(None, step);
    let entries = (customary.iter()).flat_map(|line| line.split(|byte| *byte == b','));
    let by_custom = (entries.map(<[u8]>::trim_ascii).filter(present))
        .map(node)
        .fold(None, step);
    let reported = match (standard.is_absent(), customary.is_absent()) {
        (false, false) if by_standard != by_custom => None,
        (true, _) => by_custom,
        (false, _) => by_standard,
    };
    reported.or(peer)
}

/// The address in the `for` parameter, which must occur exactly once in
/// `forwarded-element = [ forwarded-pair ] *( ";" [ forwarded-pair ] )`
/// (RFC 7239 section 4).
fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    let mut found = None;
    for pair in unquoted_split(element, b';').map(<[u8]>::trim_ascii) {
        if pair.is_empty() {
            continue;
        }
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (&pair[..equals], &pair[equals + 1..]);
        if name.eq_ignore_ascii_case(b"for") {
            if found.is_some() {
                return None;
            }
            found = Some(node(content(value)?)?);
        } else {
            content(value)?;
        }
    }
    found
}

/// The content of a parameter value, `token / quoted-string`, without unescaping; unquoted
/// addresses are accepted, because many proxies omit the quotes. `None` if it is malformed: an
/// unterminated quote could swallow entries that were appended after it.
fn content(value: &[u8]) -> Option<&[u8]> {
    let Some(quoted) = value.strip_prefix(b"\"") else {
        let is_plain = |&byte: &u8| is_token_byte(byte) || b":[]".contains(&byte);
        return (!value.is_empty() && value.iter().all(is_plain)).then_some(value);
    };
    let mut is_escaped = false;
    let close = quoted.iter().position(|&byte| {
        let was_escaped = is_escaped;
        is_escaped = byte == b'\\' && !was_escaped;
        byte == b'"' && !was_escaped
    })?;
    (close + 1 == quoted.len()).then_some(&quoted[..close])
}

/// Splits at separators outside quoted strings (RFC 9110 section 5.6.4).
fn unquoted_split(bytes: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    bytes.split(move |&byte| {
        let escaped = std::mem::take(&mut is_escaped);
        match byte {
            _ if escaped => {}
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            _ => return byte == separator && !is_quoted,
        }
        false
    })
}

/// Parses an address with an optional port, IPv6 with or without brackets (RFC 7239 section 6).
fn node(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        let address: Ipv6Addr = address.parse().ok()?;
        return is_port.then(|| IpAddr::V6(address).to_canonical());
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    let (address, port) = text.split_once(':')?;
    let address: Ipv4Addr = address.parse().ok()?;
    is_port(port).then_some(IpAddr::V4(address))
}

/// Whether `text` is a port of at most five digits or an obfuscated port (RFC 7239 section 6.3).
fn is_port(text: &str) -> bool {
    let is_named = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    match text.strip_prefix('_') {
        Some(name) => !name.is_empty() && name.bytes().all(is_named),
        None => text.len() <= 5 && digits(text.as_bytes()).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::headers::{FieldValues, field};

    /// Trusted proxies are 10.0.0.0/8 and fd00::/8; the peer is 10.0.0.1.
    fn is_trusted(address: Option<IpAddr>) -> bool {
        match address {
            Some(IpAddr::V4(address)) => address.octets()[0] == 10,
            Some(IpAddr::V6(address)) => address.octets()[0] == 0xfd,
            None => true,
        }
    }

    #[track_caller]
    fn check_from(peer: &str, lines: &[(&'static str, &str)], expected: &str) {
        let all: Vec<_> = lines
            .iter()
            .map(|(name, value)| field(name, *value))
            .collect();
        let fields = LoggedFields {
            forwarded: FieldValues::new(&all, "forwarded"),
            x_forwarded_for: FieldValues::new(&all, "x-forwarded-for"),
            ..LoggedFields::default()
        };
        let got = client(&fields, peer.parse().ok(), is_trusted);
        let got = got.map_or("unix:".into(), |address| address.to_string());
        assert_eq!(got, expected, "{lines:?}");
    }

    #[track_caller]
    fn check_customary(value: &str, expected: &str) {
        check_from("10.0.0.1", &[("X-Forwarded-For", value)], expected);
    }

    #[track_caller]
    fn check_standard(value: &str, expected: &str) {
        check_from("10.0.0.1", &[("Forwarded", value)], expected);
    }

    #[test]
    fn fields_of_an_untrusted_peer_are_ignored() {
        let lines = [
            ("Forwarded", "for=192.0.2.9"),
            ("X-Forwarded-For", "192.0.2.9"),
        ];
        check_from("10.0.0.1", &lines, "192.0.2.9");
        check_from("203.0.113.1", &lines, "203.0.113.1");
        check_from("2001:db8::1", &lines, "2001:db8::1");
        check_from("10.0.0.1", &[], "10.0.0.1");
        // A trusted peer without an address.
        check_from("unix:", &lines, "192.0.2.9");
        check_from("unix:", &[("X-Forwarded-For", "unknown")], "unix:");
        check_from("unix:", &[], "unix:");
    }

    #[test]
    fn the_right_most_untrusted_address_is_the_client() {
        for (value, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("203.0.113.9, 192.0.2.1", "192.0.2.1"),
            ("203.0.113.9, 192.0.2.1, 10.0.0.2", "192.0.2.1"),
            ("192.0.2.1,10.9.9.9 ,\t10.0.0.2", "192.0.2.1"),
            ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]:443, fd00::1", "2001:db8::7"),
            ("192.0.2.1:50000", "192.0.2.1"),
            ("192.0.2.1:_hidden.1", "192.0.2.1"),
            ("[2001:db8::7]:_a-b_c", "2001:db8::7"),
            ("192.0.2.1:_", "10.0.0.1"),
            ("192.0.2.1:_a b", "10.0.0.1"),
            ("192.0.2.1:500000", "10.0.0.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("[::ffff:10.0.0.9]", "10.0.0.9"),
            ("192.0.2.1, \t,, 10.0.0.2,", "192.0.2.1"),
        ] {
            check_customary(value, expected);
        }
    }

    #[test]
    fn the_walk_ends_at_an_entry_without_an_address() {
        for (value, expected) in [
            ("", "10.0.0.1"),
            (",", "10.0.0.1"),
            ("unknown", "10.0.0.1"),
            ("192.0.2.1, unknown", "10.0.0.1"),
            ("192.0.2.1, unknown, 10.0.0.2", "10.0.0.2"),
            ("192.0.2.1, unknown, 10.0.0.3, 10.0.0.2", "10.0.0.3"),
            ("unknown, 192.0.2.1", "192.0.2.1"),
            ("192.0.2.1, 192.0.2.256", "10.0.0.1"),
            ("192.0.2.1:", "10.0.0.1"),
            ("192.0.2.1:8a", "10.0.0.1"),
            ("[2001:db8::7", "10.0.0.1"),
            ("[2001:db8::7]8", "10.0.0.1"),
            ("[2001:db8::7]:", "10.0.0.1"),
            ("[2001:db8::7]:8a", "10.0.0.1"),
            ("[192.0.2.1]", "10.0.0.1"),
            ("2001:db8::7%eth0", "10.0.0.1"),
            ("192.0.2.1\u{e9}", "10.0.0.1"),
        ] {
            check_customary(value, expected);
        }
    }

    #[test]
    fn the_standard_field_and_its_grammar() {
        for (value, expected) in [
            ("for=192.0.2.1", "192.0.2.1"),
            ("For=\"192.0.2.1:47011\"", "192.0.2.1"),
            ("for=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=\"[2001:db8:cafe::17]\"", "2001:db8:cafe::17"),
            ("by=10.0.0.1;for=192.0.2.1;proto=http", "192.0.2.1"),
            ("for=192.0.2.1; proto=https; by=\"a,b;c\"", "192.0.2.1"),
            ("for=203.0.113.9, for=192.0.2.1, for=10.0.0.2", "192.0.2.1"),
            ("for=192.0.2.1, for=unknown", "10.0.0.1"),
            ("for=192.0.2.1, for=_gazonk", "10.0.0.1"),
            ("for=192.0.2.1, proto=http", "10.0.0.1"),
            ("for=192.0.2.1;for=192.0.2.2", "10.0.0.1"),
            ("for=\"192.0.2.1\\\"\"", "10.0.0.1"),
            ("for=", "10.0.0.1"),
            ("", "10.0.0.1"),
            // An unterminated quote of the client swallows what was appended.
            ("for=\"192.0.2.1, for=203.0.113.9", "10.0.0.1"),
            ("for=\"192.0.2.1, for=\"[2001:db8::1]\"", "10.0.0.1"),
            ("for=192.0.2.1, for=\"\\\", for=203.0.113.9", "10.0.0.1"),
            ("for=192.0.2.1;x=\", for=203.0.113.9", "10.0.0.1"),
            ("for=192.0.2.1;x=\", for=\"[2001:db8::9]\"", "10.0.0.1"),
            ("for=192.0.2.1;proto=\"x\\\", for=203.0.113.9", "10.0.0.1"),
            (
                "for=192.0.2.1;by=\"a, for=203.0.113.9;proto=http",
                "10.0.0.1",
            ),
            ("for=192.0.2.1;;by=\"a,b\";", "192.0.2.1"),
            ("for=192.0.2.1;secret", "10.0.0.1"),
            ("for=192.0.2.1;host=\"a\\\"b\\\\\"", "192.0.2.1"),
            ("for=192.0.2.1;by=[2001:db8::1]:80", "192.0.2.1"),
            ("for=192.0.2.1;by=", "10.0.0.1"),
            ("for=192.0.2.1;host=a b", "10.0.0.1"),
            ("for=192.0.2.1;host=\"a\"b", "10.0.0.1"),
            ("for=192.0.2.1;host=\"\\\"", "10.0.0.1"),
            // Empty elements, and a stray backslash.
            (",for=192.0.2.1", "192.0.2.1"),
            ("for=192.0.2.1, , for=10.0.0.2,", "192.0.2.1"),
            ("for=192.0.2.1, ;", "10.0.0.1"),
            ("by=\\,for=192.0.2.1", "192.0.2.1"),
        ] {
            check_standard(value, expected);
        }
    }

    #[test]
    fn several_lines_are_one_list_and_two_fields_have_to_agree() {
        let line = |value| ("X-Forwarded-For", value);
        let other = |value| ("Forwarded", value);
        let peer = "10.0.0.1";
        check_from(peer, &[line("203.0.113.9"), line("192.0.2.1")], "192.0.2.1");
        check_from(peer, &[line("192.0.2.1"), line("10.0.0.2")], "192.0.2.1");
        check_from(
            peer,
            &[other("for=192.0.2.1"), other("for=10.0.0.2")],
            "192.0.2.1",
        );
        check_from(peer, &[other("for=203.0.113.9"), line("192.0.2.1")], peer);
        check_from(peer, &[other("for=unknown"), line("192.0.2.1")], peer);
        check_from(
            peer,
            &[other("for=192.0.2.1"), line("192.0.2.1")],
            "192.0.2.1",
        );
    }
}
