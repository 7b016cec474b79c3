//! The sockets that listen.

mod accept;
mod inherited;

use std::{
    io::{self, Write},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
        unix::net::UnixListener,
    },
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustix::io::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

pub use self::accept::AcceptError;
use super::{
    StartError,
    scheduler::Accepted,
    unix_socket::{self, SocketFile},
};
use crate::{
    config::{Config, Endpoint, Listen},
    connection::{Identity, socket::Stream},
};

/// Connections that wait to be accepted. The kernel bounds it further by
/// `net.core.somaxconn`; a connection beyond it is tried again by its client.
pub const BACKLOG: i32 = 4096;

/// How long the kernel holds back a connection whose client is silent before
/// it is accepted without a request: its header time-out began that much earlier
/// ([`Identity::waited`]).
pub const DEFER_ACCEPT: Duration = Duration::from_secs(1);

/// The shortest header time-out that leaves room for [`DEFER_ACCEPT`].
const DEFER_HEADER_TIMEOUT_MIN: Duration = Duration::from_secs(2);

/// Bytes that the kernel takes of a connection beyond what it has sent, until
/// its client has been seen to read. Less would cost a download more wake-ups;
/// more would let clients that never read pin more of the kernel's memory.
const UNSENT_BYTES_MAX: u32 = 256 << 10;

/// The congestion control of connections that stay within the machine: the one
/// that every kernel has and everybody may choose. What the system chooses for
/// a network may pace what it sends by timers (BBR does), which nothing can be
/// gained by where no packet is delayed or lost: of a file of 100 MiB 93 copies
/// a CPU-second are sent without, 51 with it.
const LOOPBACK_CONGESTION_CONTROL: &str = "reno";

/// How often one free port is sought for both loopback addresses.
const COMMON_PORT_TRIES: usize = 16;

/// A socket that listens: non-blocking, closed on exec.
#[derive(Debug)]
pub struct Listener {
    socket: Listening,
    endpoint: Endpoint,
    defers: bool,
    /// The file of a Unix domain socket that this process made.
    file: Option<SocketFile>,
}

#[derive(Debug)]
enum Listening {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Opens all listeners: those that a service manager hands over, or else
/// those of the configuration. To be called once, before any thread exists:
/// it takes LISTEN_FDS out of the environment.
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
        let source = io::Error::new(io::ErrorKind::InvalidInput, "no address is given");
        return Err(StartError::cannot("listen")(source));
    }
    Ok(listeners)
}

/// Says on standard output where each of `endpoints` is reached, one line each,
/// and on standard error, with a `mark`, which of them other machines can reach.
/// An output that is closed is no reason not to serve.
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

/// Both loopback addresses. A family that the machine lacks is passed over
/// when the other is there; a port in use is an error.
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
                log::info!("passed over: {error}");
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

/// Listens on this address.
pub fn bind(address: SocketAddr, config: &Config) -> Result<Listener, StartError> {
    bound_socket(address, config.reuse_port)
        .and_then(|socket| Listener::tcp(socket.into(), config.timeouts.header))
        .map_err(StartError::cannot(format!("listen on {address}")))
}

fn bind_unix(path: &Path, mode: u32) -> Result<Listener, StartError> {
    std::path::absolute(path)
        .and_then(|path| {
            let (socket, file) = unix_socket::bind(&path, mode)?;
            Listener::unix(socket, path, Some(file))
        })
        .map_err(StartError::cannot(format!(
            "listen on {}",
            Endpoint::from(path)
        )))
}

fn bound_socket(address: SocketAddr, reuse_port: bool) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // So that a restart need not wait for old connections in TIME_WAIT.
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
    /// Makes a listening socket ready for the acceptor.
    fn tcp(socket: TcpListener, header_timeout: Duration) -> io::Result<Listener> {
        socket.set_nonblocking(true)?;
        // On Linux accepted sockets inherit it: one system call less each.
        SockRef::from(&socket).set_tcp_nodelay(true)?;
        bound_unsent(&socket);
        let address = socket.local_addr()?;
        if address.ip().to_canonical().is_loopback() {
            leave_unpaced(&socket);
        }
        let defers = header_timeout >= DEFER_HEADER_TIMEOUT_MIN && defer_accept(&socket);
        Ok(Listener {
            endpoint: address.into(),
            socket: Listening::Tcp(socket),
            defers,
            file: None,
        })
    }

    /// The same for a Unix domain socket, at `path`.
    fn unix(socket: UnixListener, path: PathBuf, file: Option<SocketFile>) -> io::Result<Listener> {
        socket.set_nonblocking(true)?;
        Ok(Listener {
            socket: Listening::Unix(socket),
            endpoint: Endpoint::Unix(path),
            defers: false,
            file,
        })
    }

    /// Where it is reached, with the actual port.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The file by which it is found, if this process made one.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_ref().map(SocketFile::path)
    }

    /// Removes that file: nobody new finds the way, and who has found it is
    /// still accepted.
    pub fn withdraw(&mut self) {
        self.file = None;
    }

    /// Accepts one connection, in one system call on Linux, which has no number
    /// yet. The stream is non-blocking, closed on exec, and sends small pieces at
    /// once (TCP_NODELAY). The peer of a Unix domain socket has no address.
    pub fn accept(&self) -> Result<Accepted<Stream>, AcceptError> {
        let (stream, peer) = accept::accept(&self.socket)?;
        let waited = match self.defers {
            true => DEFER_ACCEPT,
            false => Duration::ZERO,
        };
        Ok(Accepted {
            token: stream.as_fd().as_raw_fd() as usize,
            stream,
            identity: Identity::new(0, peer, Instant::now(), waited),
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

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_fd().as_raw_fd()
    }
}

/// Bounds what the kernel holds unsent of each connection, as accepted sockets
/// inherit it. Where it is refused, the send buffer alone bounds.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn bound_unsent(socket: &TcpListener) {
    if let Err(error) = SockRef::from(socket).set_tcp_notsent_lowat(UNSENT_BYTES_MAX) {
        log::info!("unsent bytes are not bounded: {error}");
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn bound_unsent(_: &TcpListener) {}

/// Chooses [`LOOPBACK_CONGESTION_CONTROL`], which accepted sockets inherit.
/// Where it is refused, the system's stays.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
fn leave_unpaced(socket: &TcpListener) {
    let name = LOOPBACK_CONGESTION_CONTROL;
    if let Err(error) = rustix::net::sockopt::set_tcp_congestion(socket, name) {
        log::info!("the system's congestion control stays: {error}");
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
fn leave_unpaced(_: &TcpListener) {}

/// Has the kernel hold a new connection back until its request is there, for
/// at most [`DEFER_ACCEPT`]. Gives whether it does.
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

/// Has the calling thread, which is to accept, not interrupt a worker that runs
/// on the same processor: it gets its turn when the worker waits or has had its
/// own, and then finds more to accept at once. Where it is refused, or the
/// threads have a processor each, nothing changes.
///
/// One processor for both: 57,400 short connections a CPU-second with it and
/// 53,200 without.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
pub fn accept_in_batches() {
    // SAFETY: all fields of the structure are integers, for which zero is a
    // value; the kernel reads it during the call and keeps nothing of it. It
    // changes the policy of the calling thread (0) alone.
    let refused = unsafe {
        let parameters: libc::sched_param = std::mem::zeroed();
        libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const parameters)
    };
    if refused != 0 {
        log::debug!(
            "the acceptor stays as it is: {}",
            io::Error::last_os_error()
        );
    }
}

#[cfg(not(target_os = "linux"))]
pub fn accept_in_batches() {}

#[cfg(test)]
mod tests;
