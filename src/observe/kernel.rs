//! The kernel's view of our addresses: which side holds TIME_WAIT, and whether
//! connections were dropped before they were accepted.
//!
//! Linux reports this in three text files, which are parsed by pure functions.
//! On other systems it is not available.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use crate::config::Moment;

/// Maximum bytes read from each table: about 100,000 sockets.
const TABLE_BYTES_MAX: u64 = 16 << 20;

/// The minimum interval between reads of the tables ...
const REST_MIN: Duration = Duration::from_millis(500);
/// ... and as a multiple of the duration of a read, which limits the share of CPU time.
const REST_FACTOR: u32 = 5;

/// The socket states that are counted (RFC 9293 section 3.3.2): the name, as in the kernel's tools;
/// one sentence for the status page; and the kernel's numbers (include/net/tcp_states.h), which for
/// the last are all others.
pub const SOCKET_STATES: [(&str, &str, &[u8]); 5] = [
    ("established", "Open on both sides.", &[1]),
    (
        "fin_wait",
        "This side closed first; the other side has not closed yet.",
        &[4, 5],
    ),
    (
        "close_wait",
        "The other side closed, this side has not. A growing number indicates a leaked socket.",
        &[8],
    ),
    (
        "time_wait",
        "This side closed first: its kernel keeps the connection's address pair (60 s on Linux).",
        &[6],
    ),
    ("other", "Between two of these states.", &[]),
];

/// The kernel's number of a listening socket's state.
const LISTEN: u8 = 10;

/// Sockets of one side, in the order of [`SOCKET_STATES`].
pub type SocketCounts = [u64; SOCKET_STATES.len()];

/// The kernel's view of the addresses listened on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelView {
    /// This server's ends of its connections.
    pub server: SocketCounts,
    /// The clients' ends of connections from this machine.
    pub clients: SocketCounts,
    /// Connections waiting to be accepted.
    pub listen_queue: u64,
    /// Connections dropped since the start because a listen queue of this machine, of any process,
    /// was full.
    pub listen_overflows: u64,
}

/// The kernel's tables, held open because a sandboxed process could not open them.
#[derive(Debug)]
pub struct Kernel {
    tables: Vec<File>,
    netstat: Option<File>,
    overflows_at_start: u64,
    newest: Option<KernelView>,
    /// Until then the last view is reused.
    fresh_until: Moment,
}

impl Kernel {
    /// Opens the tables; `None` if the system has none.
    pub fn open() -> Option<Kernel> {
        let open = |name: &&str| File::open(name).ok();
        let tables: Vec<File> = ["/proc/net/tcp", "/proc/net/tcp6"]
            .iter()
            .filter_map(open)
            .collect();
        if tables.is_empty() {
            return None;
        }
        let mut netstat = open(&"/proc/net/netstat");
        let overflows_at_start = netstat.as_mut().and_then(read_overflows).unwrap_or(0);
        Some(Kernel {
            tables,
            netstat,
            overflows_at_start,
            newest: None,
            fresh_until: Moment::now(),
        })
    }

    /// The current view; `None` if the tables cannot be read.
    pub fn view(&mut self, listeners: &[SocketAddr]) -> Option<KernelView> {
        let begun = Moment::now();
        if begun >= self.fresh_until {
            self.newest = self.read(listeners).ok();
            let took = begun.elapsed();
            self.fresh_until = begun + took + REST_MIN.max(took * REST_FACTOR);
        }
        self.newest
    }

    /// Reads the tables. This takes about a millisecond for 1,000 sockets.
    fn read(&mut self, listeners: &[SocketAddr]) -> io::Result<KernelView> {
        let mut view = KernelView::default();
        for table in &mut self.tables {
            table.rewind()?;
            for line in BufReader::new(table.take(TABLE_BYTES_MAX)).lines() {
                view.add(&line?, listeners);
            }
        }
        let overflows = self.netstat.as_mut().and_then(read_overflows);
        view.listen_overflows = overflows
            .unwrap_or(0)
            .saturating_sub(self.overflows_at_start);
        Ok(view)
    }
}

fn read_overflows(netstat: &mut File) -> Option<u64> {
    netstat.rewind().ok()?;
    let text = io::read_to_string(netstat.take(TABLE_BYTES_MAX)).ok()?;
    listen_overflows(&text)
}

/// `ListenOverflows` of /proc/net/netstat, whose lines come in pairs: names,
/// then values.
fn listen_overflows(netstat: &str) -> Option<u64> {
    let mut lines = netstat.lines().filter(|line| line.starts_with("TcpExt:"));
    let (names, values) = (lines.next()?, lines.next()?);
    let (_, value) = names
        .split_ascii_whitespace()
        .zip(values.split_ascii_whitespace())
        .find(|(name, _)| *name == "ListenOverflows")?;
    value.parse().ok()
}

/// Parses an address, in hexadecimal words of native byte order, and a port.
fn parse_address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| -> Option<[u8; 4]> {
        let digits = address.get(at * 8..at * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    let address = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?];
            let bytes: [u8; 16] = words.as_flattened().try_into().ok()?;
            IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(address, port))
}

