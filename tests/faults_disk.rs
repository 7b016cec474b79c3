//! A disk that fails, and one that is slow: strace has the calls of a running
//! server fail, or wait.

mod support;

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use support::{Client, Server, Strace, content, reply::Kind};

const LARGE: usize = 32 << 20;

/// The most bytes of it that one call sends while nothing else is being sent.
const PIECE: usize = (2 << 20) + (64 << 10);

fn server(entries: usize) -> Server {
    let mut builder = Server::build()
        .file("index.html", "home")
        .file("small.txt", "small")
        .file("kept.txt", "kept")
        .file("large.bin", content(LARGE))
        .args("--listing --threads 1");
    for number in 0..entries {
        builder = builder.file(&format!("folder/{number:05}"), "");
    }
    let server = builder.start();
    // What was written just now is not kept.
    thread::sleep(Duration::from_millis(50));
    server
}

/// Asserts that the log tells of the failure in the system's words.
#[track_caller]
fn assert_told(server: &Server, beginning: &str) {
    let line = server.wait_for_log("the failure", |line| line.contains(beginning));
    assert!(line.contains("Input/output error (os error 5)"), "{line}");
}

#[test]
#[ignore = "needs strace"]
fn what_cannot_be_read_is_answered_500_until_it_can() {
    let check = |target: &str, fault: &str, whole: &dyn Fn(&[u8]) -> bool| {
        let server = server(600);
        let mut client = server.connect();
        let tampered = Strace::inject(&server, &[fault]);
        let reply = client.get(target);
        assert_eq!(reply.status, 500, "{target} {fault}");
        let text = reply.text();
        for word in ["error 5", "EIO", "nput/output", "/tmp", "os error"] {
            assert!(!text.contains(word), "{text}");
        }
        assert_told(&server, &format!("cannot read {}", &target[1..]));
        // Its worker and its connection go on, and so does the file.
        client.assert_open();
        drop(tampered);
        let reply = client.get(target);
        assert_eq!(reply.status, 200, "{target} after {fault}");
        assert!(whole(&reply.body), "{target} after {fault}");
        assert_eq!(client.get("/").text(), "home");
    };
    let small = |body: &[u8]| body == b"small";
    let large = |body: &[u8]| body == content(LARGE);
    let folder = |body: &[u8]| String::from_utf8_lossy(body).matches("\"./00").count() == 600;
    // To open it, to look at what was opened, to read it, to look again.
    check("/small.txt", "openat2:error=EIO", &small);
    check("/small.txt", "fstat:error=EIO", &small);
    check("/small.txt", "fstat:error=EIO:when=2", &small);
    check("/small.txt", "pread64:error=EIO", &small);
    check("/large.bin", "openat2:error=EIO", &large);
    check("/large.bin", "fstat:error=EIO:when=1", &large);
    // A folder: at once, between two of its pieces, and at one of its files.
    check("/folder/", "getdents64:error=EIO", &folder);
    check("/folder/", "getdents64:error=EIO:when=3", &folder);
    check("/folder/", "newfstatat:error=EIO:when=500", &folder);
}

/// It exists, so this is no 404.
#[test]
#[ignore = "needs strace"]
fn the_page_of_an_application_is_not_missing_because_it_cannot_be_read() {
    let builder = Server::build().file("app.html", "app");
    let server = builder.args("--spa app.html --cache-size 0").start();
    // The first to be opened is the path of the request.
    for (fault, status) in [
        ("openat2:error=EIO:when=2", 500),
        ("pread64:error=EIO", 500),
        ("openat2:error=ENOMEM:when=2", 503),
        // It waits for a descriptor.
        ("openat2:error=EMFILE:when=2", 200),
        ("openat2:error=ENFILE:when=2", 200),
    ] {
        let mut client = server.connect();
        let tampered = Strace::inject(&server, &[fault]);
        let mut get = || client.get_with("/route", "Accept: text/html\r\n");
        assert_eq!(get().status, status, "{fault}");
        drop(tampered);
        assert_eq!(get().text(), "app", "after {fault}");
    }
    assert_told(&server, "cannot read app.html");
}

#[test]
#[ignore = "needs strace"]
fn what_cannot_be_looked_up_is_opened_anew() {
    let server = server(0);
    let mut client = server.connect();
    assert_eq!(client.get("/kept.txt").text(), "kept");
    let _tampered = Strace::inject(&server, &["newfstatat:error=EIO"]);
    for _ in 0..3 {
        assert_eq!(client.get("/kept.txt").text(), "kept");
    }
    assert_eq!(client.get("/missing").status, 404);
}

#[test]
#[ignore = "needs strace"]
fn a_response_under_way_ends_early() {
    for fault in [
        "sendfile:error=EIO",
        "sendfile:error=EIO:when=3+",
        "fstat:error=EIO:when=3+",
    ] {
        let server = server(0);
        let mut other = server.connect();
        let mut client = server.connect();
        let tampered = Strace::inject(&server, &[fault]);
        client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
        let error = client.try_reply(Kind::Get).expect_err("it is not whole");
        assert!(
            error.contains("missing") || error.contains("reset"),
            "{fault}: {error}"
        );
        assert_told(&server, "cannot read a file");
        other.assert_open();
        drop(tampered);
        assert!(other.get("/large.bin").body == content(LARGE), "{fault}");
    }
}

