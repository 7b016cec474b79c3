//! A proxy whose word about its client is taken.

use std::{net::IpAddr, str::FromStr};

use super::network::Network;

/// A proxy whose word about its client is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxy {
    /// One with an address of this range.
    Network(Network),
    /// One that comes by a Unix domain socket, and has no address.
    Unix,
}

impl Proxy {
    /// Whether it is the one with this address; `None`: with none.
    pub fn is_at(&self, address: Option<IpAddr>) -> bool {
        match (self, address) {
            (Proxy::Network(network), Some(address)) => network.contains(address),
            (Proxy::Unix, None) => true,
            (Proxy::Network(_), None) | (Proxy::Unix, Some(_)) => false,
        }
    }
}

impl FromStr for Proxy {
    type Err = &'static str;

    /// A [`Network`], or `unix:`.
    fn from_str(text: &str) -> Result<Proxy, &'static str> {
        match text {
            "unix" | "unix:" => Ok(Proxy::Unix),
            range => range.parse().map(Proxy::Network),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(proxy: &str, address: Option<[u8; 4]>, is_at: bool) {
        let proxy: Proxy = proxy.parse().unwrap();
        assert_eq!(proxy.is_at(address.map(IpAddr::from)), is_at, "{proxy:?}");
    }

    #[test]
    fn who_is_trusted() {
        check("10.0.0.0/8", Some([10, 1, 2, 3]), true);
        check("10.0.0.0/8", Some([11, 1, 2, 3]), false);
        check("0.0.0.0/0", None, false);
        check("unix:", None, true);
        check("unix", None, true);
        check("unix:", Some([0, 0, 0, 0]), false);
        assert_eq!(
            "unix:/run/s".parse::<Proxy>(),
            Err("not an address or a range such as 10.0.0.0/8 or fd00::/8")
        );
    }
}
