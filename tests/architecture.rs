//! The shape of the code, checked: rooms, sizes, names, words.

#[path = "support/source.rs"]
mod source;

use source::{paths_after, sources, starts_word, strip};

/// The rooms from the top down. Each imports only from those after it.
const ROOMS: &[&str] = &[
    "main",
    "cli",
    "server",
    "connection",
    "handler",
    "files",
    "observe",
    "config",
    "http",
];

/// What `http/` may take from the parts of std that touch the world: plain
/// values.
const PLAIN_VALUES: &[&str] = &[
    "std::time::Duration",
    "std::time::SystemTime",
    "std::time::UNIX_EPOCH",
    "std::net::IpAddr",
    "std::net::Ipv4Addr",
    "std::net::Ipv6Addr",
];

const LINES_MAX: usize = 400;

/// The one file where unsafe code may stand.
const UNSAFE_ALLOWED: &str = "src/server/listener.rs";

#[track_caller]
fn assert_none(faults: Vec<String>) {
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn rooms_import_downward_only() {
    let mut faults = Vec::new();
    for source in sources(&["src"]) {
        let Some(room) = source.room() else { continue };
        let Some(rank) = ROOMS.iter().position(|r| *r == room) else {
            faults.push(format!(
                "{}: `{room}` is no room of the design; put it into one of {ROOMS:?}",
                source.path
            ));
            continue;
        };
        let code = source.code();
        let own_name = paths_after(&code, "stdhttpd::");
        for path in paths_after(&code, "crate::").into_iter().chain(own_name) {
            let other = path.split("::").nth(1).unwrap_or_default();
            match ROOMS.iter().position(|r| *r == other) {
                Some(theirs) if theirs >= rank => {}
                // A macro or a re-export of the crate itself: no room.
                None => {}
                Some(_) => faults.push(format!(
                    "{}: `{path}` leads up from `{room}`; move what both need down, or hand it \
                     in as a value",
                    source.path
                )),
            }
        }
    }
    assert_none(faults);
}

#[test]
fn rooms_are_entered_by_their_name() {
    let mut faults = Vec::new();
    for source in sources(&["src"]) {
        // From src/ROOM/mod.rs `super::` leaves the room; one folder deeper
        // `super::super::` may.
        let top = source.path.matches('/').count() == 1 || source.path.ends_with("/mod.rs");
        for (number, line) in source.code().lines().enumerate() {
            let line_inside_tests = line.starts_with(' ');
            if top && line.contains("super::") && !line_inside_tests {
                faults.push(format!(
                    "{}:{}: `super::` leads out of the room; write `crate::ROOM`",
                    source.path,
                    number + 1
                ));
            }
            if line.contains("super::super::super::") {
                let at = number + 1;
                faults.push(format!("{}:{at}: write `crate::ROOM::...`", source.path));
            }
        }
    }
    assert_none(faults);
}

#[test]
fn http_is_pure() {
    let mut faults = Vec::new();
    for source in sources(&["src/http"]) {
        let code = source.code();
        for path in paths_after(&code, "std::") {
            let touches = ["io", "net", "fs", "thread", "time", "process", "env"]
                .iter()
                .any(|part| {
                    path == format!("std::{part}") || path.starts_with(&format!("std::{part}::"))
                });
            let plain = PLAIN_VALUES
                .iter()
                .any(|value| path == *value || path.starts_with(&format!("{value}::")))
                && !path.ends_with("::now");
            if touches && !plain {
                faults.push(format!(
                    "{}: `{path}` does not belong in http/; take bytes or a value instead",
                    source.path
                ));
            }
        }
        for word in [
            "mio::",
            "socket2::",
            "rustix::",
            "cap_std::",
            "log::",
            "libc::",
        ] {
            if !paths_after(&code, word).is_empty() {
                faults.push(format!(
                    "{}: `{word}` does not belong in http/",
                    source.path
                ));
            }
        }
    }
    assert_none(faults);
}

#[test]
fn files_are_short() {
    let faults = sources(&["src", "tests", "benches"])
        .iter()
        .map(|source| (source, source.text.lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(source, lines)| {
            format!(
                "{}: {lines} lines, more than {LINES_MAX}; split it by subject, or move its unit \
                 tests to a file NAME/tests.rs",
                source.path
            )
        })
        .collect();
    assert_none(faults);
}

#[test]
fn names_tell_a_subject() {
    let nameless = ["util", "utils", "common", "helper", "helpers", "misc"];
    let mut faults = Vec::new();
    for source in sources(&["src", "tests", "benches"]) {
        let in_path = source
            .path
            .trim_end_matches(".rs")
            .split('/')
            .find(|p| nameless.contains(p));
        let code = source.code();
        let as_module = nameless.iter().find(|name| {
            ["mod {};", "mod {} {"]
                .iter()
                .any(|form| code.contains(&form.replace("{}", name)))
        });
        if let Some(name) = in_path.or(as_module.copied()) {
            faults.push(format!(
                "{}: `{name}` names no subject; name what is in it",
                source.path
            ));
        }
    }
    assert_none(faults);
}

#[test]
fn nothing_is_left_undone() {
    let words = [
        ("todo!", "write it, or leave the path to it away"),
        ("unimplemented!", "write it, or leave the path to it away"),
        ("dbg!", "use `log::debug!`"),
    ];
    let mut faults = Vec::new();
    for source in sources(&["src", "tests", "benches"]) {
        for (number, line) in source.code().lines().enumerate() {
            for (word, instead) in words {
                let hit = line
                    .match_indices(word)
                    .any(|(at, _)| starts_word(line.as_bytes(), at));
                if hit {
                    faults.push(format!(
                        "{}:{}: `{word}`: {instead}",
                        source.path,
                        number + 1
                    ));
                }
            }
        }
    }
    assert_none(faults);
}

#[test]
fn unsafe_code_stands_in_one_file() {
    let mut faults = Vec::new();
    for source in sources(&["src"]) {
        let code = source.code();
        let mut words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
        if source.path != UNSAFE_ALLOWED && words.any(|word| word == "unsafe") {
            faults.push(format!(
                "{}: `unsafe`; find a safe crate for it",
                source.path
            ));
        }
    }
    assert_none(faults);
}

#[test]
fn every_file_says_what_it_is() {
    let faults = sources(&["src", "tests", "benches"])
        .iter()
        // NAME/tests.rs is the foot of NAME.rs, which says what it is.
        .filter(|source| !source.path.ends_with("/tests.rs"))
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| format!("{}: begin with `//! ` and what it is about", source.path))
        .collect();
    assert_none(faults);
}

#[test]
fn the_scanner_reads_rust() {
    let code = strip(
        "use crate::{http::{a, b::c}, files};// crate::x\nlet s = \"crate::y\"; 'c'; r#\"crate::z\"#;",
    );
    let mut paths = paths_after(&code, "crate::");
    paths.sort();
    assert_eq!(
        paths,
        ["crate::files", "crate::http::a", "crate::http::b::c"]
    );
    assert_eq!(
        strip("a /* b\n */ 'x' '\\n' '\\'' '\"' c\n"),
        "a \n     c\n"
    );
}
