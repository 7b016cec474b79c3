//! The command line and the environment.

mod support;

use std::{fs, process::Output};

use support::{Client, Server, binary, check, equal, run};

/// An option and the effect that shows it.
struct Row {
    option: &'static str,
    value: &'static str,
    effect: fn(&mut Server) -> Result<(), String>,
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "--{} {}", self.option, self.value)
    }
}

fn field(server: &Server, target: &str, name: &str, wanted: &str) -> Result<(), String> {
    let reply = server.connect().get(target);
    equal(name, reply.field(name), Some(wanted))
}

fn reply_408(server: &Server, part: &str) -> Result<(), String> {
    let reply = server.connect().send(part).try_reply(support::Kind::Get)?;
    equal("the status", reply.map_or(408, |r| r.status), 408)
}

fn threads_of(server: &Server) -> usize {
    let tasks = format!("/proc/{}/task", server.pid());
    fs::read_dir(tasks).map_or(0, |tasks| tasks.count())
}

/// Options whose effect a client or the system can see.
const EFFECTS: &[Row] = &[
    Row {
        option: "threads",
        value: "7",
        effect: |server| {
            let one = Server::with_page("--threads 1");
            let mut more = 0;
            for _ in 0..200 {
                more = threads_of(server).saturating_sub(threads_of(&one));
                if more == 6 {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            equal("the number of further threads", more, 6)
        },
    },
    Row {
        option: "keep-alive",
        value: "0",
        effect: |server| field(server, "/", "connection", "close"),
    },
    Row {
        option: "max-requests",
        value: "1",
        effect: |server| field(server, "/", "connection", "close"),
    },
    Row {
        option: "max-connections",
        value: "1",
        effect: |server| {
            let mut first = server.connect();
            first.get("/");
            server.connect().get("/");
            first.assert_closed();
            Ok(())
        },
    },
    Row {
        option: "header-timeout",
        value: "0.2",
        effect: |server| reply_408(server, "GET /"),
    },
    Row {
        option: "body-timeout",
        value: "0.2",
        effect: |server| {
            reply_408(
                server,
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf",
            )
        },
    },
    Row {
        option: "write-timeout",
        value: "0.2",
        effect: |server| {
            let mut client = server.connect();
            client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
            match client.wait_for_reset(std::time::Instant::now()) {
                Some(_) => Ok(()),
                None => Err("the connection stands".into()),
            }
        },
    },
    Row {
        option: "max-age",
        value: "77",
        effect: |server| {
            let reply = server.connect().get("/");
            let value = reply.must("cache-control");
            equal("whether it is sent", value.contains("max-age=77"), true)
        },
    },
    Row {
        option: "header",
        value: "X-One: 1",
        effect: |server| field(server, "/", "x-one", "1"),
    },
    Row {
        option: "mime",
        value: "txt=text/x-own",
        effect: |server| {
            field(
                server,
                "/a.txt",
                "content-type",
                "text/x-own; charset=utf-8",
            )
        },
    },
    Row {
        option: "charset",
        value: "iso-8859-1",
        effect: |server| {
            field(
                server,
                "/a.txt",
                "content-type",
                "text/plain; charset=iso-8859-1",
            )
        },
    },
    Row {
        option: "charset",
        value: "none",
        effect: |server| field(server, "/a.txt", "content-type", "text/plain"),
    },
    Row {
        option: "shutdown-timeout",
        value: "0.2",
        effect: |server| {
            let mut client = server.connect();
            client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
            client.read_some(1_000);
            server.signal(rustix::process::Signal::TERM);
            equal("the exit code", server.exit_code(), 0)
        },
    },
];

fn site() -> support::server::Builder {
    Server::build()
        .file("index.html", "home")
        .file("a.txt", "text")
        .sparse_file("large.bin", 256 << 20)
}

#[test]
fn every_option_has_its_effect() {
    check(EFFECTS, |row| {
        let mut server = site()
            .arg(format!("--{}", row.option))
            .arg(row.value)
            .start();
        (row.effect)(&mut server)
    });
}

#[test]
fn every_option_is_an_environment_variable_too() {
    check(EFFECTS, |row| {
        let name = format!("STDHTTPD_{}", row.option.to_uppercase().replace('-', "_"));
        let mut server = site().env(&name, row.value).start();
        (row.effect)(&mut server)
    });
}

#[test]
fn the_command_line_wins_over_the_environment() {
    let server = site()
        .env("STDHTTPD_MAX_AGE", "1")
        .args("--max-age 2")
        .start();
    assert!(
        server
            .connect()
            .get("/")
            .must("cache-control")
            .contains("max-age=2")
    );
}

#[test]
fn addresses_come_from_the_environment_too() {
    let server = site()
        .listen(&[])
        .env("STDHTTPD_LISTEN", "127.0.0.1:0")
        .start();
    assert_eq!(server.connect().get("/").text(), "home");
}

#[test]
fn every_listener_is_told_and_serves() {
    let server = site()
        .listen(&["127.0.0.1:0", "127.0.0.1:0", "[::1]:0"])
        .start();
    assert!(server.addresses()[2].is_ipv6());
    for address in server.addresses() {
        assert_eq!(Client::connect(*address).get("/").text(), "home");
    }
    assert_eq!(server.more_output(), [""; 0]);
    assert_eq!(
        server.log(),
        [""; 0],
        "nothing is said at the default level"
    );
}

#[test]
fn the_root_may_come_from_the_environment() {
    let root = tempfile::tempdir().expect("a folder");
    fs::write(root.path().join("index.html"), "from there").expect("a file");
    let mut command = binary();
    command
        .args(["--listen", "127.0.0.1:0"])
        .env("STDHTTPD_ROOT", root.path().join("missing"));
    let output = run(&mut command);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).contains("missing"),
        "{}",
        text(&output.stderr)
    );
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// One line on standard error that holds all `words`, nothing on standard
/// output, and the exit code.
fn judge(output: &Output, code: i32, words: &[&str]) -> Result<(), String> {
    let message = text(&output.stderr);
    equal("the exit code", output.status.code(), Some(code))
        .map_err(|e| format!("{e}; {message}"))?;
    equal("standard output", text(&output.stdout), String::new())?;
    if message.lines().count() != 1 || !message.ends_with('\n') {
        return Err(format!("not one line: {message:?}"));
    }
    if message.contains("panicked") {
        return Err(format!("a panic: {message}"));
    }
    match words
        .iter()
        .find(|word| !message.to_lowercase().contains(&word.to_lowercase()))
    {
        Some(word) => Err(format!("{word:?} is not in {message:?}")),
        None => Ok(()),
    }
}

#[test]
fn wrong_options_are_named_in_one_line() {
    let rows: &[(&[&str], &[&str])] = &[
        (&["--no-such-option"], &["--no-such-option"]),
        (&["--threads", "0"], &["threads", "0"]),
        (&["--threads", "many"], &["threads", "many"]),
        (&["--threads", "-1"], &["-1"]),
        (&["--threads"], &["threads"]),
        (&["--listen", "nonsense"], &["listen", "nonsense"]),
        (&["--listen", "127.0.0.1:99999"], &["listen", "99999"]),
        (&["--keep-alive", "-1"], &["-1"]),
        (&["--keep-alive", "NaN"], &["keep-alive", "NaN"]),
        (&["--keep-alive", "soon"], &["keep-alive", "soon"]),
        (&["--header-timeout", "1e300"], &["header-timeout"]),
        (&["--max-requests", "1.5"], &["max-requests", "1.5"]),
        (&["--max-connections", "x"], &["max-connections", "x"]),
        (&["--max-age", "x"], &["max-age", "x"]),
        (&["--header", "no colon"], &["header", "no colon"]),
        (&["--header", "Bad Name: x"], &["header", "Bad Name"]),
        (&["--header", "A: b\r\nInjected: c"], &["header"]),
        (&["--mime", "nothing"], &["mime", "nothing"]),
        (&["--mime", "x=not a type"], &["mime"]),
        (&["--status", "x"], &["status", "x"]),
        (&["--completions", "x"], &["completions", "x"]),
        (&["one", "two"], &["two"]),
    ];
    check(rows, |(args, words)| {
        judge(&run(binary().args(*args)), 2, words)
    });
}

#[test]
fn wrong_variables_are_named_in_one_line() {
    let rows = [
        ("STDHTTPD_THREADS", "none"),
        ("STDHTTPD_KEEP_ALIVE", "soon"),
        ("STDHTTPD_LISTEN", "nowhere"),
    ];
    check(&rows, |(name, value)| {
        judge(&run(binary().env(name, value)), 2, &[name, value])
    });
}

#[test]
fn what_the_system_refuses_is_named_with_its_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a-file");
    fs::write(&file, "x").expect("a file");
    let file = file.to_str().expect("UTF-8");
    let taken = Server::with_page("");
    let address = taken.address().to_string();
    let root = folder.path().to_str().expect("UTF-8");
    let free = "127.0.0.1:0";
    let rows: &[(&[&str], &[&str])] = &[
        (
            &["--listen", free, "/no/such/folder"],
            &["cannot serve /no/such/folder: no such file or directory"],
        ),
        (
            &["--listen", free, "--access-log", "/no/such/log", root],
            &["cannot write the access log /no/such/log: "],
        ),
        (&["--listen", free, file], &["a-file", "not a directory"]),
        (&["--listen", &address, root], &[&address, "in use"]),
        (
            &["--listen", "192.0.2.1:80", root],
            &["192.0.2.1:80", "cannot assign"],
        ),
        (
            &["--listen", free, "--user", "no-such-user", root],
            &["cannot become user no-such-user: not in /etc/passwd"],
        ),
    ];
    check(rows, |(args, words)| {
        judge(&run(binary().args(*args)), 1, words)
    });
    let handed = run(binary().env("LISTEN_FDS", "many").arg(root));
    let line = "cannot use LISTEN_FDS=many: not a number up to 64";
    judge(&handed, 1, &[line]).expect("one line");
}

#[test]
fn help_tells_every_option_and_version_the_version() {
    let help = run(binary().arg("--help"));
    assert_eq!((help.status.code(), help.stderr.len()), (Some(0), 0));
    let shown = text(&help.stdout);
    for row in EFFECTS {
        assert!(
            shown.contains(&format!("--{}", row.option)),
            "{row:?} is not shown"
        );
    }
    for option in [
        "--cache-size",
        "--listen",
        "--listing",
        "--spa",
        "--access-log",
        "--status",
        "--no-sandbox",
    ] {
        assert!(shown.contains(option), "{option} is not shown");
    }
    assert!(
        shown.contains("STDHTTPD_"),
        "the environment is not mentioned"
    );
    let version = run(binary().arg("--version"));
    assert_eq!(version.status.code(), Some(0));
    assert_eq!(
        text(&version.stdout),
        concat!("stdhttpd ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn completions_are_written() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(binary().args(["--completions", shell]));
        assert_eq!(output.status.code(), Some(0), "{shell}");
        assert!(text(&output.stdout).contains("stdhttpd"), "{shell}");
    }
}
