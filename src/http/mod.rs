//! HTTP as values: bytes in, verdicts and bytes out.
//!
//! Nothing here knows a socket, a file or a clock, so every rule of RFC 9110
//! and RFC 9112 that this server obeys can be read and tested as a function.
//!
//! Reading order: [`request`] (one head, with its [`method`], [`target`] and
//! [`headers`]), [`framing`] and [`chunked`] (its body), [`error`] (what can be
//! wrong with it), [`persistence`] (what becomes of the connection),
//! [`conditional`], [`range`] and [`content_coding`] (what is to be sent),
//! [`response`] (how it is written, with its [`status`]). Values that several of
//! them need: [`etag`], [`date`]. For the access log alone: [`forwarded`].

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
