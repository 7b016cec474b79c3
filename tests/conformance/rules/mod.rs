//! The table: all rules with their rows, by subject.

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

/// All subjects and rules, in the order of the document.
pub fn subjects() -> Vec<(&'static str, Vec<Rule>)> {
    vec![
        ("Lines and fields", lines::rules()),
        ("Request line", request_line::rules()),
        ("Request targets", targets::rules()),
        ("Host", host::rules()),
        ("Framing", framing::rules()),
        ("Chunked coding", chunks::rules()),
        ("Bodies", bodies::rules()),
        ("Limits", limits::rules()),
        ("Methods", methods::rules()),
        ("Responses", responses::rules()),
    ]
}
