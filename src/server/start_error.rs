//! Why a server cannot start.

use std::{fmt, io};

use crate::config::Endpoint;

/// Why a server cannot start. Displayed, it is one line that names the thing
/// and the system's reason.
#[derive(Debug)]
pub struct StartError {
    /// What cannot be done, with what: `cannot serve www`.
    pub what: String,
    /// The system's reason.
    pub source: io::Error,
}

impl StartError {
    /// An address cannot be listened on.
    pub fn listen(address: impl Into<Endpoint>, source: io::Error) -> StartError {
        let what = format!("cannot listen on {}", address.into());
        StartError { what, source }
    }

    /// The system refused a `part` of the server: `poll`, `thread`, `signals`,
    /// `sandbox`.
    pub fn system(part: &str, source: io::Error) -> StartError {
        let what = format!("cannot start: {part}");
        StartError { what, source }
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
    use std::{
        net::{Ipv6Addr, SocketAddr},
        path::Path,
    };

    use super::*;

    #[track_caller]
    fn check(error: StartError, line: &str) {
        assert_eq!(error.to_string(), line);
    }

    #[test]
    fn the_line_names_the_thing_and_the_reason() {
        let os = io::Error::from_raw_os_error;
        check(
            StartError::listen(SocketAddr::from((Ipv6Addr::LOCALHOST, 80)), os(13)),
            "cannot listen on [::1]:80: Permission denied (os error 13)",
        );
        check(
            StartError::listen(Path::new("/run/s"), os(98)),
            "cannot listen on unix:/run/s: Address already in use (os error 98)",
        );
        check(
            StartError::system("sandbox", os(1)),
            "cannot start: sandbox: Operation not permitted (os error 1)",
        );
    }
}
