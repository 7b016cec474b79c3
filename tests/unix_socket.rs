//! `--listen unix:PATH[:MODE]`: served, found, refused and removed.

mod support;

use std::{
    fs,
    io::{ErrorKind, Read},
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use socket2::{Domain, SockAddr, Socket, Type};
use support::{
    Client, Kind, Server, binary, content, equal, process, run, server::Builder, wait_until,
};

const LARGE: usize = 9 << 20;

/// A server that listens on a socket alone.
struct Local {
    server: Server,
    folder: tempfile::TempDir,
}

impl Local {
    fn start(builder: Builder, mode: &str) -> Local {
        let folder = tempfile::tempdir().expect("a folder for the socket");
        Local::start_in(builder, folder, mode)
    }

    fn start_in(builder: Builder, folder: tempfile::TempDir, mode: &str) -> Local {
        let path = folder.path().join("s");
        let listen = format!("unix:{}{mode}", path.display());
        let server = builder
            .listen(&[])
            .args("--listen")
            .arg(listen)
            .start_expecting(0);
        let announced = format!("listening on unix:{}", path.display());
        assert_eq!(server.next_output(), announced);
        Local { server, folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    fn connect(&self) -> Client {
        Client::connect_unix(&self.path())
    }

    fn stop(mut self) -> tempfile::TempDir {
        self.server.signal(Signal::TERM);
        assert_eq!(self.server.exit_code(), 0);
        assert!(!self.path().exists(), "its file stays");
        self.folder
    }
}

fn site() -> Builder {
    Server::build()
        .file("index.html", "home\n")
        .file("large.bin", content(LARGE))
}

#[test]
fn a_kept_connection_serves_as_over_tcp() {
    let local = Local::start(site(), "");
    let mut client = local.connect();
    for _ in 0..3 {
        let reply = client.get("/");
        assert_eq!((reply.status, reply.text()), (200, "home\n"));
        assert!(client.get("/large.bin").body == content(LARGE));
        let range = client.get_with("/large.bin", "Range: bytes=5000000-5000099\r\n");
        assert_eq!(range.status, 206);
        assert!(range.body == content(LARGE)[5_000_000..5_000_100]);
        assert_eq!(client.request("HEAD", "/large.bin", "").status, 200);
        assert_eq!(client.get("/none").status, 404);
    }
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1_000));
    for _ in 0..1_000 {
        assert_eq!(client.reply().text(), "home\n");
    }
    let last = client.get_with("/", "Connection: close\r\n");
    assert!(last.is_last());
    client.assert_closed();
    local.stop();
}

#[test]
fn a_slow_reader_gets_the_whole_response() {
    let local = Local::start(site(), "");
    let mut client = local.connect();
    client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2));
    client.shutdown_write();
    for _ in 0..2 {
        // The socket is full by then, as a rule, and the server waits for room.
        std::thread::sleep(Duration::from_millis(30));
        assert!(client.reply().body == content(LARGE));
    }
    client.assert_closed();
}

#[test]
fn a_malformed_request_is_answered_and_the_client_reads_it() {
    let local = Local::start(site(), "");
    let mut client = local.connect();
    client.send(format!("GET /\r\n\r\n{}", "x".repeat(100_000)));
    assert_eq!(client.reply_to(Kind::Get).status, 400);
    client.assert_closed();
}

#[test]
#[ignore = "needs curl"]
fn curl_asks_over_it() {
    let local = Local::start(site(), "");
    let output = run(Command::new("curl")
        .args(["--disable", "--silent", "--show-error", "--max-time", "9"])
        .args(["-w", "%{num_connects} %{http_code}\n", "--unix-socket"])
        .arg(local.path())
        .args(["http://localhost/", "http://localhost/index.html"]));
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(out, "home\n1 200\nhome\n0 200\n", "{output:?}");
}

