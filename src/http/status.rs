//! The final status codes that this server sends (RFC 9110 section 15). The interim response,
//! [`CONTINUE`](super::response::CONTINUE), is not counted.

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $code:literal $reason:literal,)*) => {
        /// A status code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Status { $($(#[$doc])* $name,)* }

        impl Status {
            /// All of them, in ascending order; the index of each is `status as usize`.
            pub const ALL: &'static [Status] = &[$(Status::$name,)*];

            /// The three digits as a number.
            pub const fn code(self) -> u16 {
                match self { $(Status::$name => $code,)* }
            }

            /// The status line: version, code, reason phrase, CRLF.
            pub const fn line(self) -> &'static str {
                match self {
                    $(Status::$name => concat!("HTTP/1.1 ", $code, " ", $reason, "\r\n"),)*
                }
            }

            /// The reason phrase (RFC 9112 section 4).
            pub const fn reason(self) -> &'static str {
                match self { $(Status::$name => $reason,)* }
            }
        }
    };
}

statuses! {
    /// Section 15.3.1.
    Ok = 200 "OK",
    /// Section 15.3.5.
    NoContent = 204 "No Content",
    /// Section 15.3.7.
    PartialContent = 206 "Partial Content",
    /// Section 15.4.2.
    MovedPermanently = 301 "Moved Permanently",
    /// Section 15.4.5.
    NotModified = 304 "Not Modified",
    /// Section 15.5.1.
    BadRequest = 400 "Bad Request",
    /// Section 15.5.4.
    Forbidden = 403 "Forbidden",
    /// Section 15.5.5.
    NotFound = 404 "Not Found",
    /// Section 15.5.6.
    MethodNotAllowed = 405 "Method Not Allowed",
    /// Section 15.5.7.
    NotAcceptable = 406 "Not Acceptable",
    /// Section 15.5.9.
    RequestTimeout = 408 "Request Timeout",
    /// Section 15.5.13.
    PreconditionFailed = 412 "Precondition Failed",
    /// Section 15.5.14.
    ContentTooLarge = 413 "Content Too Large",
    /// Section 15.5.15.
    UriTooLong = 414 "URI Too Long",
    /// Section 15.5.17.
    RangeNotSatisfiable = 416 "Range Not Satisfiable",
    /// Section 15.5.18.
    ExpectationFailed = 417 "Expectation Failed",
    /// RFC 6585 section 5.
    RequestHeaderFieldsTooLarge = 431 "Request Header Fields Too Large",
    /// Section 15.6.1.
    InternalServerError = 500 "Internal Server Error",
    /// Section 15.6.2.
    NotImplemented = 501 "Not Implemented",
    /// Section 15.6.4.
    ServiceUnavailable = 503 "Service Unavailable",
    /// Section 15.6.6.
    HttpVersionNotSupported = 505 "HTTP Version Not Supported",
}
