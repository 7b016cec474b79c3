//! The life of a connection, as logged at the level `debug`; and problems at
//! the start, as logged at the default one.

mod support;

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    process::Stdio,
};

use rustix::process::{Pid, Signal, kill_process};
use support::{Client, Server, binary, process::Guard};

fn server(args: &str) -> Server {
    Server::build()
        .file("index.html", "home")
        .debug()
        .args(args)
        .start()
}

#[test]
#[cfg(target_os = "linux")]
fn output_that_cannot_be_printed_is_an_error() {
    let check = |out: Stdio, code: i32, expected: &str| {
        let mut command = binary();
        let started = command.arg("--version").stdout(out).stderr(Stdio::piped());
        let output = started.spawn().and_then(|child| child.wait_with_output());
        let output = output.expect("it ends");
        assert_eq!(output.status.code(), Some(code));
        assert_eq!(String::from_utf8_lossy(&output.stderr), expected);
    };
    let full = fs::OpenOptions::new().write(true).open("/dev/full");
    check(
        full.expect("opened").into(),
        1,
        "stdhttpd: standard output: No space left on device (os error 28)\n",
    );
    // A closed pipe is not an error.
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    check(writer.into(), 0, "");
}

#[test]
#[cfg(target_os = "linux")]
fn a_malformed_log_filter_is_told_in_one_line_or_not_at_all() {
    let end_of = |filter: &str, errors: Stdio| {
        let mut command = binary();
        command.env("RUST_LOG", filter).stderr(errors);
        command.args(["--listen", "127.0.0.1:0", "/none"]);
        let output = command.spawn().and_then(|child| child.wait_with_output());
        let output = output.expect("it ends");
        assert_eq!(output.status.code(), Some(1), "{filter}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let cannot_serve = "stdhttpd: cannot serve /none: No such file or directory (os error 2)\n";
    for filter in ["a/b/c", "info,a=b", "info/["] {
        let said = end_of(filter, Stdio::piped());
        let told = said.strip_suffix(cannot_serve).expect(&said);
        assert!(told.starts_with("stdhttpd: RUST_LOG: "), "{told}");
        assert!(told.ends_with("; using warn\n"), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
        let full = fs::OpenOptions::new().write(true).open("/dev/full");
        end_of(filter, full.expect("opened").into());
    }
    assert_eq!(end_of("error", Stdio::piped()), cannot_serve);
}

#[track_caller]
fn assert_words(line: &str, words: &[&str]) {
    for word in words {
        assert!(
            line.to_lowercase().contains(&word.to_lowercase()),
            "{word:?} is not in {line:?}"
        );
    }
}

/// Whether the line holds the number, alone.
fn has_number(line: &str, number: &str) -> bool {
    line.split(|c: char| !c.is_ascii_digit())
        .any(|word| word == number)
}

#[test]
fn the_life_of_a_connection_reads_like_a_story() {
    let server = server("--threads 1");
    let mut client = server.connect();
    let peer = client.local_address().to_string();
    client.get("/");
    let missing = client.get("/none").body.len().to_string();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    client.reply();
    client.assert_closed();
    drop(client);

    let accepted =
        server.wait_for_log("the start", |l| l.contains("accepted") && l.contains(&peer));
    assert_words(&accepted, &["worker"]);
    let first = server.wait_for_log("the first request", |l| {
        l.contains("GET /") && l.contains("200")
    });
    assert!(
        has_number(&first, "1") && has_number(&first, "4"),
        "{first}"
    );
    assert!(
        first.contains("µs") || first.contains("us"),
        "no microseconds in {first}"
    );
    assert_words(&first, &["kept"]);
    let second = server.wait_for_log("the second request", |l| {
        l.contains("/none") && l.contains("404")
    });
    assert!(
        has_number(&second, "2") && has_number(&second, &missing),
        "{second}"
    );
    let closed = server.wait_for_log("the end", |l| l.contains("closed") && l.contains("after"));
    assert!(
        has_number(&closed, "3"),
        "not after three requests: {closed}"
    );
    assert_words(&closed, &["first", "client_asked"]);
}

#[test]
fn every_end_tells_its_reason() {
    let server = server("--threads 1 --keep-alive 0.3 --header-timeout 0.3");
    let mut seen = BTreeSet::new();
    let mut end_of = |what: &str, words: &[&str], act: &dyn Fn(&mut support::Client)| {
        let mut client = server.connect();
        let peer = client.local_address().to_string();
        act(&mut client);
        drop(client);
        server.wait_for_log("a start", |l| l.contains("accepted") && l.contains(&peer));
        let line = server.wait_for_log(what, |l| {
            l.contains("closed") && l.contains("after") && !seen.contains(l)
        });
        assert_words(&line, words);
        seen.insert(line);
    };
    end_of("the client leaving", &["client_closed"], &|client| {
        client.get("/");
    });
    end_of(
        "leaving after an empty line",
        &["client_closed"],
        &|client| {
            client.get("/");
            client.send("\r\n");
        },
    );
    end_of("leaving in a head", &["client_gave_up"], &|client| {
        client.send("GET / HTTP/1.1\r\nHost: a");
    });
    end_of("leaving in a body", &["client_gave_up"], &|client| {
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf");
    });
    end_of("an idle end", &["server", "idle_timeout"], &|client| {
        client.get("/");
        client.assert_closed();
    });
    end_of("a head too slow", &["header_timeout"], &|client| {
        client.send("GET /");
        client.reply();
        client.assert_closed();
    });
    end_of("a bad request", &["bad_request"], &|client| {
        client.send("nonsense\r\n\r\n");
        client.reply();
        client.assert_closed();
    });
}

#[test]
fn nothing_is_told_at_the_default_level() {
    let mut server = Server::with_page("");
    let mut client = server.connect();
    client.get("/");
    client.send("nonsense\r\n\r\n").reply();
    server.signal(rustix::process::Signal::TERM);
    assert_eq!(server.exit_code(), 0);
    assert_eq!(server.final_log(), [""; 0]);
}

#[test]
fn what_a_peer_sends_cannot_forge_a_line() {
    let server = server("--threads 1");
    let mut client = server.connect();
    client
        .send("GET /x\x1b[2J\x07 HTTP/1.1\r\nHost: a\r\n\r\n")
        .reply();
    client.assert_closed();
    let mut client = server.connect();
    client.get("/%0aforged%1b[2J");
    drop(client);
    server.wait_for_log("the request", |l| l.contains("forged"));
    for line in server.log() {
        assert!(
            !line.starts_with("forged") && !line.contains('\x1b'),
            "{line:?}"
        );
    }
}

/// What a server of one page says at the default level, its root having this
/// mode; its owner is another than the server where we can see to it.
fn said_at_the_start(mode: u32, args: &str) -> (Vec<String>, u16) {
    let builder = Server::build().file("index.html", "home").args(args);
    let builder = match rustix::process::geteuid().is_root() {
        true => builder.args("--user nobody"),
        false => builder,
    };
    let root = builder.root().to_owned();
    let set = |mode| fs::set_permissions(&root, fs::Permissions::from_mode(mode)).expect("a mode");
    set(mode);
    let mut server = builder.start();
    let status = server.connect().get("/").status;
    server.signal(rustix::process::Signal::TERM);
    assert_eq!(server.exit_code(), 0);
    // So that it can be removed.
    set(0o700);
    let root = root.display().to_string();
    let said = server.final_log().into_iter();
    (
        said.map(|line| line.replace(&root, "ROOT")).collect(),
        status,
    )
}

#[test]
fn a_root_that_cannot_be_entered_is_named_at_the_start() {
    // All may list it, none may search it.
    let (said, status) = said_at_the_start(0o644, "");
    assert_eq!((said.len(), status), (1, 403), "{said:?}");
    assert_words(
        &said[0],
        &["WARN", "cannot search directory ROOT", "denied"],
    );
    // All may search it, only its owner may list it.
    assert_eq!(said_at_the_start(0o711, ""), (Vec::new(), 200));
}

#[test]
fn a_spa_file_that_cannot_be_served_is_named_at_the_start() {
    let (said, status) = said_at_the_start(0o755, "--spa app.html");
    assert_eq!((said.len(), status), (1, 200), "{said:?}");
    assert_words(&said[0], &["WARN", "--spa app.html", "no such file"]);
    let found = said_at_the_start(0o755, "--spa index.html");
    assert_eq!(found, (Vec::new(), 200));
}

#[test]
fn a_reader_of_the_diagnostics_who_is_blocked_blocks_nobody() {
    let root = tempfile::tempdir().expect("a folder");
    fs::write(root.path().join("index.html"), "home").expect("a file");
    let mut command = support::binary();
    command.args(["--listen", "127.0.0.1:0", "--threads", "1"]);
    command.arg(root.path()).env("RUST_LOG", "debug");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = Guard(command.spawn().expect("the binary starts"));
    let mut output = BufReader::new(process.0.stdout.take().expect("piped"));
    let mut line = String::new();
    output.read_line(&mut line).expect("a line");
    let address = line
        .trim()
        .strip_prefix("listening on http://")
        .and_then(|rest| rest.strip_suffix('/'))
        .and_then(|address| address.parse().ok())
        .expect("an address");
    // Each is logged in a line, of which a pipe holds 64 KiB.
    let mut client = Client::connect(address);
    for _ in 0..3_000 {
        assert_eq!(client.get("/").status, 200);
    }
    // Reading frees space in the pipe; a line then says that some were lost.
    let mut log = BufReader::new(process.0.stderr.take().expect("piped"));
    for lines_read in 0.. {
        if lines_read % 100 == 0 {
            client.get("/");
        }
        line.clear();
        log.read_line(&mut line).expect("a line");
        if line.ends_with(" lines lost\n") {
            break;
        }
    }
    let pid = Pid::from_child(&process.0);
    kill_process(pid, Signal::TERM).expect("signalled");
    drop(client);
    let ended = process.0.wait().expect("an end");
    assert_eq!(ended.code(), Some(0));
}
