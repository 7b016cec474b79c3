//! The content of a folder, as a page and as JSON.
//!
//! Here stands how it is written; [`Listing`] reads the folder and writes it
//! piece by piece, so that a large one holds nobody up.

mod build;
mod merge;
mod order;
mod room;
mod text;

use std::io::Write;

use self::text::{Unseen, push_exact, push_href, push_html, push_json, push_size};
use super::media_type::extension;
use crate::http::date::Civil;

pub use self::{
    build::{Listing, Progress},
    order::{Sort, SortKey},
    room::{Chunk, Full, LISTINGS_BYTES_MAX, OWN_BYTES, Room},
};

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, as the system has it.
    pub name: Vec<u8>,
    /// What it is, links followed.
    pub kind: EntryKind,
    /// The size of a file in bytes; not looked at for a folder.
    pub size: u64,
    /// The last modification in seconds since the epoch.
    pub mtime: i64,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A folder.
    Folder,
    /// A regular file.
    File,
}

/// The `Content-Security-Policy` to be sent with the page: its own style and
/// script, known by their hashes, and nothing else from anywhere.
pub const CSP: &str = "default-src 'none'; \
    style-src 'sha256-yA3SDbKHSjLbQYoMKjEW2NT+oSnE6/LeqRAKX8dGOYU='; \
    script-src 'sha256-kZEE3FLM0S57/CgXffBY0bt4wLu+axsdnEwu/q6b24E='; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = include_str!("listing/page.css");
const SCRIPT: &str = include_str!("listing/page.js");
const ICONS: &str = include_str!("listing/icons.svg");

/// What a listing is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A page for people, HTML in UTF-8. Its links are relative to the folder,
    /// so it must be asked for with its last slash.
    Html,
    /// JSON (RFC 8259): an array of objects with `name`, `type` (`directory` or
    /// `file`), `size` (of files alone), `mtime` (ISO 8601, UTC) and `href`
    /// (relative to the folder). A name that is not UTF-8 is told with
    /// replacement characters; its `href` is exact.
    Json,
}

/// How many entries there are, and what the files weigh.
#[derive(Clone, Copy, Debug, Default)]
struct Summary {
    folders: u64,
    files: u64,
    bytes: u64,
    /// Whether there are more, which are not shown.
    is_cut: bool,
}

impl Summary {
    fn add(&mut self, entry: &Entry) {
        match entry.kind {
            EntryKind::Folder => self.folders += 1,
            EntryKind::File => {
                self.files += 1;
                self.bytes = self.bytes.saturating_add(entry.size);
            }
        }
    }

    fn entries(&self) -> u64 {
        self.folders + self.files
    }
}

impl Form {
    /// Writes what stands before the entries. `path` is the decoded path of the
    /// request.
    fn push_begin(self, out: &mut Vec<u8>, path: &[u8], sort: Sort, summary: Summary) {
        match self {
            Form::Html => push_page_begin(out, path, sort, summary),
            Form::Json => out.push(b'['),
        }
    }

    fn push_entry(self, out: &mut Vec<u8>, entry: &Entry, is_first: bool) {
        match self {
            Form::Html => push_row(out, entry),
            Form::Json => push_object(out, entry, is_first),
        }
    }

    /// Writes what stands behind the entries.
    fn push_end(self, out: &mut Vec<u8>) {
        match self {
            Form::Html => push_all(
                out,
                &[
                    "</tbody>\n</table>\n</main>\n<script>",
                    SCRIPT,
                    "</script>\n</body>\n</html>\n",
                ],
            ),
            Form::Json => push_all(out, &["\n]\n"]),
        }
    }

    /// Bytes to begin with for so many entries: most are no longer.
    fn bytes_expected(self, entries: usize) -> usize {
        match self {
            Form::Html => (16 << 10) + entries.saturating_mul(320),
            Form::Json => 64 + entries.saturating_mul(160),
        }
    }
}

fn push_page_begin(out: &mut Vec<u8>, path: &[u8], sort: Sort, summary: Summary) {
    let names = segments(path);
    out.extend_from_slice(
        b"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
          <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
          <meta name=\"color-scheme\" content=\"light dark\">\n<title>Index of /",
    );
    for name in &names {
        push_html(out, name, Unseen::Plain);
        out.push(b'/');
    }
    push_all(
        out,
        &["</title>\n<style>", STYLE, "</style>\n</head>\n<body>\n"],
    );
    push_all(out, &[ICONS, "<header>\n"]);
    push_breadcrumbs(out, &names);
    push_summary(out, summary);
    push_all(
        out,
        &[
            "<input type=\"search\" placeholder=\"Filter\" aria-label=\"Filter by name\" hidden>\n</header>\n<main>\n",
        ],
    );
    push_table_begin(out, !names.is_empty(), sort, summary);
}

