//! What people are told: values and lines.
//!
//! Nothing here listens, and nothing here is asked for by a request: the
//! workers count, the access log writes, and the status page is drawn from a
//! [`Snapshot`](snapshot::Snapshot) when somebody looks.
//!
//! Reading order: [`close_reason`] (why a connection ended), [`counters`] and
//! [`histogram`] (what a worker counts), [`story`] (single connections),
//! [`log_line`], [`access_log`] and `log_writer` (a line a request), [`kernel`]
//! (what the kernel says of our ports), [`snapshot`] (all of it at one moment),
//! [`history`] (the last minute), and the three forms [`page`], [`json`] and
//! [`metrics`].

pub mod access_log;
pub mod close_reason;
pub mod counters;
pub mod histogram;
pub mod history;
pub mod json;
pub mod kernel;
pub mod log_line;
mod log_writer;
pub mod metrics;
pub mod page;
pub mod snapshot;
pub mod story;

#[cfg(test)]
pub(crate) mod fixture;
