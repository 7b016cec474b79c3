use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, symlink},
        net::UnixListener,
    },
};

use rustix::fs::{CWD, Mode, mknodat};
use tempfile::TempDir;

use super::*;

/// A root, and next to it a folder with a secret.
struct Home {
    home: TempDir,
    root: Root,
}

fn home() -> Home {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir_all(home.path().join("root/a/b")).unwrap();
    fs::create_dir(home.path().join("outside")).unwrap();
    fs::write(home.path().join("outside/secret"), "secret").unwrap();
    fs::write(home.path().join("root/file"), "file").unwrap();
    fs::write(home.path().join("root/a/b/deep"), "deep").unwrap();
    let root = Root::open(&home.path().join("root")).unwrap();
    Home { home, root }
}

/// The result of opening `path`, in a word.
fn opened(root: &Root, path: &[u8]) -> &'static str {
    match root.open_beneath(path) {
        Ok(Opened::File(..)) => "file",
        Ok(Opened::Folder(_)) => "folder",
        Ok(Opened::Other) => "other",
        Err(error) => word(&Refusal::from(error)),
    }
}

fn word(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::NotFound => "not found",
        Refusal::Forbidden => "forbidden",
        Refusal::NotAcceptable => "not acceptable",
        Refusal::Overloaded => "no room",
        Refusal::Exhausted(_) => "exhausted",
        Refusal::Failed(_) => "failed",
    }
}

#[test]
fn files_and_folders_are_opened() {
    let Home { home: _home, root } = home();
    let long = [b'n'; 300];
    let deep = [b"a/".repeat(5000), b"x".to_vec()].concat();
    for (path, expected) in [
        (&b"file"[..], "file"),
        (b"a/b/deep", "file"),
        (b".", "folder"),
        (b"a", "folder"),
        (b"a/", "folder"),
        (b"a/b/", "folder"),
        (b"", "not found"),
        (b"nothing", "not found"),
        (b"file/", "not found"),
        (b"file/below", "not found"),
        (b"..", "not found"),
        (b"../outside/secret", "not found"),
        (b"a/../../outside/secret", "not found"),
        (b"/etc/passwd", "not found"),
        (b"a\0b", "not found"),
        (&long, "not found"),
        (&deep, "not found"),
    ] {
        let name = String::from_utf8_lossy(&path[..path.len().min(40)]);
        assert_eq!(opened(&root, path), expected, "{name:?}");
    }
}

#[test]
fn links_are_followed_only_within_the_root() {
    let Home { home, root } = home();
    let absolute = |name: &str| home.path().join(name).display().to_string();
    for (link, target, below, expected) in [
        ("to-file", "file", "", "file"),
        ("a/up", "../file", "", "file"),
        ("a/b/up-and-down", "../../a/b/deep", "", "file"),
        ("chain", "to-file", "", "file"),
        ("to-folder", "a", "", "folder"),
        ("to-folder-slash", "a/", "/b/deep", "file"),
        ("self", ".", "/self/self/file", "file"),
        ("a/b/dots", "./././deep", "", "file"),
        ("dangling", "nowhere", "", "not found"),
        ("loop", "loop", "", "not found"),
        ("loop-1", "loop-2", "", "not found"),
        ("loop-2", "loop-1", "", "not found"),
        ("out", "../outside/secret", "", "not found"),
        ("out-folder", "../outside", "/secret", "not found"),
        ("out-and-in", "../root/file", "", "not found"),
        ("a/out", "../../outside/secret", "", "not found"),
        ("out-chain", "out", "", "not found"),
        ("out-chain-folder", "out-folder", "/secret", "not found"),
        ("parent", "..", "/outside/secret", "not found"),
        (
            "a/far",
            "../../../../../../../../etc/passwd",
            "",
            "not found",
        ),
        ("passwd", "/etc/passwd", "", "not found"),
        ("slash", "/", "/etc/passwd", "not found"),
        ("absolute-out", &absolute("outside/secret"), "", "not found"),
        ("absolute-in", &absolute("root/file"), "", "not found"),
        ("proc-root", "/proc/self/root", "/etc/passwd", "not found"),
        ("proc-cwd", "/proc/self/cwd", "/Cargo.toml", "not found"),
        ("proc-fd", "/proc/self/fd/0", "", "not found"),
        ("null", "/dev/null", "", "not found"),
    ] {
        symlink(target, home.path().join("root").join(link)).unwrap();
        let path = format!("{link}{below}");
        assert_eq!(opened(&root, path.as_bytes()), expected, "{path}");
    }
}

