//! What the kernel refuses the process, whatever the program tries: seen from
//! inside a confined child, and from outside on the server itself.
#![cfg(target_os = "linux")]

mod support;

use std::{
    fs,
    io::{self, ErrorKind::PermissionDenied, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use rustix::process::{Pid, Signal, kill_process};
use stdhttpd::{
    config::{AccessLogTarget, Config},
    server::sandbox::{Confinement, confine},
};
use support::{Server, wait_until};

/// Where the child finds what it is to try; set in the child alone.
const HOME: &str = "FAULTS_SANDBOX_HOME";
const LISTENER: &str = "FAULTS_SANDBOX_LISTENER";

/// A home with a site of one page, a folder for logs, and what is neither.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a folder");
    let at = |path: &str| home.path().join(path);
    for folder in ["site/www/a", "log", "elsewhere"] {
        fs::create_dir_all(at(folder)).expect("a folder");
    }
    fs::write(at("site/www/index.html"), "home").expect("a file");
    fs::write(at("site/www/a/page"), "page").expect("a file");
    fs::write(at("secret"), "secret").expect("a file");
    fs::write(at("elsewhere/index.html"), "elsewhere").expect("a file");
    symlink("../../secret", at("site/www/link")).expect("a link");
    fs::copy("/bin/true", at("site/www/true")).expect("a program");
    home
}

/// The test starts itself anew, so that nothing of the harness is confined.
#[test]
fn a_confined_child_can_do_nothing_but_read_beneath_its_root() {
    if let Some(home) = std::env::var_os(HOME) {
        return try_everything(Path::new(&home));
    }
    let home = home();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let output = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "--nocapture"])
        .arg("a_confined_child_can_do_nothing_but_read_beneath_its_root")
        .env(HOME, home.path())
        .env(LISTENER, listener.local_addr().expect("bound").to_string())
        .output()
        .expect("it starts");
    print!("{}", String::from_utf8_lossy(&output.stdout));
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaints}");
}

/// In the child: confines itself as the server does, then tries what a
/// program that was taken over would, from this thread and from a later one.
fn try_everything(home: &Path) {
    let mut config = Config::default();
    config.site.root = home.join("site/www");
    config.access_log = Some(AccessLogTarget::File(home.join("log/access.log")));
    match confine(&config).expect("no error") {
        Confinement::None => println!("not tried: this kernel has no Landlock"),
        confinement => {
            let home = home.to_path_buf();
            let later = home.clone();
            let tried = try_all(&home, confinement);
            let later = thread::spawn(move || try_all(&later, confinement));
            later.join().expect("the same in a thread");
            println!("{confinement:?}: {tried} things refused");
        }
    }
}

/// Tries all and gives how much was refused.
fn try_all(home: &Path, confinement: Confinement) -> usize {
    let at = |path: &str| home.join(path);
    assert_eq!(fs::read(at("site/www/a/page")).expect("read"), b"page");
    assert_eq!(fs::read_dir(at("site/www")).expect("read").count(), 4);
    let mut append = fs::OpenOptions::new();
    let mut log = append.append(true).create(true).open(at("log/access.log"));
    let log = log.as_mut().expect("the access log");
    log.write_all(b"a line\n").expect("appended");

    let mut attempts = attempts_on_files(home);
    if confinement == Confinement::Full {
        attempts.extend(attempts_on_others());
    }
    for (what, result) in &attempts {
        let kind = result.as_ref().map_err(io::Error::kind);
        assert_eq!(kind, Err(PermissionDenied), "{what}: {result:?}");
    }
    attempts.len()
}

type Attempt = (String, io::Result<()>);

