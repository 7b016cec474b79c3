//! The table: every rule with its rows, by subject.

mod bodies;
mod chunks;
mod framing;
mod host;
mod limits;
mod lines;
mod methods;
mod request_line;
mod responses;
mod targets;

use crate::row::Rule;

/// All of it, in the order of the document.
pub fn subjects() -> Vec<(&'static str, Vec<Rule>)> {
    vec![
        ("Lines", lines::rules()),
        ("The request line", request_line::rules()),
        ("Targets", targets::rules()),
        ("Host", host::rules()),
        ("Framing", framing::rules()),
        ("Chunks", chunks::rules()),
        ("Bodies", bodies::rules()),
        ("Limits", limits::rules()),
        ("Methods", methods::rules()),
        ("Responses", responses::rules()),
    ]
}
