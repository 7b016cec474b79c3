//! A page, and the five ways to load it.

use crate::rig::client::{Connection, Reply};
use crate::rig::site::Site;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

/// The document, from which the client learns the names of the objects.
pub const DOCUMENT: &str = "/page/0.bin";

/// The number of connections that a browser opens to one server.
const PARALLEL: usize = 6;

/// The field that makes a connection short.
const SHORT: &[&str] = &["Connection: close"];

/// A way to load a page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// A connection for each object, one after another.
    ShortSerial,
    /// A connection for each object, six at a time.
    ShortParallel,
    /// One connection, one request after another.
    KeptSerial,
    /// One connection, the requests for all objects at once.
    KeptPipelined,
    /// Six connections, with one request after another on each.
    KeptParallel,
}

impl Strategy {
    /// All strategies.
    pub const ALL: [Strategy; 5] = [
        Self::ShortSerial,
        Self::ShortParallel,
        Self::KeptSerial,
        Self::KeptParallel,
        Self::KeptPipelined,
    ];

    /// The usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ShortSerial => "short, one after another",
            Self::ShortParallel => "short, 6 at a time",
            Self::KeptSerial => "kept alive, one after another",
            Self::KeptPipelined => "kept alive, pipelined",
            Self::KeptParallel => "kept alive, over 6",
        }
    }

    /// The minimum number of round trips to load a page of `objects`, including the document. A
    /// handshake takes one round trip, and so does a request with its response.
    pub fn round_trips_min(self, objects: usize) -> usize {
        let named = objects - 1;
        match self {
            Self::ShortSerial => 2 * objects,
            Self::ShortParallel => 2 + 2 * named.div_ceil(PARALLEL),
            Self::KeptSerial => 1 + objects,
            Self::KeptPipelined => 2 + named.min(1),
            // In k round trips after the document, the first connection loads k objects; the five
            // others spend one of these round trips on their handshake.
            Self::KeptParallel if named == 0 => 2,
            Self::KeptParallel => 2 + (named + PARALLEL - 1).div_ceil(PARALLEL),
        }
    }
}

/// A page that was loaded.
pub struct Loaded {
    /// When its last object had arrived.
    pub finished: Instant,
    /// Connections that were opened for it.
    pub handshakes: usize,
}

/// The document and the objects of a page.
pub struct Page {
    paths: Vec<String>,
}

impl Page {
    /// A page of `objects`, including the document.
    pub fn new(objects: usize) -> Self {
        Self {
            paths: (0..objects.max(1))
                .map(|number| format!("/page/{number}.bin"))
                .collect(),
        }
    }

    /// The paths of all objects, the document first.
    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    /// Compares each object, as the server sends it over one connection, with its file.
    pub fn check(&self, address: SocketAddr, site: &Site) -> io::Result<()> {
        let mut connection = Connection::open(address)?;
        for path in &self.paths {
            let reply = connection.get(path, &[])?;
            if reply.status != 200 || reply.body != site.read(path)? {
                return Err(io::Error::other(format!("{path} differs from its file")));
            }
        }
        Ok(())
    }

    /// Loads the first `objects` objects of the page from `address`.
    pub fn load(
        &self,
        strategy: Strategy,
        objects: usize,
        address: SocketAddr,
    ) -> io::Result<Loaded> {
        let paths: Vec<&str> = self
            .paths
            .iter()
            .take(objects)
            .map(String::as_str)
            .collect();
        let (document, named) = paths
            .split_first()
            .ok_or_else(|| io::Error::other("an empty page"))?;
        let queue = Queue {
            paths: named,
            next: AtomicUsize::new(0),
        };
        match strategy {
            Strategy::ShortSerial => {
                short(address, document)?;
                in_parallel(1, |_| short_ones(address, &queue)).map(|finished| Loaded {
                    finished,
                    handshakes: objects,
                })
            }
            Strategy::ShortParallel => {
                short(address, document)?;
                in_parallel(PARALLEL.min(named.len()).max(1), |_| {
                    short_ones(address, &queue)
                })
                .map(|finished| Loaded {
                    finished,
                    handshakes: objects,
                })
            }
            Strategy::KeptSerial => kept(address, document, &queue, 1),
            Strategy::KeptParallel => {
                kept(address, document, &queue, PARALLEL.min(named.len()).max(1))
            }
            Strategy::KeptPipelined => pipelined(address, document, named),
        }
    }
}

/// The objects that have not been requested yet.
struct Queue<'a> {
    paths: &'a [&'a str],
    next: AtomicUsize,
}

impl<'a> Queue<'a> {
    fn take(&self) -> Option<&'a str> {
        self.paths
            .get(self.next.fetch_add(1, Ordering::Relaxed))
            .copied()
    }
}

/// Runs `work` in `count` threads, of which this thread is the first, and returns when all are
/// done.
fn in_parallel(
    count: usize,
    work: impl Fn(usize) -> io::Result<Instant> + Sync,
) -> io::Result<Instant> {
    let work = &work;
    thread::scope(|scope| {
        let others: Vec<_> = (1..count)
            .map(|number| scope.spawn(move || work(number)))
            .collect();
        let mut last = work(0)?;
        for other in others {
            last = last.max(
                other
                    .join()
                    .map_err(|_| io::Error::other("a thread panicked"))??,
            );
        }
        Ok(last)
    })
}

/// Loads one object over a connection of its own. The server closes first.
fn short(address: SocketAddr, path: &str) -> io::Result<Instant> {
    let mut connection = Connection::open(address)?;
    expect(connection.get(path, SHORT)?)?;
    let finished = Instant::now();
    connection.finish()?;
    Ok(finished)
}

fn short_ones(address: SocketAddr, queue: &Queue<'_>) -> io::Result<Instant> {
    let mut finished = Instant::now();
    while let Some(path) = queue.take() {
        finished = short(address, path)?;
    }
    Ok(finished)
}

/// Loads the document over one connection, and the objects over `count` connections including that
/// one.
fn kept(
    address: SocketAddr,
    document: &str,
    queue: &Queue<'_>,
    count: usize,
) -> io::Result<Loaded> {
    let mut first = Connection::open(address)?;
    expect(first.get(document, &[])?)?;
    let first = std::sync::Mutex::new(Some(first));
    let taken = || first.lock().ok().and_then(|mut first| first.take());
    let work = |number: usize| {
        let reused = if number == 0 { taken() } else { None };
        let mut connection = reused.map_or_else(|| Connection::open(address), Ok)?;
        let mut finished = Instant::now();
        while let Some(path) = queue.take() {
            expect(connection.get(path, &[])?)?;
            finished = Instant::now();
        }
        Ok(finished)
    };
    let finished = in_parallel(count, work)?;
    Ok(Loaded {
        finished,
        handshakes: count,
    })
}

fn pipelined(address: SocketAddr, document: &str, named: &[&str]) -> io::Result<Loaded> {
    let mut connection = Connection::open(address)?;
    expect(connection.get(document, &[])?)?;
    if !named.is_empty() {
        connection.send(named, &[])?;
        named
            .iter()
            .try_for_each(|_| expect(connection.receive()?))?;
    }
    Ok(Loaded {
        finished: Instant::now(),
        handshakes: 1,
    })
}

fn expect(reply: Reply) -> io::Result<()> {
    match reply.status {
        200 => Ok(()),
        status => Err(io::Error::other(format!("status {status}"))),
    }
}
