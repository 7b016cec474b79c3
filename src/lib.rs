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
//! 4. [`handler`]: the one place where HTTP meets files, or on the status
//!    listener what is told there.
//! 5. [`files`]: what a path names, kept in memory where it is small, and never
//!    stale.
//! 6. [`observe`]: what people are told.
//! 7. [`config`]: every bound and every wait, with its default.
//! 8. [`http`]: the protocol as values. Begin with [`http::request`].
//!
//! # One request, function by function
//!
//! | what happens | where |
//! |---|---|
//! | a connection is accepted and given to a worker | [`Acceptor`](server::acceptor::Acceptor)`::accept_some` |
//! | the worker takes it, in the next turn of its poll | [`Scheduler::take_arrivals`](server::scheduler::Scheduler::take_arrivals) |
//! | it does all that it can without waiting | [`Connection::advance`](connection::Connection::advance) |
//! | bytes are read into the worker's buffer | `read` in `connection/read.rs` |
//! | the requests among them are judged one by one | `serve` and `judge` in `connection/serve.rs` |
//! | a head is parsed, strictly | [`http::request::parse`] |
//! | what answers it is decided | [`handler::answer`] |
//! | the file is found, or found again and checked | [`View::find`](files::View::find) |
//! | the connection is kept, or this was its last response | [`http::persistence::decide`] |
//! | the head of the response is written | [`Head::write`](http::response::Head::write) |
//! | it is sent, and the content behind it | [`Output::write_to`](connection::output::Output::write_to) |
//! | it is counted and logged | [`connection::note`] |
//! | what comes then: the next request, a wait, or the end | `follow` in `connection/serve.rs`, `end` and `linger` in `connection/close.rs` |
//!
//! # Words
//!
//! Those of HTTP are RFC 9110's: a *head* is a start line and its *fields*, the
//! *content* follows it; a *representation* is one form of a resource. The code
//! has some of its own:
//!
//! | word | means |
//! |---|---|
//! | room | a module of the list above |
//! | turn | one round of a worker: it waits in its poll, then serves whatever has happened. The clock is read when it begins, and what is asked of one file in it shares one look at the disk; both are done again in it where that may be too old for what is read |
//! | desk | what a worker lends to the connection that it is serving: buffers, clock, files, counts |
//! | budget, share | what one connection may do in one turn, so that nobody starves beside it |
//! | step, fate | what trying one state came to; what the connection waits for after that |
//! | short, kept | a connection closed after its first response; one that waits for a further request |
//! | idle, silent | kept, with nothing under way; connected, and not a byte sent yet |
//! | starved | a request that waits because the process has no descriptor left for its file |
//! | evict | to end the longest idle or silent connection for a newcomer |
//! | drain, linger | to stop a server; to end a connection: in both, who is owed a response still gets it |
//! | sweep | the look at all deadlines, ten times a second |
//! | post, place, slot | a worker as the acceptor sees it; where a connection stands in its worker's table; what stands there |
//! | memo | heads that came before, with the response that they got |
//! | variant, sibling | a representation of a file in a coding, such as `a.js.br` beside `a.js` |
//! | plain | of a folder: no name in it can be that of a sibling, so none is looked for |
//! | settled | of a file: changed last so long ago that every later change is certain to show |
//! | story | what is remembered of one connection for the status page |
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
//! - No lock of ours is held while doing I/O, and none is taken for a request
//!   beyond the file cache's own shard. A connection takes a few when it comes
//!   and goes, a turn one for the lines of the access log.
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
