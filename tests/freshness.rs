//! What changes on disk is seen by the very next request: changes of a file and
//! of its variants. `changes.rs` has those by which a path becomes something
//! else, `deploy.rs` those of the root.

mod support;

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use support::{Server, content};

/// One small file that is kept in memory and one that is not.
const SIZES: [usize; 2] = [1_000, 3 << 20];

#[test]
fn every_change_of_a_file_is_seen_by_the_next_request() {
    for size in SIZES {
        let old = content(size);
        let new: Vec<u8> = old.iter().map(|byte| !byte).collect();
        let server = Server::build().file("a.bin", &old).start();
        let path = server.root().join("a.bin");
        let mut client = server.connect();
        let mut tags = Vec::new();
        let mut expect = |what: &str, wanted: &[u8]| {
            for _ in 0..2 {
                let reply = client.get("/a.bin");
                assert!(
                    reply.status == 200 && reply.body == wanted,
                    "{what}, {size} bytes"
                );
                tags.push((reply.must("etag").to_owned(), wanted.to_vec()));
            }
        };
        expect("as it was", &old);
        let_the_clock_move(&path);
        fs::write(&path, &new).expect("written");
        expect("the same size", &new);
        let_the_clock_move(&path);
        fs::write(&path, &old[..size / 2]).expect("truncated");
        expect("truncated", &old[..size / 2]);
        let_the_clock_move(&path);
        fs::write(&path, &old).expect("grown");
        expect("appended to", &old);
        let beside = server.root().join("beside");
        let_the_clock_move(&path);
        fs::write(&beside, &new).expect("written");
        fs::rename(&beside, &path).expect("renamed");
        expect("replaced by rename", &new);
        fs::remove_file(&path).expect("removed");
        assert_eq!(client.get("/a.bin").status, 404, "deleted");
        fs::write(&path, &old).expect("created");
        let reply = client.get("/a.bin");
        assert!(reply.status == 200 && reply.body == old, "created again");
        assert_tags_tell_contents_apart(&tags);
    }
}

/// A file replaced by another of the same size and time of modification.
#[track_caller]
fn check_same_time(args: &str, size: usize, seconds: u64, also_dates: bool) {
    let (old, new) = (vec![b'A'; size], vec![b'B'; size]);
    let server = Server::build().file("a.txt", &old).args(args).start();
    let path = server.root().join("a.txt");
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    support::touch(&path, time);
    let mut client = server.connect();
    let first = client.get("/a.txt");
    let tag = first.must("etag").to_owned();
    let date = first.must("last-modified").to_owned();
    assert_eq!(client.get("/a.txt").must("etag"), tag);
    let unchanged = client.get_with("/a.txt", &format!("If-None-Match: {tag}\r\n"));
    assert_eq!(unchanged.status, 304);
    let beside = server.root().join("beside");
    fs::write(&beside, &new).expect("written");
    let changed = |path: &Path| {
        let metadata = fs::metadata(path).expect("a file");
        (metadata.ctime(), metadata.ctime_nsec())
    };
    support::wait_until("the clock of the file system", || {
        support::touch(&beside, time);
        changed(&beside) != changed(&path)
    });
    fs::rename(&beside, &path).expect("renamed");
    let by_tag = [
        format!("If-None-Match: {tag}"),
        format!("Range: bytes=2-\r\nIf-Range: {tag}"),
    ];
    let by_date = [
        format!("If-Modified-Since: {date}"),
        format!("Range: bytes=2-\r\nIf-Range: {date}"),
    ];
    let by_date = by_date.into_iter().filter(|_| also_dates);
    for field in by_tag.into_iter().chain(by_date) {
        let reply = client.get_with("/a.txt", &format!("{field}\r\n"));
        assert!(
            reply.status == 200 && reply.body == new,
            "{args} {size}: {field} gets {}",
            reply.status
        );
    }
}

#[test]
fn files_that_all_have_the_same_time_are_told_apart_by_their_tags() {
    for args in ["", "--cache-size 0"] {
        check_same_time(args, 100, 1, true);
        check_same_time(args, 100_000, 1, true);
        // A time that was set explicitly may belong to two contents.
        check_same_time(args, 100, 1_700_000_000, false);
        check_same_time(args, 32 << 10, 1_700_000_000, false);
    }
}

