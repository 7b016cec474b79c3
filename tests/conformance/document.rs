//! `docs/conformance.md`, made from the table.

use std::{fmt::Write, fs, path::Path};

use crate::{row::Row, rules};

/// Set to write the document instead of comparing it.
const WRITE: &str = "STDHTTPD_WRITE_CONFORMANCE";

const PREFACE: &str = "\
# Conformance

Every rule of the protocol that this server obeys, where the rule is written, and the requests that show it. This page is
made by `cargo test --test conformance`, which fails when it is out of date (set `STDHTTPD_WRITE_CONFORMANCE=1` to write
it anew). Each row is run three ways: through the parser as a value, over a scripted transport cut at every byte, and
against the real binary with two well-formed requests behind it, which are answered where the connection is kept and
never parsed where it is closed.

Bytes are written as in Rust: `\\r\\n` is CRLF, `\\xe9` one byte. The middle of long requests is left out.
";

fn text() -> String {
    let subjects = rules::subjects();
    let rules: usize = subjects.iter().map(|(_, rules)| rules.len()).sum();
    let rows: usize = subjects
        .iter()
        .flat_map(|(_, rules)| rules)
        .map(|rule| rule.rows.len())
        .sum();
    let mut text = format!("{PREFACE}\n{rules} rules, {rows} rows.\n");
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
                let _ = write!(text, " Shown too by {}.", tests.join(", "));
            }
            text.push_str("\n\n| sent | status | connection |\n|---|---|---|\n");
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

/// `RFC 9112 2.2` with a link to it.
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

/// The bytes of a row in a cell of a table.
fn sent(row: &Row) -> String {
    if row.sent.is_empty() {
        return "nothing".into();
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
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder of documents");
        fs::write(&path, &text).expect("the document");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "docs/conformance.md is out of date: run with {WRITE}=1"
    );
}

#[test]
fn the_tests_named_in_it_are_there() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rules = rules::subjects().into_iter().flat_map(|(_, rules)| rules);
    for named in rules.flat_map(|rule| rule.tests) {
        let (file, function) = named.split_once(": ").unwrap_or((named, ""));
        let text =
            fs::read_to_string(project.join(file)).unwrap_or_else(|why| panic!("{file}: {why}"));
        assert!(text.contains(&format!("fn {function}")), "{named}");
    }
}
