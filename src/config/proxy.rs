//! Proxies trusted to report the address of their client.

use std::{net::IpAddr, str::FromStr};

use ipnet::IpNet;

/// A proxy trusted to report the address of its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxy {
    /// Proxies in this CIDR range: an address and a prefix length in bits (RFC 4632 section 3.1,
    /// RFC 4291 section 2.3).
    Network(IpNet),
    /// Proxies that connect through a Unix domain socket, which have no IP address.
    Unix,
}

impl Proxy {
    /// Whether this covers a peer with `address` (`None`: a Unix domain socket). An IPv4-mapped
    /// IPv6 address is treated as the IPv4 address.
    pub fn is_at(&self, address: Option<IpAddr>) -> bool {
        match (self, address) {
            (Proxy::Network(range), Some(address)) => range.contains(&address.to_canonical()),
            (Proxy::Unix, None) => true,
            _ => false,
        }
    }
}

const EXPECTED: &str =
    "expected an address or a range, for example 10.0.0.0/8 (up to /32) or fd00::/8 (up to /128)";

impl FromStr for Proxy {
    type Err = &'static str;

    /// `ADDRESS/BITS`, `ADDRESS` alone for that one address, or `unix:`. Blanks may come before it,
    /// as in a list after a comma.
    fn from_str(text: &str) -> Result<Proxy, &'static str> {
        let text = text.trim_start();
        if matches!(text, "unix" | "unix:") {
            return Ok(Proxy::Unix);
        }
        // Not `IpNet`: it would take 010.0.0.0 for 10.0.0.0, which inet_aton(3) takes for 8.0.0.0.
        let address = text.split('/').next().unwrap_or_default();
        let address: IpAddr = address.parse().map_err(|_| EXPECTED)?;
        let range = match text.contains('/') {
            true => text.parse().map_err(|_| EXPECTED)?,
            false => address.into(),
        };
        Ok(Proxy::Network(range))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(proxy: &str, address: &str, is_at: bool) {
        let proxy: Proxy = proxy.parse().unwrap();
        // A peer on a Unix domain socket has no address.
        assert_eq!(
            proxy.is_at(address.parse().ok()),
            is_at,
            "{proxy:?} and {address}"
        );
    }

    #[test]
    fn a_range_covers_its_addresses_and_unix_covers_peers_without_one() {
        check("10.0.0.0/8", "10.255.0.1", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("10.1.2.3/8", "10.0.0.9", true);
        check(" 10.0.0.0/8", "10.0.0.9", true);
        check("127.0.0.1", "127.0.0.1", true);
        check("127.0.0.1", "127.0.0.2", false);
        check("0.0.0.0/0", "203.0.113.9", true);
        check("0.0.0.0/0", "::1", false);
        check("0.0.0.0/0", "::ffff:203.0.113.9", true);
        check("192.0.2.128/25", "192.0.2.127", false);
        check("192.0.2.128/25", "192.0.2.255", true);
        check("::/0", "2001:db8::1", true);
        check("::/0", "192.0.2.1", false);
        check("2001:db8::/64", "2001:db8::ffff", true);
        check("2001:db8::/64", "2001:db8:0:1::", false);
        check("::1", "::1", true);
        check("::1/128", "::2", false);
        check("0.0.0.0/0", "unix:", false);
        check("unix:", "unix:", true);
        check("unix", "unix:", true);
        check(" unix:", "unix:", true);
        check("unix:", "0.0.0.0", false);
    }

    #[test]
    fn malformed_addresses_and_prefixes_are_rejected() {
        for text in [
            "",
            "proxy",
            "unix:/run/s",
            "10.0.0/8",
            "010.0.0.0",
            "010.0.0.0/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.0/8/8",
            "10.0.0.0/99999999999",
            "10.0.0.1 ",
            "unix: ",
            "::/129",
        ] {
            assert_eq!(text.parse::<Proxy>(), Err(EXPECTED), "{text:?}");
        }
    }
}
