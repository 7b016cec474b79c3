//! The limit: a bare epoll loop that sends one prepared response without parsing the request.
//!
//! One thread, edge-triggered sockets, no allocation and no unnecessary system calls: for a request
//! on a persistent connection one read and one write, for a short connection accept, read, write
//! and close. Parsing a request, looking up a file or checking whether it is still fresh only adds
//! to this cost, so the result of this loop is what the kernel allows to a server that sends each
//! response from memory, in a write of its own. A bench starts itself again with `--serve-limit` to
//! run the loop in a separate process.

use crate::rig::arguments::Arguments;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags, accept_with, recv, send};
use std::io;
use std::net::{SocketAddr, TcpListener};

/// The flag that makes a bench run the loop:
/// `--serve-limit ADDR:PORT --response FILE [--answer short|counted]`.
pub const FLAG: &str = "--serve-limit";

/// The listen backlog.
const BACKLOG: i32 = 4096;

/// The token of the listener; no descriptor has this number.
const LISTENER: u64 = u64::MAX;

/// How the loop responds to a read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// One response to each read; the connection stays open.
    Each,
    /// One response, then close.
    Short,
    /// One response for each empty line in the bytes read, as pipelining requires, each in a write
    /// of its own.
    Counted,
}

/// Runs the loop forever if the arguments ask for it.
pub fn serve_if_asked(arguments: &Arguments) {
    let Some(address) = arguments.value(FLAG) else {
        return;
    };
    let result = (|| {
        let response = std::fs::read(arguments.value("--response").unwrap_or_default())?;
        let answer = match arguments.value("--answer") {
            Some("short") => Answer::Short,
            Some("counted") => Answer::Counted,
            _ => Answer::Each,
        };
        let address = address.parse().map_err(io::Error::other)?;
        Loop::new(address, response, answer)?.run()
    })();
    let Err(error): io::Result<std::convert::Infallible> = result;
    eprintln!("{FLAG}: {error}");
    std::process::exit(1);
}

/// A connection: its socket, and the part of the last response that has not been sent.
struct Connection {
    socket: OwnedFd,
    unsent: usize,
    /// How many bytes of the empty line that ends a request were at the end of the last read.
    matched: usize,
}

struct Loop {
    epoll: OwnedFd,
    listener: TcpListener,
    /// Indexed by descriptor.
    connections: Vec<Option<Connection>>,
    response: Vec<u8>,
    answer: Answer,
    input: Vec<u8>,
}

impl Loop {
    fn new(address: SocketAddr, response: Vec<u8>, answer: Answer) -> io::Result<Self> {
        let socket = socket2::Socket::new(
            socket2::Domain::for_address(address),
            socket2::Type::STREAM,
            None,
        )?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        defer_accept(&socket);
        // As in stdhttpd on a loopback address; a system default that paces its output would be
        // slower.
        let _ = rustix::net::sockopt::set_tcp_congestion(&socket, "reno");
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let listener = TcpListener::from(socket);
        epoll::add(
            &epoll,
            &listener,
            EventData::new_u64(LISTENER),
            EventFlags::IN | EventFlags::ET,
        )?;
        Ok(Self {
            epoll,
            listener,
            connections: Vec::new(),
            response,
            answer,
            input: vec![0; 64 * 1024],
        })
    }

    fn run(mut self) -> io::Result<std::convert::Infallible> {
        let mut events = vec![
            Event {
                flags: EventFlags::empty(),
                data: EventData::new_u64(0)
            };
            1024
        ];
        loop {
            let count = match epoll::wait(&self.epoll, &mut events[..], None) {
                Err(Errno::INTR) => continue,
                result => result?,
            };
            for event in &events[..count] {
                let Event { flags, data } = *event;
                match data.u64() {
                    LISTENER => self.accept(),
                    descriptor => self.advance(descriptor as usize, flags.contains(EventFlags::IN)),
                }
            }
        }
    }

    /// Accepts until the backlog is empty, and responds immediately: the kernel delivers a
    /// connection only when its request has arrived.
    fn accept(&mut self) {
        while let Ok(socket) = accept_with(&self.listener, SocketFlags::NONBLOCK) {
            let mut connection = Connection {
                socket,
                unsent: 0,
                matched: 0,
            };
            if self.read_and_write(&mut connection, true) == Step::Wait {
                self.keep(connection);
            }
        }
    }

