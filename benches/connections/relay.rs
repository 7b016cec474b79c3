//! A link with a delay: a relay that forwards each byte half a round trip after it arrived.
//!
//! The client's connect to the relay returns immediately, so the relay adds the time that the
//! handshake would have taken: it connects to the server half a round trip later, when the SYN
//! would arrive there, and treats bytes that the client has sent in the meantime as sent one round
//! trip after the connect. The end of a stream is forwarded like bytes, so the same side closes
//! first as without the relay. Nothing is lost, the rate is not limited, and the kernel's slow
//! start sees the loopback interface.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The maximum time that [`Relay::wait_until_idle`] waits.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// A running relay; its threads end with the process.
pub struct Relay {
    address: SocketAddr,
    open: Arc<AtomicUsize>,
}

/// Bytes in transit, with the time of their arrival; an empty parcel is the end of the stream.
type Parcel = (Instant, Vec<u8>);

impl Relay {
    /// Starts a relay to `server`, over a link with this `round_trip`.
    pub fn start(server: SocketAddr, round_trip: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let relay = Self {
            address: listener.local_addr()?,
            open: Arc::default(),
        };
        let open = Arc::clone(&relay.open);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let begin = Instant::now();
                let open = Arc::clone(&open);
                open.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || {
                    // An error ends the connection; the loader of the page then reports what is
                    // missing.
                    let _ = carry(&client, server, begin, round_trip);
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Ok(relay)
    }

    /// The address that clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until both sides of every connection are closed.
    pub fn wait_until_idle(&self) -> io::Result<()> {
        let begin = Instant::now();
        while self.open.load(Ordering::SeqCst) > 0 {
            if begin.elapsed() > IDLE_TIMEOUT {
                return Err(io::Error::other("a connection over the link stays open"));
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

/// Relays one connection, accepted at `begin`, until both directions have ended.
fn carry(
    client: &TcpStream,
    server: SocketAddr,
    begin: Instant,
    round_trip: Duration,
) -> io::Result<()> {
    let one_way = round_trip / 2;
    client.set_nodelay(true)?;
    thread::scope(|scope| {
        let (upward, arrivals) = channel();
        scope.spawn(move || collect(client, &upward, one_way, begin + round_trip));
        sleep_until(begin + one_way);
        let Ok(server) =
            TcpStream::connect(server).and_then(|server| server.set_nodelay(true).map(|()| server))
        else {
            return client.shutdown(Shutdown::Both);
        };
        let server = &server;
        let (downward, returns) = channel();
        // The thread scope ends when both directions have ended.
        thread::scope(|inner| {
            inner.spawn(move || collect(server, &downward, one_way, begin));
            inner.spawn(move || deliver(&returns, client));
            deliver(&arrivals, server);
        });
        Ok(())
    })
}

/// Reads from `source` until its end; bytes that arrive before `earliest` count as sent then.
fn collect(mut source: &TcpStream, link: &Sender<Parcel>, one_way: Duration, earliest: Instant) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = source.read(&mut buffer).unwrap_or(0);
        let due = Instant::now().max(earliest) + one_way;
        if link.send((due, buffer[..count].to_vec())).is_err() || count == 0 {
            return;
        }
    }
}

/// Writes each parcel, and the end of the stream, when it is due.
fn deliver(link: &Receiver<Parcel>, mut target: &TcpStream) {
    for (due, bytes) in link {
        sleep_until(due);
        if bytes.is_empty() || target.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = target.shutdown(Shutdown::Write);
}

fn sleep_until(due: Instant) {
    thread::sleep(due.saturating_duration_since(Instant::now()));
}
