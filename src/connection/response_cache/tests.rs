use std::{fs, mem::MaybeUninit, os::unix::fs::symlink, path::PathBuf};

use super::*;
use crate::{
    config::SiteOptions,
    connection::respond::{self, Frame},
    files::{Content, Site},
    handler::{self, Basis},
    http::{
        persistence::Persistence,
        request::{self, HEADER_FIELDS_MAX, HeadLimits},
    },
};

/// A site with every kind of file, and a worker's cache of it.
struct Bench {
    home: tempfile::TempDir,
    view: View,
    response_cache: ResponseCache,
    turn: Turn,
    etag: String,
}

/// An answer in comparable form: status, content, part, and what is logged.
type Shown = (u16, Vec<u8>, String, String);

impl Bench {
    fn new() -> Bench {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("first")).unwrap();
        symlink("first", home.path().join("root")).unwrap();
        let at = |name: &str| home.path().join("first").join(name);
        fs::write(at("index.html"), "an index").unwrap();
        fs::write(at("a.txt"), "the file").unwrap();
        fs::write(at("a.txt.gz"), "the variant").unwrap();
        fs::write(at("large"), vec![b'l'; 100_000]).unwrap();
        fs::write(at("kept"), vec![b'k'; CACHED_RESPONSE_BYTES_MAX]).unwrap();
        fs::write(at("404.html"), "not here").unwrap();
        let options = SiteOptions {
            root: home.path().join("root"),
            ..SiteOptions::default()
        };
        let view = Site::open(&options).unwrap().view();
        let mut bench = Bench {
            home,
            view,
            response_cache: ResponseCache::default(),
            turn: Turn(1),
            etag: String::new(),
        };
        bench.settle();
        bench.etag = match bench.answer(b"GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n").0 {
            Answer::Representation(chosen) => {
                String::from_utf8(chosen.selected.fields.etag().to_vec()).unwrap()
            }
            other => panic!("{other:?}"),
        };
        bench
    }

    fn at(&self, name: &str) -> PathBuf {
        self.home.path().join("root").join(name)
    }

    /// Waits until the files are old enough to be cached.
    fn settle(&mut self) {
        for path in ["/", "/a.txt", "/kept", "/large"] {
            let head = format!("GET {path} HTTP/1.0\r\n\r\n");
            loop {
                self.turn.0 += 1;
                let (answer, _) = self.answer(head.as_bytes());
                let Answer::Representation(chosen) = answer else {
                    panic!("{path}");
                };
                let kept = self
                    .view
                    .remember(&chosen.selected, AcceptEncoding::IDENTITY);
                if kept.is_some() {
                    break;
                }
                std::thread::yield_now();
            }
        }
    }

    /// The answer of the handler, and its comparable form.
    fn answer(&self, head: &[u8]) -> (Answer, Shown) {
        let mut room = [const { MaybeUninit::uninit() }; HEADER_FIELDS_MAX];
        let request = request::parse(head, &mut room, &HeadLimits::DEFAULT);
        let request = request.unwrap().expect("a whole head");
        let answer = handler::answer(&request, self.basis());
        let head = (request.persistence, request.method == Method::Head);
        let shown = show(&answer, LoggedRequest::from(&request), head);
        (answer, shown)
    }

    fn basis(&self) -> Basis<'_> {
        Basis {
            status: None,
            view: &self.view,
            turn: self.turn,
            date: HttpDate::from_unix_seconds(2_000_000_000),
        }
    }

    /// Answers as a connection does; `None` if the head is not cached.
    fn ask(&mut self, input: &[u8]) -> Option<Shown> {
        self.turn.0 += 1;
        if let Some(hit) = self.response_cache.look_up(input, &self.view, self.turn) {
            let answer = self.response_cache.answer(&hit, &self.view, self.turn)?;
            let head = (hit.summary.persistence, hit.summary.head_only);
            return Some(show(&answer, hit.summary.logged(input), head));
        }
        let mut room = [const { MaybeUninit::uninit() }; HEADER_FIELDS_MAX];
        let request = request::parse(input, &mut room, &HeadLimits::DEFAULT);
        let request = request.unwrap().expect("a whole head");
        let answer = handler::answer(&request, self.basis());
        let head = &input[..request.head_bytes];
        self.response_cache
            .record_miss(head, &request, &answer, &self.view);
        None
    }

    /// Repeats the request until its head must be cached.
    #[track_caller]
    fn learn(&mut self, head: &[u8]) {
        for _ in 0..MISSES_BEFORE_REPLACEMENT {
            assert!(self.ask(head).is_none(), "{}", head.escape_ascii());
        }
        assert!(self.ask(head).is_some(), "{}", head.escape_ascii());
    }
}