fn attempts_on_files(home: &Path) -> Vec<Attempt> {
    let at = |path: &str| home.join(path);
    let page = at("site/www/index.html");
    let mut attempts = Vec::new();
    let mut attempt = |what: &str, path: PathBuf, result: io::Result<()>| {
        attempts.push((format!("{what} {}", path.display()), result));
    };
    for path in ["secret", "elsewhere/index.html", "site/www/link"] {
        attempt("read", at(path), fs::read(at(path)).map(drop));
    }
    for path in ["/etc/passwd", "/proc/self/environ", "/proc/1/cmdline"] {
        attempt("read", path.into(), fs::read(path).map(drop));
    }
    attempt("read", at("log/access.log"), {
        fs::read(at("log/access.log")).map(drop)
    });
    for path in ["/", "/etc", "/proc/self/fd"] {
        attempt("list", path.into(), fs::read_dir(path).map(drop));
    }
    attempt("list", at(""), fs::read_dir(at("")).map(drop));
    for path in ["/bin/true", "/bin/sh", "/proc/self/exe"] {
        attempt("execute", path.into(), {
            Command::new(path).status().map(drop)
        });
    }
    let program = at("site/www/true");
    let executed = Command::new(&program).status().map(drop);
    attempt("execute", program, executed);
    for path in ["site/www/new", "site/new", "new", "elsewhere/new"] {
        attempt("create", at(path), fs::write(at(path), "x"));
        attempt("make", at(path), fs::create_dir(at(path)));
        attempt("link", at(path), symlink("/", at(path)));
        attempt("link hard", at(path), fs::hard_link(&page, at(path)));
        attempt("rename to", at(path), fs::rename(&page, at(path)));
    }
    attempt("create", "/tmp/new".into(), fs::write("/tmp/new", "x"));
    attempt("write", page.clone(), fs::write(&page, "x"));
    let truncated = rustix::fs::open(
        &page,
        rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::TRUNC,
        rustix::fs::Mode::empty(),
    );
    let truncated = truncated.map(drop).map_err(io::Error::from);
    attempt("truncate", page.clone(), truncated);
    attempt("remove", page.clone(), fs::remove_file(&page));
    attempt(
        "remove",
        at("site/www/a"),
        fs::remove_dir_all(at("site/www/a")),
    );
    attempts
}

fn attempts_on_others() -> Vec<Attempt> {
    let listener: SocketAddr = std::env::var(LISTENER)
        .ok()
        .and_then(|address| address.parse().ok())
        .expect("an address");
    let parent = rustix::process::getppid().expect("a parent");
    let signal = |pid: Pid| kill_process(pid, Signal::CONT).map_err(io::Error::from);
    vec![
        ("connect".into(), TcpStream::connect(listener).map(drop)),
        ("bind".into(), TcpListener::bind("127.0.0.1:0").map(drop)),
        ("bind".into(), TcpListener::bind("[::]:0").map(drop)),
        ("signal".into(), signal(parent)),
    ]
}

/// A root and an access log that are swapped for links to elsewhere: what the
/// server itself can open then tells whether the kernel confines it.
#[test]
fn the_server_itself_can_neither_read_nor_write_elsewhere() {
    for args in ["", "--no-sandbox"] {
        let home = home();
        let at = |path: &str| home.path().join(path);
        let server = Server::build()
            .serve(at("site/www"))
            .args(args)
            .arg("--access-log")
            .arg(at("log/access.log"))
            .env("RUST_LOG", "info")
            .start();
        let line = server.wait_for_log("the sandbox", |line| line.contains("sandbox: "));
        let is_confined = ["fully", "partially"]
            .iter()
            .any(|word| line.contains(word));
        assert_eq!(server.connect().get("/").text(), "home");
        wait_until("its line", || logged(&at("log/access.log")));

        fs::remove_file(at("log/access.log")).expect("removed");
        symlink(at("elsewhere/access.log"), at("log/access.log")).expect("a link");
        server.signal(Signal::HUP);
        if is_confined {
            server.wait_for_log("the access log", |line| {
                line.contains("still writing to the previous file")
            });
        } else {
            wait_until("the other log", || at("elsewhere/access.log").exists());
        }
        assert_eq!(at("elsewhere/access.log").exists(), !is_confined, "{args}");

        fs::rename(at("site/www"), at("site/old")).expect("renamed");
        symlink(at("elsewhere"), at("site/www")).expect("a link");
        let serves_elsewhere = || server.connect().get("/").text() == "elsewhere";
        if is_confined {
            // The previous root is still served, and a warning says so.
            let said = |line: &str| line.contains("still serving the previous root");
            // Without a connection the root is not checked.
            let mut client = server.connect();
            assert_eq!(client.get("/").text(), "home");
            server.wait_for_log("the other root", said);
            assert_eq!(client.get("/").text(), "home");
        } else {
            wait_until("the other root", serves_elsewhere);
        }
        println!("{args:?}: confined: {is_confined}");
    }
}

fn logged(path: &Path) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text.lines().count() == 1)
}
