//! Three replicas behind Debian's haproxy with `deploy/haproxy.cfg`: restarted
//! one after another, and killed. Run by `tests/run.sh`.

mod support;

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::Signal;
use socket2::{Domain, Socket, Type};
use support::{
    Client, DEADLINE, Server,
    process::{Guard, free_address},
    wait_until,
};

/// A server that can be started again where it was.
struct Replica {
    server: Option<Server>,
    listen: String,
    status: String,
    site: PathBuf,
}

impl Replica {
    fn start(site: &Path) -> Replica {
        let mut replica = Replica {
            server: None,
            listen: "127.0.0.1:0".into(),
            status: "127.0.0.1:0".into(),
            site: site.into(),
        };
        replica.start_again();
        replica
    }

    fn start_again(&mut self) {
        let server = Server::build()
            .serve(&self.site)
            .listen(&[&self.listen])
            .args(&format!(
                "--threads 1 --trust-proxy 127.0.0.1 --status {}",
                self.status
            ))
            .start();
        self.listen = server.address().to_string();
        let line = server.next_output();
        let status = line
            .strip_prefix("status on http://")
            .expect("the status line");
        self.status = status.trim_end_matches('/').into();
        self.server = Some(server);
    }

    /// Requests answered since its start.
    fn requests(&self) -> u64 {
        let mut client = Client::connect(self.status.parse().expect("an address"));
        let json: serde_json::Value =
            serde_json::from_slice(&client.get("/status.json").body).expect("JSON");
        json["requests"].as_u64().expect("a count")
    }

    /// Waits until the proxy has found it.
    fn wait_until_used(&self) {
        wait_until("the proxy finds the replica", || self.requests() > 20);
    }
}

/// Three replicas of one site behind Debian's haproxy with `deploy/haproxy.cfg`.
struct Fleet {
    replicas: Vec<Replica>,
    address: SocketAddr,
    _proxy: Guard,
    _folder: tempfile::TempDir,
}

const PAGE: &str = "<!doctype html><title>a page</title><p>of some length.\n";

impl Fleet {
    fn start() -> Fleet {
        let folder = tempfile::tempdir().expect("a folder");
        let site = folder.path().join("site");
        fs::create_dir(&site).expect("a folder");
        fs::write(site.join("index.html"), PAGE).expect("a page");
        let replicas: Vec<Replica> = (0..3).map(|_| Replica::start(&site)).collect();
        let address = free_address();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/haproxy.cfg");
        let shipped = fs::read_to_string(shipped).expect("the configuration");
        let mut config = shipped.replace("127.0.0.1:8080", &address.to_string());
        for (number, replica) in (1..).zip(&replicas) {
            let written = format!("127.0.0.1:808{number} port 908{number}");
            assert!(config.contains(&written), "{written}");
            let (_, port) = replica.status.split_once(':').expect("a port");
            config = config.replace(&written, &format!("{} port {port}", replica.listen));
        }
        let file = folder.path().join("haproxy.cfg");
        fs::write(&file, config).expect("a configuration");
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(&file);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let proxy = Guard(command.spawn().expect("haproxy starts"));
        wait_until("haproxy", || TcpStream::connect(address).is_ok());
        Fleet {
            replicas,
            address,
            _proxy: proxy,
            _folder: folder,
        }
    }
}

/// What a client saw.
#[derive(Debug, Default)]
struct Seen {
    requests: u64,
    failures: Vec<String>,
}

/// Asks for the page again and again until `is_over`, on one connection or on
/// a new one each time. A failure is noted, and followed by a new connection.
fn ask_steadily(address: SocketAddr, kept: bool, is_over: impl Fn(u64) -> bool) -> Seen {
    let mut seen = Seen::default();
    let mut client = None;
    while !is_over(seen.requests) {
        let mut connection = client.take().unwrap_or_else(|| Client::connect(address));
        seen.requests += 1;
        let close = if kept { "" } else { "Connection: close\r\n" };
        let request = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{close}\r\n");
        let sent = connection.try_send(request.as_bytes());
        let reply = connection.try_reply(support::Kind::Get);
        match (sent, reply) {
            (Ok(()), Ok(Some(reply))) if reply.status == 200 && reply.body == PAGE.as_bytes() => {
                if kept {
                    client = Some(connection);
                }
            }
            other => seen.failures.push(format!("{other:?}")),
        }
    }
    seen
}

