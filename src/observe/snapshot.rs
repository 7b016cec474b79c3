//! All that is known of the server at one moment.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Instant,
};

use super::counters::{Counter, Counters, Gauge};
use crate::config::{Limits, Timeouts};

/// What the whole server shows of itself: made once at the start, shared by
/// the acceptor (who writes), and the status listener (who reads).
#[derive(Debug)]
pub struct Watch {
    /// When the server began to serve.
    pub started: Instant,
    /// The addresses listened on.
    pub listeners: Vec<SocketAddr>,
    /// The counters of each worker.
    pub workers: Vec<Arc<Counters>>,
    /// Connections closed by the acceptor because their address had its
    /// number already. Written by the acceptor alone.
    pub refused: Counter,
    /// The bounds in force.
    pub limits: Limits,
    /// The waits in force.
    pub timeouts: Timeouts,
    /// Open connections allowed in all.
    pub connections_max: u64,
    /// Bytes of files that may be kept in memory.
    pub cache_bytes_max: u64,
    /// Bytes of files now kept in memory.
    pub cache_bytes: Gauge,
    /// Lines the access log lost; shared with the log.
    pub log_lines_lost: Gauge,
    /// Whether the server is stopping.
    pub draining: AtomicBool,
}

impl Watch {
    /// Whether the server is stopping.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Relaxed)
    }
}
