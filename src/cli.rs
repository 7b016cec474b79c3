//! The command line and its help.

use std::process::ExitCode;

/// Parses the options, starts the log, runs the server, gives the exit code.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
