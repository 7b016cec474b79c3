//! A minimal HTTP/1.1 server on raw std sockets, to put a folder on the web
//! and to learn how HTTP uses TCP.
//!
//! ```text
//!            std::net::TcpListener(s)  +  signals
//!                        |
//!  main thread      [ acceptor ]     accepts, chooses the worker with the
//!                        |           fewest connections, hands the stream over
//!            +-----------+-----------+
//!            v           v           v
//!       [ worker 0 ] [ worker 1 ] [ worker n-1 ]     the fixed pool: a thread,
//!            |                                       a poll and a table each
//!     poll -> Connection::advance -> http (parse) -> handler -> files
//!                  -> http (head) -> write -> keep or close
//! ```
//!
//! A connection never holds a thread: a worker touches only those that are
//! ready, and an idle one costs memory alone. Workers share nothing but a
//! stream (once, at its start), counters, the files, the room that listings
//! have together, and the word to stop or to make room.
//!
//! # Reading order
//!
//! A request walks one way through the rooms, and an import only ever goes
//! down this list:
//!
//! 1. [`cli`]: the command line becomes a [`config::Config`].
//! 2. [`server`]: sockets, threads, poll and clock. Begin with
//!    [`server::acceptor`], then [`server::worker`] and [`server::scheduler`].
//! 3. [`connection`]: bytes to requests, responses to bytes. The drawing at the
//!    top of [`connection::state`] is the heart of it.
//! 4. [`handler`]: the one place where HTTP meets files.
//! 5. [`files`]: what a path names, kept in memory where it is small, and never
//!    stale.
//! 6. [`observe`]: what people are told.
//! 7. [`config`]: every bound and every wait, with its default.
//! 8. [`http`]: the protocol as values. Begin with [`http::request`].
//!
//! # In a program of your own
//!
//! [`server::run`] serves until the process is told to stop by SIGTERM or
//! SIGINT, which it takes over, and confines the thread that calls it.
//!
//! ```
//! use std::{net::SocketAddr, thread};
//! use stdhttpd::{config::{Config, Listen}, server};
//!
//! # let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
//! # let address: SocketAddr = free.local_addr().unwrap();
//! # drop(free);
//! # #[cfg(any())]
//! let address = SocketAddr::from(([127, 0, 0, 1], 8080));
//! let mut config = Config::default();
//! config.listen = vec![Listen::Address(address)];
//! config.site.root = "www".into();
//! config.site.listing = true;
//! thread::spawn(|| server::run(config).expect("a folder and a free port"));
//! # use std::{io::{Read, Write}, net::TcpStream, time::{Duration, Instant}};
//! # let start = Instant::now();
//! # let mut stream = loop {
//! #     match TcpStream::connect(address) {
//! #         Ok(stream) => break stream,
//! #         Err(error) => assert!(start.elapsed() < Duration::from_secs(10), "{error}"),
//! #     }
//! #     thread::sleep(Duration::from_millis(5));
//! # };
//! # stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
//! # let mut reply = String::new();
//! # stream.read_to_string(&mut reply).unwrap();
//! # assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{reply}");
//! ```
//!
//! # What is not here
//!
//! - No lock is held while doing I/O, and none is taken for a request beyond
//!   the file cache's own shard.
//! - `http` knows no socket, file or clock: every rule is a function of bytes.
//! - No timer thread and no timer structure: a connection has one deadline
//!   ([`connection::state::State::deadline`]), looked at ten times a second.
//! - No buffer belongs to an idle connection: input and output lie on the
//!   worker's [`connection::desk::Desk`].
//! - No path is a string that somebody has checked: [`http::target::RequestPath`]
//!   is the only way to name a file, and there is one way to make one.
//! - No unsafe code but two socket and scheduling calls that no safe crate
//!   offers, in [`server::listener`].
//! - No text of the system reaches a peer: failures become a status in
//!   [`http::error`] and [`handler`], and go to the log in words.
//! - No TLS, no HTTP/2, no rewriting, no configuration file: put a proxy in
//!   front for those.

pub mod cli;
pub mod config;
pub mod connection;
pub mod files;
pub mod handler;
pub mod http;
pub mod observe;
pub mod server;
