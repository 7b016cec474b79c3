//! A kernel that lacks what the server would use, or a container that denies it.

mod support;

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::{fs::symlink, process::CommandExt},
    path::Path,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process_group};
use support::{Client, binary, check, equal};

/// A process and those that it started; killed when dropped.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = Pid::from_raw(self.0.id() as i32) {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        let _ = self.0.wait();
    }
}

/// A server that is refused this system call, and a client of it.
fn start_without(call: &str, options: &[&str], root: &Path) -> (Group, Client) {
    let mut strace = Command::new("strace");
    strace
        .args(["--follow-forks", "--output=/dev/null"])
        .arg(format!("--trace={call}"))
        .arg(format!("--inject={call}:error=ENOSYS"))
        .arg(binary().get_program())
        .args(["--listen", "127.0.0.1:0"])
        .args(options)
        .arg(root)
        .stdout(Stdio::piped());
    let mut server = Group(strace.process_group(0).spawn().expect("strace starts"));
    let mut line = String::new();
    let mut lines = BufReader::new(server.0.stdout.take().expect("piped"));
    lines.read_line(&mut line).expect("a line");
    let address = line.trim().strip_prefix("listening on http://");
    let address = address.and_then(|rest| rest.strip_suffix('/'));
    let address = address.expect("an address").parse().expect("one");
    (server, Client::connect(address))
}

/// Without `openat2` each folder on the way is opened in turn: what is served,
/// what is listed and what is refused stays the same.
#[test]
#[ignore = "needs strace"]
fn without_openat2_the_same_is_served_and_refused() {
    let home = tempfile::tempdir().expect("a folder");
    let at = |path: &str| home.path().join(path);
    fs::create_dir_all(at("www/a/b")).expect("a folder");
    fs::write(at("www/page"), "page").expect("a file");
    fs::write(at("www/a/b/page"), "page").expect("a file");
    fs::write(at("secret"), "secret").expect("a file");
    symlink("a/b", at("www/inside")).expect("a link");
    symlink("../secret", at("www/outside")).expect("a link");
    symlink("..", at("www/up")).expect("a link");

    let (_server, mut client) = start_without("openat2", &["--listing"], &at("www"));
    let rows = [
        ("/page", 200, "page"),
        ("/a/b/page", 200, "page"),
        ("/inside/page", 200, "page"),
        ("/", 200, "href=\"./page\""),
        ("/a/", 200, "href=\"./b/\""),
        ("/a/b/", 200, "href=\"./page\""),
        ("/inside/", 200, "href=\"./page\""),
        ("/a", 301, ""),
        ("/missing", 404, ""),
        ("/outside", 404, ""),
        ("/up/secret", 404, ""),
        ("/up/", 404, ""),
    ];
    check(&rows, |&(target, status, part)| {
        let reply = client.get(target);
        equal("status", reply.status, status)?;
        equal("its part", reply.text().contains(part), true)
    });
}

/// Without a timer each wait has a time-out: deadlines are kept.
#[test]
#[ignore = "needs strace"]
fn without_timerfd_an_idle_connection_is_closed_in_time() {
    let home = tempfile::tempdir().expect("a folder");
    fs::write(home.path().join("page"), "page").expect("a file");
    let options = ["--keep-alive", "0.2"];
    let (_server, mut client) = start_without("timerfd_create", &options, home.path());
    assert_eq!(client.get("/page").text(), "page");
    client.assert_closed();
}
