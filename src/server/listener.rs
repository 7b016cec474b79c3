//! The listening sockets.

mod accept;
mod inherited;

use std::{
    io::{self, Write},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd},
        unix::net::UnixListener,
    },
    path::{Path, PathBuf},
    time::Duration,
};

use mio::{Interest, Registry, Token, unix::SourceFd};
use rustix::io::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

pub use self::accept::AcceptError;
use super::{
    StartError,
    scheduler::Accepted,
    unix_socket::{self, SocketFile},
};
use crate::{
    config::{Config, Endpoint, Listen, Moment},
    connection::{Identity, socket::Stream},
};

/// The listen backlog. The kernel also limits it to `net.core.somaxconn`; a
/// client whose connection does not fit retries.
pub const BACKLOG: i32 = 4096;

/// `TCP_DEFER_ACCEPT`: how long the kernel waits for data before it lets a
/// connection be accepted. One accepted without data has waited this long, so its
/// header time-out begins that much earlier ([`Identity::waited`]).
pub const DEFER_ACCEPT: Duration = Duration::from_secs(1);

/// The shortest header time-out with which accepts are deferred.
const DEFER_HEADER_TIMEOUT_MIN: Duration = Duration::from_secs(2);

/// `TCP_NOTSENT_LOWAT`: unsent bytes that the kernel accepts per connection,
/// until its client has been seen to read. Less would cost a download more
/// wake-ups; more would let clients that never read pin more of the kernel's
/// memory.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT_BYTES_MAX: u32 = 256 << 10;

/// The congestion control of loopback connections: available on every kernel, to
/// every user. The system's default may pace its sending by timers (BBR does),
/// which is useless where no packet is delayed or lost: 93 copies of a file of
/// 100 MiB per CPU-second without pacing, 51 with it.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
const LOOPBACK_CONGESTION_CONTROL: &str = "reno";

/// Attempts to find one free port for both loopback addresses.
const COMMON_PORT_TRIES: usize = 16;

/// A listening socket: non-blocking, closed on exec.
#[derive(Debug)]
pub struct Listener {
    socket: Listening,
    endpoint: Endpoint,
    defers: bool,
    /// The socket file, if this process created it.
    file: Option<SocketFile>,
}

#[derive(Debug)]
enum Listening {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Opens all listeners: those passed by a service manager or, if there are none,
/// those of the configuration. Call it once, before any thread exists: it removes
/// LISTEN_FDS from the environment.
pub fn open(config: &Config) -> Result<Vec<Listener>, StartError> {
    let inherited = inherited::take_all(config.timeouts.header)?;
    if !inherited.is_empty() {
        return Ok(inherited);
    }
    let mut listeners = Vec::new();
    for listen in &config.listen {
        match listen {
            Listen::Address(address) => listeners.push(bind(*address, config)?),
            Listen::Localhost(port) => listeners.extend(bind_localhost(*port, config)?),
            Listen::Unix { path, mode } => listeners.push(bind_unix(path, *mode)?),
        }
    }
    if listeners.is_empty() {
        let source = io::Error::other("no address is given");
        return Err(StartError::cannot("listen")(source));
    }
    Ok(listeners)
}

/// Prints one line per endpoint on standard output and, for each that other
/// machines can reach, a line with `mark` on standard error. A closed output is
/// ignored.
pub fn announce(what: &str, endpoints: &[Endpoint], mark: &str) {
    let mut out = io::stdout().lock();
    for endpoint in endpoints {
        let _ = writeln!(out, "{what} on {}", endpoint.url());
    }
    let _ = out.flush();
    for exposed in endpoints.iter().filter(|endpoint| endpoint.is_exposed()) {
        let _ = writeln!(
            io::stderr(),
            "reachable from other machines: {exposed}{mark}"
        );
    }
}

/// Binds both loopback addresses. An address family that the machine lacks is
/// skipped if the other is available; a port in use is an error.
fn bind_localhost(port: u16, config: &Config) -> Result<Vec<Listener>, StartError> {
    let v4 = |port| bind((Ipv4Addr::LOCALHOST, port).into(), config);
    let v6 = |port| bind((Ipv6Addr::LOCALHOST, port).into(), config);
    let mut tries_left = COMMON_PORT_TRIES;
    loop {
        tries_left -= 1;
        let first = v4(port);
        let chosen = first.as_ref().ok().and_then(|first| first.endpoint.tcp());
        let second = v6(chosen.map_or(port, |address| address.port()));
        return match (first, second) {
            (Ok(first), Ok(second)) => Ok(vec![first, second]),
            (Ok(one), Err(error)) | (Err(error), Ok(one)) if is_family_missing(&error) => {
                log::info!("skipping a loopback address: {error}");
                Ok(vec![one])
            }
            (Ok(_), Err(_)) if port == 0 && tries_left > 0 => continue,
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
    }
}

fn is_family_missing(error: &StartError) -> bool {
    matches!(
        Errno::from_io_error(&error.source),
        Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL)
    )
}

/// Listens on an address.
pub fn bind(address: SocketAddr, config: &Config) -> Result<Listener, StartError> {
    bound_socket(address, config.reuse_port)
        .and_then(|socket| Listener::tcp(socket.into(), config.timeouts.header))
        .map_err(StartError::cannot(format!("listen on {address}")))
}

fn bind_unix(path: &Path, mode: u32) -> Result<Listener, StartError> {
    let what = format!("listen on {}", Endpoint::Unix(path.into()));
    std::path::absolute(path)
        .and_then(|path| {
            let (socket, file) = unix_socket::bind(&path, mode)?;
            Listener::unix(socket, path, Some(file))
        })
        .map_err(StartError::cannot(what))
}

fn bound_socket(address: SocketAddr, reuse_port: bool) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A restart must not wait for old connections in TIME_WAIT.
    socket.set_reuse_address(true)?;
    if reuse_port {
        socket.set_reuse_port(true)?;
    }
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

impl Listener {
    /// Prepares a TCP listening socket for the acceptor.
    fn tcp(socket: TcpListener, header_timeout: Duration) -> io::Result<Listener> {
        socket.set_nonblocking(true)?;
        // On Linux accepted sockets inherit this option and those below: no system call for each.
        SockRef::from(&socket).set_tcp_nodelay(true)?;
        // If this fails, the send buffer is the only bound.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Err(error) = SockRef::from(&socket).set_tcp_notsent_lowat(UNSENT_BYTES_MAX) {
            log::info!("cannot set TCP_NOTSENT_LOWAT: {error}");
        }
        let address = socket.local_addr()?;
        // If this fails, the system's default remains.
        #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
        if address.ip().to_canonical().is_loopback()
            && let Err(error) =
                rustix::net::sockopt::set_tcp_congestion(&socket, LOOPBACK_CONGESTION_CONTROL)
        {
            log::info!("cannot set TCP_CONGESTION: {error}");
        }
        let defers = header_timeout >= DEFER_HEADER_TIMEOUT_MIN && defer_accept(&socket);
        Ok(Listener {
            socket: Listening::Tcp(socket),
            endpoint: Endpoint::Tcp(address),
            defers,
            file: None,
        })
    }

