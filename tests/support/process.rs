//! What the kernel reports about a server process.

use std::{
    fs,
    net::SocketAddr,
    os::{
        fd::{AsFd, AsRawFd},
        unix::process::CommandExt,
    },
    path::Path,
    process::Command,
    time::Duration,
};

use rustix::io::FdFlags;

use super::{Server, binary};

/// A process, read from /proc.
#[derive(Clone, Copy, Debug)]
pub struct Process(pub u32);

impl From<&Server> for Process {
    fn from(server: &Server) -> Process {
        Process(server.pid())
    }
}

impl Process {
    fn read(self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.0)).expect("a running process")
    }

    fn status_kib(self, field: &str) -> usize {
        let status = self.read("status");
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let digits = line
            .expect("the field")
            .trim_matches(|c: char| !c.is_ascii_digit());
        digits.parse().expect("a number")
    }

    /// Bytes of private memory: everything that is not mapped from a file.
    pub fn memory_bytes(self) -> usize {
        self.status_kib("RssAnon:") << 10
    }

    /// Bytes of resident memory, including the program itself.
    pub fn resident_bytes(self) -> usize {
        self.status_kib("VmRSS:") << 10
    }

    /// The number of open descriptors.
    pub fn descriptors(self) -> usize {
        let folder = format!("/proc/{}/fd", self.0);
        fs::read_dir(folder).expect("a running process").count()
    }

    /// The soft and the hard limit on open descriptors.
    pub fn descriptors_max(self) -> (u64, u64) {
        let limits = self.read("limits");
        let line = limits
            .lines()
            .find_map(|line| line.strip_prefix("Max open files"));
        let mut numbers = line.expect("the limit on open files").split_whitespace();
        let mut next = || numbers.next().and_then(|number| number.parse().ok());
        (next().expect("a number"), next().expect("a number"))
    }

    /// The lowest unused descriptor number, and the highest number of a socket.
    pub fn descriptor_numbers(self) -> (u64, u64) {
        let folder = fs::read_dir(format!("/proc/{}/fd", self.0)).expect("a running process");
        let numbers: std::collections::BTreeMap<u64, bool> = folder
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let leads_to = fs::read_link(&path).ok()?;
                let is_socket = leads_to.to_str()?.starts_with("socket:");
                Some((path.file_name()?.to_str()?.parse().ok()?, is_socket))
            })
            .collect();
        let free = (0..).find(|number| !numbers.contains_key(number));
        let mut sockets = numbers.iter().filter(|(_, is_socket)| **is_socket);
        (
            free.expect("an unused number"),
            *sockets.next_back().expect("a listener").0,
        )
    }

    /// The number of threads.
    pub fn threads(self) -> usize {
        let folder = format!("/proc/{}/task", self.0);
        fs::read_dir(folder).expect("a running process").count()
    }

    /// Processor time used so far, in steps of 10 ms.
    pub fn cpu(self) -> Duration {
        let stat = self.read("stat");
        let (_, rest) = stat.rsplit_once(')').expect("a process name");
        let ticks: u64 = rest
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(|ticks| ticks.parse::<u64>().expect("ticks"))
            .sum();
        Duration::from_millis(ticks * 10)
    }
}

/// The lines of the kernel's TCP table for a server's port.
fn sockets_of(server: SocketAddr) -> Vec<String> {
    // With the address, because a client on another loopback address may have the same port. The
    // kernel prints the four bytes of an address in native byte order.
    let port = format!("0100007F:{:04X}", server.port());
    let table = fs::read_to_string("/proc/net/tcp").expect("the kernel's TCP table");
    table
        .lines()
        .filter(|line| {
            let local = line.split_whitespace().nth(1);
            local == Some(&*port)
        })
        .map(String::from)
        .collect()
}

/// The number of connections on a server's port that are in CLOSE_WAIT on the server's side: the
/// peer has closed and the server has not.
pub fn close_wait(server: SocketAddr) -> usize {
    const CLOSE_WAIT: &str = "08";
    let sockets = sockets_of(server);
    let state = |line: &&String| line.split_whitespace().nth(3) == Some(CLOSE_WAIT);
    sockets.iter().filter(state).count()
}

/// Whether the server has read everything that was sent to it.
pub fn receive_queues_are_empty(server: SocketAddr) -> bool {
    const ESTABLISHED: &str = "01";
    sockets_of(server).iter().all(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        fields[3] != ESTABLISHED || fields[4].ends_with(":00000000")
    })
}

/// Whether the kernel has received everything that the client at this address sent. Its connection
/// is then in the listener's queue, after earlier ones.
pub fn is_received(client: SocketAddr) -> bool {
    sockets_of(client).iter().all(|line| {
        let queues = line.split_whitespace().nth(4);
        queues.is_some_and(|queues| queues.starts_with("00000000:"))
    })
}

/// An address that is free now.
pub fn free_address() -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address")
}

/// A server for `root` with socket activation: it inherits `listener` as descriptor 3, as from a
/// service manager.
pub fn activated(listener: &(impl AsFd + AsRawFd), root: &Path) -> Command {
    let descriptor = listener.as_raw_fd();
    // A shell moves the descriptor and is then replaced by the server (`exec`).
    let script =
        format!("exec 3<&{descriptor}; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" --threads 2 \"$1\"");
    let flags = rustix::io::fcntl_getfd(listener).expect("descriptor flags");
    rustix::io::fcntl_setfd(listener, flags - FdFlags::CLOEXEC)
        .expect("the descriptor is inherited");
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", &script])
        .arg(binary().get_program())
        .arg(root)
        .process_group(0);
    shell
}

/// A child process that is killed when this is dropped.
pub struct Guard(pub std::process::Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