fn show(answer: &Answer, logged: LoggedRequest<'_>, head: (Persistence, bool)) -> Shown {
    let text = |bytes: Option<&[u8]>| bytes.map(|bytes| bytes.escape_ascii().to_string());
    let noted = format!(
        "{} {:?} {head:?} {:?} {:?}",
        logged.line.escape_ascii(),
        logged.version,
        text(logged.fields.referer),
        text(logged.fields.user_agent),
    );
    match answer {
        Answer::Representation(chosen) => {
            let content = match &chosen.selected.content {
                Content::Memory(bytes) => bytes.to_vec(),
                Content::File(_) => b"a large file".to_vec(),
            };
            let part = format!("{:?} {:?}", chosen.part, chosen.vary);
            (chosen.part.status().code(), content, part, noted)
        }
        other => (0, Vec::new(), format!("{other:?}"), noted),
    }
}

/// Checks whether a head of this line and these fields is cached, and that its
/// answer is then the same as the handler's.
fn check(line: &str, fields: &str, known: bool) {
    let mut bench = Bench::new();
    let head = format!("{line}\r\n{fields}\r\n").replace("ETAG", &bench.etag);
    // Input after the head must not matter.
    let input = [head.as_bytes(), b"GET /"].concat();
    for _ in 0..MISSES_BEFORE_REPLACEMENT {
        assert!(bench.ask(&input).is_none(), "{head}");
    }
    let (_, expected) = bench.answer(&input);
    for _ in 0..3 {
        assert_eq!(bench.ask(&input), known.then(|| expected.clone()), "{head}");
    }
}

#[test]
fn a_cached_head_gets_the_same_answer_as_a_parsed_one() {
    let get = "GET /a.txt HTTP/1.1";
    check(get, "Host: h\r\n", true);
    check("GET /a.txt?query HTTP/1.1", "Host: h\r\n", true);
    check("GET http://h/a.txt HTTP/1.1", "Host: h\r\n", true);
    check("HEAD /a.txt HTTP/1.1", "Host: h\r\n", true);
    check("GET / HTTP/1.1", "Host: h\r\n", true);
    check("GET /large HTTP/1.1", "Host: h\r\n", true);
    check("GET /a.txt HTTP/1.0", "", true);
    check("GET /a.txt HTTP/1.0", "Connection: keep-alive\r\n", true);
    check(get, "Host: h\r\nConnection: close\r\n", true);
    check("\r\nGET /a.txt HTTP/1.1", "Host: h\r\n", true);
    check(
        get,
        "Host: h\r\nReferer: \r\nUser-Agent: an agent\r\n",
        true,
    );
    check(get, "Host: h\r\nAccept-Encoding: br, gzip\r\n", true);
    check(get, "Host: h\r\nIf-None-Match: ETAG\r\n", true);
    check(get, "Host: h\r\nIf-None-Match: \"other\"\r\n", true);
    check(get, "Host: h\r\nRange: bytes=1-3\r\n", true);
}

#[test]
fn a_head_whose_answer_can_change_is_never_cached() {
    let get = "GET /a.txt HTTP/1.1";
    check("GET /missing HTTP/1.1", "Host: h\r\n", false);
    check("POST /a.txt HTTP/1.1", "Host: h\r\n", false);
    check("OPTIONS /a.txt HTTP/1.1", "Host: h\r\n", false);
    check(get, "Host: h\r\nContent-Length: 5\r\n", false);
    check(get, "Host: h\r\nExpect: 100-continue\r\n", false);
    check(get, "Host: h\r\nIf-Match: \"other\"\r\n", false);
    check(get, "Host: h\r\nRange: bytes=0-1,3-4\r\n", false);
    check(get, "Host: h\r\nRange: bytes=99-\r\n", false);
    check(
        get,
        "Host: h\r\nRange: bytes=1-3\r\nIf-Range: ETAG\r\n",
        false,
    );
    let long = format!(
        "Host: h\r\nCookie: {}\r\n",
        "c".repeat(CACHED_HEAD_BYTES_MAX)
    );
    check(get, &long, false);
}

