use std::{cell::Cell, fs, os::unix::fs::symlink, path::Path};

use super::*;

/// Stands for files that are unchanged when they are opened anew.
fn same() -> bool {
    true
}

/// Writes the file `b`, whose names of variants are absent, and looks at it in turn 0.
fn file_without_variants(home: &Path) -> (Root, Freshness) {
    fs::write(home.join("b"), "b").unwrap();
    let root = Root::open(home).unwrap();
    let file = root.identity(c"b").unwrap();
    let paths = Paths::new(b"b");
    let freshness = Freshness::new(paths, file, FoundVariants::new(), Turn(0));
    (root, freshness)
}

/// Checks `a/b`, which has no variant, until its folder is trusted, then adds a variant.
fn check_comes(prepare: impl Fn(&Path), come: impl Fn(&Path), is_trusted: bool) {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    fs::create_dir(home.join("real")).unwrap();
    symlink("real", home.join("a")).unwrap();
    fs::write(home.join("a/b"), "b").unwrap();
    prepare(home);
    let root = Root::open(home).unwrap();
    let folder = || root.folder_identity(b"a").unwrap();
    while !is_cacheable(&folder(), now()) {
        std::thread::yield_now();
    }
    let file = root.identity(c"a/b").unwrap();
    let paths = Paths::new(b"a/b");
    let freshness = Freshness::new(paths, file, FoundVariants::new(), Turn(0));
    assert!(freshness.revalidate(&root, true, Turn(1), same));
    let known = freshness.folder.load(Relaxed);
    assert_eq!(known == fingerprint(&folder()), is_trusted);
    assert!(freshness.revalidate(&root, true, Turn(2), same));
    assert_eq!(freshness.absence_checked.load(Relaxed) == 1, is_trusted);
    come(home);
    assert!(!freshness.revalidate(&root, true, Turn(3), same));
    // The file itself is unchanged.
    assert!(freshness.revalidate(&root, false, Turn(3), same));
}

#[test]
fn a_new_variant_is_found_by_the_next_request() {
    let nothing = |_: &Path| {};
    for name in ["a/b.br", "a/b.zst", "a/b.gz"] {
        check_comes(
            nothing,
            |home| fs::write(home.join(name), "").unwrap(),
            true,
        );
    }
    let other = |home: &Path| fs::write(home.join("c"), "").unwrap();
    check_comes(
        other,
        |home| fs::rename(home.join("c"), home.join("a/b.gz")).unwrap(),
        true,
    );
    check_comes(
        other,
        |home| fs::hard_link(home.join("c"), home.join("a/b.gz")).unwrap(),
        true,
    );
    // The folder itself is replaced.
    check_comes(
        |home| {
            fs::create_dir(home.join("new")).unwrap();
            fs::hard_link(home.join("a/b"), home.join("new/b")).unwrap();
            fs::write(home.join("new/b.br"), "").unwrap();
        },
        |home| {
            fs::remove_file(home.join("a")).unwrap();
            symlink("new", home.join("a")).unwrap();
        },
        true,
    );
    // Changes that do not change the folder: dangling links, another file type.
    check_comes(
        |home| symlink("../c", home.join("a/b.gz")).unwrap(),
        other,
        false,
    );
    check_comes(
        |home| fs::create_dir(home.join("a/b.gz")).unwrap(),
        |home| {
            fs::remove_dir(home.join("a/b.gz")).unwrap();
            fs::write(home.join("a/b.gz"), "").unwrap();
        },
        false,
    );
}

#[test]
fn the_only_absent_variant_is_looked_up_by_its_name() {
    let home = tempfile::tempdir().unwrap();
    let at = |coding: ContentCoding| home.path().join(format!("b{}", coding.suffix()));
    for absent in ContentCoding::ALL {
        fs::write(home.path().join("b"), "b").unwrap();
        for coding in ContentCoding::ALL {
            fs::write(at(coding), "v").unwrap();
        }
        fs::remove_file(at(absent)).unwrap();
        let root = Root::open(home.path()).unwrap();
        let paths = Paths::new(b"b");
        let find = |coding| {
            let found = paths.with_variant(coding, |path| root.identity(path));
            found.map(|variant| (coding, variant))
        };
        let variants = ContentCoding::ALL.into_iter().filter_map(find).collect();
        let file = root.identity(c"b").unwrap();
        let freshness = Freshness::new(paths, file, variants, Turn(0));
        assert!(
            freshness.revalidate(&root, true, Turn(1), same),
            "{absent:?}"
        );
        fs::write(at(absent), "v").unwrap();
        assert!(
            !freshness.revalidate(&root, true, Turn(2), same),
            "{absent:?}"
        );
    }
}

