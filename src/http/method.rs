//! Request methods (RFC 9110 section 9).

/// A request method, as far as a static file server distinguishes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Transfer the representation (RFC 9110 section 9.3.1).
    Get,
    /// The head of GET without its content (section 9.3.2).
    Head,
    /// The communication options of the target (section 9.3.7).
    Options,
    /// POST, PUT, PATCH, DELETE and TRACE: known, with no meaning for files: 405.
    Other,
    /// CONNECT (section 9.3.6): known but not supported: 405, and the connection closes.
    Connect,
    /// Any other well-formed token: 501.
    Unknown,
}

/// Bytes of a method; more is 400. The longest registered method, `UPDATEREDIRECTREF`, has 17.
pub const METHOD_BYTES_MAX: usize = 32;

impl Method {
    /// The value of `Allow`: the supported methods.
    pub const ALLOW: &'static str = "GET, HEAD, OPTIONS";

    /// Parses a method, which is case-sensitive (section 9.1).
    pub fn from_token(token: &str) -> Method {
        match token {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "OPTIONS" => Method::Options,
            "POST" | "PUT" | "PATCH" | "DELETE" | "TRACE" => Method::Other,
            "CONNECT" => Method::Connect,
            _ => Method::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_case_sensitive() {
        for (token, method) in [
            ("GET", Method::Get),
            ("HEAD", Method::Head),
            ("OPTIONS", Method::Options),
            ("POST", Method::Other),
            ("PUT", Method::Other),
            ("PATCH", Method::Other),
            ("DELETE", Method::Other),
            ("TRACE", Method::Other),
            ("CONNECT", Method::Connect),
            ("get", Method::Unknown),
            ("Get", Method::Unknown),
            ("GETS", Method::Unknown),
            ("PROPFIND", Method::Unknown),
            ("", Method::Unknown),
        ] {
            assert_eq!(Method::from_token(token), method, "{token}");
        }
    }
}
