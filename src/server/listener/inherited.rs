//! Sockets passed by a service manager.

use std::{io, path::Path, time::Duration};

use listenfd::ListenFd;
use socket2::SockRef;

use super::{Listener, StartError};

/// The most sockets accepted from a service manager.
const INHERITED_SOCKETS_MAX: usize = 64;

/// The sockets of LISTEN_FDS (sd_listen_fds(3)), if they are meant for this
/// process.
pub(super) fn take_all(header_timeout: Duration) -> Result<Vec<Listener>, StartError> {
    let count = std::env::var("LISTEN_FDS").unwrap_or_default();
    if !count.is_empty()
        && !count
            .parse()
            .is_ok_and(|count: usize| count <= INHERITED_SOCKETS_MAX)
    {
        let reason = format!("not a number up to {INHERITED_SOCKETS_MAX}");
        let what = format!("use LISTEN_FDS={count}");
        return Err(StartError::cannot(what)(io::Error::other(reason)));
    }
    let mut handed = ListenFd::from_env();
    let mut listeners = Vec::new();
    for index in 0..handed.len() {
        let taken = take(&mut handed, index, header_timeout);
        let what = format!("use inherited socket {index}");
        listeners.push(taken.map_err(StartError::cannot(what))?);
    }
    Ok(listeners)
}

/// One of these sockets. The file of a Unix domain socket is left for its creator
/// to remove.
fn take(handed: &mut ListenFd, index: usize, header_timeout: Duration) -> io::Result<Listener> {
    // For a socket of another kind this fails and leaves it in place.
    if let Ok(Some(socket)) = handed.take_unix_listener(index) {
        is_listening(SockRef::from(&socket))?;
        let address = socket.local_addr()?;
        let path = address.as_pathname().unwrap_or(Path::new(""));
        return Listener::unix(socket, path.into(), None);
    }
    let socket = handed.take_tcp_listener(index)?;
    let socket = socket.ok_or(io::ErrorKind::NotFound)?;
    is_listening(SockRef::from(&socket))?;
    Listener::tcp(socket, header_timeout)
}

fn is_listening(socket: SockRef<'_>) -> io::Result<()> {
    match socket.is_listener()? {
        true => Ok(()),
        false => Err(io::Error::other("not a listening socket")),
    }
}
