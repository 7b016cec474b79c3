//! The rows of the table: what is requested, over how many connections, and the goals.

use crate::rig::load::Requests;

/// The header lines, in addition to Host, that a browser sends with a request for a style sheet.
const BROWSER: &[&str] = &[
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
    "Accept: text/css,*/*;q=0.1",
    "Accept-Language: en-GB,en;q=0.9,de;q=0.8",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Referer: http://127.0.0.1/index.html",
    "Connection: keep-alive",
    "Sec-Fetch-Dest: style",
    "Sec-Fetch-Mode: no-cors",
    "Sec-Fetch-Site: same-origin",
    "Cookie: theme=light; session=2f6a7c0b9d1e4835",
];

/// What a correct response is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// 200 with the file.
    Whole,
    /// 304 without content, for the validator that the server itself sent.
    NotModified,
    /// 206 with the bytes from the first to the last position, inclusive.
    Part(usize, usize),
}

/// One row.
#[derive(Clone, Copy)]
pub struct Row {
    /// The name for `--row`.
    pub name: &'static str,
    /// A readable description.
    pub title: &'static str,
    /// The requested file (a directory for [`Requests::Random`]).
    pub path: &'static str,
    /// Its size in bytes.
    pub size: usize,
    /// Active connections.
    pub connections: usize,
    /// Extra header lines.
    pub lines: &'static [&'static str],
    /// How requests are made.
    pub requests: Requests,
    /// The correct response.
    pub expected: Expected,
    /// Idle connections in addition to the active ones.
    pub idle: usize,
    /// Whether an access log is written.
    pub access_log: bool,
    /// The number of threads of the server. With more than one, nothing is bound to a processor,
    /// and the row has no goals.
    pub threads: usize,
    /// How the limit responds in this row; `None` if it does not apply.
    pub limit: Option<&'static str>,
    /// Whether bytes are counted instead of complete responses: the end of a run may cut off a
    /// large file.
    pub by_bytes: bool,
    /// The same row without the feature that this one measures: stdhttpd is measured in both, in
    /// the same rounds.
    pub baseline: Option<&'static Row>,
    /// The goal relative to the best peer.
    pub goal_peer: Option<f64>,
    /// The goal relative to the limit.
    pub goal_limit: Option<f64>,
    /// The goal relative to the baseline.
    pub goal_itself: Option<f64>,
}

/// The longest response in a row that is measured in slices.
const SLICED_RESPONSE_BYTES_MAX: usize = 64 << 10;

impl Row {
    /// Whether its servers are measured in alternating slices of time. Not with long responses: a
    /// congestion control that paces, as BBR does, begins anew after a pause, and at 100 KiB that
    /// makes some servers twice as fast. And not with many idle connections: to all servers at once
    /// they take too many descriptors.
    pub fn is_sliced(&self) -> bool {
        let response_bytes = match self.expected {
            Expected::Whole => self.size,
            Expected::NotModified | Expected::Part(..) => 0,
        };
        self.idle == 0 && response_bytes <= SLICED_RESPONSE_BYTES_MAX
    }
}

/// 1 KiB over 64 persistent connections; every other row lists only its differences.
const KEPT_ALIVE: Row = Row {
    name: "kept-alive-64",
    title: "1 KiB kept alive, 64 connections",
    path: "/1k.txt",
    size: 1024,
    connections: 64,
    lines: &[],
    requests: Requests::Same,
    expected: Expected::Whole,
    idle: 0,
    access_log: false,
    threads: 1,
    limit: Some("each"),
    by_bytes: false,
    baseline: None,
    goal_peer: None,
    goal_limit: None,
    goal_itself: None,
};

