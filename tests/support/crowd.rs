//! Many connections at once.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Protocol, Socket, Type};

use super::DEADLINE;

/// Lets this process open as many descriptors as it may; gives their number.
pub fn lift_descriptor_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let lifted = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, lifted).expect("a soft limit up to the hard one");
    limit.maximum.unwrap_or(u64::MAX)
}

/// A connection from the loopback address of the given number, so that a
/// crowd does not run out of ports.
pub fn connect_from(host: u8, server: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    let address = SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0));
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.connect_timeout(&server.into(), DEADLINE)?;
    Ok(socket.into())
}