#[test]
fn its_mode_says_who_may_connect() {
    for (mode, bits) in [("", 0o600), (":660", 0o660), (":0666", 0o666), (":0", 0)] {
        let local = Local::start(site(), mode);
        let file = fs::symlink_metadata(local.path()).expect("a socket");
        assert_eq!(file.permissions().mode() & 0o7777, bits, "{mode}");
        local.stop();
    }
}

#[test]
fn a_response_under_way_arrives_whole_and_the_file_goes_first() {
    let mut local = Local::start(site(), "");
    let (mut idle, mut busy) = (local.connect(), local.connect());
    assert_eq!(idle.get("/").status, 200);
    busy.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    busy.read_some(1_000);
    local.server.signal(Signal::TERM);
    wait_until("the file is removed", || !local.path().exists());
    assert!(busy.reply().body == content(LARGE), "another body");
    busy.assert_closed();
    idle.assert_closed();
    assert_eq!(local.server.exit_code(), 0);
}

#[test]
fn the_file_of_a_killed_server_is_replaced() {
    let mut local = Local::start(site(), "");
    local.server.signal(Signal::KILL);
    local.server.wait();
    assert!(local.path().exists(), "nobody was there to remove it");
    let again = Local::start_in(site(), local.folder, ":666");
    assert_eq!(again.connect().get("/").status, 200);
    again.stop();
}

#[track_caller]
fn check_refused(listen: &str, code: i32, parts: [&str; 2]) {
    let root = tempfile::tempdir().expect("a root");
    let output = run(binary().args(["--listen", listen]).arg(root.path()));
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{listen}: {text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    for part in parts {
        assert!(text.contains(part), "{listen}: {text}");
    }
}

#[test]
fn what_cannot_be_listened_on() {
    let local = Local::start(site(), "");
    let folder = local.folder.path();
    let at = |name: &str| format!("unix:{}", folder.join(name).display());
    fs::write(folder.join("file"), "kept").expect("a file");
    check_refused(&at("s"), 1, [&at("s"), "Address already in use"]);
    check_refused(&at("file"), 1, [&at("file"), "not a socket"]);
    check_refused(&at("none/s"), 1, [&at("none/s"), "No such file"]);
    check_refused(
        &at(&"s".repeat(120)),
        1,
        ["cannot listen on unix:", "SUN_LEN"],
    );
    check_refused("unix:", 2, ["--listen", "missing path"]);
    check_refused("unix:/run/s:999", 2, ["--listen", "must be octal"]);
    let kept = fs::read_to_string(folder.join("file"));
    assert_eq!(kept.expect("left alone"), "kept");
    assert_eq!(local.connect().get("/").status, 200);
}

#[test]
#[cfg(target_os = "linux")]
fn a_socket_whose_server_takes_nobody_is_in_use_all_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("s");
    let address = SockAddr::unix(&path).expect("an address");
    let socket = || Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
    let listener = socket();
    listener.bind(&address).expect("bound");
    listener.listen(0).expect("listening");
    let mut crowd = Vec::new();
    let full = loop {
        let client = socket();
        client.set_nonblocking(true).expect("set");
        match client.connect(&address) {
            Ok(()) => crowd.push(client),
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    let at = format!("unix:{}", path.display());
    check_refused(&at, 1, [&at, "Address already in use"]);
}

#[test]
fn a_start_that_fails_later_leaves_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("s");
    let listen = format!("unix:{}", path.display());
    let output = run(binary().args(["--listen", &listen, "/nowhere"]));
    assert_eq!(output.status.code(), Some(1));
    assert!(!path.exists());
}

#[test]
fn clients_without_an_address() {
    let folder = tempfile::tempdir().expect("a folder for the log");
    let log = folder.path().join("log");
    let forwarded = "X-Forwarded-For: 203.0.113.9, 192.0.2.7, 10.0.0.1\r\n";
    let lines = |args: &str| {
        fs::write(&log, "").expect("an empty log");
        let builder = site().args(args).arg("--access-log").arg(&log);
        // As many as they like.
        let local = Local::start(builder.args("--max-connections-per-ip 1"), "");
        let mut clients: Vec<_> = (0..5).map(|_| local.connect()).collect();
        for client in &mut clients {
            assert_eq!(client.get_with("/", forwarded).status, 200);
        }
        drop(clients);
        local.stop();
        let text = fs::read_to_string(&log).expect("a log");
        let lines = text.lines().map(|line| line.split(" - - ").next());
        lines
            .map(|name| name.map(str::to_owned))
            .collect::<Vec<_>>()
    };
    let expected = |name: &str| vec![Some(name.to_owned()); 5];
    assert_eq!(lines(""), expected("unix:"));
    assert_eq!(lines("--trust-proxy 0.0.0.0/0"), expected("unix:"));
    assert_eq!(lines("--trust-proxy unix:"), expected("10.0.0.1"));
    let ours = "--trust-proxy unix:,10.0.0.0/8";
    assert_eq!(lines(ours), expected("192.0.2.7"));
}

#[test]
fn beside_other_listeners_and_told_of_in_the_status() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("s");
    let server = site()
        .args("--status 127.0.0.1:0 --listen")
        .arg(format!("unix:{}", path.display()))
        .start();
    assert!(server.next_output().starts_with("listening on unix:/"));
    let status = server.next_output();
    let status = status.trim_start_matches("status on http://");
    let status = status.trim_end_matches('/').parse().expect("an address");
    assert_eq!(Client::connect_unix(&path).get("/").text(), "home\n");
    assert_eq!(server.connect().get("/").text(), "home\n");
    let page = Client::connect(status).get("/status.json");
    let json: serde_json::Value = serde_json::from_slice(&page.body).expect("JSON");
    let wanted = [
        server.address().to_string(),
        format!("unix:{}", path.display()),
    ];
    assert_eq!(json["listeners"], serde_json::json!(wanted));
    let page = Client::connect(status).get("/");
    assert!(page.text().contains(&wanted[1]));
}