fn push_object(out: &mut Vec<u8>, entry: &Entry, is_first: bool) {
    let is_folder = entry.kind == EntryKind::Folder;
    push_all(out, &[if is_first { "\n" } else { ",\n" }, "{\"name\":"]);
    push_json(out, &entry.name);
    if is_folder {
        push_all(out, &[",\"type\":\"directory\""]);
    } else {
        let _ = write!(out, ",\"type\":\"file\",\"size\":{}", entry.size);
    }
    push_all(out, &[",\"mtime\":\""]);
    out.extend_from_slice(&Civil::from_unix_seconds(entry.mtime).iso_8601());
    push_all(out, &["\",\"href\":\""]);
    push_href(out, &entry.name, is_folder);
    push_all(out, &["\"}"]);
}

fn push_all(out: &mut Vec<u8>, pieces: &[&str]) {
    for piece in pieces {
        out.extend_from_slice(piece.as_bytes());
    }
}

fn segments(path: &[u8]) -> Vec<&[u8]> {
    let segments = path.split(|&byte| byte == b'/');
    segments.filter(|segment| !segment.is_empty()).collect()
}

/// The folders from the root to this one, each a link but the last.
fn push_breadcrumbs(out: &mut Vec<u8>, names: &[&[u8]]) {
    push_all(out, &["<h1>"]);
    for depth in 0..=names.len() {
        let above = names.len() - depth;
        if above > 0 {
            push_all(out, &["<a href=\"", &"../".repeat(above), "\">"]);
        }
        match depth.checked_sub(1).and_then(|index| names.get(index)) {
            Some(name) => {
                push_all(out, &["<bdi>"]);
                push_html(out, name, Unseen::Marked);
                push_all(out, &["</bdi>"]);
            }
            None => push_all(out, &["Index"]),
        }
        push_all(out, &[if above > 0 { "</a><i>/</i>" } else { "</h1>\n" }]);
    }
}

fn push_summary(out: &mut Vec<u8>, summary: Summary) {
    push_all(out, &["<p role=\"status\">"]);
    push_count(out, summary.folders, "folder");
    push_all(out, &[", "]);
    push_count(out, summary.files, "file");
    if summary.files > 0 {
        push_all(out, &[", "]);
        push_size(out, summary.bytes);
    }
    if summary.is_cut {
        push_all(out, &["; there are more, which are not shown"]);
    }
    push_all(out, &["</p>\n"]);
}

fn push_count(out: &mut Vec<u8>, count: u64, noun: &str) {
    push_exact(out, count);
    push_all(out, &[" ", noun, if count == 1 { "" } else { "s" }]);
}

fn push_table_begin(out: &mut Vec<u8>, has_parent: bool, sort: Sort, summary: Summary) {
    push_all(out, &["<table>\n<thead>\n<tr>"]);
    push_column(out, sort, SortKey::Name, "name", "Name");
    push_column(out, sort, SortKey::Size, "size", "Size");
    push_column(out, sort, SortKey::Time, "time", "Modified (UTC)");
    push_all(out, &["</tr>\n</thead>\n<tbody>\n"]);
    if has_parent {
        push_all(
            out,
            &[
                "<tr class=\"up\"><td><a href=\"../\"><svg><use href=\"#up\"/></svg>Parent folder</a></td><td></td><td></td></tr>\n",
            ],
        );
    }
    if summary.entries() == 0 {
        push_all(
            out,
            &[
                "<tr class=\"up\"><td class=\"none\" colspan=\"3\">This folder is empty.</td></tr>\n",
            ],
        );
    }
}

/// A column's head: a link that sorts by it, or turns the order round. A
/// first sort by size or time shows the greatest and the newest on top.
fn push_column(out: &mut Vec<u8>, sort: Sort, key: SortKey, value: &str, title: &str) {
    let is_current = sort.key == key;
    let aria = match (is_current, sort.descending) {
        (false, _) => "",
        (true, false) => " aria-sort=\"ascending\"",
        (true, true) => " aria-sort=\"descending\"",
    };
    let descending = if is_current {
        !sort.descending
    } else {
        key != SortKey::Name
    };
    let order = if descending { "desc" } else { "asc" };
    push_all(
        out,
        &["<th scope=\"col\"", aria, "><a href=\"?sort=", value],
    );
    push_all(out, &["&amp;order=", order, "\">", title, "</a></th>"]);
}

fn push_row(out: &mut Vec<u8>, entry: &Entry) {
    let is_folder = entry.kind == EntryKind::Folder;
    let icon = icon(entry);
    push_all(out, &["<tr><td><a href=\""]);
    push_href(out, &entry.name, is_folder);
    push_all(
        out,
        &[
            "\"><svg class=\"",
            icon,
            "\"><use href=\"#",
            icon,
            "\"/></svg><bdi>",
        ],
    );
    push_html(out, &entry.name, Unseen::Marked);
    push_all(
        out,
        &[if is_folder { "/" } else { "" }, "</bdi></a></td><td"],
    );
    if !is_folder {
        push_all(out, &[" title=\""]);
        push_exact(out, entry.size);
        push_all(
            out,
            &[if entry.size == 1 {
                " byte\""
            } else {
                " bytes\""
            }],
        );
    }
    push_all(out, &[">"]);
    if !is_folder {
        push_size(out, entry.size);
    }
    let time = Civil::from_unix_seconds(entry.mtime).iso_8601();
    push_all(out, &["</td><td><time datetime=\""]);
    out.extend_from_slice(&time);
    push_all(out, &["\">"]);
    out.extend_from_slice(&time[..10]);
    out.push(b' ');
    out.extend_from_slice(&time[11..16]);
    push_all(out, &["</time></td></tr>\n"]);
}

