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
    Close(CloseCause),
}

/// Why a response is the last on its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCause {
    /// The client sent `close`, or uses HTTP/1.0 without `keep-alive`.
    ClientAsked,
    /// Keep-alive is disabled.
    KeepAliveOff,
    /// The connection reached its maximum number of requests.
    MaxRequests,
    /// The server is stopping.
    Draining,
    /// The connection is evicted in favour of a new one.
    Evicted,
    /// The request was rejected and its framing is in doubt.
    Refused,
}

/// The server's reasons for closing a connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServerState {
    /// Keep-alive is disabled.
    pub keep_alive_off: bool,
    /// This request is the last one allowed on the connection.
    pub last_request: bool,
    /// The server is stopping.
    pub draining: bool,
    /// The connection is to be evicted in favour of a new one.
    pub evicted: bool,
    /// The request was rejected; bytes after it are not parsed.
    pub refused: bool,
}

/// Decides in this order: a rejected request, `close` from the client, an HTTP/1.0 client without
/// `keep-alive`, the server's own reasons; otherwise the connection is kept open.
pub fn decide(version: Version, options: ConnectionOptions, server: ServerState) -> Persistence {
    let http10 = version == Version::Http10;
    if server.refused {
        Persistence::Close(CloseCause::Refused)
    } else if options.close || (http10 && !options.keep_alive) {
        Persistence::Close(CloseCause::ClientAsked)
    } else if server.keep_alive_off {
        Persistence::Close(CloseCause::KeepAliveOff)
    } else if server.last_request {
        Persistence::Close(CloseCause::MaxRequests)
    } else if server.draining {
        Persistence::Close(CloseCause::Draining)
    } else if server.evicted {
        Persistence::Close(CloseCause::Evicted)
    } else if http10 {
        Persistence::KeepAnnounced
    } else {
        Persistence::Keep
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(version: Version, options: &str, server: ServerState, want: Persistence) {
        let options = ConnectionOptions {
            close: options.contains("close"),
            keep_alive: options.contains("keep-alive"),
        };
        assert_eq!(
            decide(version, options, server),
            want,
            "{version:?} {options:?} {server:?}"
        );
    }

    #[test]
    fn the_client_decides_by_section_9_3() {
        use CloseCause::*;
        use Persistence::*;
        use Version::*;
        let none = ServerState::default();
        check(Http11, "", none, Keep);
        check(Http11, "keep-alive", none, Keep);
        check(Http11, "close", none, Close(ClientAsked));
        check(Http11, "close, keep-alive", none, Close(ClientAsked));
        check(Http10, "", none, Close(ClientAsked));
        check(Http10, "keep-alive", none, KeepAnnounced);
        check(Http10, "close, keep-alive", none, Close(ClientAsked));
    }

    #[test]
    fn the_server_closes_for_its_own_reasons() {
        use CloseCause::*;
        use Persistence::*;
        let with = |set: fn(&mut ServerState)| {
            let mut server = ServerState::default();
            set(&mut server);
            server
        };
        let table = [
            (with(|c| c.refused = true), Refused),
            (with(|c| c.keep_alive_off = true), KeepAliveOff),
            (with(|c| c.last_request = true), MaxRequests),
            (with(|c| c.draining = true), Draining),
            (with(|c| c.evicted = true), Evicted),
        ];
        for (server, cause) in table {
            check(Version::Http11, "", server, Close(cause));
            check(Version::Http10, "keep-alive", server, Close(cause));
        }
        check(
            Version::Http11,
            "close",
            with(|c| c.draining = true),
            Close(ClientAsked),
        );
    }
}
