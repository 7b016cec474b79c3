//! The options as a document.

use std::fmt::Write;

use clap::Arg;

/// The options in Markdown: a table for each group of the help.
pub fn options_as_markdown() -> String {
    let mut command = super::command();
    command.build();
    let mut headings: Vec<&str> = Vec::new();
    for heading in command.get_arguments().map(heading) {
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    let mut page = String::new();
    for wanted in headings {
        let _ = write!(
            page,
            "## {wanted}\n\n| option | environment | default | effect |\n|---|---|---|---|\n"
        );
        for arg in command.get_arguments().filter(|arg| heading(arg) == wanted) {
            let _ = writeln!(
                page,
                "| {} | {} | {} | {} |",
                code(&spelling(arg)),
                code(&arg.get_env().unwrap_or_default().to_string_lossy()),
                code(&default(arg)),
                cell(&arg.get_help().map(ToString::to_string).unwrap_or_default()),
            );
        }
        page.push('\n');
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

fn heading(arg: &Arg) -> &str {
    match arg.get_help_heading() {
        Some(heading) => heading,
        None if arg.is_positional() => "Folder",
        None => "Help",
    }
}

fn spelling(arg: &Arg) -> String {
    let takes_value = arg.get_action().takes_values();
    let value = match arg.get_value_names() {
        Some([name, ..]) if takes_value => name.as_str(),
        _ => "",
    };
    let mut text = String::new();
    if let Some(short) = arg.get_short() {
        let _ = write!(text, "-{short}, ");
    }
    match arg.get_long() {
        Some(long) if value.is_empty() => text.push_str(&format!("--{long}")),
        Some(long) => text.push_str(&format!("--{long} <{value}>")),
        None => text.push_str(value),
    }
    text
}

fn default(arg: &Arg) -> String {
    if !arg.get_action().takes_values() {
        return String::new();
    }
    let values = arg.get_default_values().iter();
    let texts: Vec<_> = values.map(|value| value.to_string_lossy()).collect();
    texts.join(", ")
}

fn code(text: &str) -> String {
    match text.is_empty() {
        true => String::new(),
        false => format!("`{}`", cell(text)),
    }
}

/// The text with what would end a cell escaped.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