#[test]
fn a_socket_that_was_handed_over_stays_its_makers() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("s");
    fs::write(folder.path().join("index.html"), "home\n").expect("a page");
    let listener = UnixListener::bind(&path).expect("a socket");
    let mut command = process::activated(&listener, folder.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("a shell");
    let announced = format!("listening on unix:{}\n", path.display());
    let mut line = vec![0; announced.len()];
    let stdout = child.stdout.as_mut().expect("piped");
    stdout.read_exact(&mut line).expect("its first line");
    let text = String::from_utf8_lossy(&line).into_owned();
    let answer = Client::connect_unix(&path).get("/").text().to_owned();
    let pid = Pid::from_raw(child.id() as i32).expect("a process");
    kill_process(pid, Signal::TERM).expect("a process of ours");
    let status = child.wait().expect("its end");
    assert_eq!((text, answer), (announced, "home\n".into()));
    assert_eq!(status.code(), Some(0));
    assert!(path.exists());
    UnixStream::connect(&path).expect("it still listens");
}

/// Only root can try.
#[test]
fn it_belongs_to_the_user_who_is_become() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let all = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder.path(), all).expect("open to all");
    let builder = site().args("--user nobody");
    fs::set_permissions(builder.root(), fs::Permissions::from_mode(0o755)).expect("the root");
    let mut local = Local::start_in(builder, folder, ":660");
    let file = fs::symlink_metadata(local.path()).expect("a socket");
    equal("its owner", file.uid(), 65_534).expect("nobody");
    assert_eq!(local.connect().get("/").status, 200);
    local.server.signal(Signal::TERM);
    assert_eq!(local.server.exit_code(), 0);
    // The folder is root's: the file stays, and the next server replaces it.
    assert!(local.path().exists());
    let folder = Local::start_in(site(), local.folder, "").stop();
    assert!(!folder.path().join("s").exists());
}
