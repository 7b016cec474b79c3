//! Why a server cannot start.

use std::{fmt, io};

/// Why a server cannot start. Displayed, it is one line with what failed and the
/// system's reason.
#[derive(Debug)]
pub struct StartError {
    /// What cannot be done: `cannot serve www`.
    pub what: String,
    /// The system's reason.
    pub source: io::Error,
}

impl StartError {
    /// Turns the system's reason into the error that `what` cannot be done.
    pub fn cannot(what: impl fmt::Display) -> impl FnOnce(io::Error) -> StartError {
        let what = format!("cannot {what}");
        |source| StartError { what, source }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.what, self.source)
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_the_thing_and_the_reason() {
        let error = StartError::cannot("start: sandbox")(io::Error::from_raw_os_error(1));
        let line = "cannot start: sandbox: Operation not permitted (os error 1)";
        assert_eq!(error.to_string(), line);
    }
}