#[test]
fn special_files_open_without_blocking_and_are_recognized() {
    let Home { home, root } = home();
    let at = |name: &str| home.path().join("root").join(name);
    mknodat(CWD, at("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    symlink("fifo", at("to-fifo")).unwrap();
    let _socket = UnixListener::bind(at("socket")).unwrap();
    for (path, expected) in [
        (&b"fifo"[..], "other"),
        (b"to-fifo", "other"),
        (b"fifo/", "not found"),
        (b"socket", "not found"),
    ] {
        assert_eq!(opened(&root, path), expected);
    }
    // Only root may make a device.
    let null = rustix::fs::makedev(1, 3);
    let made = mknodat(CWD, at("null"), FileType::CharacterDevice, Mode::RWXU, null);
    if made.is_ok() {
        // On a file system mounted without devices opening it is forbidden.
        assert!(["other", "forbidden"].contains(&opened(&root, b"null")));
    }
    for name in ["fifo", "socket", "a", "nothing"] {
        assert_eq!(root.identity(name), None, "{name}");
    }
}

#[test]
fn each_error_maps_to_one_refusal() {
    let check = |errors: &[Errno], expected: &str| {
        for &errno in errors {
            assert_eq!(
                word(&Refusal::from(io::Error::from(errno))),
                expected,
                "{errno:?}"
            );
        }
    };
    check(
        &[
            Errno::NOENT,
            Errno::NOTDIR,
            Errno::ISDIR,
            Errno::NAMETOOLONG,
            Errno::LOOP,
            Errno::XDEV,
            Errno::INVAL,
            Errno::ILSEQ,
            Errno::NXIO,
            Errno::NODEV,
            Errno::OPNOTSUPP,
        ],
        "not found",
    );
    check(&[Errno::ACCESS, Errno::PERM], "forbidden");
    check(
        &[
            Errno::MFILE,
            Errno::NFILE,
            Errno::NOMEM,
            Errno::NOBUFS,
            Errno::AGAIN,
        ],
        "exhausted",
    );
    check(&[Errno::IO, Errno::STALE, Errno::TIMEDOUT], "failed");
    // The error of cap-std for a path that leaves the root.
    let outside = io::Error::new(io::ErrorKind::PermissionDenied, "outside");
    assert_eq!(word(&Refusal::from(outside)), "not found");
    // The error of an allocation that fails.
    let no_memory = Vec::<u8>::new().try_reserve(usize::MAX).unwrap_err();
    assert_eq!(
        word(&Refusal::from(io::Error::from(no_memory))),
        "exhausted"
    );
    assert_eq!(word(&Refusal::from(io::Error::other("odd"))), "failed");
}

#[test]
fn an_identity_reflects_inode_size_and_times() {
    let Home { home, root } = home();
    let path = home.path().join("root/file");
    let first = root.identity("file").unwrap();
    let Ok(Opened::File(_, opened)) = root.open_beneath(b"file") else {
        panic!("not a file");
    };
    assert_eq!(opened, first);
    assert_eq!(first.size, 4);
    let before = std::time::UNIX_EPOCH - std::time::Duration::new(1, 999_999_999);
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(before).unwrap();
    let second = root.identity("file").unwrap();
    assert_eq!(second.mtime, -1_999_999_999);
    assert_eq!(second.inode, first.inode);
    let of_std = fs::metadata(&path).unwrap();
    assert_eq!(second.inode, (of_std.dev(), of_std.ino()));
    let ctime = i128::from(of_std.ctime()) * NANOSECONDS + i128::from(of_std.ctime_nsec());
    assert_eq!(second.ctime, ctime);
}

#[test]
fn a_variant_is_neither_empty_nor_older_than_its_original() {
    let identity = |size, mtime| FileIdentity {
        inode: (0, 0),
        size,
        mtime,
        ctime: 0,
    };
    const SECOND: i128 = NANOSECONDS;
    for (size, mtime, original, expected) in [
        (1, 5, 5, true),
        (1, 6, 5, true),
        (1, 4, 5, false),
        (0, 6, 5, false),
        // Its time has no sub-second part.
        (1, SECOND, 2 * SECOND - 1, true),
        (1, SECOND, 2 * SECOND, false),
        (1, -2 * SECOND, -SECOND - 1, true),
        (1, -2 * SECOND, -SECOND, false),
    ] {
        let is_variant = identity(size, mtime).is_variant_of(&identity(1, original));
        assert_eq!(is_variant, expected, "{mtime} and {original}");
    }
}

#[test]
fn content_holds_until_size_or_mtime_change() {
    let Home { home, root } = home();
    let at = |name: &str| home.path().join("root").join(name);
    let file = fs::File::options().write(true).open(at("file")).unwrap();
    let before = root.identity("file").unwrap();
    fs::rename(at("file"), at("renamed")).unwrap();
    assert!(before.content_holds_for(&file).unwrap());
    let modified = file.metadata().unwrap().modified().unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    assert!(!before.content_holds_for(&file).unwrap());
    file.set_len(3).unwrap();
    file.set_modified(modified).unwrap();
    assert!(!before.content_holds_for(&file).unwrap());
}

#[test]
fn only_a_name_that_does_not_exist_is_vacant() {
    let Home { home, root } = home();
    symlink("nowhere", home.path().join("root/dangling")).unwrap();
    for (path, is_vacant) in [
        (c"nothing", true),
        (c"nothing/below", true),
        (c"file", false),
        (c"a", false),
        (c"dangling", false),
        // Another error than ENOENT.
        (c"file/below", false),
    ] {
        assert_eq!(root.is_vacant(path), is_vacant, "{path:?}");
    }
}
