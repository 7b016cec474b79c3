//! Formats a usage error as one line that names the argument, or the environment variable it came
//! from.

use std::ffi::{OsStr, OsString};

use clap::{
    Arg, Command, Error,
    error::{ContextKind, ContextValue, ErrorKind},
};

/// Formats the error of `command` for `arguments` (the program name first) as one line. Control
/// characters in quoted arguments are not escaped.
pub fn line(error: &Error, command: &Command, arguments: &[OsString]) -> String {
    if error.kind() == ErrorKind::InvalidUtf8
        && let Some(line) = not_utf8(command, arguments)
    {
        return line;
    }
    let line = joined(&error.render().to_string());
    match variable(error, command, arguments) {
        Some(variable) => format!("{line} (from {})", variable.display()),
        None => line,
    }
}

/// Joins the lines of clap's message, up to the usage.
fn joined(message: &str) -> String {
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let mut line = String::new();
    for part in message.lines().map(str::trim) {
        match part.strip_prefix("tip: ") {
            _ if part.is_empty() => {}
            _ if part.starts_with("Usage:") || part.starts_with("For more information") => break,
            // The argument was meant as an option, and hardly as a folder with such a name.
            Some(tip) if tip.starts_with("to pass ") => {
                line.push_str("; --help lists the options");
            }
            Some(tip) => line = format!("{line}; {tip}"),
            None if line.is_empty() => line.push_str(part),
            None => line = format!("{line} {part}"),
        }
    }
    line
}

/// The environment variable that holds the invalid value; `None` if it came from the command line.
fn variable<'c>(error: &Error, command: &'c Command, arguments: &[OsString]) -> Option<&'c OsStr> {
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    // If the command line is valid on its own, the error is in the environment.
    let typed = with_variables(command, |_| false);
    typed.try_get_matches_from(arguments).ok()?;
    let mut options = command.get_arguments();
    options.find(|arg| arg.to_string() == *option)?.get_env()
}

/// clap's message for invalid UTF-8 does not name the argument, so each candidate is parsed alone
/// to find it. Paths need not be UTF-8.
fn not_utf8(command: &Command, arguments: &[OsString]) -> Option<String> {
    let is_refused = |command: Command, arguments: &[OsString]| {
        let error = command.try_get_matches_from(arguments).err();
        error.is_some_and(|error| error.kind() == ErrorKind::InvalidUtf8)
    };
    let typed = with_variables(command, |_| false);
    for (last, argument) in arguments.iter().enumerate().skip(1) {
        if argument.to_str().is_none() && is_refused(typed.clone(), &arguments[..=last]) {
            return Some(match argument.as_encoded_bytes().first() {
                Some(b'-') => format!("invalid argument {argument:?}: not UTF-8"),
                _ => {
                    let option = arguments[last - 1].display();
                    format!("invalid value {argument:?} for '{option}': not UTF-8")
                }
            });
        }
    }
    command.get_arguments().find_map(|arg| {
        let variable = arg.get_env()?;
        let value = std::env::var_os(variable).filter(|value| value.to_str().is_none())?;
        let alone = with_variables(command, |other| other.get_id() == arg.get_id());
        is_refused(alone, arguments).then(|| {
            let variable = variable.display();
            format!("invalid value {value:?} for '{arg}': not UTF-8 (from {variable})")
        })
    })
}

/// The command restricted to the environment variables for which `read` is true.
fn with_variables(command: &Command, read: impl Fn(&Arg) -> bool) -> Command {
    command.clone().mut_args(|arg| match read(&arg) {
        true => arg,
        false => arg.env(None),
    })
}
