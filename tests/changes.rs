//! Changes of what is kept in memory, and of what a path is, are seen by the
//! next request; changes of what is being sent end it, or do not touch it.

mod support;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{Duration, SystemTime},
};

use support::{Client, Server, content};

/// Waits until a file is old enough to be kept in memory, and has the server
/// keep it.
fn settle(path: &Path, client: &mut Client, target: &str) {
    support::wait_until("the file to be a little older", || {
        let metadata = fs::metadata(path).expect("a file");
        let changed = metadata.modified().expect("a time");
        changed < SystemTime::now() - Duration::from_millis(60)
    });
    for _ in 0..3 {
        assert_eq!(client.get(target).status, 200);
    }
}

#[test]
fn what_is_kept_in_memory_is_given_up_when_it_changes() {
    type Change = fn(&Path);
    let changes: &[(&str, Change, Result<&str, u16>)] = &[
        ("written", |p| fs::write(p, "NEW").unwrap(), Ok("NEW")),
        (
            "same size and time",
            |p| {
                let time = fs::metadata(p).and_then(|m| m.modified()).unwrap();
                fs::write(p, "old but").unwrap();
                support::touch(p, time);
            },
            Ok("old but"),
        ),
        ("emptied", |p| fs::write(p, "").unwrap(), Ok("")),
        (
            "appended to",
            |p| {
                use std::io::Write;
                let mut file = fs::File::options().append(true).open(p).unwrap();
                file.write_all(b"+").unwrap();
            },
            Ok("content+"),
        ),
        (
            "renamed over",
            |p| {
                fs::write(p.with_extension("new"), "renamed").unwrap();
                fs::rename(p.with_extension("new"), p).unwrap();
            },
            Ok("renamed"),
        ),
        ("removed", |p| fs::remove_file(p).unwrap(), Err(404)),
        (
            "a folder",
            |p| {
                fs::remove_file(p).unwrap();
                fs::create_dir(p).unwrap();
            },
            Err(301),
        ),
        (
            "a link",
            |p| {
                fs::remove_file(p).unwrap();
                std::os::unix::fs::symlink("other.txt", p).unwrap();
            },
            Ok("other"),
        ),
    ];
    for (what, change, expected) in changes {
        let server = Server::build()
            .file("f/a.txt", "content")
            .file("f/other.txt", "other")
            .start();
        let path = server.root().join("f/a.txt");
        let (mut client, mut second) = (server.connect(), server.connect());
        settle(&path, &mut client, "/f/a.txt");
        let old = client.get("/f/a.txt").must("etag").to_owned();
        change(&path);
        for client in [&mut client, &mut second] {
            let reply = client.get("/f/a.txt");
            match expected {
                Ok(text) => assert_eq!((reply.status, reply.text()), (200, *text), "{what}"),
                Err(status) => assert_eq!(reply.status, *status, "{what}"),
            }
        }
        if expected.is_ok() && *what != "same size and time" {
            let fields = format!("If-None-Match: {old}\r\n");
            assert_eq!(client.get_with("/f/a.txt", &fields).status, 200, "{what}");
            let fields = format!("Range: bytes=0-0\r\nIf-Range: {old}\r\n");
            assert_ne!(client.get_with("/f/a.txt", &fields).status, 206, "{what}");
        }
    }
}

