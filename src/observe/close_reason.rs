//! Why a connection was closed, and by which side first.

macro_rules! close_reasons {
    ($($(#[$doc:meta])* $variant:ident $name:literal $side:literal $words:literal,)*) => {
        /// Why a connection was closed. Every connection ends with exactly one of these, which is
        /// counted, logged and shown.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum CloseReason { $($(#[$doc])* $variant,)* }

        impl CloseReason {
            /// All of them; the index of each is `reason as usize`.
            pub const ALL: &'static [CloseReason] = &[$(CloseReason::$variant,)*];

            /// The name in snake_case, for logs and labels.
            pub const fn name(self) -> &'static str {
                match self { $(CloseReason::$variant => $name,)* }
            }

            /// The name in words, for the status page.
            pub fn words(self) -> String {
                self.name().replace('_', " ")
            }

            /// Which side closed first, `client` or `server`. Its socket remains in TIME_WAIT (RFC
            /// 9293 section 3.6.1), unless the connection was reset.
            pub const fn first(self) -> &'static str {
                match self { $(CloseReason::$variant => $side,)* }
            }

            /// One sentence for the status page: which side closed, why, and which side therefore
            /// holds TIME_WAIT.
            pub const fn explain(self) -> &'static str {
                match self { $(CloseReason::$variant => $words,)* }
            }
        }
    };
}

close_reasons! {
    /// The client closed between two requests, or before the first.
    ClientClosed "client_closed" "client"
        "The client had no further request and closed first, so the client holds TIME_WAIT.",
    /// The client closed in the middle of a head or a body.
    ClientGaveUp "client_gave_up" "client"
        "The client closed in the middle of a request, which could not be answered; the client \
         holds TIME_WAIT.",
    /// The last request had `Connection: close`, or was HTTP/1.0 without `keep-alive` (RFC 9112
    /// section 9.3).
    ClientAsked "client_asked" "server"
        "The client asked for the connection to be closed after the response; the server closed \
         first and holds TIME_WAIT.",
    /// The server runs with `--keep-alive 0`.
    KeepAliveOff "keep_alive_off" "server"
        "Keep-alive is disabled: the server closed after the response and holds TIME_WAIT.",
    /// The connection reached `--max-requests`.
    MaxRequests "max_requests" "server"
        "The connection reached the maximum number of requests; the server closed first and holds \
         TIME_WAIT.",
    /// No further request arrived within `--keep-alive`.
    IdleTimeout "idle_timeout" "server"
        "No further request arrived within the keep-alive time-out; the server closed first and \
         holds TIME_WAIT.",
    /// No complete head within `--header-timeout`.
    HeaderTimeout "header_timeout" "server"
        "The request head did not arrive in time; the server closed first and holds TIME_WAIT.",
    /// No complete body within `--body-timeout`.
    BodyTimeout "body_timeout" "server"
        "The request body did not arrive in time; the server closed first and holds TIME_WAIT.",
    /// The client read nothing for `--write-timeout`.
    WriteTimeout "write_timeout" "server"
        "The client stopped reading the response; the server closed first and, unless it had to \
         reset, holds TIME_WAIT.",
    /// The client read more slowly than `--min-rate`.
    TooSlow "too_slow" "server"
        "The client read more slowly than the minimum rate; the server closed first and, unless \
         it had to reset, holds TIME_WAIT.",
    /// The request was malformed or exceeded a limit; it was answered with a 4xx or 5xx, and bytes
    /// after it were not parsed.
    BadRequest "bad_request" "server"
        "The request was malformed or too large; the server sent an error, closed first and holds \
         TIME_WAIT.",
    /// The client reset the connection, or it failed with another error.
    Reset "reset" "client"
        "The client reset the connection instead of closing it, or it broke, so neither side is \
         left in TIME_WAIT.",
    /// A file was changed in place while it was being sent, so that it no longer matches the head.
    FileChanged "file_changed" "server"
        "The file was changed while it was sent, so its promised length could not be kept; the \
         server cut the answer short.",
    /// A file could not be read completely.
    FileFailed "file_failed" "server"
        "The file could not be read to its end, so its promised length could not be kept; the \
         server cut the answer short.",
    /// The limit of connections or descriptors was reached, and this connection had been idle or
    /// silent the longest.
    Evicted "evicted" "server"
        "The server had reached its limit of connections or open files and closed the \
         connection that had been idle or silent the longest; the server holds TIME_WAIT.",
    /// No descriptor became free for its request within `--header-timeout`, which was answered with
    /// 503; or the connection could not be registered for polling.
    OutOfResources "out_of_resources" "server"
        "The system had no descriptor or memory left for this connection; the server closed first \
         and holds TIME_WAIT.",
    /// The server is shutting down.
    Draining "draining" "server"
        "The server is shutting down: it finished the request in progress, closed first and holds \
         TIME_WAIT.",
    /// The client's address had reached `--max-connections-per-ip`.
    Refused "refused" "server"
        "The client's address had already reached --max-connections-per-ip; the server closed this \
         connection immediately.",
    /// A bug in the server; only this connection was closed.
    Panicked "panicked" "server"
        "A bug in the server ended this connection; other connections are not affected. Please \
         report it.",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_indexed_by_number_and_name_the_closing_side() {
        for (place, reason) in CloseReason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, place, "{reason:?}");
            let name = reason.name();
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{name}"
            );
            let words = reason.explain();
            assert!(words.ends_with('.') && !words.contains("  "), "{words}");
            let side = reason.first();
            assert!(words.contains(side), "{words} names the {side}");
        }
    }

    #[test]
    fn names_are_distinct() {
        let mut names: Vec<_> = CloseReason::ALL.iter().map(|r| r.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CloseReason::ALL.len());
    }
}
