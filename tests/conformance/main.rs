//! The protocol, rule by rule: bytes in, status out, and what becomes of the connection.
//!
//! The table ([`rules`]) is run three ways: as values ([`values`]), over a
//! scripted transport cut at every byte ([`scripted`]), and against the real
//! binary ([`binary`]). `docs/conformance.md` is made from it ([`document`]).
//! In addition, random requests are checked by a grammar that shares no code
//! with the server ([`grammar`], [`properties`], [`exhaustive`]).

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

/// All rows, each once, with the number of its rule.
fn rows() -> Vec<Row> {
    let subjects = rules::subjects().into_iter();
    let rules = subjects.flat_map(|(_, rules)| rules);
    rules.flat_map(|rule| rule.rows).collect()
}

#[test]
fn as_values() {
    support::check(&rows(), values::check);
}

#[test]
fn over_a_scripted_transport_cut_at_every_byte() {
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
    // The deadlines of all pass at the same time.
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
            .map(|thread| thread.join().expect("no panic"));
        ended
            .filter_map(|(row, result)| result.err().map(|why| format!("{row:?}: {why}")))
            .collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_table_is_large_and_says_each_thing_once() {
    let rows = rows();
    assert!(rows.len() >= 850, "{} rows", rows.len());
    let mut sent: Vec<&[u8]> = rows.iter().map(|row| &row.sent[..]).collect();
    sent.sort();
    sent.dedup();
    // The same bytes may show two rules, but seldom do.
    assert!(
        rows.len() - sent.len() < 40,
        "{} repeated",
        rows.len() - sent.len()
    );
}
