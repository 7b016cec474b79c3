//! A root that is swapped while it is served: a link led to another folder, or
//! the folder itself made anew.

mod support;

use std::{
    fs,
    os::unix::fs::symlink,
    path::PathBuf,
    time::{Duration, Instant},
};

use support::{Server, content};

/// `releases/1` and so on, and `current`, a link to one of them.
struct Releases {
    folder: tempfile::TempDir,
}

impl Releases {
    fn new() -> Releases {
        let folder = tempfile::tempdir().expect("a folder");
        Releases { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A release whose files all tell its number.
    fn make(&self, number: u8) {
        let release = self.path("releases").join(number.to_string());
        fs::create_dir_all(release.join("docs")).expect("a folder");
        for name in ["index.html", "small.txt", "docs/index.html"] {
            fs::write(release.join(name), [b'0' + number; 300]).expect("a file");
        }
        fs::write(release.join("large.bin"), large(number)).expect("a file");
        fs::write(release.join(format!("only{number}.txt")), "x").expect("a file");
    }

    /// Leads `current` to a release, in one step.
    fn publish(&self, number: u8) {
        self.lead("current", &format!("releases/{number}"));
    }

    /// Leads the link `name` to `target`, in one step.
    fn lead(&self, name: &str, target: &str) {
        let next = self.path("next");
        symlink(target, &next).expect("a link");
        fs::rename(next, self.path(name)).expect("a rename");
    }
}

fn large(number: u8) -> Vec<u8> {
    let mut bytes = content(3 << 20);
    bytes
        .iter_mut()
        .for_each(|byte| *byte = byte.wrapping_add(number));
    bytes
}

#[test]
fn a_new_release_is_served_within_a_second() {
    let releases = Releases::new();
    for number in 1..=4 {
        releases.make(number);
    }
    releases.publish(1);
    let server = Server::build()
        .serve(releases.path("current"))
        .args("--threads 2")
        .start();
    let mut clients = [server.connect(), server.connect()];
    for number in 1..=4_u8 {
        releases.publish(number);
        let start = Instant::now();
        let small = [b'0' + number; 300];
        for client in &mut clients {
            while client.get("/small.txt").body != small {
                assert!(start.elapsed() < Duration::from_secs(1), "release {number}");
            }
            // From here on nothing of the old release is left on this
            // connection.
            for target in ["/", "/index.html", "/docs/", "/small.txt"] {
                assert!(client.get(target).body == small, "{target} of {number}");
            }
            assert!(client.get("/large.bin").body == large(number));
            assert_eq!(client.get(&format!("/only{number}.txt")).status, 200);
            assert_eq!(client.get(&format!("/only{}.txt", number - 1)).status, 404);
        }
    }
}

#[test]
fn a_link_to_a_folder_in_a_release_can_be_swapped() {
    let releases = Releases::new();
    for number in [1, 2] {
        releases.make(number);
    }
    // Straight to the folder, and by way of another link.
    for current in ["releases/1", "current"] {
        releases.publish(1);
        releases.lead("www", &format!("{current}/docs"));
        let server = Server::build().serve(releases.path("www")).start();
        let mut client = server.connect();
        assert_eq!(client.get("/").body, [b'1'; 300]);
        match current {
            "current" => releases.publish(2),
            _ => releases.lead("www", "releases/2/docs"),
        }
        let start = Instant::now();
        while client.get("/").body != [b'2'; 300] {
            assert!(start.elapsed() < Duration::from_secs(1), "{current}");
        }
    }
}

#[test]
fn no_answer_mixes_two_releases() {
    let releases = Releases::new();
    releases.make(1);
    releases.make(2);
    releases.publish(1);
    let server = Server::build().serve(releases.path("current")).start();
    let mut client = server.connect();
    let (first, second) = (large(1), large(2));
    let start = Instant::now();
    let mut number = 1;
    let mut seen = [false; 2];
    let mut published = start;
    while seen != [true; 2] || start.elapsed() < Duration::from_secs(2) {
        assert!(start.elapsed() < support::DEADLINE, "only one release seen");
        if published.elapsed() > Duration::from_millis(300) {
            number = 3 - number;
            releases.publish(number);
            published = Instant::now();
        }
        let body = client.get("/large.bin").body;
        assert!(body == first || body == second, "a mix of two releases");
        seen[usize::from(body == second)] = true;
        let body = client.get("/small.txt").body;
        assert!(body == [b'1'; 300] || body == [b'2'; 300]);
    }
}

#[test]
fn a_download_under_way_is_finished_from_the_old_release() {
    let releases = Releases::new();
    releases.make(1);
    releases.make(2);
    releases.publish(1);
    let old = content(20 << 20);
    fs::write(releases.path("releases/1/huge.bin"), &old).expect("a file");
    let server = Server::build().serve(releases.path("current")).start();
    let mut client = server.connect();
    client.send("GET /huge.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    client.read_some(1_000);
    releases.publish(2);
    fs::remove_dir_all(releases.path("releases/1")).expect("removed");
    assert!(client.reply().body == old);
    let start = Instant::now();
    while client.get("/small.txt").body != [b'2'; 300] {
        assert!(start.elapsed() < Duration::from_secs(1));
    }
    assert_eq!(client.get("/huge.bin").status, 404);
}

#[test]
fn a_root_that_is_missing_for_a_moment_does_no_harm() {
    let releases = Releases::new();
    releases.make(1);
    releases.make(2);
    releases.publish(1);
    let server = Server::build().serve(releases.path("current")).start();
    let mut client = server.connect();
    assert_eq!(client.get("/small.txt").body, [b'1'; 300]);
    fs::remove_file(releases.path("current")).expect("removed");
    assert_eq!(client.get("/small.txt").body, [b'1'; 300]);
    releases.publish(2);
    let start = Instant::now();
    while client.get("/small.txt").body != [b'2'; 300] {
        assert!(start.elapsed() < Duration::from_secs(1));
    }
}

#[test]
fn a_root_that_is_removed_and_made_anew_is_served() {
    let releases = Releases::new();
    let root = releases.path("www");
    let make = |number: u8| {
        fs::create_dir(&root).expect("a folder");
        fs::write(root.join("small.txt"), [b'0' + number; 300]).expect("a file");
    };
    make(1);
    for args in ["", "--no-sandbox"] {
        let server = Server::build().serve(&root).args(args).start();
        let mut client = server.connect();
        assert_eq!(client.get("/small.txt").status, 200);
        for number in 2..5 {
            if number % 2 == 0 {
                fs::remove_dir_all(&root).expect("removed");
            } else {
                let old = releases.path(&format!("old{number}{args}"));
                fs::rename(&root, old).expect("renamed");
            }
            make(number);
            let start = Instant::now();
            while client.get("/small.txt").body != [b'0' + number; 300] {
                assert!(start.elapsed() < Duration::from_secs(1), "{number} {args}");
            }
        }
    }
}
