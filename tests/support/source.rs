//! Rust sources and their imports, parsed as far as the architecture rules need it.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// One source file.
pub struct Source {
    /// Relative to the project, with slashes.
    pub path: String,
    /// Its unchanged text.
    pub text: String,
}

impl Source {
    /// The module directly below `src/` that the file belongs to; `lib.rs` belongs to none.
    pub fn room(&self) -> Option<&str> {
        let rest = self.path.strip_prefix("src/")?;
        let name = rest.split('/').next().unwrap_or(rest);
        let room = name.strip_suffix(".rs").unwrap_or(name);
        (room != "lib").then_some(room)
    }

    /// The code without comments and without the content of string literals; line breaks are kept.
    pub fn code(&self) -> String {
        strip(&self.text)
    }
}

/// All Rust files below the given directories of the project.
#[track_caller]
pub fn sources(folders: &[&str]) -> Vec<Source> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut waiting: Vec<PathBuf> = folders.iter().map(|f| project.join(f)).collect();
    let mut found = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a readable directory");
            waiting.extend(entries.map(|entry| entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|e| e == "rs") {
            let relative = path.strip_prefix(project).expect("a path in the project");
            found.push(Source {
                path: relative.to_string_lossy().into_owned(),
                text: fs::read_to_string(&path).expect("the source is UTF-8"),
            });
        }
    }
    assert!(
        folders.is_empty() || !found.is_empty(),
        "no source below {folders:?}"
    );
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Rust code without comments and without the content of literals.
pub fn strip(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = match &bytes[at..] {
            [b'/', b'/', ..] => at + text[at..].find('\n').unwrap_or(text.len() - at),
            [b'/', b'*', ..] => at + text[at..].find("*/").map_or(text.len() - at, |n| n + 2),
            [b'b' | b'c', b'r', b'"' | b'#', ..] if starts_word(bytes, at) => raw_end(text, at + 2),
            [b'r', b'"' | b'#', ..] if starts_word(bytes, at) => raw_end(text, at + 1),
            [b'"', ..] => quoted_end(bytes, at + 1),
            [b'\'', b'\\', _, rest @ ..] => {
                at + 3 + rest.iter().position(|b| *b == b'\'').map_or(0, |n| n + 1)
            }
            [b'\'', _, b'\'', ..] => at + 3,
            _ => {
                let width = text[at..].chars().next().map_or(1, char::len_utf8);
                out.push_str(&text[at..at + width]);
                at += width;
                continue;
            }
        };
        let end = end.min(text.len());
        out.extend(text[at..end].chars().filter(|c| *c == '\n'));
        at = end;
    }
    out
}

/// Whether a word may begin at `at`.
pub fn starts_word(bytes: &[u8], at: usize) -> bool {
    at == 0 || !(bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_')
}

fn quoted_end(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

/// The end of a raw string whose hashes begin at `at`; for a raw identifier (`r#type`), the end is
/// at its beginning.
fn raw_end(text: &str, at: usize) -> usize {
    let hashes = text[at..].bytes().take_while(|b| *b == b'#').count();
    let Some(inside) = text[at + hashes..].strip_prefix('"') else {
        return at + hashes;
    };
    let close = format!("\"{}", "#".repeat(hashes));
    let start = at + hashes + 1;
    inside
        .find(&close)
        .map_or(text.len(), |n| start + n + close.len())
}

/// The paths after `prefix`, such as `crate::` or `std::`; groups in braces are expanded.
pub fn paths_after(code: &str, prefix: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        let before = code[..at].chars().next_back();
        let part_of_more = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
        if !part_of_more {
            spell_out(prefix.to_owned(), &code[at + prefix.len()..], &mut found);
        }
    }
    found
}

/// Expands one path: `a::{b, c::d}` gives `a::b` and `a::c::d`.
fn spell_out(mut path: String, mut rest: &str, found: &mut Vec<String>) {
    loop {
        rest = rest.trim_start();
        if let Some(group) = rest.strip_prefix('{') {
            for member in members(group) {
                spell_out(path.clone(), member, found);
            }
            return;
        }
        let word = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        path.push_str(&rest[..word]);
        match rest[word..].strip_prefix("::") {
            Some(more) if word > 0 => {
                path.push_str("::");
                rest = more;
            }
            _ => {
                found.push(path);
                return;
            }
        }
    }
}

/// The members of a group whose opening brace has already been consumed.
fn members(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            '}' | ',' if depth == 0 => {
                if !group[start..at].trim().is_empty() {
                    found.push(group[start..at].trim());
                }
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    found
}
