//! Whether a connection lives on after a response (RFC 9112 section 9.3).

use super::request::{ConnectionOptions, Version};

/// What becomes of a connection once its current response is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// It is kept, as HTTP/1.1 assumes: nothing needs saying.
    Keep,
    /// It is kept for an HTTP/1.0 client, which must be told so.
    KeepAnnounced,
    /// It is closed, and the response says so.
    Close(CloseCause),
}

/// Why a response is the last of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCause {
    /// The client sent `close`, or speaks 1.0 without `keep-alive`.
    ClientAsked,
    /// The server keeps no connection.
    KeepAliveOff,
    /// The connection has had the number of requests it may have.
    MaxRequests,
    /// The server is stopping.
    Draining,
    /// Another client waits for its place.
    Evicted,
    /// The request was refused in a way that leaves its framing in doubt.
    Refused,
}

/// What the server has to say about it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServerState {
    /// Connections are not kept.
    pub keep_alive_off: bool,
    /// This is the last request the connection may have.
    pub last_request: bool,
    /// The server is stopping.
    pub draining: bool,
    /// Another client waits for the place of this one.
    pub evicted: bool,
    /// The request was refused; what follows it is not parsed.
    pub refused: bool,
}

/// Decides, in this order: a refusal, the client's `close`, a 1.0 client that
/// did not ask to be kept, the server's own reasons; else the connection is
/// kept.
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
    fn the_table_of_section_9_3() {
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
    fn the_server_has_its_reasons() {
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
