use std::{
    fs,
    os::unix::fs::symlink,
    path::PathBuf,
    time::{Duration, Instant, UNIX_EPOCH},
};

use tempfile::TempDir;

use super::*;
use crate::{
    files::{
        CACHED_BYTES_MAX, Content, MEMORY_BYTES_MAX, Selected,
        freshness::{is_cacheable, now},
    },
    http::headers::{FieldValues, field},
};

mod freshness;
mod keeping;

/// A root, its site, and the view of one worker with its current turn.
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

    /// Looks up `path` in the current turn.
    fn find_again(&self, path: &str, accept: &str) -> Result<Found, Refusal> {
        let path = RequestPath::new(path).unwrap();
        self.view.find(&path, encoding(accept), self.turn)
    }

    /// Looks up `path` in a new turn.
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

    /// Waits until the file `name` is old enough to be cached.
    fn settle(&self, name: &str) {
        for _ in 0..5000 {
            let identity = self.view.tree.root.identity(name).unwrap();
            if is_cacheable(&identity, now()) {
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
    let fields = [field("accept-encoding", value)];
    match value {
        "" => AcceptEncoding::IDENTITY,
        _ => AcceptEncoding::parse(FieldValues::new(&fields, "accept-encoding")),
    }
}

/// The content, checked against its metadata.
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

#[test]
fn variants_are_chosen_described_and_fresh() {
    let sizes = [10, MEMORY_BYTES_MAX + 1];
    // Cached or not.
    for (size, cache_bytes_max) in sizes
        .into_iter()
        .flat_map(|size| [(size, 0), (size, 64 << 20)])
    {
        let mut bench = bench(|options| options.cache_bytes_max = cache_bytes_max);
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
        assert_ne!(encoded.fields.etag(), identity.fields.etag());
        assert!(varies(&encoded) && varies(&identity));

        bench.write("x.js.br", "br changed");
        assert_eq!(bench.text("/x.js", "br, gzip"), "br changed");
        bench.set_mtime("x.js.br", 999);
        assert_eq!(bench.text("/x.js", "br, gzip"), "gz", "older");
        bench.set_mtime("x.js.br", 1000);
        assert_eq!(bench.text("/x.js", "br, gzip"), "br changed");
        fs::remove_file(bench.at("x.js.br")).unwrap();
        assert_eq!(bench.text("/x.js", "br, gzip"), "gz");
        // A variant that cannot be served is ignored.
        fs::write(bench.home.path().join("secret"), "secret").unwrap();
        symlink("../secret", bench.at("x.js.br")).unwrap();
        assert_eq!(bench.text("/x.js", "br, gzip"), "gz");
        fs::remove_file(bench.at("x.js.gz")).unwrap();
        fs::create_dir(bench.at("x.js.gz")).unwrap();
        assert!(bench.text("/x.js", "br, gzip") == plain);
        for accept in ["", "br", "zstd"] {
            assert!(!varies(&bench.file("/x.js", accept)), "{accept}");
        }
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
    // Its date is sent, but does not identify its version.
    assert_eq!(seconds(&bench.file("/epoch", "")), None);
    assert_eq!(seconds(&bench.file("/past", "")), None);
    assert!(bench.keeps("/future") && bench.keeps("/past"));
    assert_ne!(bench.file("/past", "").fields.etag(), future.fields.etag());
}

#[test]
fn a_replaced_root_is_served_by_all_views_within_a_second() {
    let mut bench = bench(|_| {});
    let home = bench.home.path().to_path_buf();
    // In this order: `2` is old enough to be cached if `1` is.
    for release in ["2", "1"] {
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
    let mut other = bench.view.site.view();
    bench.settle("x");
    assert_eq!(bench.text("/x", ""), "1");
    assert!(bench.keeps("/x"));

    link("2");
    assert_eq!(bench.text("/x", ""), "1", "not looked at yet");
    bench.begin_turn(CHECK_NANOSECONDS);
    assert_eq!(bench.text("/x", ""), "2");
    assert!(bench.keeps("/x"));
    // A worker that has not followed yet holds the old root, but none of its content.
    assert_eq!(other.tree.cache.bytes(), 0);
    other.begin_turn(bench.turn);
    let path = RequestPath::new("/x").unwrap();
    let found = other.find(&path, encoding(""), bench.turn).unwrap();
    assert_eq!(text(&found), "2", "the other worker follows");

    // While it is missing, the previous root is served.
    fs::remove_file(home.join("current")).unwrap();
    bench.begin_turn(CHECK_NANOSECONDS);
    assert_eq!(bench.text("/x", ""), "2");
    assert!(bench.view.site.root_missed.load(Relaxed));
    link("1");
    bench.begin_turn(CHECK_NANOSECONDS);
    assert_eq!(bench.text("/x", ""), "1");
    assert!(!bench.view.site.root_missed.load(Relaxed));

    // Files that are gone with the old root are found in the new one at once.
    link("2");
    fs::remove_dir_all(home.join("1")).unwrap();
    bench.view.misses.set(0);
    assert_eq!(bench.text("/x", ""), "2");
    assert_eq!(bench.view.misses.get(), 1);
    bench.view.hits.set(0);
    assert_eq!(text(&bench.find_again("/x", "").unwrap()), "2");
    assert_eq!((bench.view.hits.get(), bench.view.misses.get()), (1, 1));
    let missing = bench.find_again("/y", "");
    assert!(matches!(missing, Err(Refusal::NotFound)), "{missing:?}");
}

#[test]
fn a_removed_root_is_not_listed() {
    let mut bench = bench(|options| options.listing = true);
    bench.write("index.html", "1");
    assert_eq!(bench.text("/", ""), "1");

    // The open folder is empty now, and could still be listed.
    fs::remove_dir_all(bench.at("")).unwrap();
    fs::create_dir(bench.at("")).unwrap();
    bench.write("index.html", "2");
    assert_eq!(bench.text("/", ""), "2");
}