/// All rows, in the order they are measured.
pub const ROWS: &[Row] = &[
    Row {
        goal_peer: Some(1.2),
        goal_limit: Some(0.92),
        ..KEPT_ALIVE
    },
    Row {
        name: "kept-alive-1",
        title: "1 KiB kept alive, 1 connection",
        connections: 1,
        goal_peer: Some(1.05),
        goal_limit: Some(0.90),
        ..KEPT_ALIVE
    },
    Row {
        name: "kept-alive-1000",
        title: "1 KiB kept alive, 1,000 connections",
        connections: 1000,
        goal_peer: Some(1.15),
        goal_limit: Some(0.90),
        ..KEPT_ALIVE
    },
    Row {
        name: "short-64",
        title: "1 KiB, short connections, 64 at a time",
        lines: &["Connection: close"],
        limit: Some("short"),
        goal_peer: Some(1.0),
        goal_limit: Some(0.88),
        ..KEPT_ALIVE
    },
    Row {
        name: "pipelined-16",
        title: "1 KiB pipelined 16 deep, 64 connections",
        requests: Requests::Pipelined(16),
        limit: Some("counted"),
        goal_peer: Some(2.5),
        goal_limit: Some(1.5),
        ..KEPT_ALIVE
    },
    Row {
        name: "browser-10k",
        title: "10 KiB, a browser's ten header lines, 64 connections",
        path: "/10k.css",
        size: 10 * 1024,
        lines: BROWSER,
        goal_peer: Some(1.1),
        goal_limit: Some(0.90),
        ..KEPT_ALIVE
    },
    Row {
        name: "100k-32",
        title: "100 KiB, 32 connections",
        path: "/100k.bin",
        size: 100 * 1024,
        connections: 32,
        by_bytes: true,
        goal_peer: Some(1.25),
        goal_limit: Some(0.92),
        ..KEPT_ALIVE
    },
    Row {
        name: "1m-16",
        title: "1 MiB, 16 connections",
        connections: 16,
        goal_peer: Some(1.0),
        ..LARGE
    },
    Row {
        name: "100m-4",
        title: "100 MiB, 4 connections",
        path: "/100m.bin",
        size: 100 << 20,
        connections: 4,
        goal_peer: Some(1.0),
        ..LARGE
    },
    Row {
        name: "not-modified",
        title: "304 on If-None-Match, 64 connections",
        expected: Expected::NotModified,
        limit: None,
        goal_peer: Some(1.2),
        ..KEPT_ALIVE
    },
    Row {
        name: "range",
        title: "206: 1 KiB out of a 1 MiB file, 64 connections",
        path: "/1m.bin",
        size: 1 << 20,
        lines: &["Range: bytes=500000-501023"],
        expected: Expected::Part(500_000, 501_023),
        limit: None,
        goal_peer: Some(1.2),
        ..KEPT_ALIVE
    },
    Row {
        name: "idle-10000",
        title: "1 KiB, 64 active beside 10,000 idle kept-alive",
        idle: 10_000,
        baseline: Some(&KEPT_ALIVE),
        goal_peer: Some(1.2),
        goal_itself: Some(0.90),
        ..KEPT_ALIVE
    },
    Row {
        name: "access-log",
        title: "1 KiB kept alive, 64 connections, access log on",
        access_log: true,
        limit: None,
        baseline: Some(&KEPT_ALIVE),
        goal_peer: Some(1.2),
        goal_itself: Some(0.90),
        ..KEPT_ALIVE
    },
    Row {
        name: "files-10000",
        title: "10,000 different 4 KiB files at random, 64 connections",
        path: "/many",
        size: 4096,
        requests: Requests::Random(10_000),
        limit: None,
        goal_peer: Some(1.1),
        ..KEPT_ALIVE
    },
    Row {
        name: "threads-2",
        title: "1 KiB kept alive, 64 connections, 2 threads, unbound (shown, not judged)",
        threads: 2,
        limit: None,
        ..KEPT_ALIVE
    },
];

/// What the rows of large files have in common.
const LARGE: Row = Row {
    path: "/1m.bin",
    size: 1 << 20,
    by_bytes: true,
    limit: None,
    ..KEPT_ALIVE
};

/// The rows selected with `--row`, by name or by part of it; all rows without the option.
pub fn chosen(names: Option<&[String]>) -> Vec<&'static Row> {
    let Some(names) = names else {
        return ROWS.iter().collect();
    };
    let matches = |row: &&Row| {
        names.iter().any(|name| row.name == name)
            || names.iter().any(|name| only_part(name, row.name))
    };
    let asked: Vec<&'static Row> = ROWS.iter().filter(matches).collect();
    if asked.is_empty() {
        eprintln!("--row: no such row; --list shows all rows");
        std::process::exit(2);
    }
    asked
}

/// Whether `part` is not a complete name but occurs in `name`.
fn only_part(part: &str, name: &str) -> bool {
    ROWS.iter().all(|row| row.name != part) && name.contains(part)
}
