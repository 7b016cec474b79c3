//! A client on a raw socket that sends exactly the bytes it is given.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::Path,
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{
    DEADLINE,
    reply::{Kind, Reply, parse_head},
};

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With a FIN.
    Closed,
    /// With a RST.
    Reset,
}

/// One connection.
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    reads: usize,
}

impl Client {
    /// Connects; every wait of the client is bounded.
    #[track_caller]
    pub fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect_timeout(&address, DEADLINE).expect("a connection");
        Client::over(stream)
    }

    /// A client on an existing stream.
    pub fn over(stream: TcpStream) -> Client {
        stream.set_nodelay(true).expect("TCP_NODELAY");
        Client::bounded(stream)
    }

    /// Connects to a Unix domain socket. Its stream is treated as a `TcpStream`: the operations
    /// used here work on both.
    #[track_caller]
    pub fn connect_unix(path: &Path) -> Client {
        let stream = UnixStream::connect(path).expect("a connection");
        Client::bounded(OwnedFd::from(stream).into())
    }

    fn bounded(stream: TcpStream) -> Client {
        stream
            .set_read_timeout(Some(DEADLINE))
            .expect("SO_RCVTIMEO");
        stream
            .set_write_timeout(Some(DEADLINE))
            .expect("SO_SNDTIMEO");
        Client {
            stream,
            buffer: Vec::new(),
            reads: 0,
        }
    }

    /// The local address of the connection.
    pub fn local_address(&self) -> SocketAddr {
        self.stream.local_addr().expect("a bound socket")
    }

    /// The socket itself.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// The number of reads so far that returned data.
    pub fn reads(&self) -> usize {
        self.reads
    }

    /// Sends bytes unchanged.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Client {
        self.stream
            .write_all(bytes.as_ref())
            .expect("the server accepts the bytes");
        self
    }

    /// Sends bytes; `Err` if the server has already closed the connection.
    pub fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Shuts down the sending side.
    #[track_caller]
    pub fn shutdown_write(&mut self) -> &mut Client {
        self.stream
            .shutdown(Shutdown::Write)
            .expect("the sending side is open");
        self
    }

    /// Sends an HTTP/1.1 GET request for `target` and reads the response.
    #[track_caller]
    pub fn get(&mut self, target: &str) -> Reply {
        self.get_with(target, "")
    }

    /// The same with additional field lines, each with its CRLF.
    #[track_caller]
    pub fn get_with(&mut self, target: &str, fields: &str) -> Reply {
        self.request("GET", target, fields)
    }

    /// Sends a request of `method` without a body and reads the response.
    #[track_caller]
    pub fn request(&mut self, method: &str, target: &str, fields: &str) -> Reply {
        self.send(format!(
            "{method} {target} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n"
        ));
        self.reply_to(if method == "HEAD" {
            Kind::Head
        } else {
            Kind::Get
        })
    }

    /// Reads the next response.
    #[track_caller]
    pub fn reply(&mut self) -> Reply {
        self.reply_to(Kind::Get)
    }

    /// Reads the next response, framed as one to a request of `kind`.
    #[track_caller]
    pub fn reply_to(&mut self, kind: Kind) -> Reply {
        match self.try_reply(kind) {
            Ok(Some(reply)) => reply,
            Ok(None) => panic!("closed without a response; got {}", shown(&self.buffer)),
            Err(why) => panic!("{why}; got {}", shown(&self.buffer)),
        }
    }

    /// Reads the next response; `None` if the connection ends without one.
    pub fn try_reply(&mut self, kind: Kind) -> Result<Option<Reply>, String> {
        loop {
            if let Some(head) = parse_head(&self.buffer, kind)? {
                let all = head.head_bytes + head.body_bytes;
                while self.buffer.len() < all {
                    let missing = all - self.buffer.len();
                    if self.fill()? == 0 {
                        return Err(format!("{missing} bytes of the body are missing"));
                    }
                }
                let mut reply = head.reply;
                reply.body = self.buffer[head.head_bytes..all].to_vec();
                self.buffer.drain(..all);
                return Ok(Some(reply));
            }
            if self.fill()? == 0 {
                return match self.buffer.is_empty() {
                    true => Ok(None),
                    false => Err("closed in the middle of a head".into()),
                };
            }
        }
    }

    /// Reads once; 0 at the end.
    fn fill(&mut self) -> Result<usize, String> {
        let mut chunk = vec![0; 256 << 10];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(count) => {
                    self.buffer.extend_from_slice(&chunk[..count]);
                    self.reads += usize::from(count > 0);
                    return Ok(count);
                }
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(why) => return Err(format!("reading: {why}")),
            }
        }
    }

    /// Reads at least `bytes` bytes more than are already buffered.
    #[track_caller]
    pub fn read_some(&mut self, bytes: usize) {
        let wanted = self.buffer.len() + bytes;
        while self.buffer.len() < wanted {
            assert_ne!(self.fill().expect("a read succeeds"), 0, "closed too early");
        }
    }

    /// Whether nothing arrives for this long. The check can miss a fault, but never report one that
    /// does not exist.
    #[track_caller]
    pub fn is_silent_for(&mut self, time: Duration) -> bool {
        if !self.buffer.is_empty() {
            return false;
        }
        self.wait_event(PollFlags::IN, time).is_empty()
    }

    /// Whether the server's FIN arrives within this time, with nothing before it.
    #[track_caller]
    pub fn is_at_end(&mut self, time: Duration) -> bool {
        !self.is_silent_for(time) && self.buffer.is_empty() && matches!(self.fill(), Ok(0))
    }

    /// Everything until the server's FIN.
    #[track_caller]
    pub fn read_to_end(&mut self) -> Vec<u8> {
        while self
            .fill()
            .unwrap_or_else(|why| panic!("{why}; {}", shown(&self.buffer)))
            > 0
        {}
        std::mem::take(&mut self.buffer)
    }

    /// Everything until the end of the connection, with FIN or RST.
    #[track_caller]
    pub fn read_to_any_end(&mut self) -> (Vec<u8>, End) {
        let end = loop {
            match self.fill() {
                Ok(0) => break End::Closed,
                Ok(_) => {}
                Err(why) if why.contains("reset") => break End::Reset,
                Err(why) => panic!("{why}"),
            }
        };
        (std::mem::take(&mut self.buffer), end)
    }

    /// Asserts that nothing more arrives before the server's FIN.
    #[track_caller]
    pub fn assert_closed(&mut self) {
        let rest = self.read_to_end();
        assert!(
            rest.is_empty(),
            "unexpected bytes before the end: {}",
            shown(&rest)
        );
    }

    /// Asserts that the connection is still open, by using it.
    #[track_caller]
    pub fn assert_open(&mut self) {
        assert!(self.buffer.is_empty(), "unread: {}", shown(&self.buffer));
        let reply = self.request("OPTIONS", "*", "");
        assert_eq!(reply.status, 204);
    }

    /// Waits, without reading, until the kernel reports that the connection was reset or closed in
    /// both directions. Returns the time since `start`, or `None` at the deadline.
    pub fn wait_for_reset(&self, start: Instant) -> Option<Duration> {
        let events = self.wait_event(PollFlags::empty(), DEADLINE);
        events
            .intersects(PollFlags::HUP | PollFlags::ERR)
            .then(|| start.elapsed())
    }

    fn wait_event(&self, events: PollFlags, time: Duration) -> PollFlags {
        let mut polled = [PollFd::new(&self.stream, events)];
        let time = Timespec {
            tv_sec: time.as_secs() as i64,
            tv_nsec: i64::from(time.subsec_nanos()),
        };
        poll(&mut polled, Some(&time)).expect("poll");
        polled[0].revents()
    }
}

/// Bytes as a short text.
pub fn shown(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(400)];
    format!(
        "{} bytes: {:?}",
        bytes.len(),
        String::from_utf8_lossy(start)
    )
}
