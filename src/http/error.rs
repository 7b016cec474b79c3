//! Errors in requests, and the one place that maps them to a status.

use super::status::Status;

/// Why a request was rejected. Each error closes the connection: bytes after the request are never
/// parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// The request line is longer than its limit: 414.
    LineTooLong,
    /// The header section is larger than its limit: 431.
    FieldsTooLarge,
    /// More fields than the limit: 431.
    TooManyFields,
    /// A major version other than 1: 505.
    Version,
    /// The preface of HTTP/2 with prior knowledge: 505.
    Http2Preface,
    /// A TLS handshake on the plain port: 400 with an explanation.
    TlsOnPlainPort,
    /// Anything else: 400. The text names the violated rule for the log.
    Malformed(&'static str),
    /// A transfer coding other than chunked (RFC 9112 section 6.1): 501.
    UnknownTransferCoding,
    /// An unsupported expectation (RFC 9110 section 10.1.1) of a request with a body, which the
    /// client may or may not send: 417.
    UnknownExpectation,
    /// The body is larger than the server reads and discards: 413.
    BodyTooLarge,
}

impl RequestError {
    /// The status of the error response.
    pub fn status(self) -> Status {
        match self {
            RequestError::LineTooLong => Status::UriTooLong,
            RequestError::FieldsTooLarge | RequestError::TooManyFields => {
                Status::RequestHeaderFieldsTooLarge
            }
            RequestError::Version | RequestError::Http2Preface => Status::HttpVersionNotSupported,
            RequestError::TlsOnPlainPort | RequestError::Malformed(_) => Status::BadRequest,
            RequestError::UnknownTransferCoding => Status::NotImplemented,
            RequestError::UnknownExpectation => Status::ExpectationFailed,
            RequestError::BodyTooLarge => Status::ContentTooLarge,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_status() {
        for (error, code) in [
            (RequestError::LineTooLong, 414),
            (RequestError::FieldsTooLarge, 431),
            (RequestError::TooManyFields, 431),
            (RequestError::Version, 505),
            (RequestError::Http2Preface, 505),
            (RequestError::TlsOnPlainPort, 400),
            (RequestError::Malformed("any"), 400),
            (RequestError::UnknownTransferCoding, 501),
            (RequestError::UnknownExpectation, 417),
            (RequestError::BodyTooLarge, 413),
        ] {
            assert_eq!(error.status().code(), code, "{error:?}");
        }
    }
}