    /// The same for a Unix domain socket at `path`.
    fn unix(socket: UnixListener, path: PathBuf, file: Option<SocketFile>) -> io::Result<Listener> {
        socket.set_nonblocking(true)?;
        Ok(Listener {
            socket: Listening::Unix(socket),
            endpoint: Endpoint::Unix(path),
            defers: false,
            file,
        })
    }

    /// The address, with the actual port.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The socket file, if this process created it.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_ref().map(SocketFile::path)
    }

    /// Registers it with a poll.
    pub fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        let descriptor = self.socket.as_fd().as_raw_fd();
        registry.register(&mut SourceFd(&descriptor), token, Interest::READABLE)
    }

    /// Removes the socket file: no new client can connect, and those in the
    /// backlog are still accepted.
    pub fn withdraw(&mut self) {
        self.file = None;
    }

    /// Accepts one connection, in one system call on Linux; its number is
    /// assigned later. The stream is non-blocking, closed on exec, and sends
    /// small segments at once (TCP_NODELAY). The peer of a Unix domain socket has
    /// no address.
    pub fn accept(&self) -> Result<Accepted<Stream>, AcceptError> {
        let (stream, peer) = accept::accept(&self.socket)?;
        let waited = match self.defers {
            true => DEFER_ACCEPT,
            false => Duration::ZERO,
        };
        Ok(Accepted {
            token: stream.as_fd().as_raw_fd() as usize,
            stream,
            identity: Identity::new(0, peer, Moment::now(), waited),
        })
    }
}

impl AsFd for Listening {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Listening::Tcp(socket) => socket.as_fd(),
            Listening::Unix(socket) => socket.as_fd(),
        }
    }
}

/// Sets `TCP_DEFER_ACCEPT` to [`DEFER_ACCEPT`]. Returns whether it is in force.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn defer_accept(socket: &TcpListener) -> bool {
    let seconds = DEFER_ACCEPT.as_secs() as libc::c_int;
    // SAFETY: the descriptor is open, being borrowed from `socket`; the kernel
    // reads `size_of::<c_int>()` bytes from a pointer to a `c_int` that lives
    // to the end of the call, and keeps nothing of it.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const seconds).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    result == 0
}

#[cfg(not(target_os = "linux"))]
fn defer_accept(_: &TcpListener) -> bool {
    false
}

/// Sets `SCHED_BATCH` for the calling thread, and so for those it starts from here
/// on. None of them then preempts another thread on the same CPU, such
/// as a client or a proxy: it runs when that one waits or has used up its time
/// slice, and finds more requests, or connections to accept, at once. Another policy
/// than the default is left as it is. If this fails, or each thread has a CPU of its
/// own, nothing changes.
///
/// With wrk and the server on the same two CPUs, 1 KiB over 64 connections: 143,000
/// requests per second with it, 130,000 without, and 184,000 per CPU-second of the
/// server, 147,000 without. The 99th percentile is 7 ms, 5 without: in a saturated
/// system a request waits for the slice of another thread. For the acceptor alone,
/// with one CPU for it and the worker: 57,400 short connections per CPU-second with
/// it, 53,200 without.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
pub fn run_in_batches() {
    // SAFETY: all fields of the structure are integers, for which zero is valid;
    // the kernel reads it during the call and keeps no pointer to it. Only the
    // policy of the calling thread (0) is read and changes.
    let refused = unsafe {
        let parameters: libc::sched_param = std::mem::zeroed();
        libc::sched_getscheduler(0) == libc::SCHED_OTHER
            && libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const parameters) != 0
    };
    if refused {
        log::debug!("cannot set SCHED_BATCH: {}", io::Error::last_os_error());
    }
}

/// Nothing: only Linux has `SCHED_BATCH`.
#[cfg(not(target_os = "linux"))]
pub fn run_in_batches() {}

#[cfg(test)]
mod tests;
