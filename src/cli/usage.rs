//! Formats a usage error as one line that names the argument, or the environment variable it came
//! from.

use std::ffi::OsString;

use clap::{Command, Error, error::ErrorKind};

/// Formats the error of `command` for `arguments` (the program name first) as one line. Control
/// characters in quoted arguments are not escaped.
pub fn line(error: &Error, command: &Command, arguments: &[OsString]) -> String {
    let message = joined(&error.render().to_string());
    let typed = command.clone().mut_args(|arg| arg.env(None));
    if kind(&typed, arguments).is_some() {
        return not_utf_8(&typed, arguments).unwrap_or(message);
    }
    // The command line is valid on its own, so the error is in the environment: in the first
    // variable that gives the same error without the others.
    let culprit = command.get_arguments().find(|arg| {
        let alone = command
            .clone()
            .mut_args(|other| match other.get_id() == arg.get_id() {
                true => other,
                false => other.env(None),
            });
        kind(&alone, arguments) == Some(error.kind())
    });
    let Some((arg, variable)) = culprit.and_then(|arg| Some((arg, arg.get_env()?))) else {
        return message;
    };
    let variable_name = variable.display();
    match std::env::var_os(variable) {
        // clap's message does not name the argument.
        Some(value) if error.kind() == ErrorKind::InvalidUtf8 => {
            format!("invalid value {value:?} for '{arg}': not UTF-8 (from {variable_name})")
        }
        _ => format!("{message} (from {variable_name})"),
    }
}

/// The kind of the error of `command` for `arguments`, if it refuses them.
fn kind(command: &Command, arguments: &[OsString]) -> Option<ErrorKind> {
    let parsed = command.clone().try_get_matches_from(arguments);
    parsed.err().map(|error| error.kind())
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

/// clap's message for invalid UTF-8 does not name the argument: it is the last of the fewest that
/// are refused for it. Paths need not be UTF-8.
fn not_utf_8(typed: &Command, arguments: &[OsString]) -> Option<String> {
    let last = (1..arguments.len()).find(|&last| {
        arguments[last].to_str().is_none()
            && kind(typed, &arguments[..=last]) == Some(ErrorKind::InvalidUtf8)
    })?;
    let argument = &arguments[last];
    Some(match argument.as_encoded_bytes().first() {
        Some(b'-') => format!("invalid argument {argument:?}: not UTF-8"),
        _ => {
            let option = arguments[last - 1].display();
            format!("invalid value {argument:?} for '{option}': not UTF-8")
        }
    })
}
