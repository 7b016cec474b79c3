//! Nothing outside the root is ever served.

mod support;

use std::{
    fs,
    os::unix::fs::symlink,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use support::{Server, reply::Kind};

const SECRET: &str = "the secret beside the root";

/// A root with a secret beside it: the folder of both, and a server.
fn beside(args: &str) -> (tempfile::TempDir, Server) {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("www");
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::write(home.path().join("secret.txt"), SECRET).unwrap();
    fs::write(root.join("a/page"), "page").unwrap();
    fs::write(root.join("index.html"), "home").unwrap();
    let server = Server::build().serve(root).args(args).start();
    (home, server)
}

/// Ways to write "up one folder" and "next folder", and where they stand.
fn variants() -> Vec<String> {
    let ups = [
        "..",
        "%2e%2e",
        "%2E.",
        ".%2e",
        "%252e%252e",
        "..%00",
        "..;",
        "..%20",
        "...",
        "..%0d",
        "%c0%ae%c0%ae",
        "%e0%80%ae%e0%80%ae",
        "..%01",
        "..%c0%af",
        "\u{ff0e}\u{ff0e}",
        "..\\",
    ];
    let slashes = [
        "/", "%2f", "%2F", "\\", "%5c", "%252f", "//", "/./", "/.%2f", "%c0%af", ";/",
    ];
    let starts = [
        "/",
        "/a/",
        "/a/b/",
        "//",
        "/./",
        "/%2f",
        "http://a/",
        "/a/page/",
    ];
    let mut variants = Vec::new();
    for up in ups {
        for slash in slashes {
            for start in starts {
                for depth in 1..=3 {
                    let climb = format!("{up}{slash}").repeat(depth);
                    variants.push(format!("{start}{climb}secret.txt"));
                }
            }
        }
    }
    variants
}

#[test]
fn no_variant_of_traversal_reaches_a_secret() {
    for args in ["", "--no-sandbox", "--listing --spa index.html"] {
        let (_home, server) = beside(args);
        let variants = variants();
        assert!(variants.len() > 1_000);
        for target in &variants {
            let mut client = server.connect();
            client
                .send("GET ")
                .send(target)
                .send(" HTTP/1.1\r\nHost: a\r\n\r\n");
            let reply = client
                .try_reply(Kind::Get)
                .expect("a reply")
                .expect("a reply");
            assert!(!reply.text().contains("secret beside"), "{target}");
            assert!(
                [301, 308, 400, 403, 404].contains(&reply.status) || reply.text() == "home",
                "{target}: {}",
                reply.status
            );
        }
        println!("{args:?}: {} variants", variants.len());
    }
}

#[test]
fn a_link_swapped_during_the_open_leads_nowhere() {
    let (home, server) = beside("--threads 2 --no-sandbox");
    let root = home.path().join("www");
    fs::create_dir_all(home.path().join("out")).unwrap();
    fs::write(home.path().join("out/page"), SECRET).unwrap();
    symlink("a", root.join("race")).unwrap();
    symlink("a", root.join("inside")).unwrap();
    symlink("../out", root.join("outside")).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let swapper = thread::spawn(move || {
        let mut swaps = 0_usize;
        while !stopped.load(Relaxed) {
            let (target, name) = if swaps.is_multiple_of(2) {
                ("../out", "o")
            } else {
                ("a", "i")
            };
            symlink(target, root.join(name)).unwrap();
            fs::rename(root.join(name), root.join("race")).unwrap();
            swaps += 1;
        }
        swaps
    });
    let start = Instant::now();
    let mut client = server.connect();
    let (mut served, mut refused) = (0, 0);
    while start.elapsed() < Duration::from_secs(3) {
        let reply = client.get("/race/page");
        match reply.status {
            200 => {
                assert_eq!(reply.text(), "page");
                served += 1;
            }
            403 | 404 => refused += 1,
            status => panic!("{status}"),
        }
    }
    stop.store(true, Relaxed);
    let swaps = swapper.join().expect("no panic");
    println!("{swaps} swaps: {served} served from inside, {refused} refused");
    assert!(swaps > 100 && served + refused > 100);
}

#[test]
fn the_sandbox_is_told_of_and_can_be_switched_off() {
    for (args, words) in [
        ("", "sandbox: "),
        ("--no-sandbox", "sandbox: disabled by --no-sandbox"),
    ] {
        let server = Server::build()
            .file("index.html", "home")
            .args(args)
            .env("RUST_LOG", "info")
            .start();
        let line = server.wait_for_log("the sandbox", |line| line.contains("sandbox: "));
        assert!(line.contains(words), "{line}");
        println!("{line}");
        assert_eq!(server.connect().get("/").text(), "home");
    }
}

/// Only root can try; the machine's other users are left alone.
#[test]
fn started_as_root_it_becomes_another_user() {
    if !rustix::process::geteuid().is_root() {
        println!("not tried: not root");
        return;
    }
    let server = Server::build()
        .file("index.html", "home")
        .args("--user nobody");
    let root = server.root().to_path_buf();
    let readable = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
    fs::set_permissions(&root, readable).unwrap();
    let server = server.start();
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let ids = status
        .lines()
        .find(|line| line.starts_with("Uid:"))
        .unwrap();
    let mut ids = ids.split_whitespace().skip(1);
    assert!(ids.all(|id| id == "65534"), "{status}");
    assert!(status.contains("CapEff:\t0000000000000000"), "{status}");
    assert_eq!(server.connect().get("/").text(), "home");
}
