//! The kernel's table of TCP connections: which of a server's connections are in TIME_WAIT, and on
//! which side.

use std::fs;
use std::io;
use std::time::{Duration, Instant};

/// `TIME_WAIT` as a number of the table.
const TIME_WAIT: &str = "06";
/// `LISTEN` as a number of the table.
const LISTEN: &str = "0A";

/// The maximum time that [`time_waits`] waits.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(2);

/// A side of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The side whose local port is the server's port.
    Server,
    /// The other side.
    Client,
}

/// One side of a connection in TIME_WAIT.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Which side it is.
    pub side: Side,
    /// Both addresses, as in the table.
    addresses: String,
}

/// The sides in TIME_WAIT of connections to the server at `port`, once no connection is open or
/// still closing.
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

/// The sides in TIME_WAIT, and the number of sides in any other state except LISTEN.
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