/// Waits until what is written next bears another time than `path` does: the
/// system stamps files by a clock that moves a few hundred times a second.
fn let_the_clock_move(path: &Path) {
    let probe = tempfile::NamedTempFile::new_in(path.parent().expect("a folder")).expect("a probe");
    let stamp = |path: &Path| {
        fs::metadata(path)
            .and_then(|m| m.modified())
            .expect("a time")
    };
    support::wait_until("the clock of the file system", || {
        fs::write(probe.path(), "x").expect("written");
        stamp(probe.path()) != stamp(path)
    });
}

fn assert_tags_tell_contents_apart(tags: &[(String, Vec<u8>)]) {
    for (tag, bytes) in tags {
        for (other_tag, other_bytes) in tags {
            assert!(
                tag != other_tag || bytes == other_bytes,
                "one tag, {tag}, for two contents"
            );
        }
    }
}

#[test]
fn changes_in_quick_succession_are_all_seen() {
    let server = Server::build().file("a.txt", "000").start();
    let path = server.root().join("a.txt");
    let mut client = server.connect();
    // As fast as can be: many of them fall between two ticks of the clock that
    // stamps files, and all have the same size.
    for number in 0..1_000 {
        let text = format!("{number:03}");
        fs::write(&path, &text).expect("written");
        assert_eq!(client.get("/a.txt").text(), text);
    }
}

#[test]
fn a_file_replaced_with_its_old_size_and_time_is_seen() {
    let server = Server::build().file("a.txt", "old content").start();
    let path = server.root().join("a.txt");
    let time = fs::metadata(&path)
        .and_then(|m| m.modified())
        .expect("a time");
    let mut client = server.connect();
    assert_eq!(client.get("/a.txt").text(), "old content");
    let beside = server.root().join("beside");
    fs::write(&beside, "new content").expect("written");
    support::touch(&beside, time);
    fs::rename(&beside, &path).expect("renamed");
    assert_eq!(client.get("/a.txt").text(), "new content");
}

#[test]
fn a_missing_file_is_found_once_it_is_there() {
    let server = Server::with_page("");
    let mut client = server.connect();
    assert_eq!(client.get("/late.txt").status, 404);
    server.write("late.txt", "here");
    assert_eq!(client.get("/late.txt").text(), "here");
    fs::create_dir(server.root().join("folder")).expect("a folder");
    assert_eq!(client.get("/folder/").status, 404);
    server.write("folder/index.html", "inside");
    assert_eq!(client.get("/folder/").text(), "inside");
}

#[test]
fn a_client_with_an_old_tag_gets_the_new_content() {
    let server = Server::build().file("a.txt", "old").start();
    let mut client = server.connect();
    let tag = client.get("/a.txt").must("etag").to_owned();
    let field = format!("If-None-Match: {tag}\r\n");
    assert_eq!(client.get_with("/a.txt", &field).status, 304);
    server.write("a.txt", "new");
    assert_eq!(client.get_with("/a.txt", &field).text(), "new");
}

#[test]
fn a_file_replaced_while_it_is_sent_is_finished_from_the_old() {
    let size = 20 << 20;
    let server = Server::build().file("a.bin", content(size)).start();
    let mut client = server.connect();
    client.send("GET /a.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    client.read_some(1_000);
    server.write("beside", vec![0; size]);
    fs::rename(server.root().join("beside"), server.root().join("a.bin")).expect("renamed");
    assert!(client.reply().body == content(size), "a mix of two files");
    assert!(
        client.get("/a.bin").body == vec![0; size],
        "the old file again"
    );
}

#[test]
fn a_file_that_shrinks_while_it_is_sent_ends_the_connection() {
    let size = 20 << 20;
    let server = Server::build().file("a.bin", content(size)).start();
    let mut client = server.connect();
    client.send("GET /a.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    client.read_some(1_000);
    let file = fs::File::options()
        .write(true)
        .open(server.root().join("a.bin"));
    file.and_then(|f| f.set_len(size as u64 / 4))
        .expect("truncated");
    let (rest, _) = client.read_to_any_end();
    assert!(
        rest.len() < size,
        "a whole body, {} bytes with its head",
        rest.len()
    );
    server.connect().assert_open();
}

#[test]
fn the_page_for_what_is_missing_is_fresh_too() {
    let server = Server::build().file("404.html", "first").start();
    let mut client = server.connect();
    assert_eq!(client.get("/none").text(), "first");
    server.write("404.html", "second one");
    assert_eq!(client.get("/none").text(), "second one");
}
