//! Whether a connection stays open after a response (RFC 9112 section 9.3).

use super::request::{ConnectionOptions, Version};

/// Whether a connection is kept or closed after its current response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// Keep it open: the default of HTTP/1.1, so no field is sent.
    Keep,
    /// Keep it open for an HTTP/1.0 client, which needs `Connection: keep-alive`.
    KeepAnnounced,
    /// Close it; the response carries `Connection: close`.
    Close,
}

/// What the client asks for. The server may close for reasons of its own.
pub fn decide(version: Version, options: ConnectionOptions) -> Persistence {
    match version {
        _ if options.close => Persistence::Close,
        Version::Http11 => Persistence::Keep,
        Version::Http10 if options.keep_alive => Persistence::KeepAnnounced,
        Version::Http10 => Persistence::Close,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_decides_by_section_9_3() {
        use Persistence::*;
        use Version::*;
        let check = |version: Version, options: &str, expected: Persistence| {
            let options = ConnectionOptions {
                close: options.contains("close"),
                keep_alive: options.contains("keep-alive"),
            };
            assert_eq!(
                decide(version, options),
                expected,
                "{version:?} {options:?}"
            );
        };
        check(Http11, "", Keep);
        check(Http11, "keep-alive", Keep);
        check(Http11, "close", Close);
        check(Http11, "close, keep-alive", Close);
        check(Http10, "", Close);
        check(Http10, "keep-alive", KeepAnnounced);
        check(Http10, "close, keep-alive", Close);
    }
}