#[test]
fn the_folders_on_the_way_may_change() {
    let server = Server::build()
        .file("f/a.txt", "a")
        .file("f/index.html", "index")
        .file("g/a.txt", "of g")
        .args("--listing")
        .start();
    let at = |name: &str| server.root().join(name);
    let mut client = server.connect();
    settle(&at("f/a.txt"), &mut client, "/f/a.txt");
    settle(&at("f/index.html"), &mut client, "/f/");
    fs::rename(at("f"), at("h")).expect("renamed");
    assert_eq!(client.get("/f/a.txt").status, 404);
    assert_eq!(client.get("/f/").status, 404);
    assert_eq!(client.get("/f").status, 404);
    assert_eq!(client.get("/h/a.txt").text(), "a");
    fs::rename(at("g"), at("f")).expect("renamed");
    assert_eq!(client.get("/f/a.txt").text(), "of g");
    assert!(client.get("/f/").text().contains("./a.txt"));
    fs::write(at("f/index.html"), "new index").expect("written");
    assert_eq!(client.get("/f/").text(), "new index");
    fs::remove_file(at("f/index.html")).expect("removed");
    assert!(client.get("/f/").text().contains("./a.txt"));
    fs::remove_dir_all(at("f")).expect("removed");
    fs::write(at("f"), "a file now").expect("written");
    assert_eq!(client.get("/f").text(), "a file now");
    assert_eq!(client.get("/f/").status, 404);
    assert_eq!(client.get("/f/a.txt").status, 404);
}

#[test]
fn a_file_that_may_no_longer_be_read_is_403() {
    let builder = Server::build().file("a.txt", "a");
    let root = builder.root().to_owned();
    let set = |path: &str, mode| {
        fs::set_permissions(root.join(path), fs::Permissions::from_mode(mode)).expect("a mode");
    };
    set("", 0o755);
    // Nothing is unreadable for root: the server gives that up.
    let args = match rustix::process::geteuid().is_root() {
        true => "--user nobody",
        false => "",
    };
    let server = builder.args(args).start();
    let mut client = server.connect();
    settle(&root.join("a.txt"), &mut client, "/a.txt");
    set("a.txt", 0o000);
    assert_eq!(client.get("/a.txt").status, 403);
    set("a.txt", 0o644);
    assert_eq!(client.get("/a.txt").text(), "a");
}

#[test]
fn a_file_that_grows_out_of_memory_and_back_is_sent_right() {
    let server = Server::build().file("a.bin", "small").start();
    let path = server.root().join("a.bin");
    let mut client = server.connect();
    for size in [1_048_576, 1_048_577, 3_000_000, 10, 0, 1_048_577, 5] {
        settle(&path, &mut client, "/a.bin");
        let bytes = content(size);
        fs::write(&path, &bytes).expect("written");
        assert!(client.get("/a.bin").body == bytes, "{size}");
    }
}

/// Starts a download that cannot be buffered whole, changes the file, and
/// gives the bytes that came of the body.
fn download_while(change: impl Fn(&Path)) -> Vec<u8> {
    let size = 40 << 20;
    let server = Server::build().file("a.bin", content(size)).start();
    let mut client = server.connect();
    client.send("GET /a.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    client.read_some(1_000);
    change(&server.root().join("a.bin"));
    let bytes = match client.try_reply(support::Kind::Get) {
        Ok(Some(reply)) => {
            client.assert_open();
            reply.body
        }
        // It ended before its length, so it cannot be mistaken for the file.
        _ => client.read_to_any_end().0,
    };
    server.connect().assert_open();
    bytes
}

#[test]
fn a_file_rewritten_while_it_is_sent_is_not_sent_to_its_end() {
    let size = 40 << 20;
    let rewritten = download_while(|path| {
        use std::os::unix::fs::FileExt;
        let file = fs::File::options().write(true).open(path).expect("opened");
        file.write_all_at(&vec![0; 1 << 20], 39 << 20)
            .expect("written");
    });
    assert!(rewritten.len() < size, "a mix of two contents, whole");
    let grown = download_while(|path| {
        use std::io::Write;
        let mut file = fs::File::options().append(true).open(path).expect("opened");
        file.write_all(b"more").expect("written");
    });
    // Not a byte more than was promised, whichever way it ended.
    assert!(grown.len() < size || grown == content(size));
}

#[test]
fn a_file_removed_while_it_is_sent_is_finished() {
    let removed = download_while(|path| fs::remove_file(path).expect("removed"));
    assert!(removed == content(40 << 20));
    let replaced = download_while(|path| {
        fs::write(path.with_extension("new"), "new").expect("written");
        fs::rename(path.with_extension("new"), path).expect("renamed");
    });
    assert!(replaced == content(40 << 20));
}