/// The requests that each of the two clients sends, unless `REQUESTS` says
/// otherwise.
fn requests_each(usual: u64) -> u64 {
    let wanted = std::env::var("REQUESTS").ok().and_then(|n| n.parse().ok());
    wanted.unwrap_or(usual)
}

/// Both clients, while `disturb` does its work; they go on until that is done
/// and each has sent `each` requests, or the time is up.
fn under_load(address: SocketAddr, each: u64, disturb: impl FnOnce()) -> [Seen; 2] {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    let done = AtomicBool::new(false);
    let start = Instant::now();
    let is_over = |requests| {
        let late = start.elapsed() > 12 * DEADLINE;
        late || (requests >= each && done.load(Relaxed))
    };
    std::thread::scope(|scope| {
        let clients =
            [true, false].map(|kept| scope.spawn(move || ask_steadily(address, kept, is_over)));
        disturb();
        done.store(true, Relaxed);
        clients.map(|client| client.join().expect("a client"))
    })
}

#[test]
#[ignore = "needs haproxy"]
fn a_rolling_restart_fails_no_request() {
    let mut fleet = Fleet::start();
    let address = fleet.address;
    let start = Instant::now();
    let [kept, short] = under_load(address, requests_each(25_000), || {
        for replica in &mut fleet.replicas {
            replica.wait_until_used();
            let mut old = replica.server.take().expect("it runs");
            old.signal(Signal::TERM);
            assert_eq!(old.exit_code(), 0);
            replica.start_again();
            replica.wait_until_used();
        }
    });
    println!(
        "{} kept alive, {} reconnecting, in {:?}",
        kept.requests,
        short.requests,
        start.elapsed()
    );
    assert!(kept.requests > 1_000 && short.requests > 1_000);
    assert_eq!((kept.failures, short.failures), (vec![], vec![]));
}

#[test]
#[ignore = "needs haproxy"]
fn a_replica_killed_outright_costs_at_most_what_was_under_way() {
    let mut fleet = Fleet::start();
    let address = fleet.address;
    let [kept, short] = under_load(address, requests_each(5_000), || {
        fleet.replicas[0].wait_until_used();
        // Dropped is killed.
        drop(fleet.replicas[0].server.take());
        std::thread::sleep(Duration::from_millis(500));
        fleet.replicas[0].start_again();
        fleet.replicas[0].wait_until_used();
    });
    let failures = [kept.failures, short.failures].concat();
    println!(
        "{} kept alive, {} reconnecting, {} failed",
        kept.requests,
        short.requests,
        failures.len()
    );
    // Each client has one request under way at a time.
    assert!(failures.len() <= 2, "{failures:#?}");
}

#[test]
#[ignore = "needs haproxy"]
fn replicas_agree_and_learn_the_address_of_the_client() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("access.log");
    let mut fleet = Fleet::start();
    let etags: Vec<String> = fleet
        .replicas
        .iter()
        .map(|replica| {
            let mut client = Client::connect(replica.listen.parse().expect("an address"));
            client.get("/").must("etag").to_owned()
        })
        .collect();
    assert!(etags.iter().all(|etag| *etag == etags[0]), "{etags:?}");

    // One replica, which trusts only the proxy and writes an access log.
    for replica in &mut fleet.replicas {
        replica.server = None;
    }
    let replica = &fleet.replicas[0];
    let _server = Server::build()
        .serve(&replica.site)
        .listen(&[&replica.listen])
        .args(&format!(
            "--trust-proxy 127.0.0.1 --status {}",
            replica.status
        ))
        .arg("--access-log")
        .arg(&log)
        .start();
    let address = fleet.address;
    let line = || {
        let text = fs::read_to_string(&log).unwrap_or_default();
        text.lines().next().map(str::to_owned)
    };
    // Until the proxy has found the replica, it answers 503 itself.
    wait_until("a line", || {
        let mut client = Client::over(from_another_address(address));
        client.send(
            "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             X-Forwarded-For: 192.0.2.1\r\nForwarded: for=192.0.2.2\r\n\r\n",
        );
        client.read_to_any_end();
        line().is_some()
    });
    assert!(
        line().is_some_and(|line| line.starts_with("127.0.0.77 - - ")),
        "{:?}",
        line()
    );
}

/// A connection from a loopback address that is not the usual one.
fn from_another_address(to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let from = SocketAddr::from(([127, 0, 0, 77], 0));
    socket.bind(&from.into()).expect("another loopback address");
    socket.connect(&to.into()).expect("a connection");
    socket.into()
}
