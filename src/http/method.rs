//! Request methods (RFC 9110 section 9).

/// A request method, as far as a server of files tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Transfer the representation (RFC 9110 section 9.3.1).
    Get,
    /// The head of GET without its content (section 9.3.2).
    Head,
    /// What may be asked of the target (section 9.3.7).
    Options,
    /// POST, PUT, PATCH and DELETE: known, with no meaning for files: 405.
    NotAllowed,
    /// TRACE (section 9.3.8): known and refused: 405.
    Trace,
    /// CONNECT (section 9.3.6): known and refused; the connection closes.
    Connect,
    /// A well-formed token this server does not know: 501.
    Unknown,
}

/// The most bytes a method can have; more is 400. The longest in the registry
/// of methods (`UPDATEREDIRECTREF`) has 17.
pub const METHOD_BYTES_MAX: usize = 32;

impl Method {
    /// The methods served, as the value of an `Allow` field.
    pub const ALLOW: &'static str = "GET, HEAD, OPTIONS";

    /// The method a token names. Methods are case-sensitive (section 9.1).
    pub fn from_token(token: &str) -> Method {
        match token {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "OPTIONS" => Method::Options,
            "POST" | "PUT" | "PATCH" | "DELETE" => Method::NotAllowed,
            "TRACE" => Method::Trace,
            "CONNECT" => Method::Connect,
            _ => Method::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_told_apart_by_case_and_all() {
        for (token, method) in [
            ("GET", Method::Get),
            ("HEAD", Method::Head),
            ("OPTIONS", Method::Options),
            ("POST", Method::NotAllowed),
            ("PUT", Method::NotAllowed),
            ("PATCH", Method::NotAllowed),
            ("DELETE", Method::NotAllowed),
            ("TRACE", Method::Trace),
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
