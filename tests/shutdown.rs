//! Draining: what SIGTERM and SIGINT do. What a second one does: `faults_stop`.

mod support;

use std::{
    fs,
    net::TcpStream,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use support::{Client, Server, binary, content, process::Guard};

const LARGE: usize = 20 << 20;

fn server(args: &str) -> Server {
    Server::build()
        .file("index.html", "home")
        .file("large.bin", content(LARGE))
        .args("--threads 1")
        .args(args)
        .start()
}

/// A download under way: its first bytes are here, and the rest waits for us.
fn download(server: &Server) -> Client {
    let mut client = server.connect();
    client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    client.read_some(1_000);
    client
}

#[test]
fn an_idle_server_ends_at_once_with_success() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = server("--shutdown-timeout 60");
        let mut idle = server.connect();
        idle.get("/");
        server.signal(signal);
        idle.assert_closed();
        assert_eq!(server.exit_code(), 0, "{signal:?}");
        assert_eq!(
            server.final_log(),
            [""; 0],
            "nothing is said at the default level"
        );
        assert_eq!(server.more_output(), [""; 0]);
    }
}

#[test]
fn a_server_that_never_had_a_connection_ends_with_success() {
    let mut server = server("");
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), 0);
}

#[test]
fn a_response_under_way_arrives_whole() {
    let mut server = server("--shutdown-timeout 60");
    let mut idle = server.connect();
    idle.get("/");
    let mut client = download(&server);
    server.signal(Signal::TERM);
    // Once the idle one is closed the worker is draining.
    idle.assert_closed();
    assert!(client.reply().body == content(LARGE), "another body");
    client.assert_closed();
    assert_eq!(server.exit_code(), 0);
}

#[test]
fn a_request_under_way_gets_its_answer_and_is_told_to_go() {
    let mut server = server("--shutdown-timeout 60");
    let mut idle = server.connect();
    idle.get("/");
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nhalf");
    // Answered after the half body was read: there is one worker.
    idle.get("/");
    server.signal(Signal::TERM);
    idle.assert_closed();
    client.send("half");
    let reply = client.reply();
    assert_eq!((reply.status, reply.is_last()), (405, true));
    client.assert_closed();
    assert_eq!(server.exit_code(), 0);
}

#[test]
fn a_client_in_the_backlog_is_served_when_the_server_stops() {
    let mut server = server("--shutdown-timeout 60 --max-connections 2");
    let mut busy: Vec<Client> = (0..2).map(|_| server.connect()).collect();
    for client in &mut busy {
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nhalf");
    }
    let mut waiting: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    for client in &mut waiting {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    server.signal(Signal::TERM);
    for client in &mut busy {
        client.send("half");
        assert_eq!(client.reply().status, 405);
    }
    for client in &mut waiting {
        assert_eq!(client.reply().status, 200);
        client.assert_closed();
    }
    drop(busy);
    assert_eq!(server.exit_code(), 0);
}

#[test]
fn a_draining_server_takes_no_newcomers() {
    let mut server = server("--shutdown-timeout 60");
    let mut idle = server.connect();
    idle.get("/");
    let mut client = download(&server);
    server.signal(Signal::TERM);
    idle.assert_closed();
    support::wait_until("the listener to close", || {
        TcpStream::connect(server.address()).is_err()
    });
    assert_eq!(client.reply().body.len(), LARGE);
    assert_eq!(server.exit_code(), 0);
}

#[test]
fn a_client_that_does_not_read_is_not_waited_for_beyond_the_timeout() {
    let mut server = server("--shutdown-timeout 0.5");
    let client = download(&server);
    let start = Instant::now();
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), 0);
    assert!(
        start.elapsed() >= Duration::from_millis(500),
        "after {:?}",
        start.elapsed()
    );
    drop(client);
}

#[test]
fn a_server_suspended_while_it_stops_still_ends_with_success() {
    let mut server = server("--shutdown-timeout 0.5");
    let mut idle = server.connect();
    idle.get("/");
    let client = download(&server);
    server.signal(Signal::TERM);
    idle.assert_closed();
    server.signal(Signal::STOP);
    // Longer than the time-out, and the 2 s that a worker has beyond it.
    thread::sleep(Duration::from_millis(2_800));
    server.signal(Signal::CONT);
    assert_eq!(server.exit_code(), 0);
    drop(client);
}

#[test]
fn the_port_is_free_again_at_once() {
    let mut first = server("");
    let address = first.address();
    // The server closes first, so its end of these waits in TIME_WAIT.
    let mut idle: Vec<Client> = (0..10).map(|_| first.connect()).collect();
    for client in &mut idle {
        client.get("/");
    }
    first.signal(Signal::TERM);
    assert_eq!(first.exit_code(), 0);
    for client in &mut idle {
        client.assert_closed();
    }
    let again = Server::build()
        .file("index.html", "again")
        .listen(&[&address.to_string()])
        .start();
    assert_eq!(again.address(), address);
    assert_eq!(again.connect().get("/").text(), "again");
}

/// As a supervisor's may that thinks better of it.
#[test]
#[ignore = "needs strace"]
fn a_signal_that_comes_while_the_server_starts_is_obeyed() {
    let root = tempfile::tempdir().expect("a folder");
    let mut command = Command::new("strace");
    // The server is our child, and waits wherever it takes a signal over.
    command.args(["-D", "-qq", "-o/dev/null", "--trace=rt_sigaction"]);
    command.arg("--inject=rt_sigaction:delay_exit=200000");
    command
        .arg(binary().get_program())
        .arg("--listen=127.0.0.1:0");
    let server = command.arg(root.path()).stdout(Stdio::null()).spawn();
    let mut server = Guard(server.expect("strace"));
    let pid = server.0.id();
    support::wait_until("SIGINT to be taken over", || {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a status");
        let caught = status
            .lines()
            .find_map(|line| line.strip_prefix("SigCgt:\t"));
        let caught = u64::from_str_radix(caught.expect("signals"), 16).expect("a mask");
        let is_caught = caught & 1 << (Signal::INT.as_raw() - 1) != 0;
        status.starts_with("Name:\tstdhttpd\n") && is_caught
    });
    kill_process(Pid::from_child(&server.0), Signal::TERM).expect("the process is there");
    let mut ended = None;
    support::wait_until("its end", || {
        ended = server.0.try_wait().expect("a child");
        ended.is_some()
    });
    assert_eq!(ended.and_then(|ended| ended.code()), Some(0));
}
