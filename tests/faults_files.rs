//! Files that change, vanish or are swapped while they are sent and between
//! being looked up and opened.

mod support;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use support::{Client, Server, content, reply::Kind};

const LARGE: usize = 32 << 20;

/// What is done to a file, or to what is around it, and its name.
type Change<T> = (&'static str, fn(&T));

/// A download of which the first bytes are here.
fn begun(server: &Server) -> Client {
    let mut client = server.connect();
    client.send("GET /folder/large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    client.read_some(100_000);
    client
}

fn server() -> Server {
    Server::build()
        .file("index.html", "home")
        .file("folder/large.bin", content(LARGE))
        .file("other/large.bin", vec![b'o'; LARGE])
        .args("--threads 1")
        .start()
}

#[test]
fn what_happens_to_the_name_does_not_touch_a_download() {
    let changes: [Change<Path>; 4] = [
        ("replaced by rename", |root| {
            fs::rename(root.join("other/large.bin"), root.join("folder/large.bin")).unwrap();
        }),
        ("deleted", |root| {
            fs::remove_file(root.join("folder/large.bin")).unwrap();
        }),
        ("made unreadable", |root| {
            let path = root.join("folder/large.bin");
            fs::set_permissions(path, fs::Permissions::from_mode(0o0)).unwrap();
        }),
        ("its folder swapped", |root| {
            fs::rename(root.join("folder"), root.join("away")).unwrap();
            fs::rename(root.join("other"), root.join("folder")).unwrap();
        }),
    ];
    for (what, change) in changes {
        let server = server();
        let mut client = begun(&server);
        change(server.root());
        assert!(
            client.reply().body == content(LARGE),
            "{what}: another body"
        );
        client.assert_open();
    }
}

#[test]
fn a_body_that_came_out_short_ends_the_connection() {
    let changes: [Change<fs::File>; 3] = [
        ("truncated", |file| file.set_len(200_000).unwrap()),
        ("emptied", |file| file.set_len(0).unwrap()),
        ("grown", |file| file.set_len(2 * LARGE as u64).unwrap()),
    ];
    for (what, change) in changes {
        let server = server();
        let mut client = begun(&server);
        let path = server.root().join("folder/large.bin");
        change(&fs::File::options().write(true).open(path).unwrap());
        let error = client.try_reply(Kind::Get).expect_err(what);
        assert!(error.contains("missing"), "{what}: {error}");
        assert_eq!(server.connect().get("/").text(), "home");
    }
}

/// One file is replaced again and again, by rename, by one of another size
/// and content, while clients ask for it: each answer is of one of them.
#[test]
fn length_and_content_are_of_one_file_whatever_happens_meanwhile() {
    const SIZES: [usize; 4] = [1, 5_000, 700_000, 1_500_000];
    let server = Server::build()
        .file("index.html", "home")
        .file("folder/page", "x")
        .args("--threads 2")
        .start();
    let root = server.root().to_path_buf();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let changer = thread::spawn(move || {
        let mut round = 0_usize;
        while !stopped.load(Relaxed) {
            let letter = b'a' + (round % 26) as u8;
            let bytes = vec![letter; SIZES[round % SIZES.len()]];
            fs::write(root.join("new"), bytes).unwrap();
            match round % 5 {
                0 => {
                    // Its folder is swapped.
                    let _ = fs::create_dir(root.join("spare"));
                    fs::rename(root.join("new"), root.join("spare/page")).unwrap();
                    fs::rename(root.join("folder"), root.join("old")).unwrap();
                    fs::rename(root.join("spare"), root.join("folder")).unwrap();
                    fs::remove_dir_all(root.join("old")).unwrap();
                }
                1 => {
                    let _ = fs::remove_file(root.join("folder/page"));
                    fs::rename(root.join("new"), root.join("folder/page")).unwrap();
                }
                _ => fs::rename(root.join("new"), root.join("folder/page")).unwrap(),
            }
            round += 1;
        }
        round
    });
    let (mut whole, mut missing) = (0, 0);
    let start = Instant::now();
    let mut client = server.connect();
    while start.elapsed() < Duration::from_secs(3) {
        let reply = client.get("/folder/page");
        match reply.status {
            200 => {
                let first = reply.body[0];
                assert!(reply.body.iter().all(|byte| *byte == first), "of two files");
                assert!(
                    SIZES.contains(&reply.body.len()),
                    "{} bytes",
                    reply.body.len()
                );
                whole += 1;
            }
            404 => missing += 1,
            status => panic!("{status}"),
        }
    }
    stop.store(true, Relaxed);
    let rounds = changer.join().expect("no panic");
    println!("{rounds} changes: {whole} whole answers, {missing} times not there");
    assert!(whole > 0);
}
