//! The address of a listener.

use std::{fmt, net::SocketAddr, os::unix::ffi::OsStrExt, path::PathBuf};

use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

/// The bytes of a path that are encoded, besides those that are not ASCII: a terminal interprets
/// control characters.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%');

/// The address of a listener: an IP address and port, or a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// An address and a port.
    Tcp(SocketAddr),
    /// A Unix domain socket (unix(7)); empty if it is unnamed.
    Unix(PathBuf),
}

impl Endpoint {
    /// Its address and port, if it has one.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Endpoint::Tcp(address) => Some(*address),
            Endpoint::Unix(_) => None,
        }
    }

    /// Whether other machines can reach it.
    pub fn is_exposed(&self) -> bool {
        let address = self.tcp();
        address.is_some_and(|address| !address.ip().to_canonical().is_loopback())
    }

    /// The address for users: `http://127.0.0.1:8080/` or `unix:/run/s`.
    pub fn url(&self) -> String {
        match self {
            Endpoint::Tcp(address) => format!("http://{address}/"),
            Endpoint::Unix(_) => self.to_string(),
        }
    }
}

impl fmt::Display for Endpoint {
    /// `127.0.0.1:8080`, or `unix:/run/s`, with `%XX` for control characters and bytes that are not
    /// ASCII.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp(address) => write!(out, "{address}"),
            Endpoint::Unix(path) => {
                let path = percent_encode(path.as_os_str().as_bytes(), ENCODED);
                write!(out, "unix:{path}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(endpoint: Endpoint, text: &str, url: &str) {
        assert_eq!(endpoint.to_string(), text);
        assert_eq!(endpoint.url(), url);
    }

    #[test]
    fn addresses_are_displayed_and_escaped() {
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        check(
            Endpoint::Tcp(address),
            "127.0.0.1:80",
            "http://127.0.0.1:80/",
        );
        let unix = |path: &str| Endpoint::Unix(path.into());
        check(unix("/run/s"), "unix:/run/s", "unix:/run/s");
        check(unix(""), "unix:", "unix:");
        let text = "unix:/a b/<%C3%A9\"%25\\%0A%C2%85";
        check(unix("/a b/<\u{e9}\"%\\\n\u{85}"), text, text);
    }

    #[test]
    fn addresses_beyond_loopback_are_exposed() {
        for (address, is_exposed) in [
            ("127.0.0.1:80", false),
            ("127.8.9.1:80", false),
            ("[::1]:80", false),
            ("[::ffff:127.0.0.1]:80", false),
            ("0.0.0.0:80", true),
            ("[::]:80", true),
            ("192.0.2.1:80", true),
            ("[fe80::1]:80", true),
        ] {
            let endpoint = Endpoint::Tcp(address.parse().unwrap());
            assert_eq!(endpoint.is_exposed(), is_exposed, "{address}");
        }
    }
}
