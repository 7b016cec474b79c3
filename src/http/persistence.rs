//! Whether a connection stays open after a response (RFC 9112 section 9.3).

use super::{error::RequestError, headers::is_token, request::Version};

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

/// The options of the `Connection` field (RFC 9110 section 7.6.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionOptions {
    /// The list contains `close`.
    pub close: bool,
    /// The list contains `keep-alive`.
    pub keep_alive: bool,
}

impl ConnectionOptions {
    /// Adds the options of one line: a list of case-insensitive tokens (RFC 9110 section 7.6.1).
    /// Empty elements are ignored (section 5.6.1.2).
    pub(super) fn add(&mut self, value: &[u8]) -> Result<(), RequestError> {
        if value.eq_ignore_ascii_case(b"keep-alive") {
            self.keep_alive = true;
            return Ok(());
        }
        for option in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
            if option.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else if option.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if !option.is_empty() && !is_token(option) {
                return Err(RequestError::Malformed("malformed Connection"));
            }
        }
        Ok(())
    }
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
