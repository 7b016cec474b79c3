//! `docs/conformance.md`, generated from the table.

use std::{fmt::Write, fs, path::Path};

use crate::{row::Row, rules};

/// If this variable is set, the document is written instead of compared.
const WRITE: &str = "STDHTTPD_WRITE_CONFORMANCE";

const PREFACE: &str = "\
# Conformance

The rules of HTTP/1.1 message syntax, framing, methods and responses that this server follows, each with the section of
the RFC that it comes from and the inputs that test it. Some rules are stricter than the RFC requires.

Each input is tested in three ways: by calling the parser and the body decoder directly, over a scripted transport, and
against the real binary. Over the scripted transport the input also arrives in pieces: split in two at every byte (long
inputs at a sample of positions) and byte by byte. Except for incomplete requests, two well-formed requests follow the
input on the transport and on the socket. They must be answered if the connection stays open, and must not be if it is
closed.

`cargo test --test conformance` fails if this page is out of date. Run it with `STDHTTPD_WRITE_CONFORMANCE=1` to
regenerate the page.

Bytes are written as in Rust: `\\r\\n` is CRLF, `\\xe9` is one byte. Long inputs are shown without their middle.
";

fn text() -> String {
    let subjects = rules::subjects();
    let rules: usize = subjects.iter().map(|(_, rules)| rules.len()).sum();
    let rows: usize = subjects
        .iter()
        .flat_map(|(_, rules)| rules)
        .map(|rule| rule.rows.len())
        .sum();
    let mut text = format!("{PREFACE}\n{rules} rules, {rows} inputs.\n");
    for (subject, rules) in subjects {
        let _ = write!(text, "\n## {subject}\n");
        for rule in rules {
            let _ = write!(
                text,
                "\n### {}\n\n{}.",
                rule.text.trim_end_matches('.'),
                section(rule.section)
            );
            if !rule.tests.is_empty() {
                let tests: Vec<String> =
                    rule.tests.iter().map(|test| format!("`{test}`")).collect();
                let _ = write!(text, "\nAlso tested by {}.", tests.join(", "));
            }
            text.push_str("\n\n| input | status | connection |\n|---|---|---|\n");
            for row in &rule.rows {
                let _ = writeln!(
                    text,
                    "| {} | {} | {} |",
                    sent(row),
                    statuses(row),
                    row.after.word()
                );
            }
        }
    }
    text
}

/// A link to a section, given as in `RFC 9112 2.2`.
fn section(name: &str) -> String {
    let mut words = name.split(' ');
    let (Some("RFC"), Some(number), Some(section)) = (words.next(), words.next(), words.next())
    else {
        panic!("{name}: not a section of an RFC");
    };
    format!(
        "[RFC {number} section {section}](https://www.rfc-editor.org/rfc/rfc{number}#section-{section})"
    )
}

/// The bytes of a row as a table cell.
fn sent(row: &Row) -> String {
    if row.sent.is_empty() {
        return "(nothing)".into();
    }
    let shown = format!("{row:?}").replace('|', "\\|");
    match shown.contains('`') {
        true => format!("`` {shown} ``"),
        false => format!("`{shown}`"),
    }
}

fn statuses(row: &Row) -> String {
    let mut words: Vec<String> = row.statuses.iter().map(u16::to_string).collect();
    if row.continues {
        words.insert(0, "100, then".into());
    }
    words.join(" ")
}

#[test]
fn the_document_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/conformance.md");
    let text = text();
    if std::env::var_os(WRITE).is_some() {
        fs::create_dir_all(path.parent().expect("a parent directory")).expect("docs/ is created");
        fs::write(&path, &text).expect("the document is written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "docs/conformance.md is out of date: run this test with {WRITE}=1"
    );
}

#[test]
fn the_tests_it_names_exist() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rules = rules::subjects().into_iter().flat_map(|(_, rules)| rules);
    for named in rules.flat_map(|rule| rule.tests) {
        let (file, function) = named.split_once(": ").unwrap_or((named, ""));
        let text =
            fs::read_to_string(project.join(file)).unwrap_or_else(|why| panic!("{file}: {why}"));
        assert!(text.contains(&format!("fn {function}")), "{named}");
    }
}
