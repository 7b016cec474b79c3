//! The kernel's table of TCP connections: which of a server's connections are in TIME_WAIT, and on which side.

use std::fs;
use std::io;
use std::time::{Duration, Instant};

/// `TIME_WAIT` in the table's numbering.
const TIME_WAIT: &str = "06";
/// `LISTEN` in the table's numbering.
const LISTEN: &str = "0A";

/// How long [`time_waits`] waits at most.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(2);

/// A side of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The one with the server's port as its own.
    Server,
    /// The other.
    Client,
}

/// One side of a connection in TIME_WAIT.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Which side it is.
    pub side: Side,
    /// Both addresses, as the table writes them.
    addresses: String,
}

/// The sides in TIME_WAIT of connections to the server at `port`, once none is open or half-way through its close.
pub fn time_waits(port: u16) -> io::Result<Vec<Entry>> {
    let begin = Instant::now();
    loop {
        let (entries, others) = read(port)?;
        if others == 0 || begin.elapsed() > SETTLE_TIMEOUT {
            return Ok(entries);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The sides in TIME_WAIT, and how many are in any other state but LISTEN.
fn read(port: u16) -> io::Result<(Vec<Entry>, usize)> {
    let ending = format!(":{port:04X}");
    let mut entries = Vec::new();
    let mut others = 0;
    for file in ["/proc/net/tcp", "/proc/net/tcp6"] {
        // A system without IPv6 has no second table.
        for line in fs::read_to_string(file).unwrap_or_default().lines().skip(1) {
            let mut words = line.split_whitespace().skip(1);
            let (Some(local), Some(remote), Some(state)) =
                (words.next(), words.next(), words.next())
            else {
                continue;
            };
            let side = match (local.ends_with(&ending), remote.ends_with(&ending)) {
                (true, _) => Side::Server,
                (_, true) => Side::Client,
                _ => continue,
            };
            match state {
                TIME_WAIT => entries.push(Entry {
                    side,
                    addresses: format!("{local} {remote}"),
                }),
                LISTEN => {}
                _ => others += 1,
            }
        }
    }
    Ok((entries, others))
}
