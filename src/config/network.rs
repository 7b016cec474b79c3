//! A range of addresses, as CIDR writes it.

use std::{net::IpAddr, str::FromStr};

/// A range of addresses: those that share their first `prefix` bits with
/// `first` (RFC 4632 section 3.1, RFC 4291 section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    prefix: u32,
}

impl Network {
    /// Whether `address` lies within. An IPv4 address that came mapped into
    /// IPv6 is judged as the IPv4 address it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        let agreeing = match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                (first.to_bits() ^ address.to_bits()).leading_zeros()
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                (first.to_bits() ^ address.to_bits()).leading_zeros()
            }
            _ => return false,
        };
        agreeing >= self.prefix
    }
}

/// What is said of a text before the slash that is no IP address.
const NOT_AN_ADDRESS: &str = "not an address or a range such as 10.0.0.0/8 or fd00::/8";

/// What is said of one behind it that is no number of bits the family has.
const NOT_A_PREFIX: &str = "the number of bits after the slash is not one the family has";

impl FromStr for Network {
    type Err = &'static str;

    /// `ADDRESS/BITS`, or `ADDRESS` alone for that one address.
    fn from_str(text: &str) -> Result<Network, &'static str> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let first: IpAddr = address.parse().map_err(|_| NOT_AN_ADDRESS)?;
        let bits_max = if first.is_ipv4() { 32 } else { 128 };
        let prefix = match bits {
            None => bits_max,
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => bits
                .parse()
                .ok()
                .filter(|bits| *bits <= bits_max)
                .ok_or(NOT_A_PREFIX)?,
            Some(_) => return Err(NOT_A_PREFIX),
        };
        Ok(Network { first, prefix })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(network: &str, address: &str, within: bool) {
        let network: Network = network.parse().unwrap();
        assert_eq!(
            network.contains(address.parse().unwrap()),
            within,
            "{network:?} and {address}"
        );
    }

    #[test]
    fn addresses_within_and_beyond() {
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
    }

    #[test]
    fn what_is_no_network() {
        for (text, error) in [
            ("", NOT_AN_ADDRESS),
            ("proxy", NOT_AN_ADDRESS),
            ("10.0.0/8", NOT_AN_ADDRESS),
            ("10.0.0.0/", NOT_A_PREFIX),
            ("10.0.0.0/33", NOT_A_PREFIX),
            ("10.0.0.0/+8", NOT_A_PREFIX),
            ("10.0.0.0/8/8", NOT_A_PREFIX),
            ("10.0.0.0/99999999999", NOT_A_PREFIX),
            ("::/129", NOT_A_PREFIX),
        ] {
            assert_eq!(text.parse::<Network>(), Err(error), "{text:?}");
        }
    }
}
