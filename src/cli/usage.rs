//! A usage error as one line that names what is wrong: the argument, or the
//! variable where nobody typed one.

use std::ffi::{OsStr, OsString};

use clap::{
    Arg, Command, Error,
    error::{ContextKind, ContextValue, ErrorKind},
};

/// The error that `command` gave for `arguments` (the program's name first) as
/// one line, but for control characters that it quotes.
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

/// The several lines of a parser's message as one, without the pointer to the
/// help.
fn joined(message: &str) -> String {
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let mut line = String::new();
    for part in message.lines().map(str::trim) {
        match part.strip_prefix("tip: ") {
            _ if part.is_empty() => {}
            _ if part.starts_with("Usage:") || part.starts_with("For more information") => break,
            Some(tip) => line = format!("{line}; {tip}"),
            None if line.is_empty() => line.push_str(part),
            None => line = format!("{line} {part}"),
        }
    }
    line
}

/// The variable that holds the value complained of; `None` where it was typed.
fn variable<'c>(error: &Error, command: &'c Command, arguments: &[OsString]) -> Option<&'c OsStr> {
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    // The parser judges the command line first: where that is well by itself,
    // the environment is not.
    let typed = with_variables(command, |_| false);
    typed.try_get_matches_from(arguments).ok()?;
    let mut options = command.get_arguments();
    options.find(|arg| arg.to_string() == *option)?.get_env()
}

/// What the parser says of text that is not UTF-8 names nothing. So each that is
/// not is tried alone: paths may be anything and are not complained of.
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

/// The command reading those variables alone that are `read`.
fn with_variables(command: &Command, read: impl Fn(&Arg) -> bool) -> Command {
    command.clone().mut_args(|arg| match read(&arg) {
        true => arg,
        false => arg.env(None),
    })
}
