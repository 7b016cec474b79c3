//! A minimal HTTP/1.1 static-file server on raw std sockets, written to show how
//! HTTP uses TCP.
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
//! A connection never occupies a thread: a worker touches only those that are
//! ready, and an idle one costs only memory. A stream crosses threads once, when it
//! is handed over. Workers share the files and the memory budget for listings; what
//! else crosses between threads are counters and flags.
//!
//! # Reading order
//!
//! A request passes through these modules in one direction, and an import only
//! ever goes down this list:
//!
//! 1. [`cli`]: the command line becomes a [`config::Config`].
//! 2. [`server`]: sockets, threads, poll and clock. Begin with
//!    [`server::acceptor`], then [`server::worker`] and [`server::scheduler`].
//! 3. [`connection`]: bytes to requests, responses to bytes. The diagram at the
//!    top of [`connection::state`] is the heart of it.
//! 4. [`handler`]: HTTP meets files, or on the status listener the status pages.
//! 5. [`files`]: opening, caching and revalidating files.
//! 6. [`observe`]: counters, access log, status page, metrics.
//! 7. [`config`]: every bound and every time-out, with its default, and a
//!    [`Moment`](config::Moment), the time from which one is counted.
//! 8. [`http`]: the protocol as values. Begin with [`http::request`].
//!
//! # One request, function by function
//!
//! | step | where |
//! |---|---|
//! | a connection is accepted and handed to a worker | [`Acceptor`](server::acceptor::Acceptor)`::accept_some` |
//! | the worker takes it, in the next iteration of its event loop | [`Scheduler::adopt`](server::scheduler::Scheduler::adopt) |
//! | it is read from, as are others that wait for a request, before any is answered | [`Connection::receive_first`](connection::Connection::receive_first) |
//! | a request whose response is cached is answered with it | [`Connection::advance_hit`](connection::Connection::advance_hit) |
//! | any other connection advances until it would have to wait | [`Connection::advance_received`](connection::Connection::advance_received), in other states [`Connection::advance`](connection::Connection::advance) |
//! | more bytes, if there are any, are read into the worker's buffer | `read` in `connection/read.rs` |
//! | the requests among them are handled one by one | `serve` and `answer` in `connection/serve.rs` |
//! | a head is parsed, strictly | [`http::request::parse`] |
//! | the response to it is chosen | [`handler::answer`] |
//! | the file is opened, or found in the cache and revalidated | [`View::find`](files::View::find) |
//! | the connection is kept open, or this is its last response | [`http::persistence::decide`], then `persistence` in `connection/serve.rs` |
//! | the head of the response is written | [`Head::write`](http::response::Head::write) |
//! | it is sent, followed by the content | [`Output::write_to`](connection::output::Output::write_to) |
//! | the response is counted and logged | [`connection::accounting`] |
//! | what follows: the next request, a wait, or the close | [`State::after_write`](connection::state::State::after_write), `end` and `linger` in `connection/close.rs` |
//!
//! # Glossary
//!
//! A *head* is what RFC 9112 calls the start-line and the header section;
//! otherwise HTTP terms are those of RFC 9110. The code has some of its own:
//!
//! | word | meaning |
//! |---|---|
//! | turn | one iteration of a worker's event loop: wait for events, then serve them. Requests are read from all connections that are ready, up to 64 at a time, and then answered; the clock is read, and each requested file revalidated, once in between |
//! | budget, share | the work one connection may do in one turn, so that it does not starve the others |
//! | short, kept | of a connection: closed after its first response; open for a further request. A kept file is a large one held open between requests |
//! | idle, silent | kept, with no request in progress; connected, but no byte received yet |
//! | linger | after our FIN, discard input until the client closes (lingering close) |
//! | spare | of a connection: silent, or lingering, for so long that it may be evicted |
//! | starved | of a request: waiting because the process has no free descriptor for its file |
//! | evict | close the connection that has been idle or spare the longest, for a new one or for its descriptor |
//! | drain | shut the server down: stop accepting, finish requests in progress, exit |
//! | sweep | the check of all deadlines, ten times per second |
//! | folder | a directory: the root, or one below it |
//! | variant | a representation of a file in a content coding; its file, such as `a.js.br` beside `a.js` |
//! | identity | of a file: its inode, size and timestamps; of a connection: its number and peer |
//! | cacheable | of a file: last changed so long ago that any later change is certain to show in its identity |
//! | story | the record of one connection for the status page |
//!
//! # In a program of your own
//!
//! [`server::run`] serves until SIGTERM or SIGINT, for which it installs
//! handlers, and sandboxes the thread that calls it.
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
//! thread::spawn(|| server::run(config).expect("a directory and a free port"));
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
//! - No lock of ours is held during I/O. A request for a cached file takes at most
//!   the lock of its cache shard; accepting and closing a connection take a few, an
//!   iteration of the event loop one for the lines of the access log.
//! - `http` knows no socket, file or clock: every rule is a function of bytes.
//! - No timer of a connection: it has one deadline
//!   ([`connection::state::State::deadline`]), checked ten times per second.
//! - No buffer belongs to an idle connection: buffers are the worker's.
//! - No path is an unchecked string: a file can only be named by an
//!   [`http::target::RequestPath`], and there is one way to make one.
//! - No unsafe code except for a socket option and for the scheduling policy, which
//!   no safe crate offers, in [`server::listener`].
//! - No system error message reaches a peer: failures become a status in
//!   [`http::error`] and [`handler`], and their text goes to the log.
//! - No TLS, no HTTP/2, no rewriting, no configuration file: use a proxy in front
//!   for the first three.

pub mod cli;
pub mod config;
pub mod connection;
pub mod files;
pub mod handler;
pub mod http;
pub mod observe;
pub mod server;
