//! Open connections that have had one response and are idle since.

use crate::rig::client::Connection;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Idle persistent connections. Dropping them resets them, so that none remains in TIME_WAIT.
pub struct Idle {
    streams: Vec<TcpStream>,
}

impl Idle {
    /// Opens `count` connections, each kept open after one request for `path` and its response.
    pub fn open(address: SocketAddr, path: &str, count: usize) -> io::Result<Self> {
        let mut idle = Self {
            streams: Vec::with_capacity(count),
        };
        for _ in 0..count {
            let mut connection = Connection::open(address)?;
            let reply = connection.get(path, &[])?;
            if reply.closes() {
                return Err(io::Error::other("the server closes the connection"));
            }
            idle.streams.push(connection.into_stream());
        }
        Ok(idle)
    }

    /// How many of them the server has closed in the meantime.
    pub fn lost(&self) -> usize {
        let is_lost = |stream: &&TcpStream| {
            let _ = stream.set_nonblocking(true);
            !matches!(stream.peek(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
        };
        self.streams.iter().filter(is_lost).count()
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        for stream in &self.streams {
            let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
    }
}
