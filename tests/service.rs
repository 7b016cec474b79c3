//! The units and the rotation of `deploy/`, run with the programs they are made
//! for. Run by `tests/run.sh`.

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rustix::process::Signal;
use support::{
    Client, Server,
    process::{Guard, free_address},
    run, wait_until,
};

fn deployed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy")
        .join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(deployed(name)).expect("a file of deploy/")
}

#[test]
#[ignore = "needs systemd"]
fn systemd_takes_the_units() {
    let folder = tempfile::tempdir().expect("a folder");
    let unit = |name: &str| folder.path().join(name);
    let service = read("stdhttpd.service");
    let installed = "/usr/local/bin/stdhttpd";
    assert!(service.contains(installed));
    let service = service.replace(installed, env!("CARGO_BIN_EXE_stdhttpd"));
    fs::write(unit("stdhttpd.service"), service).expect("a unit");
    fs::copy(deployed("stdhttpd.socket"), unit("stdhttpd.socket")).expect("a unit");
    let mut verify = Command::new("systemd-analyze");
    verify.args(["verify", "--man=no"]);
    verify.args([unit("stdhttpd.service"), unit("stdhttpd.socket")]);
    let output = run(&mut verify);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
#[ignore = "needs systemd"]
fn the_first_connection_starts_the_server_and_is_answered() {
    let site = tempfile::tempdir().expect("a folder");
    fs::write(site.path().join("index.html"), "<p>page").expect("a page");
    let address = free_address();
    let mut command = Command::new("systemd-socket-activate");
    command.args(["--listen", &address.to_string()]);
    command.arg(env!("CARGO_BIN_EXE_stdhttpd")).arg(site.path());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = Guard(command.spawn().expect("systemd-socket-activate starts"));
    wait_until("the socket", || {
        std::net::TcpStream::connect(address).is_ok()
    });
    let mut client = Client::connect(address);
    assert_eq!(client.get("/").text(), "<p>page");
    client.assert_open();

    // It has become the server.
    let pid = rustix::process::Pid::from_child(&child.0);
    rustix::process::kill_process(pid, Signal::TERM).expect("a process of ours");
    client.assert_closed();
    assert_eq!(child.0.wait().expect("a child").code(), Some(0));
}

#[test]
#[ignore = "needs logrotate"]
fn logrotate_rotates_without_losing_a_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("access.log");
    let server = Server::build()
        .file("index.html", "<p>page")
        .arg("--access-log")
        .arg(&log)
        .start();
    let config = read("logrotate.conf");
    let (path, hook) = (
        "/var/log/stdhttpd/access.log",
        "systemctl reload stdhttpd.service",
    );
    assert!(config.contains(path) && config.contains(hook));
    let config = config
        .replace(path, &log.to_string_lossy())
        .replace(hook, &format!("kill -HUP {}", server.pid()));
    let file = folder.path().join("logrotate.conf");
    fs::write(&file, config).expect("a configuration");
    let lines = |name: &str| {
        let text = fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        text.matches('\n').count()
    };

    let mut client = server.connect();
    client.get("/?first");
    wait_until("a line", || lines("access.log") == 1);
    let mut logrotate = Command::new("logrotate");
    logrotate
        .arg("--force")
        .arg("--state")
        .arg(folder.path().join("state"))
        .arg(&file);
    let output = run(&mut logrotate);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    for _ in 0..50 {
        client.get("/?later");
    }
    wait_until("all lines", || {
        lines("access.log") + lines("access.log.1") == 51
    });
    client.get("/?last");
    wait_until("the new file", || lines("access.log") > 0);
}
