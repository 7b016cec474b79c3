//! The documents that are made from the options, kept true: what lies in
//! `docs/` is what the program says of itself.
//!
//! `UPDATE=1 cargo test --test documents` writes them anew.

mod support;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use support::{binary, check, run};

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

fn manual() -> String {
    let mut page = Vec::new();
    clap_mangen::Man::new(stdhttpd::cli::command())
        .render(&mut page)
        .expect("a page in memory");
    String::from_utf8(page).expect("text")
}

#[test]
fn the_page_of_the_options_is_current() {
    let wanted = format!(
        "# The options of stdhttpd\n\nMade from the program itself by `UPDATE=1 cargo test --test \
         documents`.\n\n{}",
        stdhttpd::cli::options_as_markdown()
    );
    assert_current("options.md", &wanted);
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
            (found, told) => Err(format!("options.md: {found}, stdhttpd.1: {told}")),
        }
    });
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

/// The completions for a shell, and what it is told after them.
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
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(told, "_stdhttpd\n_stdhttpd: function\n");
}

#[test]
#[ignore = "needs fish"]
fn fish_completes_options() {
    let told = completed("fish", &["--no-config"], "complete -C 'stdhttpd --keep'");
    assert!(told.starts_with("--keep-alive\t"), "{told}");
}