/// The icon of an entry, and the class that colours it.
fn icon(entry: &Entry) -> &'static str {
    if entry.kind == EntryKind::Folder {
        return "folder";
    }
    let mut lower = [0; EXTENSION_BYTES_MAX];
    let extension = extension(&entry.name).unwrap_or_default().as_bytes();
    let Some(lower) = lower.get_mut(..extension.len()) else {
        return "file";
    };
    lower.copy_from_slice(extension);
    lower.make_ascii_lowercase();
    let found = ICON_EXTENSIONS.binary_search_by(|(known, _)| known.as_bytes().cmp(lower));
    found.map_or("file", |index| ICON_EXTENSIONS[index].1)
}

/// Longer endings than this have no icon of their own.
const EXTENSION_BYTES_MAX: usize = 16;

/// Endings with an icon of their own, in order.
#[rustfmt::skip]
const ICON_EXTENSIONS: &[(&str, &str)] = &[
    ("3gp", "video"), ("7z", "archive"), ("aac", "audio"), ("apk", "archive"), ("apng", "image"),
    ("avi", "video"), ("avif", "image"), ("bash", "code"), ("bat", "code"), ("bmp", "image"),
    ("br", "archive"), ("bz2", "archive"), ("c", "code"), ("cc", "code"), ("cfg", "text"),
    ("cjs", "code"), ("conf", "text"), ("cpp", "code"), ("cs", "code"), ("css", "code"),
    ("csv", "text"), ("deb", "archive"), ("diff", "text"), ("dmg", "archive"), ("doc", "document"),
    ("docx", "document"), ("eot", "font"), ("epub", "document"), ("flac", "audio"),
    ("gif", "image"), ("go", "code"), ("gz", "archive"), ("h", "code"), ("heic", "image"),
    ("heif", "image"), ("hpp", "code"), ("htm", "code"), ("html", "code"), ("ico", "image"),
    ("ics", "text"), ("ini", "text"), ("iso", "archive"), ("jar", "archive"), ("java", "code"),
    ("jpeg", "image"), ("jpg", "image"), ("js", "code"), ("json", "code"), ("jsx", "code"),
    ("jxl", "image"), ("kt", "code"), ("log", "text"), ("lua", "code"), ("m4a", "audio"),
    ("m4v", "video"), ("map", "code"), ("markdown", "text"), ("md", "text"), ("mid", "audio"),
    ("midi", "audio"), ("mjs", "code"), ("mka", "audio"), ("mkv", "video"), ("mov", "video"),
    ("mp3", "audio"), ("mp4", "video"), ("mpeg", "video"), ("mpg", "video"), ("nfo", "text"),
    ("odp", "document"), ("ods", "document"), ("odt", "document"), ("oga", "audio"),
    ("ogg", "audio"), ("ogv", "video"), ("opus", "audio"), ("org", "text"), ("otf", "font"),
    ("patch", "text"), ("pdf", "document"), ("php", "code"), ("pl", "code"), ("png", "image"),
    ("ppt", "document"), ("pptx", "document"), ("ps", "document"), ("ps1", "code"),
    ("psd", "image"), ("py", "code"), ("rar", "archive"), ("rb", "code"), ("rpm", "archive"),
    ("rs", "code"), ("rst", "text"), ("rtf", "document"), ("scss", "code"), ("sh", "code"),
    ("sql", "code"), ("srt", "text"), ("svelte", "code"), ("svg", "image"), ("swift", "code"),
    ("tar", "archive"), ("tex", "text"), ("tgz", "archive"), ("tif", "image"), ("tiff", "image"),
    ("toml", "code"), ("ts", "code"), ("tsv", "text"), ("tsx", "code"), ("ttc", "font"),
    ("ttf", "font"), ("txt", "text"), ("txz", "archive"), ("vtt", "text"), ("vue", "code"),
    ("wasm", "code"), ("wav", "audio"), ("weba", "audio"), ("webm", "video"),
    ("webmanifest", "code"), ("webp", "image"), ("woff", "font"), ("woff2", "font"),
    ("xhtml", "code"), ("xls", "document"), ("xlsx", "document"), ("xml", "code"),
    ("xz", "archive"), ("yaml", "code"), ("yml", "code"), ("zig", "code"), ("zip", "archive"),
    ("zst", "archive"),
];

#[cfg(test)]
mod tests;
