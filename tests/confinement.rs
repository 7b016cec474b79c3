//! Nothing outside the root is served, whatever link leads there, and nothing
//! that is not a regular file blocks a worker: link by link.
//! `faults_confinement.rs` tries thousands of spellings, and links that are
//! swapped meanwhile.

mod support;

use std::{
    fs,
    os::unix::{fs::PermissionsExt, fs::symlink, net::UnixListener},
    path::Path,
};

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use support::{Server, check, equal};

/// The content of every file that must not be served.
const SECRET: &str = "SECRET";

/// A folder `home` with the root `www` in it and secrets around it.
struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Home {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home { folder };
        for path in ["secret", "out/secret", "out/index.html", "www2/secret"] {
            home.write(path, SECRET);
        }
        home.write("www/index.html", "home");
        home.write("www/d/x.txt", "x");
        home.write("www/d/e/y.txt", "y");
        home
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, content).expect("a file");
    }

    /// A link at `at` beneath the root.
    fn link(&self, at: &str, to: impl AsRef<Path>) {
        let at = self.root().join(at);
        fs::create_dir_all(at.parent().expect("a parent")).expect("a folder");
        symlink(to, at).expect("a link");
    }

    fn root(&self) -> std::path::PathBuf {
        self.folder.path().join("www")
    }

    fn absolute(&self, path: &str) -> std::path::PathBuf {
        self.folder.path().join(path)
    }
}

/// Links that leave the root, and targets that try to go through them.
const LEAVING: &[&str] = &[
    "/direct",
    "/direct-absolute",
    "/etc-passwd",
    "/relative-passwd",
    "/home-absolute/secret",
    "/home-absolute/www/d/x.txt",
    "/folder/secret",
    "/folder/",
    "/folder/index.html",
    "/folder",
    "/folder-absolute/secret",
    "/slash/etc/passwd",
    "/slash/",
    "/dot-dot/secret",
    "/dot-dot/",
    "/dot-dot/www2/secret",
    "/dot-dot/www/index.html",
    "/dot-dot/www/d/x.txt",
    "/sibling-prefix/secret",
    "/d/up2",
    "/d/e/up3",
    "/chain1",
    "/chain3/secret",
    "/in-and-out",
    "/out-and-in",
    "/absolute-inside",
    "/proc-root/etc/passwd",
    "/proc-cwd/Cargo.toml",
    "/proc-fd/0",
    "/proc-exe",
    "/proc-environ",
    "/dev-null",
    "/dev-stdin",
    "/dev-zero",
    "/index-out/",
    "/index-out/index.html",
    "/index-chain/",
    "/loop",
    "/loop-a/x",
    "/dangling",
    "/dangling-out",
    "/d/link-to-out/secret",
    "/d/link-to-out/",
    "/via-folder-link/out/secret",
];

fn leaving_home() -> Home {
    let home = Home::new();
    home.link("direct", "../secret");
    home.link("direct-absolute", home.absolute("secret"));
    home.link("etc-passwd", "/etc/passwd");
    home.link("relative-passwd", "../../../../../../../../etc/passwd");
    home.link("home-absolute", home.absolute(""));
    home.link("folder", "../out");
    home.link("folder-absolute", home.absolute("out"));
    home.link("slash", "/");
    home.link("dot-dot", "..");
    home.link("sibling-prefix", "../www2");
    home.link("d/up2", "../../secret");
    home.link("d/e/up3", "../../../secret");
    home.link("chain1", "chain2");
    home.link("chain2", "direct");
    home.link("chain3", "d/../folder");
    home.link("in-and-out", "d/../../secret");
    home.link("out-and-in", "../www/index.html");
    home.link("absolute-inside", home.absolute("www/index.html"));
    home.link("proc-root", "/proc/self/root");
    home.link("proc-cwd", "/proc/self/cwd");
    home.link("proc-fd", "/proc/self/fd");
    home.link("proc-exe", "/proc/self/exe");
    home.link("proc-environ", "/proc/self/environ");
    home.link("dev-null", "/dev/null");
    home.link("dev-stdin", "/dev/stdin");
    home.link("dev-zero", "/dev/zero");
    home.link("index-out/index.html", "../../secret");
    home.link("index-chain/index.html", "../index-out/index.html");
    home.link("loop", "loop");
    home.link("loop-a", "loop-b");
    home.link("loop-b", "loop-a");
    home.link("dangling", "nowhere");
    home.link("dangling-out", "../nowhere");
    home.link("d/link-to-out", "../folder");
    home.link("via-folder-link", "d/..");
    home.link("out", "../out");
    home
}

