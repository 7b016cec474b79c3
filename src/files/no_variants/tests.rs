use std::{fs, os::unix::fs::symlink, path::PathBuf};

use super::*;
use crate::files::freshness::now;

/// A root with a folder of files, and the state of one worker.
struct Bench {
    home: tempfile::TempDir,
    root: Root,
    no_variants: NoVariants,
    turn: u64,
}

impl Bench {
    /// With `files` files in `a`, which is a link to a folder.
    fn new(files: usize) -> Bench {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("real")).unwrap();
        symlink("real", home.path().join("a")).unwrap();
        for number in 0..files {
            fs::write(home.path().join(format!("a/{number}.txt")), "").unwrap();
        }
        let root = Root::open(home.path()).unwrap();
        let bench = Bench {
            home,
            root,
            no_variants: NoVariants::default(),
            turn: 1,
        };
        bench.settle();
        bench
    }

    fn at(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Waits until any later change is certain to show.
    fn settle(&self) {
        for folder in [&b"."[..], b"a"] {
            while !is_cacheable(&self.root.folder_identity(folder).unwrap(), now()) {
                std::thread::yield_now();
            }
        }
    }

    /// Finds the variants of the file at `path`, in a new turn.
    fn ask(&mut self, path: &str) -> FoundVariants {
        self.turn += 1;
        let paths = Paths::new(path.as_bytes());
        let turn = Turn(self.turn);
        self.no_variants.release(turn);
        self.no_variants
            .find_variants(&self.root, &paths, turn, now())
    }

    /// The identity with which the folder of `path` is known to contain no variants.
    fn known(&self, path: &str) -> Option<FileIdentity> {
        let paths = Paths::new(path.as_bytes());
        let mut folders = self.no_variants.folders.iter();
        let folder = folders.find(|folder| folder.path == paths.folder())?;
        match folder.state {
            ScanState::NoVariants { known, .. } => Some(known),
            _ => None,
        }
    }

    /// Requests `path`, and returns whether no name was looked up for it.
    fn is_known(&mut self, path: &str) -> bool {
        let before = self.known(path);
        let variants = self.ask(path);
        let is_known = before.is_some() && self.known(path) == before;
        assert!(variants.is_empty() || !is_known);
        is_known
    }

    /// Requests `path` up to `most` times until its folder is known to contain no variants; returns
    /// how often.
    fn learn(&mut self, path: &str, most: usize) -> Option<usize> {
        (0..most).find(|_| self.is_known(path))
    }
}

/// More than enough requests for a folder with `names` names.
fn enough(names: usize) -> usize {
    MISSES_MIN as usize + names / PIECE_NAMES_MAX + 10
}

#[test]
fn a_folder_is_read_after_many_requests_without_variants() {
    let check = |files: usize, path: &str, names: usize| {
        let mut bench = Bench::new(files);
        let asked = bench.learn(path, enough(names));
        // One request starts the reading, and `.` and `..` are read with the names.
        let expected = MISSES_MIN as usize + 1 + (names + 2) / PIECE_NAMES_MAX + 1;
        assert_eq!(asked, Some(expected), "{files} {path}");
        let folder = bench.root.folder_identity(match path {
            "b" => &b"."[..],
            _ => b"a",
        });
        assert_eq!(bench.known(path), Some(folder.unwrap()));
    };
    check(0, "a/b", 0);
    check(29, "a/b", 29);
    check(30, "a/b", 30);
    check(100, "a/b", 100);
    check(0, "b", 2);
}

#[test]
fn changes_of_a_folder_are_detected_at_once() {
    let check = |come: fn(&Bench), found: bool| {
        let mut bench = Bench::new(5);
        assert!(bench.learn("a/1.txt", enough(5)).is_some());
        come(&bench);
        assert_eq!(!bench.ask("a/1.txt").is_empty(), found);
        assert_eq!(bench.known("a/1.txt"), None);
        // The folder is read again.
        bench.settle();
        assert_eq!(bench.learn("a/1.txt", enough(5)).is_some(), !found);
    };
    check(|bench| fs::write(bench.at("a/1.txt.gz"), "").unwrap(), true);
    check(|bench| fs::write(bench.at("a/other"), "").unwrap(), false);
    check(
        |bench| fs::rename(bench.at("a/2.txt"), bench.at("a/1.txt.br")).unwrap(),
        true,
    );
    // The folder is replaced by another.
    check(
        |bench| {
            fs::create_dir(bench.at("new")).unwrap();
            fs::write(bench.at("new/1.txt.zst"), "").unwrap();
            fs::remove_file(bench.at("a")).unwrap();
            symlink("new", bench.at("a")).unwrap();
        },
        true,
    );
}

#[test]
fn a_folder_with_possible_variants_is_excluded() {
    let check = |name: &str| {
        let mut bench = Bench::new(50);
        fs::write(bench.at("a").join(name), "").unwrap();
        bench.settle();
        assert_eq!(bench.learn("a/1.txt", enough(51)), None, "{name}");
        // Until it is removed and some time has passed.
        fs::remove_file(bench.at("a").join(name)).unwrap();
        bench.settle();
        assert_eq!(bench.learn("a/1.txt", enough(51)), None, "{name}");
        bench.turn += STATE_NANOSECONDS_MAX;
        assert!(bench.learn("a/1.txt", enough(51)).is_some(), "{name}");
    };
    check("another.gz");
    check("ANOTHER.BR");
    // The target of a dangling link may appear.
    let mut bench = Bench::new(5);
    symlink("nowhere", bench.at("a/1.txt.gz")).unwrap();
    bench.settle();
    assert_eq!(bench.learn("a/1.txt", enough(6)), None);
}

