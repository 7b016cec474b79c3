use std::{
    fs,
    io::{BufRead, BufReader},
    net::IpAddr,
    path::Path,
    time::Instant,
};

use super::*;
use crate::{
    http::{date::HttpDate, request::Version, status::Status},
    observe::log_line::LogTime,
};

const SOON: Duration = Duration::from_secs(20);

fn write(buffer: &mut LogBuffer, line: &str) {
    let entry = LogEntry {
        client: Some(IpAddr::from([127, 0, 0, 1])),
        time: &LogTime::new(HttpDate::from_unix_seconds(0)),
        line: line.as_bytes(),
        version: Some(Version::Http11),
        status: Status::Ok,
        referer: None,
        user_agent: None,
        connection: 1,
        number: 1,
    };
    let outcome = LogOutcome {
        bytes: 0,
        microseconds: 0,
        close: None,
    };
    buffer.write(&entry, &outcome);
}

fn open(path: &Path) -> AccessLog {
    AccessLog::open(&AccessLogTarget::File(path.into()), LogFormat::Combined).unwrap()
}

/// Waits for a condition that must become true, however long it takes.
fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + SOON;
    while !condition() {
        assert!(Instant::now() < end, "{what}");
        std::thread::yield_now();
    }
}

fn make_pipe(path: &Path) {
    rustix::fs::mknodat(
        rustix::fs::CWD,
        path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
}

#[test]
fn every_line_of_every_worker_is_written_once_and_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let log = open(&path);
    let workers: Vec<_> = (0..4)
        .map(|worker| {
            let mut buffer = log.buffer();
            std::thread::spawn(move || {
                for line in 0..1000 {
                    write(&mut buffer, &format!("GET /{worker}/{line}"));
                    if line % 7 == 0 {
                        buffer.flush();
                    }
                }
                buffer.flush();
            })
        })
        .collect();
    for worker in workers {
        worker.join().unwrap();
    }
    let lost = log.lines_lost();
    assert!(log.finish(SOON));
    assert_eq!(lost.get(), 0);
    let text = fs::read_to_string(&path).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    assert!(lines.iter().all(|line| line.ends_with(r#""-" "-""#)));
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), 4000);
}

#[test]
fn after_reopen_lines_go_to_the_new_file() {
    let folder = tempfile::tempdir().unwrap();
    let (path, rotated) = (folder.path().join("log"), folder.path().join("log.1"));
    let log = open(&path);
    let mut buffer = log.buffer();
    write(&mut buffer, "GET /before");
    buffer.flush();
    wait_for("the first line", || {
        fs::metadata(&path).is_ok_and(|file| file.len() > 0)
    });
    fs::rename(&path, &rotated).unwrap();
    log.reopen();
    wait_for("the new file", || path.exists());
    write(&mut buffer, "GET /after");
    buffer.flush();
    assert!(log.finish(SOON));
    let read = |path| fs::read_to_string(path).unwrap();
    assert!(read(&rotated).contains("GET /before") && !read(&rotated).contains("GET /after"));
    assert!(read(&path).contains("GET /after") && !read(&path).contains("GET /before"));
}

#[test]
fn a_pipe_nobody_reads_loses_lines_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    make_pipe(&path);
    let reader = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    let log = open(&path);
    let lost = log.lines_lost();
    let mut buffer = log.buffer();
    let mut lines = 0u64;
    // More than queue, chunk and pipe can hold; none of it may block.
    for _ in 0..(3 * QUEUE_BYTES_MAX / 1000) {
        write(&mut buffer, &"x".repeat(1000));
        buffer.flush();
        lines += 1;
    }
    assert!(lost.get() > 0 && lost.get() < lines);
    // A late reader gets the rest, in whole lines.
    let kept = lines - lost.get();
    let reading = std::thread::spawn(move || {
        BufReader::new(reader)
            .lines()
            .take(kept as usize)
            .filter(|line| line.as_ref().unwrap().ends_with(r#""-" "-""#))
            .count()
    });
    assert_eq!(reading.join().unwrap() as u64, kept);
    assert!(log.finish(SOON));
}

#[test]
fn finish_does_not_wait_for_a_pipe_nobody_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    make_pipe(&path);
    let _reader = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    let log = open(&path);
    let mut buffer = log.buffer();
    for _ in 0..1000 {
        write(&mut buffer, &"x".repeat(1000));
    }
    buffer.flush();
    assert!(!log.finish(Duration::from_millis(100)));
}

#[test]
fn the_queue_accepts_exactly_its_limit() {
    let queue = Queue::default();
    let half = vec![b'\n'; QUEUE_BYTES_MAX / 2];
    queue.push(&half);
    queue.push(&half);
    assert_eq!(queue.lost.get(), 0);
    queue.push(b"1\n2\n3\n");
    assert_eq!(queue.lost.get(), 3);
}

#[test]
#[cfg(target_os = "linux")]
fn lines_not_written_at_the_end_are_counted_as_lost() {
    // Fewer lines than the writer takes at once, and enough that some are queued.
    for lines in [5, 1000] {
        let log = open(Path::new("/dev/full"));
        let lost = log.lines_lost();
        let mut buffer = log.buffer();
        for _ in 0..lines {
            write(&mut buffer, &"x".repeat(1000));
        }
        buffer.flush();
        assert!(log.finish(SOON));
        assert_eq!(lost.get(), lines);
    }
}

#[test]
fn lines_that_could_not_be_written_are_written_after_a_reopen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    // Every write to /dev/full fails as on a full disk.
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let log = open(&path);
    let lost = log.lines_lost();
    let mut buffer = log.buffer();
    write(&mut buffer, "GET /kept");
    buffer.flush();
    fs::remove_file(&path).unwrap();
    log.reopen();
    assert!(log.finish(SOON));
    assert_eq!(lost.get(), 0);
    assert!(fs::read_to_string(&path).unwrap().contains("GET /kept"));
}

#[test]
fn a_target_that_cannot_be_opened_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    make_pipe(&pipe);
    for path in [folder.path(), &folder.path().join("absent/log"), &pipe] {
        let target = AccessLogTarget::File(path.into());
        assert!(
            AccessLog::open(&target, LogFormat::Combined).is_err(),
            "{path:?}"
        );
    }
}