/// The response to `head` on a kept connection: whether it was cached, and its
/// bytes.
fn respond(bench: &mut Bench, head: &[u8], common: &CommonFields) -> (bool, Vec<u8>) {
    let persistence = Persistence::Keep;
    bench.turn.0 += 1;
    let turn = bench.turn;
    let hit = (bench.response_cache).look_up(head, &bench.view, turn);
    let hit = hit.expect("known");
    let mut output = Output::default();
    let frame = Frame {
        common,
        persistence,
        head_only: hit.summary.head_only,
        turn,
    };
    let answer = bench.response_cache.answer(&hit, &bench.view, turn);
    let queued = respond::queue(&answer.expect("cached"), frame, &mut output);
    let mut anew = Vec::new();
    output.copy_to(&mut anew, usize::MAX);
    if let Some((stored, repeated)) = bench.response_cache.stored(&hit, persistence, common) {
        assert_eq!(**stored, anew, "{}", head.escape_ascii());
        assert_eq!(repeated, queued);
        return (true, anew);
    }
    bench
        .response_cache
        .store_response(&hit, &output, queued, persistence, common.date());
    (false, anew)
}

#[test]
fn a_cached_response_equals_one_built_anew() {
    let dates = [0, 1_800_000_000, 1_800_000_001].map(HttpDate::from_unix_seconds);
    let check = |head: &str, is_kept: bool| {
        let mut bench = Bench::new();
        let head = head.replace("ETAG", &bench.etag);
        bench.learn(head.as_bytes());
        let mut common = CommonFields::new(&[], dates[0]);
        for (time, date) in dates.iter().cycle().take(6).enumerate() {
            common.set_date(*date);
            let (was_kept, _) = respond(&mut bench, head.as_bytes(), &common);
            assert_eq!(was_kept, is_kept && time > 0, "{head} {time}");
        }
    };
    let get = "GET /a.txt HTTP/1.1\r\nHost: h\r\n";
    check(&format!("{get}\r\n"), true);
    check(&format!("{get}Accept-Encoding: gzip\r\n\r\n"), true);
    check(&format!("{get}Range: bytes=1-3\r\n\r\n"), true);
    check(&format!("{get}If-None-Match: ETAG\r\n\r\n"), true);
    check("HEAD /large HTTP/1.1\r\nHost: h\r\n\r\n", true);
    check(
        "GET /large HTTP/1.1\r\nHost: h\r\nRange: bytes=9-99\r\n\r\n",
        true,
    );
    // Too long, in memory and not.
    check("GET /kept HTTP/1.1\r\nHost: h\r\n\r\n", false);
    check("GET /large HTTP/1.1\r\nHost: h\r\n\r\n", false);
}

#[test]
fn a_response_is_dropped_when_its_file_changes() {
    let mut bench = Bench::new();
    let head = b"GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n";
    let common = CommonFields::new(&[], HttpDate::from_unix_seconds(0));
    bench.learn(head);
    respond(&mut bench, head, &common);
    let (is_kept, before) = respond(&mut bench, head, &common);
    assert!(is_kept && before.ends_with(b"the file"));
    fs::write(bench.at("a.txt"), "FILE the").unwrap();
    bench.settle();
    bench.learn(head);
    let (is_kept, after) = respond(&mut bench, head, &common);
    assert!(!is_kept && after.ends_with(b"FILE the"));
}