#[test]
fn links_that_leave_the_root_lead_nowhere() {
    let home = leaving_home();
    // The second look meets what the first one left in memory; the listing
    // and the lack of a sandbox must make no difference.
    for args in ["", "--listing", "--no-sandbox", "--cache-size 0"] {
        let server = Server::build().serve(home.root()).args(args).start();
        check(LEAVING, |target| {
            let mut client = server.connect();
            for fields in ["", "Accept-Encoding: gzip, br\r\n"] {
                let reply = client.get_with(target, fields);
                equal("the status", reply.status, 404)?;
                equal("a secret", reply.text().contains(SECRET), false)?;
            }
            Ok(())
        });
    }
}

#[test]
fn links_within_the_root_are_followed() {
    let home = Home::new();
    home.write("www/d/index.html", "d");
    home.link("file", "index.html");
    home.link("folder", "d");
    home.link("chain1", "chain2");
    home.link("chain2", "file");
    home.link("d/e/up", "../x.txt");
    home.link("d/e/up-and-down", "../../d/e/../x.txt");
    home.link("i/index.html", "../d/x.txt");
    home.link("coded.txt", "d/x.txt");
    home.link("coded.txt.gz", "d/packed");
    home.write("www/d/packed", "packed");
    // The path of the request is what is hidden or not.
    home.write("www/.releases/1/z.txt", "z");
    home.link("current", ".releases/1");
    let server = Server::build().serve(home.root()).start();
    check(
        &[
            ("/file", "home"),
            ("/folder/", "d"),
            ("/folder/x.txt", "x"),
            ("/folder/e/y.txt", "y"),
            ("/chain1", "home"),
            ("/d/e/up", "x"),
            ("/d/e/up-and-down", "x"),
            ("/i/", "x"),
            ("/coded.txt", "x"),
            ("/current/z.txt", "z"),
        ],
        |(target, body)| {
            let reply = server.connect().get(target);
            equal("the status", reply.status, 200)?;
            equal("the body", reply.text(), body)
        },
    );
    let reply = server.connect().get("/folder");
    assert_eq!(
        (reply.status, reply.field("location")),
        (301, Some("/folder/"))
    );
    let coded = server
        .connect()
        .get_with("/coded.txt", "Accept-Encoding: gzip\r\n");
    assert_eq!(coded.text(), "packed");
}

#[test]
fn a_variant_outside_the_root_is_ignored() {
    let home = Home::new();
    for ending in ["gz", "br", "zst"] {
        home.link(&format!("d/x.txt.{ending}"), "../../secret");
        home.link(&format!("index.html.{ending}"), home.absolute("secret"));
    }
    let large = "x".repeat(2 << 20);
    home.write("www/large.txt", &large);
    home.link("large.txt.gz", "../secret");
    for args in ["", "--cache-size 0", "--no-sandbox"] {
        let server = Server::build().serve(home.root()).args(args).start();
        check(
            &[
                ("/d/x.txt", "x"),
                ("/", "home"),
                ("/large.txt", large.as_str()),
            ],
            |(target, body)| {
                let reply = server
                    .connect()
                    .get_with(target, "Accept-Encoding: gzip, br, zstd\r\n");
                equal("the status", reply.status, 200)?;
                equal("the coding", reply.field("content-encoding"), None)?;
                equal("the body", reply.text() == *body, true)
            },
        );
    }
}

#[test]
fn a_page_of_the_site_that_leaves_the_root_is_not_shown() {
    let home = Home::new();
    home.link("404.html", "../secret");
    home.link("app.html", "../secret");
    let server = Server::build()
        .serve(home.root())
        .args("--spa app.html")
        .start();
    let reply = server.connect().get_with("/none", "Accept: text/html\r\n");
    assert_eq!(reply.status, 404);
    assert!(!reply.text().contains(SECRET));
}

