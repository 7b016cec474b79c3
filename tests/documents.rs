//! The documents that are made from the options, kept true: what lies in
//! `docs/` is what the program says of itself. And the example of the site.
//!
//! `UPDATE=1 cargo test --test documents` writes them anew.

mod support;

use std::{
    fmt::Write as _,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, SystemTime},
};

use clap::Arg;
use stdhttpd::http::date::HttpDate;
use support::{Server, binary, check, run, touch};

const FRONT_PAGE: &str = include_str!("../www/index.html");

fn document(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(name)
}

/// Compares a document with what it should be, or writes it.
#[track_caller]
fn assert_current(name: &str, wanted: &str) {
    let path = document(name);
    if std::env::var_os("UPDATE").is_some() {
        return fs::write(&path, wanted).expect("a document");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    let differing = found.lines().zip(wanted.lines()).find(|(a, b)| a != b);
    assert!(
        found == wanted,
        "docs/{name} is out of date: UPDATE=1 cargo test --test documents; {differing:?}"
    );
}

/// The page of the options: a table for each group of the help.
fn page_of_options() -> String {
    let mut command = stdhttpd::cli::command();
    command.build();
    let mut headings: Vec<&str> = Vec::new();
    for heading in command.get_arguments().map(heading) {
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    let mut page = String::from(
        "# The options of stdhttpd\n\nMade from the program itself by `UPDATE=1 cargo test --test \
         documents`.\n",
    );
    for wanted in headings {
        let _ = write!(
            page,
            "\n## {wanted}\n\n| option | environment | default | effect |\n|---|---|---|---|\n"
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
    }
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

fn manual() -> String {
    let mut page = Vec::new();
    clap_mangen::Man::new(stdhttpd::cli::command())
        .render(&mut page)
        .expect("a page in memory");
    String::from_utf8(page).expect("text")
}

#[test]
fn the_page_of_the_options_is_current() {
    assert_current("options.md", &page_of_options());
}

#[test]
fn the_manual_page_is_current() {
    assert_current("stdhttpd.1", &manual());
}

#[test]
fn the_documents_tell_of_every_option_of_the_help() {
    let help = run(binary().arg("--help"));
    let help = String::from_utf8(help.stdout).expect("text");
    let options: Vec<&str> = help
        .split(|char: char| !(char.is_ascii_lowercase() || char == '-'))
        .filter(|word| word.starts_with("--") && word.len() > 2)
        .collect();
    assert!(options.len() > 20, "{help}");
    let page = fs::read_to_string(document("options.md")).expect("a page");
    let manual = fs::read_to_string(document("stdhttpd.1")).expect("a page");
    check(&options, |option| {
        let escaped = option.replace('-', "\\-");
        match (page.contains(option), manual.contains(&escaped)) {
            (true, true) => Ok(()),
            (found, printed) => Err(format!("options.md: {found}, stdhttpd.1: {printed}")),
        }
    });
}

/// The bytes of the example on the front page with this caption, `Request` or
/// `Response`: its tags are taken out, its line ends made real.
fn example(caption: &str) -> String {
    let after = |text: &'static str, mark: &str| text.split_once(mark).expect("found").1;
    let figure = after(FRONT_PAGE, &format!(">{caption}</span>"));
    let (code, _) = after(figure, "<code>")
        .split_once("</code>")
        .expect("closed");
    let texts = code.split('<').filter_map(|part| part.rsplit('>').next());
    let text = texts.collect::<String>().replace('\n', "");
    text.replace("\\r", "\r").replace("\\n", "\n")
}

#[test]
fn the_example_of_the_site_is_what_the_server_sends() {
    let (request, response) = (example("Request"), example("Response"));
    let field = |name: &str| {
        let line = response.lines().find(|line| line.starts_with(name));
        line.expect("a field")
    };
    let (_, modified) = field("Last-Modified").split_once(": ").expect("a value");
    let modified = HttpDate::parse(modified.as_bytes()).expect("a date");
    let server = Server::build()
        .file("robots.txt", include_bytes!("../www/robots.txt"))
        .start();
    let since = Duration::from_secs(modified.unix_seconds());
    touch(
        server.root().join("robots.txt"),
        SystemTime::UNIX_EPOCH + since,
    );
    let mut client = server.connect();
    client.send(&request).shutdown_write();
    let sent = String::from_utf8(client.read_to_end()).expect("text");
    let date = sent.lines().find(|line| line.starts_with("Date: "));
    let sent = sent.replace(date.expect("a date"), field("Date"));
    assert_eq!(sent, response);
    let head = sent.find("\r\n\r\n").expect("a head") + 4;
    for claim in [
        format!("</span> {} bytes<", request.len()),
        format!(
            "</span> {head} bytes of head, {} of body<",
            sent.len() - head
        ),
    ] {
        assert!(FRONT_PAGE.contains(&claim), "{claim}");
    }
}

#[test]
#[ignore = "needs man"]
fn man_reads_the_manual_page_without_a_complaint() {
    let mut man = Command::new("man");
    man.args(["--warnings", "--local-file"])
        .arg(document("stdhttpd.1"));
    let output = run(man.env("MANWIDTH", "100").env("LC_ALL", "C.UTF-8"));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    assert!(text.contains("--keep-alive"), "{text}");
}

/// Runs a shell over what it reads from standard input.
fn shell(program: &str, args: &[&str], script: &str) -> Output {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the shell starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(script.as_bytes()).expect("the shell reads");
    drop(stdin);
    child.wait_with_output().expect("the shell ends")
}

/// What a shell prints for `ask`, with the completions loaded.
#[track_caller]
fn completed(name: &str, args: &[&str], ask: &str) -> String {
    let script = run(binary().args(["--completions", name]));
    let script = String::from_utf8(script.stdout).expect("text");
    let output = shell(name, args, &format!("{script}\n{ask}\n"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{name}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn bash_completes_options() {
    let ask = "COMP_WORDS=(stdhttpd --keep); COMP_CWORD=1; _stdhttpd stdhttpd --keep ''\n\
               printf '%s\\n' \"${COMPREPLY[@]}\"";
    assert_eq!(completed("bash", &["--norc"], ask).trim(), "--keep-alive");
}

#[test]
#[ignore = "needs zsh"]
fn zsh_takes_the_completions() {
    let ask = "print -r -- ${_comps[stdhttpd]}; whence -w _stdhttpd";
    let script = run(binary().args(["--completions", "zsh"]));
    let script = String::from_utf8(script.stdout).expect("text");
    assert!(script.contains("--keep-alive"));
    let before = "autoload -Uz compinit; compinit -D";
    let output = shell("zsh", &["-f"], &format!("{before}\n{script}\n{ask}\n"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(printed, "_stdhttpd\n_stdhttpd: function\n");
}

#[test]
#[ignore = "needs fish"]
fn fish_completes_options() {
    let printed = completed("fish", &["--no-config"], "complete -C 'stdhttpd --keep'");
    assert!(printed.starts_with("--keep-alive\t"), "{printed}");
}
