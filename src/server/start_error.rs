//! Why a server cannot start.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use crate::config::Endpoint;

/// Why a server cannot start. Displayed, it is one line that names the thing
/// and the system's reason.
#[derive(Debug)]
pub enum StartError {
    /// The folder to serve cannot be opened.
    Root {
        /// The folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// An address cannot be listened on.
    Listen {
        /// The address.
        address: Endpoint,
        /// The reason.
        source: io::Error,
    },
    /// A socket that a service manager handed over cannot be used.
    Inherited {
        /// What was handed over.
        what: String,
        /// The reason.
        source: io::Error,
    },
    /// The access log cannot be written.
    AccessLog {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The user cannot be become.
    User {
        /// The user's name.
        name: String,
        /// The reason.
        source: io::Error,
    },
    /// Anything else that the system refused.
    System {
        /// What was asked for: `poll`, `thread`, `signals`, `sandbox`.
        what: &'static str,
        /// The reason.
        source: io::Error,
    },
}

impl StartError {
    /// The folder to serve cannot be opened.
    pub fn root(path: &Path, source: io::Error) -> StartError {
        StartError::Root {
            path: path.into(),
            source,
        }
    }

    /// An address cannot be listened on.
    pub fn listen(address: impl Into<Endpoint>, source: io::Error) -> StartError {
        StartError::Listen {
            address: address.into(),
            source,
        }
    }

    /// The access log cannot be written.
    pub fn access_log(path: &Path, source: io::Error) -> StartError {
        StartError::AccessLog {
            path: path.into(),
            source,
        }
    }

    /// The system's reason.
    fn reason(&self) -> &io::Error {
        match self {
            StartError::Root { source, .. }
            | StartError::Listen { source, .. }
            | StartError::Inherited { source, .. }
            | StartError::AccessLog { source, .. }
            | StartError::User { source, .. }
            | StartError::System { source, .. } => source,
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Root { path, .. } => write!(out, "cannot serve {}", path.display()),
            StartError::Listen { address, .. } => write!(out, "cannot listen on {address}"),
            StartError::Inherited { what, .. } => write!(out, "cannot use {what}"),
            StartError::AccessLog { path, .. } => {
                write!(out, "cannot write the access log {}", path.display())
            }
            StartError::User { name, .. } => write!(out, "cannot become user {name}"),
            StartError::System { what, .. } => write!(out, "cannot start: {what}"),
        }?;
        write!(out, ": {}", self.reason())
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.reason())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv6Addr, SocketAddr};

    use super::*;

    #[track_caller]
    fn check(error: StartError, line: &str) {
        assert_eq!(error.to_string(), line);
    }

    #[test]
    fn the_line_names_the_thing_and_the_reason() {
        let os = io::Error::from_raw_os_error;
        check(
            StartError::root(Path::new("www"), os(2)),
            "cannot serve www: No such file or directory (os error 2)",
        );
        check(
            StartError::listen(SocketAddr::from((Ipv6Addr::LOCALHOST, 80)), os(13)),
            "cannot listen on [::1]:80: Permission denied (os error 13)",
        );
        check(
            StartError::listen(Path::new("/run/s"), os(98)),
            "cannot listen on unix:/run/s: Address already in use (os error 98)",
        );
        check(
            StartError::access_log(Path::new("/a/log"), os(21)),
            "cannot write the access log /a/log: Is a directory (os error 21)",
        );
        check(
            StartError::User {
                name: "nobody".into(),
                source: io::Error::other("only root can"),
            },
            "cannot become user nobody: only root can",
        );
    }
}