#[test]
fn a_change_of_file_variant_or_index_drops_the_entry() {
    let change = |head: &str, change: fn(&Bench)| {
        let mut bench = Bench::new();
        bench.learn(head.as_bytes());
        change(&bench);
        assert!(bench.ask(head.as_bytes()).is_none(), "{head}");
    };
    let plain = "GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n";
    let coded = "GET /a.txt HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip, br\r\n\r\n";
    change(plain, |bench| {
        fs::write(bench.at("a.txt"), "FILE the").unwrap()
    });
    change(plain, |bench| fs::remove_file(bench.at("a.txt")).unwrap());
    change(coded, |bench| {
        fs::write(bench.at("a.txt.br"), "better").unwrap()
    });
    change(coded, |bench| {
        fs::remove_file(bench.at("a.txt.gz")).unwrap()
    });
    change("GET / HTTP/1.1\r\nHost: h\r\n\r\n", |bench| {
        fs::rename(bench.at("a.txt"), bench.at("index.html")).unwrap();
    });
    // The file cache drops a large file, and nothing here keeps it open.
    change("GET /large HTTP/1.1\r\nHost: h\r\n\r\n", |bench| {
        assert_eq!(bench.view.close_kept_files(), 1);
    });
}

#[test]
fn a_file_that_is_evicted_in_the_turn_of_a_hit_has_no_answer() {
    let mut bench = Bench::new();
    let head = b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n";
    bench.learn(head);
    assert_eq!(bench.view.close_kept_files(), 1);
    let (turn, cache) = (bench.turn, &mut bench.response_cache);
    let hit = cache.look_up(head, &bench.view, turn).expect("known");
    assert!(cache.answer(&hit, &bench.view, turn).is_none());
}

#[test]
fn a_replaced_root_drops_all_entries() {
    let mut bench = Bench::new();
    let head = b"GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n";
    bench.learn(head);
    // Still being sent, so that the old root's cache does not hold the only reference.
    let _held = bench.answer(head);
    // The same file, so that only the root distinguishes them.
    let second = bench.home.path().join("second");
    fs::create_dir(&second).unwrap();
    fs::hard_link(bench.at("a.txt"), second.join("a.txt")).unwrap();
    fs::remove_file(bench.home.path().join("root")).unwrap();
    symlink("second", bench.home.path().join("root")).unwrap();
    bench.turn.0 += 1_000_000_000;
    bench.view.begin_turn(bench.turn);
    assert!(bench.ask(head).is_none());
}

#[test]
fn a_head_in_use_keeps_its_slot() {
    let mut bench = Bench::new();
    let mine = b"GET /a.txt HTTP/1.1\r\nHost: mine\r\n\r\n";
    let other = b"GET /a.txt HTTP/1.1\r\nHost: other\r\n\r\n";
    let common = CommonFields::new(&[], HttpDate::from_unix_seconds(0));
    bench.learn(mine);
    respond(&mut bench, mine, &common);
    let hit = bench.response_cache.look_up(mine, &bench.view, bench.turn);
    let hit = hit.expect("known");
    for _ in 0..10 {
        for _ in 1..MISSES_BEFORE_REPLACEMENT {
            assert!(bench.ask(other).is_none());
        }
        assert!(bench.ask(mine).is_some());
    }
    for _ in 0..MISSES_BEFORE_REPLACEMENT {
        assert!(bench.ask(other).is_none());
    }
    respond(&mut bench, other, &common);
    // What is stored now is not for the earlier hit.
    let stored = (bench.response_cache).stored(&hit, Persistence::Keep, &common);
    assert!(stored.is_none());
    assert!(bench.ask(mine).is_none());
}

#[test]
fn the_hash_covers_the_request_line_only() {
    let line = "GET /a/path/that/is/long/enough HTTP/1.1";
    let whole = hash(format!("{line}\r\nHost: a\r\n\r\n").as_bytes());
    assert_eq!(whole, hash(format!("{line}\r\nHost: b\r\n\r\n").as_bytes()));
    let head = |n| format!("GET /files/{n} HTTP/1.1\r\nHost: a\r\n\r\n");
    let slots = (0..1000).map(|n| slot_of(hash(head(n).as_bytes())));
    let slots: std::collections::HashSet<usize> = slots.collect();
    assert_eq!(slots.len(), SLOTS);
    for bytes in [&b""[..], b"G", b"\n", b"1234567\n", b"12345678\n"] {
        assert!(slot_of(hash(bytes)) < SLOTS);
    }
    for byte in 0..=255u8 {
        for at in 0..8 {
            let mut word = [0xff; 8];
            word[at] = byte;
            let word = u64::from_le_bytes(word);
            assert_eq!(has_line_feed(word), byte == b'\n', "{word:x}");
        }
    }
}