#[test]
fn a_file_that_becomes_a_link_out_of_the_root_is_gone() {
    let home = Home::new();
    let server = Server::build().serve(home.root()).start();
    let mut client = server.connect();
    for _ in 0..2 {
        assert_eq!(client.get("/d/x.txt").text(), "x");
        assert_eq!(client.get("/d/e/y.txt").text(), "y");
    }
    // The very same file, so that only its path tells that it left.
    fs::rename(home.root().join("d/x.txt"), home.absolute("moved")).expect("moved");
    home.link("d/x.txt", "../../moved");
    assert_eq!(client.get("/d/x.txt").status, 404);
    // The folder on the way to it leaves; what is written there is not seen.
    fs::rename(home.root().join("d/e"), home.absolute("gone")).expect("moved");
    home.link("d/e", "../../gone");
    home.write("gone/y.txt", SECRET);
    assert_eq!(client.get("/d/e/y.txt").status, 404);
}

#[test]
fn other_file_types_are_404_and_block_no_worker() {
    let home = Home::new();
    let root = home.root();
    let make = |name: &str, kind, device| {
        mknodat(CWD, root.join(name), kind, Mode::RUSR | Mode::WUSR, device)
    };
    make("fifo", FileType::Fifo, 0).expect("a FIFO");
    make("d/index.html", FileType::Fifo, 0).expect("a FIFO");
    make("404.html", FileType::Fifo, 0).expect("a FIFO");
    make("index.html.gz", FileType::Fifo, 0).expect("a FIFO");
    home.link("to-fifo", "fifo");
    let socket = UnixListener::bind(root.join("socket")).expect("a socket");
    // /dev/zero and a terminal, where we may make them.
    let has_devices = make("zero", FileType::CharacterDevice, makedev(1, 5)).is_ok()
        && make("tty", FileType::CharacterDevice, makedev(5, 0)).is_ok();
    for args in ["--threads 1", "--threads 1 --listing"] {
        let server = Server::build().serve(&root).args(args).start();
        for target in ["/fifo", "/to-fifo", "/socket", "/fifo/", "/fifo/x"] {
            assert_eq!(server.connect().get(target).status, 404, "{target} {args}");
        }
        if has_devices {
            assert_eq!(server.connect().get("/zero").status, 404);
            assert_eq!(server.connect().get("/tty").status, 404);
        }
        let reply = server.connect().get_with("/", "Accept-Encoding: gzip\r\n");
        assert_eq!((reply.status, reply.text()), (200, "home"));
        let listed = server.connect().get("/d/");
        assert_eq!(
            listed.status,
            if args.contains("listing") { 200 } else { 404 }
        );
        assert!(!listed.text().contains("fifo"));
    }
    drop(socket);
}

#[test]
fn unreadable_files_are_403() {
    if !rustix::process::geteuid().is_root() {
        return unreadable(Server::build());
    }
    // Nothing is unreadable for root: the server gives that up.
    unreadable(Server::build().args("--user nobody"));
}

fn unreadable(builder: support::server::Builder) {
    let builder = builder
        .file("index.html", "home")
        .file("closed.txt", SECRET)
        .file("closed/index.html", SECRET)
        .file("walled/index.html", "through")
        .file("walled/list/x", "x")
        .file("closed-index/index.html", SECRET)
        .file("coded.txt", "plain")
        .file("coded.txt.gz", SECRET);
    let root = builder.root().to_owned();
    let set = |path: &str, mode| {
        fs::set_permissions(root.join(path), fs::Permissions::from_mode(mode)).expect("a mode");
    };
    set("", 0o755);
    set("closed.txt", 0o000);
    set("closed", 0o000);
    // To be passed through, not to be read.
    set("walled", 0o711);
    set("walled/list", 0o711);
    set("closed-index/index.html", 0o000);
    set("coded.txt.gz", 0o000);
    let server = builder.args("--listing").start();
    check(
        &[
            ("/", 200),
            ("/closed.txt", 403),
            ("/closed/", 403),
            ("/closed/index.html", 403),
            ("/closed/none", 403),
            ("/closed-index/", 403),
            ("/walled/", 200),
            ("/walled", 301),
            ("/walled/list/", 403),
            ("/walled/list/x", 200),
            ("/coded.txt", 200),
            ("/closed.txt/", 404),
            ("/none", 404),
        ],
        |(target, status)| {
            let mut client = server.connect();
            let reply = client.get_with(target, "Accept-Encoding: gzip\r\n");
            equal("the status", reply.status, *status)?;
            equal("a secret", reply.text().contains(SECRET), false)?;
            equal("HEAD", client.request("HEAD", target, "").status, *status)?;
            client.assert_open();
            Ok(())
        },
    );
}
