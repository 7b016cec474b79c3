//! What can be wrong with a request, and the one place that gives it a status.

use super::status::Status;

/// Why a request's bytes were refused. Each ends its connection, and what
/// follows is never parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// The request line is longer than its limit: 414.
    LineTooLong,
    /// The field block is larger than its limit: 431.
    FieldsTooLarge,
    /// More fields than the limit: 431.
    TooManyFields,
    /// A major version other than 1: 505.
    Version,
    /// The preface of HTTP/2 with prior knowledge: 505.
    Http2Preface,
    /// A TLS handshake on the plain port: 400, and said so.
    TlsOnPlainPort,
    /// Anything else: 400. The text names the rule for the log.
    Malformed(&'static str),
    /// A transfer coding other than chunked (RFC 9112 section 6.1): 501.
    UnknownTransferCoding,
    /// More body than is read and discarded: 413.
    BodyTooLarge,
}

impl RequestError {
    /// The status that answers this error.
    pub fn status(self) -> Status {
        match self {
            RequestError::LineTooLong => Status::UriTooLong,
            RequestError::FieldsTooLarge | RequestError::TooManyFields => {
                Status::RequestHeaderFieldsTooLarge
            }
            RequestError::Version | RequestError::Http2Preface => Status::HttpVersionNotSupported,
            RequestError::TlsOnPlainPort | RequestError::Malformed(_) => Status::BadRequest,
            RequestError::UnknownTransferCoding => Status::NotImplemented,
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
            (RequestError::BodyTooLarge, 413),
        ] {
            assert_eq!(error.status().code(), code, "{error:?}");
        }
    }
}
