//! Whether a connection lives on (RFC 9112 section 9.3).