impl KernelView {
    /// Adds the socket on a line of /proc/net/tcp; `None` for the heading or any other line.
    fn add(&mut self, line: &str, listeners: &[SocketAddr]) -> Option<()> {
        let mut columns = line.split_ascii_whitespace().skip(1);
        let local = parse_address(columns.next()?)?;
        let remote = parse_address(columns.next()?)?;
        let state = u8::from_str_radix(columns.next()?, 16).ok()?;
        let (_, receive_queue) = columns.next()?.split_once(':')?;
        let is_ours = |address: SocketAddr| {
            listeners.iter().any(|listener| {
                // `0.0.0.0` covers one family; an inherited `[::]` may cover both.
                let is_any =
                    listener.ip().is_unspecified() && (listener.is_ipv6() || address.is_ipv4());
                listener.port() == address.port() && (is_any || listener.ip() == address.ip())
            })
        };
        let place = (SOCKET_STATES.iter()).position(|(.., numbers)| numbers.contains(&state));
        let place = place.unwrap_or(SOCKET_STATES.len() - 1);
        if is_ours(local) && state == LISTEN {
            self.listen_queue += u64::from_str_radix(receive_queue, 16).ok()?;
        } else if is_ours(local) {
            self.server[place] += 1;
        } else if is_ours(remote) {
            self.clients[place] += 1;
        }
        Some(())
    }
}

#[cfg(all(test, target_endian = "little"))]
mod tests {
    use super::*;

    const TCP: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 1
   1: 0100007F:1F90 0100007F:D2A0 01 00000000:00000000 00:00000000 00000000     0        0 2
   2: 0100007F:D2A0 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 3
   3: 0100007F:1F90 0100007F:D2A1 06 00000000:00000000 03:0000176F 00000000     0        0 0
   4: 0100007F:D2A2 0100007F:1F90 06 00000000:00000000 03:0000176F 00000000     0        0 0
   5: 0100007F:1F90 0100007F:D2A3 08 00000000:00000000 00:00000000 00000000     0        0 4
   6: 0100007F:1F90 0100007F:D2A4 05 00000000:00000000 00:00000000 00000000     0        0 0
   7: 0100007F:1F90 0100007F:D2A5 09 00000000:00000000 00:00000000 00000000     0        0 0
   8: 0200007F:1F90 0100007F:D2A6 01 00000000:00000000 00:00000000 00000000     0        0 5
   9: 0100007F:1F91 0100007F:D2A7 01 00000000:00000000 00:00000000 00000000     0        0 6
";
    const TCP6: &str = "  sl  local_address
   0: 00000000000000000000000001000000:1F90 00000000000000000000000001000000:9C40 01 00000000:00000000 00:00000000
   1: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000100007F:9C41 06 00000000:00000000 00:00000000
";

    #[test]
    fn sockets_are_counted_by_side_and_state() {
        let none = SocketCounts::default();
        let rows: [(&str, &[&str], u64, SocketCounts, SocketCounts); 8] = [
            (
                TCP,
                &["127.0.0.1:8080"],
                3,
                [1, 1, 1, 1, 1],
                [1, 0, 0, 1, 0],
            ),
            (TCP, &["0.0.0.0:8080"], 3, [2, 1, 1, 1, 1], [1, 0, 0, 1, 0]),
            (TCP, &["127.0.0.1:8081"], 0, [1, 0, 0, 0, 0], none),
            (TCP, &["127.0.0.1:80"], 0, none, none),
            (TCP6, &["[::1]:8080"], 0, [1, 0, 0, 0, 0], none),
            (TCP6, &["[::]:8080"], 0, [1, 0, 0, 1, 0], none),
            (TCP6, &["0.0.0.0:8080"], 0, [0, 0, 0, 1, 0], none),
            (
                "no table\n\n1: 00:11 22:33 zz\n",
                &["[::]:0"],
                0,
                none,
                none,
            ),
        ];
        for (table, listeners, listen_queue, server, clients) in rows {
            let listeners: Vec<SocketAddr> = listeners.iter().map(|l| l.parse().unwrap()).collect();
            let mut view = KernelView::default();
            for line in table.lines() {
                view.add(line, &listeners);
            }
            let expected = KernelView {
                server,
                clients,
                listen_queue,
                listen_overflows: 0,
            };
            assert_eq!(view, expected, "{listeners:?}");
        }
    }

    #[test]
    fn overflows_are_found_by_name() {
        let rows = [
            (
                "TcpExt: A ListenOverflows B\nTcpExt: 1 23 4\nIpExt: X\nIpExt: 9\n",
                Some(23),
            ),
            (
                "IpExt: X\nIpExt: 9\nTcpExt: ListenOverflows\nTcpExt: 5\n",
                Some(5),
            ),
            ("TcpExt: A B\nTcpExt: 1 2\n", None),
            ("TcpExt: A ListenOverflows\nTcpExt: 1\n", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(listen_overflows(text), expected, "{text}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_tables_can_be_read_again_and_again() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut kernel = Kernel::open().unwrap();
        assert_eq!(kernel.read(&[address]).unwrap().listen_queue, 0);
        let _client = std::net::TcpStream::connect(address).unwrap();
        let view = kernel.read(&[address]).unwrap();
        assert_eq!((view.listen_queue, view.clients[0]), (1, 1));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_view_is_reused_until_the_tables_have_rested() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let listeners = [listener.local_addr().unwrap()];
        let mut kernel = Kernel::open().unwrap();
        let begun = Moment::now();
        let queue = |kernel: &mut Kernel| kernel.view(&listeners).unwrap().listen_queue;
        assert_eq!(queue(&mut kernel), 0);
        assert!(kernel.fresh_until >= begun + REST_MIN);
        let _client = std::net::TcpStream::connect(listeners[0]).unwrap();
        kernel.fresh_until = Moment::now() + 100 * REST_MIN;
        assert_eq!(queue(&mut kernel), 0, "read too early");
        kernel.fresh_until = Moment::now();
        assert_eq!(queue(&mut kernel), 1);
    }
}
