use std::{
    fs,
    os::unix::fs::symlink,
    path::PathBuf,
    time::{Duration, UNIX_EPOCH},
};

use tempfile::TempDir;

use super::*;
use crate::{
    files::{Content, MEMORY_BYTES_MAX, Selected, watch::is_settled},
    http::headers::{Field, Lines},
};

/// A root, a site over it, and the view of one worker whose turns go by.
struct Bench {
    home: TempDir,
    view: View,
    turn: Turn,
}

fn bench(change: impl FnOnce(&mut SiteOptions)) -> Bench {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("root")).unwrap();
    let mut options = SiteOptions {
        root: home.path().join("root"),
        ..SiteOptions::default()
    };
    change(&mut options);
    let view = Site::open(&options).unwrap().view();
    Bench {
        home,
        view,
        turn: Turn(0),
    }
}

impl Bench {
    fn at(&self, name: &str) -> PathBuf {
        self.home.path().join("root").join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.at(name), content).unwrap();
    }

    fn begin_turn(&mut self, nanoseconds: u64) {
        self.turn.0 += nanoseconds;
        self.view.begin_turn(self.turn);
    }

    /// Within the present turn.
    fn find_again(&self, path: &str, accept: &str) -> Result<Found, Refusal> {
        let path = RequestPath::new(path).unwrap();
        self.view.find(&path, encoding(accept), self.turn)
    }

    /// In a turn of its own.
    fn find(&mut self, path: &str, accept: &str) -> Result<Found, Refusal> {
        self.begin_turn(1);
        self.find_again(path, accept)
    }

    fn file(&mut self, path: &str, accept: &str) -> Selected {
        match self.find(path, accept) {
            Ok(Found::File(file)) => file,
            other => panic!("{path}: {other:?}"),
        }
    }

    fn text(&mut self, path: &str, accept: &str) -> String {
        match self.find(path, accept) {
            Ok(found) => text(&found),
            Err(refusal) => format!("{refusal:?}"),
        }
    }

    fn keeps(&self, path: &str) -> bool {
        let path = RequestPath::new(path).unwrap();
        self.view.tree.cache.get(path.as_bytes()).is_some()
    }

    /// Waits until what lies at `name` is old enough to be kept.
    fn settle(&self, name: &str) {
        let name = std::ffi::CString::new(name).unwrap();
        for _ in 0..5000 {
            let identity = self.view.tree.root.identity(&name).unwrap();
            if is_settled(&identity, now()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("the clock stands still");
    }

    fn set_mtime(&self, name: &str, seconds: u64) {
        let file = fs::File::options().write(true).open(self.at(name)).unwrap();
        let time = UNIX_EPOCH + Duration::from_secs(seconds);
        file.set_modified(time).unwrap();
    }
}

fn encoding(value: &str) -> AcceptEncoding {
    let fields = [Field {
        name: "accept-encoding",
        value: value.as_bytes(),
    }];
    match value {
        "" => AcceptEncoding::IDENTITY,
        _ => AcceptEncoding::parse(Lines::new(&fields, "accept-encoding")),
    }
}

/// The content, checked against everything said of it.
fn body(file: &Selected) -> Vec<u8> {
    let bytes = match &file.content {
        Content::Memory(bytes) => bytes.to_vec(),
        Content::File(opened) => {
            use std::os::unix::fs::FileExt;
            let mut bytes = vec![0; usize::try_from(file.identity.size).unwrap()];
            opened.read_exact_at(&mut bytes, 0).unwrap();
            bytes
        }
    };
    assert_eq!(bytes.len() as u64, file.identity.size);
    bytes
}

fn text(found: &Found) -> String {
    match found {
        Found::File(file) => String::from_utf8(body(file)).unwrap(),
        Found::FolderWithoutSlash => "redirect".into(),
        Found::Folder(_) => "folder".into(),
    }
}

#[test]
fn a_path_names_a_file_a_folder_or_nothing() {
    for listing in [false, true] {
        let mut bench = bench(|options| options.listing = listing);
        fs::create_dir_all(bench.at("docs/sub")).unwrap();
        fs::create_dir_all(bench.at("odd/index.html")).unwrap();
        fs::create_dir_all(bench.at("leak")).unwrap();
        fs::create_dir_all(bench.at(".well-known")).unwrap();
        fs::create_dir_all(bench.at(".git")).unwrap();
        fs::write(bench.home.path().join("secret"), "secret").unwrap();
        bench.write("file", "file");
        bench.write("docs/index.html", "docs");
        bench.write(".well-known/x", "known");
        bench.write(".git/config", "hidden");
        symlink("../../secret", bench.at("leak/index.html")).unwrap();
        symlink("docs", bench.at("to-docs")).unwrap();
        let folder = if listing { "folder" } else { "NotFound" };
        for (path, expected) in [
            ("/file", "file"),
            ("/file/", "NotFound"),
            ("/docs", "redirect"),
            ("/docs/", "docs"),
            ("/docs/index.html", "docs"),
            ("/to-docs", "redirect"),
            ("/to-docs/", "docs"),
            ("/docs/sub", "redirect"),
            ("/docs/sub/", folder),
            ("/odd/", folder),
            ("/leak/", "NotFound"),
            ("/", folder),
            ("/nothing", "NotFound"),
            ("/nothing/", "NotFound"),
            ("/.well-known/x", "known"),
            ("/.git", "NotFound"),
            ("/.git/config", "NotFound"),
        ] {
            for round in 0..2 {
                let found = bench.text(path, "br, gzip");
                assert_eq!(found, expected, "{path} {listing} {round}");
            }
        }
        bench.write("index.html", "home");
        assert_eq!(bench.text("/", ""), "home");
    }
}

#[test]
fn an_unreadable_folder_still_redirects_and_its_file_is_forbidden() {
    use std::os::unix::fs::PermissionsExt;
    if rustix::process::geteuid().is_root() {
        // Nothing is unreadable to root; the table of errors in root/tests.rs
        // covers what the system would say.
        return;
    }
    let mut bench = bench(|_| {});
    fs::create_dir(bench.at("closed")).unwrap();
    bench.write("closed/index.html", "index");
    bench.write("file", "file");
    fs::set_permissions(bench.at("file"), fs::Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(bench.at("closed"), fs::Permissions::from_mode(0o111)).unwrap();
    assert_eq!(bench.text("/closed", ""), "redirect");
    assert_eq!(bench.text("/closed/", ""), "index");
    assert_eq!(bench.text("/file", ""), "Forbidden");
}

/// Serves `x`, changes it, and compares the very next answer with the disk:
/// small and large, kept and not.
fn check_change(change: impl Fn(&Bench)) {
    for (size, settle) in [
        (0, false),
        (100, false),
        (100, true),
        (MEMORY_BYTES_MAX, true),
        (MEMORY_BYTES_MAX + 1, true),
    ] {
        let mut bench = bench(|_| {});
        let content = "o".repeat(usize::try_from(size).unwrap());
        bench.write("x", &content);
        if settle {
            bench.settle("x");
        }
        assert!(bench.text("/x", "") == content);
        let kept = settle && size <= MEMORY_BYTES_MAX;
        assert_eq!(bench.keeps("/x"), kept, "{size}");
        for _ in 0..2 {
            change(&bench);
            let now = match fs::read_to_string(bench.at("x")) {
                Ok(now) => now,
                Err(_) if bench.at("x").is_dir() => "redirect".into(),
                Err(_) => "NotFound".into(),
            };
            assert!(bench.text("/x", "") == now, "{size} {settle}");
            assert!(bench.text("/x", "br, gzip") == now, "{size} {settle}");
        }
    }
}

#[test]
fn every_change_is_seen_by_the_next_request() {
    // Written over, of another size and of the same.
    check_change(|bench| bench.write("x", "new"));
    check_change(|bench| {
        let old = fs::read_to_string(bench.at("x")).unwrap();
        let new = if old.starts_with('o') { "n" } else { "o" };
        bench.write("x", new.repeat(old.len()));
    });
    // The same, with the time of modification put back.
    check_change(|bench| {
        let times = fs::metadata(bench.at("x")).unwrap().modified().unwrap();
        let old = fs::read_to_string(bench.at("x")).unwrap();
        bench.write("x", "n".repeat(old.len()));
        let file = fs::File::options().write(true).open(bench.at("x")).unwrap();
        file.set_modified(times).unwrap();
    });
    check_change(|bench| {
        bench.write("y", "replaced");
        fs::rename(bench.at("y"), bench.at("x")).unwrap();
    });
    check_change(|bench| {
        let file = fs::File::options().write(true).open(bench.at("x")).unwrap();
        file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    });
    check_change(|bench| {
        use std::io::Write;
        let mut file = fs::File::options()
            .append(true)
            .open(bench.at("x"))
            .unwrap();
        file.write_all(b"appended").unwrap();
    });
    check_change(|bench| drop(fs::remove_file(bench.at("x"))));
    // Deleted, then created.
    check_change(|bench| match bench.at("x").exists() {
        true => fs::remove_file(bench.at("x")).unwrap(),
        false => bench.write("x", "again"),
    });
    check_change(|bench| {
        let _ = fs::remove_file(bench.at("x"));
        let _ = fs::create_dir(bench.at("x"));
    });
    // A link within the root in its place.
    check_change(|bench| {
        let _ = fs::remove_file(bench.at("x"));
        bench.write("z", "linked");
        symlink("z", bench.at("x")).unwrap();
    });
}

#[test]
fn a_link_turned_outwards_is_refused_at_once() {
    let mut bench = bench(|_| {});
    fs::write(bench.home.path().join("secret"), "secret").unwrap();
    bench.write("in", "inside");
    symlink("in", bench.at("x")).unwrap();
    bench.settle("in");
    assert_eq!(bench.text("/x", ""), "inside");
    assert!(bench.keeps("/x"));
    fs::remove_file(bench.at("x")).unwrap();
    symlink("../secret", bench.at("x")).unwrap();
    assert_eq!(bench.text("/x", ""), "NotFound");
    assert!(!bench.keeps("/x"));
}

#[test]
fn an_index_is_as_fresh_as_a_file() {
    let mut bench = bench(|_| {});
    bench.write("index.html", "one");
    bench.settle("index.html");
    assert_eq!(bench.text("/", ""), "one");
    assert!(bench.keeps("/"));
    bench.write("index.html", "two!");
    assert_eq!(bench.text("/", ""), "two!");
    fs::remove_file(bench.at("index.html")).unwrap();
    assert_eq!(bench.text("/", ""), "NotFound");
    assert!(!bench.keeps("/"));
}

#[test]
fn one_turn_shares_one_check() {
    let mut bench = bench(|_| {});
    bench.write("x", "one");
    bench.settle("x");
    let first = bench.file("/x", "");
    let second = bench.file("/x", "br");
    assert!(std::ptr::eq(&*first, &*second), "kept");
    bench.write("x", "two");
    let again = bench.find_again("/x", "").unwrap();
    assert_eq!(text(&again), "one", "checked in this turn already");
    // Another worker checked later than this one's turn began.
    let other = bench.view.site.view();
    let path = RequestPath::new("/x").unwrap();
    let turn = Turn(bench.turn.0 - 1);
    let found = other.find(&path, encoding(""), turn).unwrap();
    assert_eq!(text(&found), "one");
    assert_eq!(bench.text("/x", ""), "two");
    // Who holds the old one keeps it whole.
    assert_eq!(body(&first), b"one");
}

#[test]
fn variants_are_chosen_described_and_fresh() {
    for size in [10, MEMORY_BYTES_MAX + 1] {
        let mut bench = bench(|_| {});
        let plain = "p".repeat(usize::try_from(size).unwrap());
        bench.write("x.js", &plain);
        bench.set_mtime("x.js", 1000);
        bench.settle("x.js");
        let varies = |file: &Selected| {
            let lines = file.fields.whole();
            lines.windows(6).any(|window| window == b"Vary: ")
        };
        assert!(bench.text("/x.js", "br, gzip") == plain);
        assert!(!varies(&bench.file("/x.js", "br")));

        bench.write("x.js.gz", "gz");
        bench.write("x.js.br", "br");
        assert_eq!(bench.text("/x.js", "br, gzip"), "br");
        assert_eq!(bench.text("/x.js", "gzip"), "gz");
        assert!(bench.text("/x.js", "zstd") == plain);
        assert!(bench.text("/x.js", "") == plain);
        assert_eq!(bench.text("/x.js.br", ""), "br", "by its own name");
        assert_eq!(bench.text("/x.js", "zstd, identity;q=0"), "NotAcceptable");
        bench.settle("x.js.br");
        let encoded = bench.file("/x.js", "br");
        let identity = bench.file("/x.js", "");
        assert_eq!(encoded.content_type, identity.content_type);
        assert_ne!(encoded.etag, identity.etag);
        assert!(varies(&encoded) && varies(&identity));

        bench.write("x.js.br", "br changed");
        assert_eq!(bench.text("/x.js", "br, gzip"), "br changed");
        bench.set_mtime("x.js.br", 999);
        assert_eq!(bench.text("/x.js", "br, gzip"), "gz", "older");
        bench.set_mtime("x.js.br", 1000);
        assert_eq!(bench.text("/x.js", "br, gzip"), "br changed");
        fs::remove_file(bench.at("x.js.br")).unwrap();
        assert_eq!(bench.text("/x.js", "br, gzip"), "gz");
        // A sibling that is not to be served is as good as none.
        fs::write(bench.home.path().join("secret"), "secret").unwrap();
        symlink("../secret", bench.at("x.js.br")).unwrap();
        assert_eq!(bench.text("/x.js", "br, gzip"), "gz");
        fs::remove_file(bench.at("x.js.gz")).unwrap();
        fs::create_dir(bench.at("x.js.gz")).unwrap();
        assert!(bench.text("/x.js", "br, gzip") == plain);
    }
}

#[test]
fn a_file_from_the_future_or_before_the_epoch_is_kept_and_tagged() {
    let mut bench = bench(|_| {});
    for name in ["future", "epoch", "past"] {
        bench.write(name, name);
    }
    bench.set_mtime("future", 4_000_000_000);
    bench.set_mtime("epoch", 0);
    let past = fs::File::options()
        .write(true)
        .open(bench.at("past"))
        .unwrap();
    past.set_modified(UNIX_EPOCH - Duration::from_secs(9))
        .unwrap();
    bench.settle("past");
    let seconds = |file: &Selected| file.last_modified.map(|date| date.unix_seconds());
    let future = bench.file("/future", "");
    let present = u64::try_from(now() / 1_000_000_000).unwrap();
    assert!(seconds(&future).unwrap() <= present);
    assert_eq!(seconds(&bench.file("/epoch", "")), Some(0));
    assert_eq!(seconds(&bench.file("/past", "")), None);
    assert!(bench.keeps("/future") && bench.keeps("/past"));
    assert_ne!(bench.file("/past", "").etag, future.etag);
}

#[test]
fn a_swapped_root_is_served_within_the_second_by_all() {
    let mut bench = bench(|_| {});
    let home = bench.home.path().to_path_buf();
    for release in ["1", "2"] {
        fs::create_dir(home.join(release)).unwrap();
        fs::write(home.join(release).join("x"), release).unwrap();
    }
    let link = |target: &str| {
        let _ = fs::remove_file(home.join("next"));
        symlink(target, home.join("next")).unwrap();
        fs::rename(home.join("next"), home.join("current")).unwrap();
    };
    link("1");
    let options = SiteOptions {
        root: home.join("current"),
        ..SiteOptions::default()
    };
    bench.view = Site::open(&options).unwrap().view();
    bench.settle("x".to_string().as_str());
    let mut other = bench.view.site.view();
    assert_eq!(bench.text("/x", ""), "1");

    link("2");
    assert_eq!(bench.text("/x", ""), "1", "not looked at yet");
    bench.begin_turn(ROOT_CHECK_NANOSECONDS);
    assert_eq!(bench.text("/x", ""), "2");
    other.begin_turn(bench.turn);
    let path = RequestPath::new("/x").unwrap();
    let found = other.find(&path, encoding(""), bench.turn).unwrap();
    assert_eq!(text(&found), "2", "the other worker follows");

    // Gone for a while: the last one goes on.
    fs::remove_file(home.join("current")).unwrap();
    bench.begin_turn(ROOT_CHECK_NANOSECONDS);
    assert_eq!(bench.text("/x", ""), "2");
    assert!(bench.view.site.root_missed.load(Relaxed));
    link("1");
    bench.begin_turn(ROOT_CHECK_NANOSECONDS);
    assert_eq!(bench.text("/x", ""), "1");
    assert!(!bench.view.site.root_missed.load(Relaxed));
}

#[test]
fn a_walk_through_all_files_drives_out_no_hot_one() {
    const HOT: usize = 50;
    const ONCE: usize = 2000;
    let mut bench = bench(|options| options.cache_bytes_max = 1 << 20);
    let content = "c".repeat(4000);
    for n in 0..HOT {
        bench.write(&format!("hot-{n}"), &content);
    }
    for n in 0..ONCE {
        bench.write(&format!("once-{n}"), &content);
    }
    bench.settle(&format!("once-{}", ONCE - 1));
    for _ in 0..3 {
        for n in 0..HOT {
            bench.file(&format!("/hot-{n}"), "");
        }
    }
    for n in 0..ONCE {
        bench.file(&format!("/once-{n}"), "");
    }
    assert!(bench.view.tree.cache.bytes() <= 1 << 20);
    let kept = (0..HOT).filter(|n| bench.keeps(&format!("/hot-{n}")));
    assert_eq!(kept.count(), HOT);
}

#[test]
fn a_cache_too_small_for_a_file_serves_it_all_the_same() {
    for cache_bytes_max in [0, 1, 1000, 100_000] {
        let mut bench = bench(|options| options.cache_bytes_max = cache_bytes_max);
        let content = "c".repeat(200_000);
        bench.write("x", &content);
        bench.settle("x");
        for _ in 0..3 {
            assert!(bench.text("/x", "br") == content);
        }
        assert!(!bench.keeps("/x"));
        assert!(bench.view.tree.cache.bytes() <= cache_bytes_max);
    }
}

#[test]
fn replacing_by_rename_under_load_never_mixes() {
    let bench = bench(|_| {});
    bench.write("x", "0");
    let site = Arc::clone(&bench.view.site);
    std::thread::scope(|scope| {
        for worker in 0..2 {
            let view = site.view();
            scope.spawn(move || {
                for turn in 0..2000 {
                    let path = RequestPath::new("/x").unwrap();
                    let found = view.find(&path, encoding("br"), Turn(2 * turn + worker));
                    let text = text(&found.unwrap());
                    let first = text.as_bytes()[0];
                    assert!(text.bytes().all(|byte| byte == first));
                    assert_eq!(text.len(), usize::from(first - b'0') * 1000 + 1);
                }
            });
        }
        for round in 0..500 {
            let digit = round % 10;
            bench.write("next", digit.to_string().repeat(digit * 1000 + 1));
            fs::rename(bench.at("next"), bench.at("x")).unwrap();
        }
    });
}
