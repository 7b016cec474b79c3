//! The command line and its help.

mod diagnostics;
mod options;
mod usage;
mod values;

use std::{
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
};

use clap::{CommandFactory, FromArgMatches, error::ErrorKind, parser::ValueSource};

use crate::{config::Config, server};
use diagnostics::complain;
use options::Options;
use values::ADDED_FIELDS_BYTES_MAX;

/// The exit code of a usage error: an unknown option or an invalid value.
pub const EXIT_USAGE: u8 = 2;

/// The exit code of a server that cannot start or continue.
pub const EXIT_FAILURE: u8 = 1;

/// Parses the options, initialises the log and runs the server. The exit code is 0 after a clean
/// stop; otherwise [`EXIT_USAGE`] or [`EXIT_FAILURE`], after one line on standard error with the
/// reason.
pub fn main() -> ExitCode {
    let config = match parse(std::env::args_os()) {
        Ok(Invocation::Serve(config)) => config,
        Ok(Invocation::Print(text)) => return print(&text),
        Err(reason) => {
            complain(&reason);
            return EXIT_USAGE.into();
        }
    };
    diagnostics::start_log();
    match server::run(*config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            EXIT_FAILURE.into()
        }
    }
}

/// What to do for a command line.
#[derive(Debug)]
pub enum Invocation {
    /// Run the server.
    Serve(Box<Config>),
    /// Print a text and exit: help, version, completions.
    Print(String),
}

/// The `clap` command, also for generating the documents. Each option but `--completions` is also
/// an environment variable.
pub fn command() -> clap::Command {
    Options::command().mut_args(|arg| match arg.get_id().as_str() {
        "completions" => arg,
        name => {
            let variable = format!("STDHTTPD_{}", name.to_uppercase());
            arg.env(variable).hide_env(true)
        }
    })
}

/// Parses the arguments (the program name first) and the environment; an error is one line.
pub fn parse<A>(arguments: impl IntoIterator<Item = A>) -> Result<Invocation, String>
where
    A: Into<OsString> + Clone,
{
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    // An empty variable counts as unset.
    let mut command = command().mut_args(|arg| match arg.get_env().map(std::env::var_os) {
        Some(Some(value)) if value.is_empty() => arg.env(None),
        _ => arg,
    });
    let parsed = command
        .try_get_matches_from_mut(&arguments)
        .and_then(|matches| {
            let options = Options::from_arg_matches(&matches)?;
            let from_command_line =
                matches.value_source("header") == Some(ValueSource::CommandLine);
            check_headers(&options, from_command_line)
                .map_err(|reason| command.error(ErrorKind::ValueValidation, reason))?;
            Ok(options)
        });
    match parsed {
        Ok(Options {
            completions: Some(shell),
            ..
        }) => Ok(Invocation::Print(completions(shell))),
        Ok(options) => Ok(Invocation::Serve(Box::new(options.into()))),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                Ok(Invocation::Print(error.render().to_string()))
            }
            _ => Err(usage::line(&error, &command, &arguments)),
        },
    }
}

/// Checks that apply to all `--header` values together: their total size, and that only the
/// environment variable contains several lines.
fn check_headers(options: &Options, from_command_line: bool) -> Result<(), String> {
    if from_command_line && options.header.iter().any(|lines| lines.len() > 1) {
        return Err("the value of '--header <NAME: VALUE>' contains a line break".into());
    }
    let bytes: usize = (options.header.iter().flatten())
        .map(|(name, value)| name.len() + value.len() + ": \r\n".len())
        .sum();
    if bytes <= ADDED_FIELDS_BYTES_MAX {
        return Ok(());
    }
    let origin = match from_command_line {
        true => "",
        false => " (from STDHTTPD_HEADER)",
    };
    Err(format!(
        "the fields of '--header <NAME: VALUE>' take {bytes} bytes, more than \
         {ADDED_FIELDS_BYTES_MAX}{origin}"
    ))
}

fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "stdhttpd", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Prints to standard output. A closed pipe is not an error.
fn print(text: &str) -> ExitCode {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(&format!("standard output: {error}"));
            EXIT_FAILURE.into()
        }
        _ => ExitCode::SUCCESS,
    }
}

#[cfg(test)]
mod tests;
