//! The configuration: default, range and effect of each setting.

pub mod endpoint;
pub mod moment;
pub mod proxy;

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

use crate::http::request::HeadLimits;

pub use endpoint::Endpoint;
pub use moment::Moment;
pub use proxy::Proxy;

/// The configuration of a server.
#[derive(Clone, Debug)]
pub struct Config {
    /// The addresses to listen on. Default: `localhost:8080`, which is 127.0.0.1:8080 and
    /// \[::1\]:8080; either family may be missing. Ignored if a service manager passes listening
    /// sockets (LISTEN_FDS).
    pub listen: Vec<Listen>,
    /// Whether other processes of the same user may listen on the same addresses (SO_REUSEPORT), so
    /// that a new process can take over. Default: no.
    pub reuse_port: bool,
    /// The number of worker threads. Default: the number of CPUs.
    pub threads: NonZeroUsize,
    /// The files and their metadata.
    pub site: SiteOptions,
    /// Limits of resource use.
    pub limits: Limits,
    /// Time-outs.
    pub timeouts: Timeouts,
    /// Header fields added to every response, in order. `Server` and `X-Content-Type-Options`
    /// replace the server's own; set `Cache-Control` in [`SiteOptions::cache_control`]. They are
    /// not validated here: the command line rejects what is not a field of RFC 9110 section 5.
    pub headers: Vec<(String, String)>,
    /// The access log. Default: none.
    pub access_log: Option<AccessLogTarget>,
    /// The format of the access log. Default: Combined.
    pub log_format: LogFormat,
    /// Proxies trusted to report the client address. Default: none.
    pub trusted_proxies: Vec<Proxy>,
    /// The address of the status listener. Default: none.
    pub status: Option<SocketAddr>,
    /// Whether to sandbox the process after start-up. Default: yes.
    pub sandbox: bool,
    /// The user to switch to after binding the sockets (requires root). Default: none.
    pub user: Option<String>,
}

/// The default permissions of a Unix domain socket: only the owner may connect.
pub const SOCKET_MODE_DEFAULT: u32 = 0o600;

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// This port on both loopback addresses; an unavailable address family is skipped. Port 0: one
    /// free port for both.
    Localhost(u16),
    /// This address. Port 0: a free port. An IPv6 address never accepts IPv4 connections.
    Address(SocketAddr),
    /// A Unix domain socket (unix(7)); its file is removed on exit.
    Unix {
        /// The socket file. A stale one, without a server, is replaced.
        path: PathBuf,
        /// The permission bits of the file; clients need write permission to connect.
        mode: u32,
    },
}

/// The destination of the access log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLogTarget {
    /// Standard output.
    Stdout,
    /// A file, opened for appending and reopened on SIGHUP.
    File(PathBuf),
}

/// The format of the access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Combined Log Format.
    Combined,
    /// One JSON object per line.
    Json,
}

/// The served folder and the metadata of its files.
#[derive(Clone, Debug)]
pub struct SiteOptions {
    /// The folder. Default: `www`.
    pub root: PathBuf,
    /// Whether folders without an index are listed. Default: no.
    pub listing: bool,
    /// The file that is served for page requests that match no file, relative to the root. Default:
    /// none; such requests get 404.
    pub spa: Option<String>,
    /// The value of `Cache-Control`. Default: `no-cache`.
    pub cache_control: String,
    /// Media types by extension (lower case, without dot) that override the built-in table.
    pub media_types: Vec<(String, String)>,
    /// The charset in the `Content-Type` of text; `None` omits it. Default: `utf-8`.
    pub charset: Option<String>,
    /// Maximum cache weight in bytes. Default: 64 MiB; 0 disables the cache.
    pub cache_bytes_max: u64,
    /// Maximum number of large files kept open. Default: 4096, fewer if descriptors are scarce.
    pub descriptors_kept_max: u64,
}

/// Limits of what clients can use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Limits of a request head.
    pub head: HeadLimits,
    /// Bytes of a request body that are read and discarded. More is 413. Default: 1 MiB.
    pub body_bytes_max: u64,
    /// Open connections. At the limit the longest-idle one is closed; a new connection on which
    /// nothing has been received for a second, and one that only waits for its client to close,
    /// count as idle. `None`: derived from RLIMIT_NOFILE.
    pub connections_max: Option<usize>,
    /// Open connections per client address (IPv6: per /64). 0, the default: unlimited.
    pub connections_per_ip_max: usize,
    /// Requests per connection, after which it is closed. 0, the default: unlimited.
    pub requests_max: u64,
    /// The minimum average rate at which a client must read a response, in bytes per second over
    /// the write time-out. 0: no minimum. Default: 100.
    pub write_bytes_per_second_min: u64,
}

/// The longest time-out: a year.
pub const WAIT_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Time-outs, each up to [`WAIT_MAX`]. Fractions of a second are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Idle time of a kept-alive connection; zero disables keep-alive. Default: 75 s.
    pub keep_alive: Duration,
    /// From the accept, or from the first byte of a later request, to the end of the head; not
    /// extended by arriving bytes. Default: 10 s.
    pub header: Duration,
    /// From the end of the head to the end of the body. Default: 30 s.
    pub body: Duration,
    /// Without progress in writing; also for making a listing, from the end of its request.
    /// Default: 30 s.
    pub write: Duration,
    /// Lingering close: how long to discard input after our FIN. Default: 1.8 s, so that with the
    /// coarse check of deadlines the connection is closed within 2 s.
    pub linger: Duration,
    /// For requests in progress after SIGTERM or SIGINT. Default: 10 s.
    pub shutdown: Duration,
}

impl Timeouts {
    /// Caps each at [`WAIT_MAX`]: no wait is without end.
    pub fn bounded(self) -> Timeouts {
        Timeouts {
            keep_alive: self.keep_alive.min(WAIT_MAX),
            header: self.header.min(WAIT_MAX),
            body: self.body.min(WAIT_MAX),
            write: self.write.min(WAIT_MAX),
            linger: self.linger.min(WAIT_MAX),
            shutdown: self.shutdown.min(WAIT_MAX),
        }
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: vec![Listen::Localhost(8080)],
            reuse_port: false,
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            site: SiteOptions::default(),
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            headers: Vec::new(),
            access_log: None,
            log_format: LogFormat::Combined,
            trusted_proxies: Vec::new(),
            status: None,
            sandbox: true,
            user: None,
        }
    }
}

impl Default for SiteOptions {
    fn default() -> SiteOptions {
        SiteOptions {
            root: PathBuf::from("www"),
            listing: false,
            spa: None,
            cache_control: "no-cache".into(),
            media_types: Vec::new(),
            charset: Some("utf-8".into()),
            cache_bytes_max: 64 << 20,
            descriptors_kept_max: 4096,
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            head: HeadLimits::DEFAULT,
            body_bytes_max: 1 << 20,
            connections_max: None,
            connections_per_ip_max: 0,
            requests_max: 0,
            write_bytes_per_second_min: 100,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            keep_alive: Duration::from_secs(75),
            header: Duration::from_secs(10),
            body: Duration::from_secs(30),
            write: Duration::from_secs(30),
            linger: Duration::from_millis(1_800),
            shutdown: Duration::from_secs(10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_capped_at_a_year() {
        let all = |wait| Timeouts {
            keep_alive: wait,
            header: wait,
            body: wait,
            write: wait,
            linger: wait,
            shutdown: wait,
        };
        let second = Duration::from_secs(1);
        for (wait, expected) in [(Duration::MAX, WAIT_MAX), (second, second)] {
            assert_eq!(all(wait).bounded(), all(expected));
        }
    }
}