#[test]
fn a_folder_that_has_just_changed_is_not_trusted() {
    let home = tempfile::tempdir().unwrap();
    let (root, freshness) = file_without_variants(home.path());
    assert!(freshness.revalidate(&root, true, Turn(1), same));
    let is_trusted = freshness.folder.load(Relaxed) != 0;
    let folder = root.folder_identity(b".").unwrap();
    assert!(!is_trusted || is_cacheable(&folder, now()));
}

#[test]
fn variants_are_checked_once_per_turn() {
    let home = tempfile::tempdir().unwrap();
    let (root, freshness) = file_without_variants(home.path());
    assert!(freshness.revalidate(&root, true, Turn(2), same));
    fs::write(home.path().join("b.br"), "").unwrap();
    // Another worker whose turn started earlier relies on that check too.
    for turn in [1, 2] {
        assert!(freshness.revalidate(&root, true, Turn(turn), same));
    }
    assert!(!freshness.revalidate(&root, true, Turn(3), same));
}

#[test]
fn a_new_variant_is_found_within_a_minute_if_no_client_accepts_one() {
    let home = tempfile::tempdir().unwrap();
    let (root, freshness) = file_without_variants(home.path());
    fs::write(home.path().join("b.br"), "b").unwrap();
    assert!(freshness.revalidate(
        &root,
        false,
        Turn(VARIANTS_UNCHECKED_NANOSECONDS_MAX - 1),
        same
    ));
    assert!(!freshness.revalidate(&root, false, Turn(VARIANTS_UNCHECKED_NANOSECONDS_MAX), same));
}

#[test]
fn names_are_looked_up_again_after_a_second() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("b"), "b").unwrap();
    let root = Root::open(home.path()).unwrap();
    while !is_cacheable(&root.folder_identity(b".").unwrap(), now()) {
        std::thread::yield_now();
    }
    let file = root.identity(c"b").unwrap();
    let paths = Paths::new(b"b");
    let freshness = Freshness::new(paths, file, FoundVariants::new(), Turn(0));
    let checked = |turn| {
        assert!(freshness.revalidate(&root, true, Turn(turn), same));
        freshness.absence_checked.load(Relaxed)
    };
    assert_eq!(checked(1), 1);
    assert_eq!(checked(FOLDER_TRUSTED_NANOSECONDS_MAX), 1);
    let later = FOLDER_TRUSTED_NANOSECONDS_MAX + 1;
    assert_eq!(checked(later), later);
}

#[test]
fn files_are_opened_anew_every_ten_seconds() {
    let home = tempfile::tempdir().unwrap();
    let (root, freshness) = file_without_variants(home.path());
    let is_opened = |turn| {
        let opened = Cell::new(false);
        let reopen = || {
            opened.set(true);
            true
        };
        assert!(freshness.revalidate(&root, false, Turn(turn), reopen));
        opened.get()
    };
    assert!(!is_opened(REOPENED_NANOSECONDS_MAX - 1));
    assert!(is_opened(REOPENED_NANOSECONDS_MAX));
    assert!(!is_opened(REOPENED_NANOSECONDS_MAX + 1));
    assert!(is_opened(2 * REOPENED_NANOSECONDS_MAX));
}

#[test]
fn a_file_is_cacheable_once_any_later_change_must_show() {
    const S: i128 = 1_000_000_000;
    for (ctime, read_at, expected) in [
        (5 * S + 1, 5 * S + 1, false),
        (5 * S + 1, 5 * S + 20_000_000, false),
        (5 * S + 1, 5 * S + 20_000_001, true),
        (5 * S, 6 * S, false),
        (5 * S, 7 * S, false),
        (5 * S, 7 * S + 100_000_000, true),
        (9 * S + 1, 5 * S, false),
        (-S - 1, 0, true),
    ] {
        let identity = FileIdentity {
            inode: (1, 1),
            size: 1,
            mtime: i128::MAX,
            ctime,
        };
        assert_eq!(
            is_cacheable(&identity, read_at),
            expected,
            "{ctime} {read_at}"
        );
    }
}
