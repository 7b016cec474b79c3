//! Accepting one connection, and classifying the errors of accept(2).

use std::{io, net::SocketAddr};

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
    Transient(Errno),
    /// Out of descriptors or memory: try again when some are free.
    Exhausted(Errno),
    /// The socket does not listen.
    Fatal(Errno),
}

/// Accepts one connection. The peer of a Unix domain socket has no address.
pub(super) fn accept(socket: &Listening) -> Result<(Stream, Option<SocketAddr>), AcceptError> {
    accept_stream(socket).map_err(|error| {
        match AcceptError::from(Errno::from_io_error(&error).unwrap_or(Errno::IO)) {
            // The system allocates a descriptor before it looks at the backlog, so without one it
            // reports exhaustion even if the backlog is empty. That is no shortage: no connection
            // has to be evicted for it.
            AcceptError::Exhausted(_) if !is_backlog_nonempty(socket) => AcceptError::WouldBlock,
            error => error,
        }
    })
}

#[cfg(target_os = "linux")]
fn accept_stream(socket: &Listening) -> io::Result<(Stream, Option<SocketAddr>)> {
    use rustix::net::{SocketFlags, acceptfrom_with};

    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let (descriptor, peer) = acceptfrom_with(socket, flags)?;
    if let Listening::Unix(_) = socket {
        return Ok((Stream::Unix(descriptor.into()), None));
    }
    let peer = SocketAddr::try_from(peer.ok_or(Errno::AFNOSUPPORT)?)?;
    Ok((Stream::Tcp(descriptor.into()), Some(peer)))
}

#[cfg(not(target_os = "linux"))]
fn accept_stream(socket: &Listening) -> io::Result<(Stream, Option<SocketAddr>)> {
    match socket {
        Listening::Tcp(socket) => {
            let (stream, peer) = socket.accept()?;
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            Ok((Stream::Tcp(stream), Some(peer)))
        }
        Listening::Unix(socket) => {
            let (stream, _) = socket.accept()?;
            stream.set_nonblocking(true)?;
            Ok((Stream::Unix(stream), None))
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
                AcceptError::Exhausted(errno)
            }
            Errno::BADF | Errno::FAULT | Errno::INVAL | Errno::NOTSOCK => AcceptError::Fatal(errno),
            _ => AcceptError::Transient(errno),
        }
    }
}