#[test]
fn a_variant_that_is_found_excludes_its_folder_at_once() {
    let mut bench = Bench::new(2);
    fs::write(bench.at("a/1.txt.br"), "b").unwrap();
    for (path, is_excluded) in [("a/0.txt", false), ("a/1.txt", true), ("a/0.txt", true)] {
        assert_eq!(bench.ask(path).is_empty(), path == "a/0.txt");
        let state = &bench.no_variants.folders[0].state;
        assert_eq!(
            matches!(state, ScanState::Excluded),
            is_excluded,
            "{state:?}"
        );
    }
}

#[test]
fn each_folder_has_its_own_state() {
    let mut bench = Bench::new(2);
    fs::write(bench.at("a/1.txt.br"), "b").unwrap();
    fs::create_dir(bench.at("b")).unwrap();
    bench.settle();
    for path in ["a/0.txt", "b/none", "c/none"] {
        assert!(bench.ask(path).is_empty());
    }
    assert!(bench.learn("b/none", enough(0)).is_some());
    assert!(bench.ask("c/none").is_empty());
    assert!(!bench.ask("a/1.txt").is_empty());
}

#[test]
fn an_unchanged_folder_is_checked_once_per_turn() {
    let mut bench = Bench::new(1);
    assert!(bench.learn("a/0.txt", enough(1)).is_some());
    fs::write(bench.at("a/0.txt.br"), "b").unwrap();
    // The same turn again.
    bench.turn -= 1;
    assert!(bench.ask("a/0.txt").is_empty());
    assert!(!bench.ask("a/0.txt").is_empty());
}

#[test]
fn names_with_a_coding_suffix_may_be_variants() {
    let check = |name: &str, expected: bool| {
        assert_eq!(cannot_be_variant(name.as_bytes()), expected, "{name}");
    };
    for name in [
        "", "a", "gz", "a.txt", "a.gz.txt", "a.gzip", "a.b", "a.", "é.txt",
    ] {
        check(name, true);
    }
    for name in [
        "a.gz",
        ".br",
        "a.ZST",
        "a.Gz",
        "a.é",
        "a.g\u{200d}z",
        "a.b.br",
    ] {
        check(name, false);
    }
    assert!(!cannot_be_variant(b"a.\xff"));
}

#[test]
fn a_folder_that_changes_while_being_read_is_not_trusted() {
    let mut bench = Bench::new(100);
    assert_eq!(bench.learn("a/1.txt", MISSES_MIN as usize + 3), None);
    fs::write(bench.at("a/new"), "").unwrap();
    // It had three of its pieces left.
    assert_eq!(bench.learn("a/1.txt", 10), None);
    bench.settle();
    assert!(bench.learn("a/1.txt", enough(101)).is_some());
}

#[test]
fn a_folder_that_has_just_changed_is_not_read() {
    let mut bench = Bench::new(5);
    fs::write(bench.at("a/new"), "").unwrap();
    let is_known = bench.learn("a/1.txt", enough(6)).is_some();
    let folder = bench.root.folder_identity(b"a").unwrap();
    assert!(!is_known || is_cacheable(&folder, now()));
}

#[test]
fn a_folder_is_read_again_after_some_time() {
    let mut bench = Bench::new(5);
    assert!(bench.learn("a/1.txt", enough(5)).is_some());
    bench.turn += STATE_NANOSECONDS_MAX - 3;
    assert!(bench.is_known("a/1.txt"));
    assert!(!bench.is_known("a/1.txt"));
    assert!(bench.learn("a/1.txt", enough(5)).is_some());
}

#[test]
fn one_folder_is_read_at_a_time_and_closed_in_time() {
    let mut bench = Bench::new(1_000);
    let readings = |bench: &Bench| {
        let folders = bench.no_variants.folders.iter();
        folders
            .filter(|folder| matches!(folder.state, ScanState::Reading(_)))
            .count()
    };
    bench.learn("a/1.txt", MISSES_MIN as usize + 5);
    assert_eq!(readings(&bench), 1);
    assert_eq!(bench.learn("b", enough(2)), None);
    assert_eq!(readings(&bench), 1);
    let turn = Turn(bench.turn);
    bench.no_variants.release(turn);
    assert_eq!(readings(&bench), 1);
    bench
        .no_variants
        .release(Turn(turn.0 + STATE_NANOSECONDS_MAX));
    assert_eq!(readings(&bench), 0);
    assert!(bench.learn("b", enough(2)).is_some());
}

#[test]
fn a_frequently_requested_folder_is_not_replaced() {
    let mut bench = Bench::new(5);
    assert!(bench.learn("a/1.txt", enough(5)).is_some());
    for number in 0..200 {
        bench.ask(&format!("{number}/b"));
        assert!(bench.no_variants.folders.len() <= FOLDERS_MAX);
        assert!(bench.is_known("a/1.txt"), "{number}");
    }
    for number in 0..FOLDERS_MAX {
        bench.ask(&format!("{number}/b"));
    }
    assert!(!bench.is_known("a/1.txt"));
    let long = format!("{}/b", "l".repeat(PATH_BYTES_MAX + 1));
    assert_eq!(bench.learn(&long, enough(0)), None);
    let mut folders = bench.no_variants.folders.iter();
    assert!(folders.all(|folder| folder.path.len() <= PATH_BYTES_MAX));
}
