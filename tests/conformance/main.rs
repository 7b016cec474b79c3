//! The rules of the protocol: the input, the status of the response, and whether the connection
//! stays open.
//!
//! The rows of the table ([`rules`]) are tested in three ways: by calling the parser ([`values`]),
//! over a scripted transport with the input split at every byte ([`scripted`]), and against the
//! real binary ([`binary`]). `docs/conformance.md` is generated from the table ([`document`]). In
//! addition, random requests are compared with a grammar that shares no code with the server
//! ([`grammar`], [`properties`], [`exhaustive`]).

mod answers;
mod binary;
mod document;
mod exhaustive;
mod grammar;
mod properties;
mod row;
mod rules;
#[path = "../simulation/script.rs"]
#[allow(dead_code)]
mod script;
mod scripted;
#[path = "../simulation/site.rs"]
#[allow(dead_code)]
mod site;
#[path = "../support/mod.rs"]
mod support;
mod values;

use row::{After, Row};

/// All rows of the table.
fn rows() -> Vec<Row> {
    let subjects = rules::subjects().into_iter();
    let rules = subjects.flat_map(|(_, rules)| rules);
    rules.flat_map(|rule| rule.rows).collect()
}

#[test]
fn with_the_parser() {
    support::check(&rows(), values::check);
}

#[test]
fn over_a_scripted_transport_split_at_every_byte() {
    let mut stage = scripted::Stage::new();
    support::check(&rows(), |row| stage.check(row));
}

#[test]
fn against_the_binary() {
    let (waiting, answered): (Vec<Row>, Vec<Row>) = rows()
        .into_iter()
        .partition(|row| matches!(row.after, After::Waits | After::WaitsSilently));
    let server = binary::start("");
    support::check(&answered, |row| binary::check(server.address(), row));
    // The time-outs of all rows run concurrently.
    let server = binary::start("--header-timeout 0.3 --body-timeout 0.3");
    let address = server.address();
    let failures: Vec<String> = std::thread::scope(|scope| {
        let check = move |row| (row, binary::check(address, row));
        let running: Vec<_> = waiting
            .iter()
            .map(|row| scope.spawn(move || check(row)))
            .collect();
        let ended = running
            .into_iter()
            .map(|thread| thread.join().expect("the check does not panic"));
        ended
            .filter_map(|(row, result)| result.err().map(|why| format!("{row:?}: {why}")))
            .collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_table_is_large_and_has_few_duplicates() {
    let rows = rows();
    assert!(rows.len() >= 850, "{} rows", rows.len());
    let mut sent: Vec<&[u8]> = rows.iter().map(|row| &row.sent[..]).collect();
    sent.sort();
    sent.dedup();
    // A few inputs test two rules; the others must differ.
    assert!(
        rows.len() - sent.len() < 40,
        "{} duplicates",
        rows.len() - sent.len()
    );
}
