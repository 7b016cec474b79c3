//! Accepting one connection, and classifying the errors of accept(2).

use std::{
    io,
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixStream,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use super::Listening;
use crate::connection::socket::Stream;

/// Why no connection was accepted.
#[derive(Debug)]
pub enum AcceptError {
    /// The backlog is empty.
    WouldBlock,
    /// The connection is gone, or the call was interrupted: try the next.
    Transient(io::Error),
    /// Out of descriptors or memory: try again when some are free.
    Exhausted(io::Error),
    /// The socket does not listen.
    Fatal(io::Error),
}

#[cfg(target_os = "linux")]
pub(super) fn accept(socket: &Listening) -> Result<(Stream, Option<SocketAddr>), AcceptError> {
    use rustix::net::{SocketFlags, acceptfrom_with};

    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let (descriptor, peer) = acceptfrom_with(socket, flags)
        .map_err(AcceptError::from)
        .map_err(|error| error.if_one_waits(socket))?;
    if let Listening::Unix(_) = socket {
        return Ok((Stream::Unix(UnixStream::from(descriptor)), None));
    }
    let peer = peer
        .ok_or(Errno::AFNOSUPPORT)
        .and_then(SocketAddr::try_from);
    let peer = peer.map_err(|error| AcceptError::Transient(error.into()))?;
    Ok((Stream::Tcp(TcpStream::from(descriptor)), Some(peer)))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn accept(socket: &Listening) -> Result<(Stream, Option<SocketAddr>), AcceptError> {
    let accepted = match socket {
        Listening::Tcp(socket) => socket.accept().and_then(|(stream, peer)| {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            Ok((Stream::Tcp(stream), Some(peer)))
        }),
        Listening::Unix(socket) => socket.accept().and_then(|(stream, _)| {
            stream.set_nonblocking(true)?;
            Ok((Stream::Unix(stream), None))
        }),
    };
    accepted.map_err(|error| match Errno::from_io_error(&error) {
        Some(errno) => AcceptError::from(errno).if_one_waits(socket),
        None => AcceptError::Transient(error),
    })
}

impl AcceptError {
    /// The system allocates a descriptor before it looks at the backlog, so
    /// without one it reports exhaustion even if the backlog is empty. That is no
    /// shortage: no connection has to be evicted for it.
    fn if_one_waits(self, socket: &Listening) -> AcceptError {
        match self {
            AcceptError::Exhausted(_) if !is_backlog_nonempty(socket) => AcceptError::WouldBlock,
            error => error,
        }
    }
}

fn is_backlog_nonempty(socket: &Listening) -> bool {
    let mut asked = [PollFd::new(socket, PollFlags::IN)];
    // If the poll fails, assume that it is not empty.
    poll(&mut asked, Some(&Timespec::default())).is_err() || !asked[0].revents().is_empty()
}

impl From<Errno> for AcceptError {
    /// accept(2): errors of the pending connection, network errors among them,
    /// are to be treated like "try again"; only those of the listening socket
    /// itself are final.
    fn from(errno: Errno) -> AcceptError {
        match errno {
            Errno::AGAIN => AcceptError::WouldBlock,
            Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM => {
                AcceptError::Exhausted(errno.into())
            }
            Errno::BADF | Errno::FAULT | Errno::INVAL | Errno::NOTSOCK => {
                AcceptError::Fatal(errno.into())
            }
            _ => AcceptError::Transient(errno.into()),
        }
    }
}