/// As a network file system may do it.
#[test]
#[ignore = "needs strace"]
fn an_interrupted_open_is_tried_again() {
    let server = server(0);
    let mut client = server.connect();
    let _tampered = Strace::inject(&server, &["openat2:error=EINTR:when=1..2"]);
    assert_eq!(client.get("/small.txt").text(), "small");
}

/// As a file system may lack it, and a container deny it.
#[test]
#[ignore = "needs strace"]
fn without_sendfile_a_large_file_is_copied() {
    for fault in ["sendfile:error=EINVAL", "sendfile:error=ENOSYS:when=3+"] {
        let server = server(0);
        let mut client = server.connect();
        let _tampered = Strace::inject(&server, &[fault]);
        assert!(client.get("/large.bin").body == content(LARGE), "{fault}");
        let part = client.get_with("/large.bin", "Range: bytes=5000-3000000\r\n");
        assert!(part.body == content(LARGE)[5_000..=3_000_000], "{fault}");
        assert_eq!(client.get("/").text(), "home");
    }
}

/// The time that each of the disk's answers takes.
const DELAY: Duration = Duration::from_millis(50);

#[test]
#[ignore = "needs strace"]
fn a_slow_disk_holds_others_up_for_one_piece_at_a_time() {
    let server = server(0);
    let address = server.address();
    let mut other = server.connect();
    assert_eq!(other.get("/kept.txt").text(), "kept");
    let calls = tempfile::NamedTempFile::new().expect("a file");
    let strace = Strace::attach(
        &server,
        &[
            "--trace=sendfile,/^epoll_p?wait".into(),
            format!("--inject=sendfile:delay_enter={}", DELAY.as_micros()),
            format!("-o{}", calls.path().display()),
        ],
    );
    let begun = Instant::now();
    let download = thread::spawn(move || {
        let reply = Client::connect(address).get("/large.bin");
        assert!(reply.body == content(LARGE), "another body");
    });
    let mut waits = Vec::new();
    while !download.is_finished() {
        let asked = Instant::now();
        assert_eq!(other.get("/kept.txt").text(), "kept");
        waits.push(asked.elapsed());
        // So that the poll is seen between two requests, too.
        thread::sleep(Duration::from_millis(3));
    }
    let took = begun.elapsed();
    download.join().expect("a whole file");
    waits.sort();
    let (median, most) = (waits[waits.len() / 2], waits[waits.len() - 1]);
    println!(
        "{LARGE} bytes from a disk that takes {DELAY:?} a piece came in {took:?}; beside it, of \
         {} requests the median took {median:?}, the longest {most:?}",
        waits.len()
    );
    assert!(took > 10 * DELAY, "not slow: {took:?}");
    assert!(waits.len() > 10, "{}", waits.len());
    drop(strace);
    // How long they waited is the machine's affair as well; that the others'
    // events are taken between two pieces is not. A reader that has just been
    // found to read is sent another at once, this one time.
    let calls = fs::read_to_string(calls.path()).expect("its calls");
    let is_piece = |line: &&str| line.contains("sendfile(");
    let order: Vec<&str> = (calls.lines())
        .filter(|line| is_piece(line) || line.contains("wait("))
        .collect();
    assert!(order.iter().filter(|line| is_piece(line)).count() >= LARGE / PIECE);
    let in_one_go = order.windows(2).filter(|two| two.iter().all(is_piece));
    assert!(in_one_go.count() <= 1, "{calls}");
}

#[test]
#[ignore = "needs strace"]
fn a_large_file_is_read_ahead_and_sent_in_pieces() {
    let server = server(0);
    let calls = tempfile::NamedTempFile::new().expect("a file");
    let arguments = [
        "--trace=fadvise64,sendfile".into(),
        format!("-o{}", calls.path().display()),
    ];
    let strace = Strace::attach(&server, &arguments);
    let mut client = server.connect();
    assert_eq!(client.get("/small.txt").text(), "small");
    assert!(
        client.get("/large.bin").body == content(LARGE),
        "another body"
    );
    drop(strace);
    let calls = fs::read_to_string(calls.path()).expect("its calls");
    let lines = |name: &str| calls.lines().filter(|line| line.contains(name)).count();
    assert_eq!(lines("POSIX_FADV_SEQUENTIAL"), 1, "{calls}");
    let pieces = calls.lines().filter(|line| line.contains("sendfile("));
    for piece in pieces {
        let asked = piece.rsplit_once(", ").expect("arguments").1;
        let digits: String = asked.chars().take_while(char::is_ascii_digit).collect();
        let asked: usize = digits.parse().expect("a count");
        assert!(asked <= PIECE, "{piece}");
    }
    assert!(lines("sendfile(") >= LARGE / PIECE, "{calls}");
}
