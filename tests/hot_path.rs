//! What a request costs on the hot path: no allocation at all, and two system
//! calls in addition to those that a turn shares.

mod support;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    fs::File,
    io::{self, IoSlice},
    process::{Command, Stdio},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use stdhttpd::{
    config::{Config, Moment, SiteOptions},
    connection::{Connection, Identity, Next, Readiness, context::Context, transport::Transport},
    files::Site,
    observe::counters::Counters,
};
use support::{Server, content, run, strace::Strace, wait_until};

/// The system's allocator, which counts what each thread asks it for.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static WRITES: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is passed on unchanged to the system's allocator; the
// count is a cell of the thread, without a destructor, that allocates nothing.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A peer that sends the next of some requests at each turn, round and round,
/// and reads everything.
struct Repeater {
    requests: Vec<String>,
    turn: usize,
    is_sent: Rc<Cell<bool>>,
    written: usize,
}

impl Transport for Repeater {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_sent.replace(true) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let request = self.requests[self.turn % self.requests.len()].as_bytes();
        self.turn += 1;
        buffer[..request.len()].copy_from_slice(request);
        Ok(request.len())
    }

    fn write(&mut self, buffers: &[IoSlice<'_>], _: bool) -> io::Result<usize> {
        WRITES.set(WRITES.get() + 1);
        let count = buffers.iter().map(|buffer| buffer.len()).sum();
        self.written += count;
        Ok(count)
    }

    fn send_file(&mut self, _: &File, _: u64, count: usize) -> io::Result<usize> {
        self.written += count;
        Ok(count)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn reset_on_close(&mut self) {}
}

/// Serves the requests over and over; the allocations of the later turns.
fn allocations(requests: Vec<String>) -> u64 {
    let root = tempfile::tempdir().expect("a folder");
    std::fs::write(root.path().join("small"), content(1_024)).expect("a file");
    std::fs::write(root.path().join("medium"), content(10_000)).expect("a file");
    std::fs::write(root.path().join("large"), content(200_000)).expect("a file");
    std::fs::write(root.path().join("two-pieces"), content(100_000)).expect("a file");
    // What was written just now is not kept: its next change might not show.
    std::thread::sleep(Duration::from_millis(50));
    let config = Config {
        site: SiteOptions {
            root: root.path().into(),
            ..SiteOptions::default()
        },
        ..Config::default()
    };
    let site = Site::open(&config.site).expect("a root");
    let counters = Arc::new(Counters::new(false));
    let now = Moment::now();
    let mut cx = Context::new(&config, 0, site.view(), counters, None, now);
    let mut input = vec![0; cx.input_bytes()];
    let identity = Identity::new(1, None, now, Duration::ZERO);
    let is_sent = Rc::new(Cell::new(true));
    let repeater = Repeater {
        requests,
        turn: 0,
        is_sent: Rc::clone(&is_sent),
        written: 0,
    };
    let mut connection = Connection::new(repeater, identity);
    let mut counted = 0;
    for turn in 0..200 {
        cx.refresh();
        is_sent.set(false);
        let before = ALLOCATIONS.get();
        let mut next = connection.advance(Readiness::READABLE, &mut input, &mut cx);
        while next == Next::NextTurn {
            next = connection.advance(Readiness::WRITABLE, &mut input, &mut cx);
        }
        if turn >= 100 {
            counted += ALLOCATIONS.get() - before;
        }
        assert_eq!(next, Next::Readable);
    }
    assert_eq!(connection.identity().requests % 200, 0);
    counted
}

#[test]
fn a_kept_request_allocates_nothing() {
    let parts = "GET /small HTTP/1.1\r\nHost: a\r\nRange: bytes=0-1,3-4\r\n\r\n";
    assert!(
        allocations(vec![parts.into()]) > 0,
        "what allocates is not counted"
    );
    let check = |request: &'static str| {
        assert_eq!(allocations(vec![request.into()]), 0, "{request}");
    };
    check("GET /small HTTP/1.1\r\nHost: a\r\n\r\n");
    check("HEAD /small HTTP/1.1\r\nHost: a\r\n\r\n");
    check("GET /small HTTP/1.1\r\nHost: a\r\nRange: bytes=0-9\r\n\r\n");
    check("GET /small HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n\r\n");
    check(
        "GET /small?a=b HTTP/1.1\r\nHost: a\r\nUser-Agent: b\r\nAccept: */*\r\n\
         Accept-Encoding: gzip, deflate, br, zstd\r\nConnection: keep-alive\r\n\r\n",
    );
    check("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
    // Pipelined.
    check("GET /small HTTP/1.1\r\nHost: a\r\n\r\nGET /small HTTP/1.1\r\nHost: a\r\n\r\n");
}

/// All but the first few turns are answered from the response cache.
#[test]
fn pipelined_responses_from_the_cache_share_a_write() {
    let request = "GET /medium HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(allocations(vec![request.repeat(4)]), 0);
    assert!((200..250).contains(&WRITES.get()), "{}", WRITES.get());
}

/// The second piece belongs to the connection until the next turn: a state, and
/// a list of one part.
#[test]
fn a_file_in_two_pieces_allocates_twice() {
    let request = "GET /two-pieces HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(allocations(vec![request.into()]), 2 * 100);
}

/// So many that none of them comes again while it is remembered.
#[test]
fn a_head_that_is_not_known_allocates_nothing_either() {
    let head = |agent| format!("GET /small HTTP/1.1\r\nHost: a\r\nUser-Agent: {agent}\r\n\r\n");
    assert_eq!(allocations((100..190).map(head).collect()), 0);
}

/// The calls of one name in a summary of strace.
fn calls(summary: &str, names: &[&str]) -> u64 {
    let rows = summary.lines().filter_map(|line| {
        let mut columns = line.split_whitespace();
        let name = columns.next_back()?;
        let count = columns.nth(3)?.parse::<u64>().ok()?;
        names.contains(&name).then_some(count)
    });
    rows.sum()
}

#[test]
#[ignore = "needs strace and wrk"]
fn a_kept_request_takes_two_system_calls() {
    let server = Server::build()
        .file("small", content(1_024))
        .args("--threads 1")
        .start();
    let summary = tempfile::NamedTempFile::new().expect("a file");
    let mut strace = Command::new("strace")
        .args(["-f", "-c", "-p", &server.pid().to_string(), "-o"])
        .arg(summary.path())
        .stderr(Stdio::null())
        .spawn()
        .expect("strace");
    let status = format!("/proc/{}/status", server.pid());
    wait_until("strace watches", || {
        let status = std::fs::read_to_string(&status).expect("a status");
        !status.contains("TracerPid:\t0\n")
    });
    let url = format!("http://{}/small", server.address());
    let report = run(Command::new("wrk").args(["-t1", "-c64", "-d1s", &url]));
    let report = String::from_utf8_lossy(&report.stdout).into_owned();
    let requests = report
        .lines()
        .find_map(|line| line.trim().split_once(" requests in "))
        .and_then(|(count, _)| count.parse::<u64>().ok())
        .expect("a count");
    let pid = rustix::process::Pid::from_raw(strace.id().cast_signed()).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("strace runs");
    strace.wait().expect("strace ends");
    let summary = std::fs::read_to_string(summary.path()).expect("a summary");
    let each = calls(&summary, &["recvfrom", "sendto", "sendmsg"]);
    let shared = calls(&summary, &["epoll_wait", "newfstatat", "statx"]);
    // Each of the 64 connections ends with a read that a last request in
    // flight, or the end, takes.
    assert!(each <= 2 * requests + 4 * 64, "{requests}\n{summary}");
    assert!(each >= 2 * requests, "{requests}\n{summary}");
    assert!(shared < requests, "{requests}\n{summary}");
}

#[test]
#[ignore = "needs strace"]
fn nothing_is_looked_up_beside_the_files_of_a_folder_without_variants() {
    const FILES: usize = 400;
    let mut builder = Server::build();
    for number in 0..FILES {
        builder = builder.file(&format!("many/{number}"), "content");
    }
    let server = builder.args("--threads 1").start();
    wait_until("a settled folder", || {
        let folder = std::fs::metadata(server.root().join("many"));
        let changed = folder.and_then(|found| found.modified());
        changed.is_ok_and(|at| at.elapsed().is_ok_and(|age| age.as_millis() > 50))
    });
    let trace = tempfile::NamedTempFile::new().expect("a file");
    let output = format!("-o{}", trace.path().display());
    let strace = Strace::attach(&server, &["--trace=newfstatat,statx".into(), output]);
    let mut client = server.connect();
    for number in 0..FILES {
        assert_eq!(client.get(&format!("/many/{number}")).text(), "content");
    }
    drop(strace);
    let trace = std::fs::read_to_string(trace.path()).expect("a trace");
    let is_looked_up = |number: usize| trace.contains(&format!("\"many/{number}.gz\""));
    assert!((0..50).all(is_looked_up), "{trace}");
    // The folder is read with the files that come after 64. On a machine so slow
    // that it is read once more meanwhile, the variants of some 80 are looked up
    // again.
    let late = (FILES - 200..FILES).filter(|number| is_looked_up(*number));
    assert!(late.count() < 100, "{trace}");
}

/// A time-out would have the kernel set up a timer and remove it again.
#[test]
#[ignore = "needs strace"]
fn a_wait_for_a_request_has_no_timeout() {
    let server = Server::build()
        .file("small", content(1_024))
        .args("--threads 1")
        .start();
    let trace = tempfile::NamedTempFile::new().expect("a file");
    let output = format!("-o{}", trace.path().display());
    let strace = Strace::attach(&server, &["--trace=epoll_wait,epoll_pwait".into(), output]);
    let mut client = server.connect();
    for _ in 0..100 {
        assert_eq!(client.get("/small").status, 200);
    }
    drop(strace);
    let trace = std::fs::read_to_string(trace.path()).expect("a trace");
    let waits = |timeout| trace.matches(&format!(", 1024, {timeout}")).count();
    // Those of the worker are the ones for 1,024 events.
    assert!(waits("-1") >= 100, "{trace}");
    assert_eq!(waits(""), waits("-1") + waits("0"), "{trace}");
}