    fn keep(&mut self, connection: Connection) {
        let slot = connection.socket.as_raw_fd() as usize;
        let data = EventData::new_u64(slot as u64);
        if epoll::add(
            &self.epoll,
            &connection.socket,
            data,
            EventFlags::IN | EventFlags::ET,
        )
        .is_ok()
        {
            if slot >= self.connections.len() {
                self.connections.resize_with(slot + 1, || None);
            }
            self.wait_for_room(&connection);
            self.connections[slot] = Some(connection);
        }
    }

    fn advance(&mut self, slot: usize, readable: bool) {
        let Some(mut connection) = self.connections.get_mut(slot).and_then(Option::take) else {
            return;
        };
        let had_unsent = connection.unsent > 0;
        if self.read_and_write(&mut connection, readable) == Step::Wait {
            if !had_unsent {
                self.wait_for_room(&connection);
            }
            self.connections[slot] = Some(connection);
        }
    }

    /// Registers for writing, and again for reading, after a short write.
    fn wait_for_room(&self, connection: &Connection) {
        if connection.unsent > 0 {
            let data = EventData::new_u64(connection.socket.as_raw_fd() as u64);
            let _ = epoll::modify(
                &self.epoll,
                &connection.socket,
                data,
                EventFlags::IN | EventFlags::OUT | EventFlags::ET,
            );
        }
    }

    fn read_and_write(&mut self, connection: &mut Connection, readable: bool) -> Step {
        if connection.unsent > 0 {
            let step = self.write(connection);
            if step == Step::Close || connection.unsent > 0 {
                return step;
            }
        }
        if !readable {
            return Step::Wait;
        }
        let length = match recv(&connection.socket, &mut self.input[..], RecvFlags::empty()) {
            Ok((_, 0)) => return Step::Close,
            Ok((_, length)) => length,
            Err(Errno::AGAIN) => return Step::Wait,
            Err(_) => return Step::Close,
        };
        let count = if self.answer == Answer::Counted {
            count_requests(&self.input[..length], &mut connection.matched)
        } else {
            1
        };
        for _ in 0..count {
            connection.unsent += self.response.len();
            if self.write(connection) == Step::Close {
                return Step::Close;
            }
        }
        Step::Wait
    }

    /// Writes until everything is sent or the socket buffer is full.
    fn write(&self, connection: &mut Connection) -> Step {
        while connection.unsent > 0 {
            let part = match connection.unsent % self.response.len() {
                0 => &self.response[..],
                rest => &self.response[self.response.len() - rest..],
            };
            match send(&connection.socket, part, SendFlags::NOSIGNAL) {
                Ok(count) => connection.unsent -= count,
                Err(Errno::AGAIN) => return Step::Wait,
                Err(_) => return Step::Close,
            }
        }
        if self.answer == Answer::Short {
            Step::Close
        } else {
            Step::Wait
        }
    }
}

/// What to do with a connection after it was served.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Wait,
    Close,
}

/// The number of empty lines in `input`, where the previous read ended with `matched` bytes of one.
fn count_requests(input: &[u8], matched: &mut usize) -> usize {
    let mut count = 0;
    for &byte in input {
        *matched = match (byte, *matched) {
            (b'\r', 2) => 3,
            (b'\r', _) => 1,
            (b'\n', 1) => 2,
            (b'\n', 3) => 4,
            _ => 0,
        };
        if *matched == 4 {
            count += 1;
            *matched = 0;
        }
    }
    count
}

/// Makes the kernel hold a new connection back until its first bytes have arrived. If this fails,
/// the loop is only slower.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn defer_accept(socket: &socket2::Socket) {
    const IPPROTO_TCP: i32 = 6;
    const TCP_DEFER_ACCEPT: i32 = 9;
    unsafe extern "C" {
        fn setsockopt(socket: i32, level: i32, name: i32, value: *const i32, length: u32) -> i32;
    }
    let seconds: i32 = 5;
    // SAFETY: the prototype is that of POSIX setsockopt; the socket is open, and `seconds` outlives
    // the call, which only reads the four bytes announced.
    unsafe {
        setsockopt(
            socket.as_raw_fd(),
            IPPROTO_TCP,
            TCP_DEFER_ACCEPT,
            &seconds,
            4,
        );
    }
}

#[cfg(not(target_os = "linux"))]
fn defer_accept(_: &socket2::Socket) {}
