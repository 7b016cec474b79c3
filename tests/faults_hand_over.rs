//! A new process takes over from an old one while clients go on asking.

mod support;

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Error, ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
};

use rustix::process::{Pid, Signal, kill_process};
use support::{binary, connect_from, wait_until};

/// A server's process; killed where a test fails.
struct Process(Child);

impl Process {
    /// Starts it and gives the address it tells.
    fn start(command: &mut Command) -> (Process, SocketAddr) {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = Process(command.spawn().expect("it starts"));
        let stdout = process.0.stdout.take().expect("piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let address = line
            .trim()
            .strip_prefix("listening on http://")
            .and_then(|rest| rest.strip_suffix('/'))
            .and_then(|address| address.parse().ok());
        (process, address.expect("an address"))
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.0.id() as i32).expect("a process");
        kill_process(pid, signal).expect("a process of ours");
    }

    /// Tells it to stop and waits until it has, with success.
    fn stop(mut self) {
        self.signal(Signal::TERM);
        assert!(self.0.wait().expect("a child").success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server that shares `listener`.
fn activated(listener: &TcpListener, root: &Path) -> Process {
    Process::start(&mut support::process::activated(listener, root)).0
}

/// How a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Each request on a connection of its own.
    Reconnecting,
    /// All on one connection, as long as it lasts.
    Kept,
}

/// What the clients saw so far.
#[derive(Default)]
struct Asked {
    stop: AtomicBool,
    answered: AtomicUsize,
    failures: Mutex<BTreeMap<String, usize>>,
}

impl Asked {
    /// Waits for so many more answers.
    fn wait_for(&self, answers: usize) {
        // In steps, for the wait is bounded.
        for left in (0..answers).step_by(1_000) {
            let goal = self.answered.load(Relaxed) + 1_000.min(answers - left);
            wait_until("answers", || self.answered.load(Relaxed) >= goal);
        }
    }
}

/// Clients that send requests until they are stopped.
struct Clients {
    asked: Arc<Asked>,
    threads: Vec<JoinHandle<()>>,
}

impl Clients {
    /// So many of each manner.
    fn start(address: SocketAddr, each: usize) -> Clients {
        let asked = Arc::new(Asked::default());
        let manners = [Manner::Reconnecting, Manner::Kept].repeat(each);
        let threads = (2..)
            .zip(manners)
            .map(|(host, manner)| {
                let asked = Arc::clone(&asked);
                thread::spawn(move || ask_on(host, address, manner, &asked))
            })
            .collect();
        Clients { asked, threads }
    }

    /// Gives the number of answers, and of failures by their kind.
    fn stop(self) -> (usize, BTreeMap<String, usize>) {
        self.asked.stop.store(true, Relaxed);
        for thread in self.threads {
            thread.join().expect("no panic");
        }
        let failures = self.asked.failures.lock().expect("not poisoned").clone();
        (self.asked.answered.load(Relaxed), failures)
    }
}

fn ask_on(host: u8, address: SocketAddr, manner: Manner, asked: &Asked) {
    let mut stream: Option<TcpStream> = None;
    while !asked.stop.load(Relaxed) {
        match ask(host, address, manner, stream.take()) {
            Ok(kept) => {
                asked.answered.fetch_add(1, Relaxed);
                stream = kept;
            }
            Err(error) => {
                let mut failures = asked.failures.lock().expect("not poisoned");
                *failures.entry(format!("{manner:?}: {error}")).or_default() += 1;
            }
        }
    }
}

/// Asks once; gives the connection where it can be used again.
fn ask(
    host: u8,
    address: SocketAddr,
    manner: Manner,
    kept: Option<TcpStream>,
) -> Result<Option<TcpStream>, Error> {
    let request: &[u8] = match manner {
        Manner::Kept => b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        Manner::Reconnecting => b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    };
    let mut stream = match kept {
        Some(stream) => stream,
        None => connect_from(host, address)?,
    };
    stream.set_read_timeout(Some(support::DEADLINE))?;
    stream.write_all(request)?;
    let mut buffer = [0; 1024];
    let count = stream.read(&mut buffer)?;
    let reply = String::from_utf8_lossy(&buffer[..count]);
    if !(reply.starts_with("HTTP/1.1 200 ") && reply.ends_with("\r\n\r\nhome")) {
        return Err(Error::new(ErrorKind::InvalidData, format!("got {reply:?}")));
    }
    Ok((manner == Manner::Kept && !reply.contains("Connection: close")).then_some(stream))
}

/// A folder with a page to ask for.
fn root() -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    fs::write(root.path().join("index.html"), "home").expect("a file");
    root
}

/// Starts a server and stops the one before it, so many times over, with so
/// many answers before and after each stop.
fn hand_over(
    mut old: Process,
    times: usize,
    answers: usize,
    clients: &Clients,
    mut start: impl FnMut() -> Process,
) -> Process {
    for _ in 0..times {
        let new = start();
        clients.asked.wait_for(answers);
        old.stop();
        clients.asked.wait_for(answers);
        old = new;
    }
    old
}

#[test]
fn a_shared_listener_is_handed_over_without_a_lost_request() {
    let root = root();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let old = activated(&listener, root.path());
    let clients = Clients::start(listener.local_addr().expect("bound"), 2);
    let last = hand_over(old, 3, 500, &clients, || activated(&listener, root.path()));
    let (answered, failures) = clients.stop();
    drop(last);
    println!("{answered} answers in 3 hand-overs, failed: {failures:?}");
    assert!(failures.is_empty(), "{failures:?} of {answered}");
}

/// A crowd of kept connections, asking as fast as they are answered.
fn wrk(address: SocketAddr) -> Child {
    let mut command = Command::new("wrk");
    command
        .args(["--threads", "1", "--connections", "32", "--duration", "10m"])
        .arg(format!("http://{address}/"))
        .stdout(Stdio::piped());
    command.spawn().expect("wrk starts")
}

#[test]
#[ignore = "needs wrk"]
fn ten_times_in_a_row_without_a_lost_request_in_100_000() {
    let root = root();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let old = activated(&listener, root.path());
    let wrk = wrk(address);
    let clients = Clients::start(address, 2);
    let last = hand_over(old, 10, 2_500, &clients, || {
        activated(&listener, root.path())
    });
    let (answered, failures) = clients.stop();
    // With this signal it tells what it saw.
    let pid = Pid::from_raw(wrk.id() as i32).expect("a process");
    kill_process(pid, Signal::INT).expect("a process of ours");
    let report = wrk.wait_with_output().expect("a report").stdout;
    let report = String::from_utf8_lossy(&report);
    drop(last);
    let by_wrk = report
        .lines()
        .find_map(|line| line.trim().split_once(" requests in "))
        .and_then(|(count, _)| count.parse::<usize>().ok())
        .expect("a number of requests");
    println!("{answered} answers and {by_wrk} of wrk in 10 hand-overs, failed: {failures:?}");
    assert!(failures.is_empty(), "{failures:?} of {answered}");
    assert!(!report.contains("Socket errors"), "{report}");
    assert!(!report.contains("Non-2xx"), "{report}");
    assert!(answered + by_wrk >= 100_000, "{report}");
}

/// What processes that each have a listener of their own lose, by the kernel's
/// setting; in a network namespace, so that the machine keeps its own.
#[test]
#[ignore = "needs ip, unshare"]
fn listeners_of_their_own_lose_next_to_nothing_where_the_kernel_migrates() {
    const INSIDE: &str = "FAULTS_HAND_OVER_INSIDE";
    if std::env::var_os(INSIDE).is_some() {
        return reuse_port();
    }
    let mut unshare = Command::new("unshare");
    unshare.args(["--map-root-user", "--net"]);
    let possible = unshare.args(["ip", "link", "set", "lo", "up"]).output();
    if !possible.is_ok_and(|output| output.status.success()) {
        println!("not tried: no network namespace can be made here");
        return;
    }
    let status = Command::new("unshare")
        .args(["--map-root-user", "--net"])
        .arg(std::env::current_exe().expect("this test"))
        .args(["--exact", "--include-ignored", "--nocapture"])
        .arg("listeners_of_their_own_lose_next_to_nothing_where_the_kernel_migrates")
        .env(INSIDE, "")
        .status();
    assert!(status.expect("unshare starts").success());
}

/// The same, alone in its namespace.
fn reuse_port() {
    const SETTING: &str = "/proc/sys/net/ipv4/tcp_migrate_req";
    let up = Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .status();
    assert!(up.expect("ip starts").success());
    for migrate in ["0", "1"] {
        if let Err(why) = fs::write(SETTING, migrate) {
            println!("not tried: {SETTING}: {why}");
            return;
        }
        let root = root();
        let start = |address: &str| {
            let mut command = binary();
            command.args(["--reuse-port", "--threads", "2", "--listen", address]);
            Process::start(command.arg(root.path()))
        };
        let (old, address) = start("127.0.0.1:0");
        let clients = Clients::start(address, 16);
        let last = hand_over(old, 10, 2_500, &clients, || start(&address.to_string()).0);
        let (answered, failures) = clients.stop();
        drop(last);
        println!(
            "tcp_migrate_req={migrate}: {answered} answers in 10 hand-overs, failed: {failures:?}"
        );
        let failed: usize = failures.values().sum();
        // Not none: a handshake that ends on one processor while another closes
        // the listener is forgotten by the kernel, migration or not.
        if migrate == "1" {
            assert!(failed * 10_000 <= answered, "{failures:?} of {answered}");
        }
    }
}
