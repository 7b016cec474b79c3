//! The HTTP/1.1 protocol as functions over bytes, without I/O.
//!
//! Nothing here uses a socket, a file or a clock, so every rule of RFC 9110 and
//! RFC 9112 that this server implements can be read and tested as a function.
//!
//! Reading order: [`request`] (one head, with its [`method`], [`target`] and
//! [`headers`]), [`framing`] and [`chunked`] (its body), [`error`] (errors and
//! their status), [`persistence`] (whether the connection stays open),
//! [`conditional`], [`range`] and [`content_coding`] (what to send),
//! [`response`] (writing the head, with its [`status`]). Shared values:
//! [`etag`], [`date`]. Only for the access log: [`forwarded`].

pub mod chunked;
pub mod conditional;
pub mod content_coding;
pub mod date;
pub mod error;
pub mod etag;
pub mod forwarded;
pub mod framing;
pub mod headers;
pub mod method;
pub mod persistence;
pub mod range;
pub mod request;
pub mod response;
pub mod status;
pub mod target;
