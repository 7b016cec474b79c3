//! Many connections at once.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use socket2::{Domain, Protocol, Socket, Type};

use super::DEADLINE;

/// A connection from the loopback address with this last byte, so that many connections do not run
/// out of ports.
pub fn connect_from(host: u8, server: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    let address = SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0));
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.connect_timeout(&server.into(), DEADLINE)?;
    Ok(socket.into())
}
