//! Observability: counters, access log, status page, metrics.
//!
//! Nothing here listens or serves requests: workers count, the access log is
//! written by its own thread, and the status page is rendered from a
//! [`Snapshot`](snapshot::Snapshot) on request.
//!
//! Reading order: [`close_reason`] (why a connection ended), [`counters`] and
//! [`histogram`] (what a worker counts), [`story`] (single connections),
//! [`log_line`], [`access_log`] and `log_writer` (one line per request),
//! [`kernel`] (the kernel's sockets), [`snapshot`] (all of it at one moment),
//! [`history`] (the last minute), and the three formats [`page`], [`json`] and
//! [`metrics`].

pub mod access_log;
pub mod close_reason;
pub mod counters;
pub mod histogram;
pub mod history;
pub mod json;
pub mod kernel;
pub mod log_line;
pub(crate) mod log_writer;
pub mod metrics;
pub mod page;
pub mod snapshot;
pub mod story;

#[cfg(test)]
pub(crate) mod fixture;
