//! The program: options, log, run, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    stdhttpd::cli::main()
}
