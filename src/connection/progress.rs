//! How far the requests that one read brought have been answered.

use std::time::Instant;

use super::{note, output::Flow, state::Then};

/// What one request came to.
pub(super) enum Judged {
    /// Incomplete: more has to come.
    Partial,
    /// Done with, or what follows it is decided: [`Progress::then`].
    Done,
    /// There is no descriptor for its file: to be judged again.
    Starved,
}

/// How far the requests of one read have come.
pub(super) struct Progress {
    /// Bytes of the input that are done with.
    pub at: usize,
    /// What follows what is queued.
    pub then: Then,
    /// Whether the transport took all that was queued so far.
    pub flow: Flow,
    /// The last response, when it was not all sent.
    pub unfinished: Option<Box<note::Unfinished>>,
    /// When the request to be answered was whole.
    pub received: Instant,
}

impl Progress {
    /// The begin: no request is answered yet, and the first was whole at
    /// `received`.
    pub(super) fn begin(received: Instant) -> Progress {
        Progress {
            at: 0,
            then: Then::Next,
            flow: Flow::Done,
            unfinished: None,
            received,
        }
    }
}
