//! What can be set: default, span and effect of each.

pub mod endpoint;
pub mod proxy;

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

use crate::http::request::HeadLimits;

pub use endpoint::Endpoint;
pub use proxy::Proxy;

/// Everything a server is told before it starts.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen. Default: `localhost:8080`, that is 127.0.0.1:8080 and
    /// \[::1\]:8080, of which one family may be missing on the machine. Not
    /// used when a service manager hands over sockets that listen already.
    pub listen: Vec<Listen>,
    /// Whether other processes of the same user may listen on the same
    /// addresses (SO_REUSEPORT), so that a new one can take over. Default: no.
    pub reuse_port: bool,
    /// Size of the pool. Default: the processors available.
    pub threads: NonZeroUsize,
    /// The files and how they are described.
    pub site: SiteOptions,
    /// Bounds of what one client can use.
    pub limits: Limits,
    /// Bounds of every wait.
    pub timeouts: Timeouts,
    /// Fields added to every response, in order. `Server` and
    /// `X-Content-Type-Options` replace the server's own; a `Cache-Control`
    /// belongs in [`SiteOptions::cache_control`]. They are sent as they are:
    /// the command line refuses what is no field of RFC 9110 section 5.
    pub headers: Vec<(String, String)>,
    /// Where requests are logged; default: nowhere.
    pub access_log: Option<AccessLogTarget>,
    /// The form of a line of the access log. Default: Combined.
    pub log_format: LogFormat,
    /// Proxies whose word about the client's address is taken. Default: none.
    pub trusted_proxies: Vec<Proxy>,
    /// Where the server tells about itself; default: nowhere.
    pub status: Option<SocketAddr>,
    /// Whether the process confines itself once it listens. Default: yes.
    pub sandbox: bool,
    /// The user to become once it listens, when started as root. Default: none.
    pub user: Option<String>,
}

/// The port listened on when nothing is said.
pub const PORT_DEFAULT: u16 = 8080;

/// Who may connect to a Unix domain socket when nothing is said: its owner.
pub const SOCKET_MODE_DEFAULT: u32 = 0o600;

/// One place to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// This port of both loopback addresses; a family that the machine does
    /// not have is passed over. Port 0: one free port for both.
    Localhost(u16),
    /// Exactly this address. Port 0: a free one. An IPv6 address never takes
    /// IPv4 connections as well.
    Address(SocketAddr),
    /// A Unix domain socket (unix(7)), its file removed at the end.
    Unix {
        /// The file. One whose server is gone is replaced.
        path: PathBuf,
        /// Who may connect, as permission bits: who may write to the file.
        mode: u32,
    },
}

/// The access log's destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLogTarget {
    /// Standard output.
    Stdout,
    /// A file, appended to; opened again on SIGHUP.
    File(PathBuf),
}

/// The form of an access log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Combined Log Format.
    #[default]
    Combined,
    /// One JSON object a line.
    Json,
}

/// The folder served and how its files are described.
#[derive(Clone, Debug)]
pub struct SiteOptions {
    /// The folder. Default: `www`.
    pub root: PathBuf,
    /// Whether folders without an index are listed. Default: no.
    pub listing: bool,
    /// The file that answers a page request which matches none, as a path
    /// beneath the root. Default: none; such a request is answered 404.
    pub spa: Option<String>,
    /// The value of `Cache-Control`. Default: `no-cache`.
    pub cache_control: String,
    /// Media types by extension (lower case, no dot) that win over the table.
    pub media_types: Vec<(String, String)>,
    /// The charset said of text; `None` says none. Default: `utf-8`.
    pub charset: Option<String>,
    /// Bytes of files kept in memory. Default: 64 MiB; 0 keeps none.
    pub cache_bytes_max: u64,
    /// Large files kept open. Default: 4096, and fewer where descriptors are
    /// few.
    pub descriptors_kept_max: u64,
}

/// Bounds of what clients can use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bounds of a request head.
    pub head: HeadLimits,
    /// Bytes of a request body read and discarded. More is 413. Default 1 MiB.
    pub body_bytes_max: u64,
    /// Open connections; at the limit the longest idle makes room, a client that
    /// has sent nothing for a second being idle as well.
    /// `None`: derived from RLIMIT_NOFILE.
    pub connections_max: Option<usize>,
    /// Open connections of one client address (IPv6: of one /64). 0: no
    /// limit, the default.
    pub connections_per_ip_max: usize,
    /// Requests on one connection, after which it closes. 0: no limit, the
    /// default.
    pub requests_max: u64,
    /// The least average rate at which a response is taken, in bytes a second
    /// over the write time-out. 0: none. Default 100.
    pub write_bytes_per_second_min: u64,
}

/// The longest wait that can be set: a year.
pub const WAIT_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Bounds of every wait, each up to [`WAIT_MAX`]. Fractions of a second are
/// lawful.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// Idle time of a kept-alive connection; zero makes all connections
    /// short. Default 75 s.
    pub keep_alive: Duration,
    /// From the accept, or from the first byte of a later request, to the end of
    /// the head: bytes that come do not extend it. Default 10 s.
    pub header: Duration,
    /// From the head's end to the body's. Default 30 s.
    pub body: Duration,
    /// Without progress in writing; and for the listing of a folder, from the end
    /// of its request until it is made. Default 30 s.
    pub write: Duration,
    /// For discarding what still comes once our side is shut. Default 1.8 s:
    /// with the worker's coarse look at deadlines the end comes within 2 s.
    pub linger: Duration,
    /// For requests under way once the server is told to stop. Default 10 s.
    pub shutdown: Duration,
}

impl Timeouts {
    /// These, none longer than [`WAIT_MAX`]: an instant that far ahead can be
    /// reckoned.
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
            listen: vec![Listen::Localhost(PORT_DEFAULT)],
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
    fn a_wait_has_an_end() {
        let second = Duration::from_secs(1);
        for (wait, expected) in [(Duration::MAX, WAIT_MAX), (second, second)] {
            let bounded = Timeouts {
                keep_alive: wait,
                header: wait,
                body: wait,
                write: wait,
                linger: wait,
                shutdown: wait,
            }
            .bounded();
            assert_eq!(bounded.keep_alive, expected);
            assert_eq!(bounded.header, expected);
            assert_eq!(bounded.body, expected);
            assert_eq!(bounded.write, expected);
            assert_eq!(bounded.linger, expected);
            assert_eq!(bounded.shutdown, expected);
        }
    }
}
