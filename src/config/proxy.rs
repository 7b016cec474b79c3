//! A proxy whose word about its client is taken.

use std::{net::IpAddr, str::FromStr};

/// A proxy whose word about its client is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxy {
    /// One with an address of this range, as CIDR writes it: one that shares its
    /// first bits with this (RFC 4632 section 3.1, RFC 4291 section 2.3).
    Network(IpAddr, u32),
    /// One that comes by a Unix domain socket, and has no address.
    Unix,
}

impl Proxy {
    /// Whether it is the one with this address; `None`: with none. An IPv4
    /// address that came mapped into IPv6 is judged as the IPv4 address it is.
    pub fn is_at(&self, address: Option<IpAddr>) -> bool {
        let (first, prefix) = match *self {
            Proxy::Network(first, prefix) => (first, prefix),
            Proxy::Unix => return address.is_none(),
        };
        let agreeing = match (first, address.map(|address| address.to_canonical())) {
            (IpAddr::V4(first), Some(IpAddr::V4(address))) => {
                (first.to_bits() ^ address.to_bits()).leading_zeros()
            }
            (IpAddr::V6(first), Some(IpAddr::V6(address))) => {
                (first.to_bits() ^ address.to_bits()).leading_zeros()
            }
            _ => return false,
        };
        agreeing >= prefix
    }
}

/// What is said of a text before the slash that is no IP address.
const NOT_AN_ADDRESS: &str = "not an address or a range such as 10.0.0.0/8 or fd00::/8";

/// What is said of one behind it that is no number of bits the family has.
const NOT_A_PREFIX: &str = "the number of bits after the slash is not one the family has";

impl FromStr for Proxy {
    type Err = &'static str;

    /// `ADDRESS/BITS`, `ADDRESS` alone for that one address, or `unix:`.
    fn from_str(text: &str) -> Result<Proxy, &'static str> {
        if matches!(text, "unix" | "unix:") {
            return Ok(Proxy::Unix);
        }
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let first: IpAddr = address.parse().map_err(|_| NOT_AN_ADDRESS)?;
        let bits_max = if first.is_ipv4() { 32 } else { 128 };
        let prefix = match bits {
            None => Some(bits_max),
            Some(bits) if bits.starts_with('+') => None,
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= bits_max),
        };
        Ok(Proxy::Network(first, prefix.ok_or(NOT_A_PREFIX)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(proxy: &str, address: &str, is_at: bool) {
        let proxy: Proxy = proxy.parse().unwrap();
        // Who comes by a Unix domain socket has no address.
        assert_eq!(
            proxy.is_at(address.parse().ok()),
            is_at,
            "{proxy:?} and {address}"
        );
    }

    #[test]
    fn who_is_trusted() {
        check("10.0.0.0/8", "10.255.0.1", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("10.1.2.3/8", "10.0.0.9", true);
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
        check("unix:", "0.0.0.0", false);
    }

    #[test]
    fn what_is_no_proxy() {
        for (text, error) in [
            ("", NOT_AN_ADDRESS),
            ("proxy", NOT_AN_ADDRESS),
            ("unix:/run/s", NOT_AN_ADDRESS),
            ("10.0.0/8", NOT_AN_ADDRESS),
            ("10.0.0.0/", NOT_A_PREFIX),
            ("10.0.0.0/33", NOT_A_PREFIX),
            ("10.0.0.0/+8", NOT_A_PREFIX),
            ("10.0.0.0/8/8", NOT_A_PREFIX),
            ("10.0.0.0/99999999999", NOT_A_PREFIX),
            ("::/129", NOT_A_PREFIX),
        ] {
            assert_eq!(text.parse::<Proxy>(), Err(error), "{text:?}");
        }
    }
}
