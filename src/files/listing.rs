//! The content of a folder, as a page and as JSON.
//!
//! Here stands how it is written; [`Listing`] reads the folder and writes it
//! piece by piece, so that a large one holds nobody up.

mod build;
mod merge;
mod order;
mod room;
mod text;

use std::{collections::HashMap, io::Write, sync::LazyLock};

use self::text::{Unseen, push_exact, push_href, push_html, push_json, push_size};
use super::media_type::extension;
use crate::http::date::HttpDate;

pub use self::{
    build::Listing,
    order::{Sort, SortKey},
    room::{Chunk, Full, LISTINGS_BYTES_MAX, OWN_BYTES, Room},
};

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, as the system has it.
    pub name: Vec<u8>,
    /// Whether it is a folder, links followed; else it is a regular file.
    pub is_folder: bool,
    /// The size of a file in bytes; not looked at for a folder.
    pub size: u64,
    /// The last modification in seconds since the epoch.
    pub mtime: i64,
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
        if entry.is_folder {
            self.folders += 1;
        } else {
            self.files += 1;
            self.bytes = self.bytes.saturating_add(entry.size);
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
    push(
        out,
        "<input type=\"search\" placeholder=\"Filter\" aria-label=\"Filter by name\" hidden>\n</header>\n<main>\n",
    );
    push_table_begin(out, !names.is_empty(), sort, summary);
}

fn push_object(out: &mut Vec<u8>, entry: &Entry, is_first: bool) {
    let is_folder = entry.is_folder;
    push_all(out, &[if is_first { "\n" } else { ",\n" }, "{\"name\":"]);
    push_json(out, &entry.name);
    if is_folder {
        push(out, ",\"type\":\"directory\"");
    } else {
        let _ = write!(out, ",\"type\":\"file\",\"size\":{}", entry.size);
    }
    push(out, ",\"mtime\":\"");
    out.extend_from_slice(&HttpDate::from_unix_seconds(entry.mtime).iso_8601());
    push(out, "\",\"href\":\"");
    push_href(out, &entry.name, is_folder);
    push(out, "\"}");
}

fn push_all(out: &mut Vec<u8>, pieces: &[&str]) {
    pieces.iter().for_each(|piece| push(out, piece));
}

fn push(out: &mut Vec<u8>, piece: &str) {
    out.extend_from_slice(piece.as_bytes());
}

fn segments(path: &[u8]) -> Vec<&[u8]> {
    let segments = path.split(|&byte| byte == b'/');
    segments.filter(|segment| !segment.is_empty()).collect()
}

/// The folders from the root to this one, each a link but the last.
fn push_breadcrumbs(out: &mut Vec<u8>, names: &[&[u8]]) {
    push(out, "<h1>");
    for depth in 0..=names.len() {
        let above = names.len() - depth;
        if above > 0 {
            push_all(out, &["<a href=\"", &"../".repeat(above), "\">"]);
        }
        match depth.checked_sub(1).and_then(|index| names.get(index)) {
            Some(name) => {
                push(out, "<bdi>");
                push_html(out, name, Unseen::Marked);
                push(out, "</bdi>");
            }
            None => push_all(out, &["Index"]),
        }
        push_all(out, &[if above > 0 { "</a><i>/</i>" } else { "</h1>\n" }]);
    }
}

fn push_summary(out: &mut Vec<u8>, summary: Summary) {
    push(out, "<p role=\"status\">");
    push_count(out, summary.folders, "folder");
    push(out, ", ");
    push_count(out, summary.files, "file");
    if summary.files > 0 {
        push(out, ", ");
        push_size(out, summary.bytes);
    }
    if summary.is_cut {
        push(out, "; there are more, which are not shown");
    }
    push(out, "</p>\n");
}

fn push_count(out: &mut Vec<u8>, count: u64, noun: &str) {
    push_exact(out, count);
    push_all(out, &[" ", noun, if count == 1 { "" } else { "s" }]);
}

fn push_table_begin(out: &mut Vec<u8>, has_parent: bool, sort: Sort, summary: Summary) {
    push(out, "<table>\n<thead>\n<tr>");
    push_column(out, sort, SortKey::Name, "name", "Name");
    push_column(out, sort, SortKey::Size, "size", "Size");
    push_column(out, sort, SortKey::Time, "time", "Modified (UTC)");
    push(out, "</tr>\n</thead>\n<tbody>\n");
    if has_parent {
        push(
            out,
            "<tr class=\"up\"><td><a href=\"../\"><svg><use href=\"#up\"/></svg>Parent folder</a></td><td></td><td></td></tr>\n",
        );
    }
    if summary.entries() == 0 {
        push(
            out,
            "<tr class=\"up\"><td class=\"none\" colspan=\"3\">This folder is empty.</td></tr>\n",
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
    let _ = write!(
        out,
        "<th scope=\"col\"{aria}><a href=\"?sort={value}&amp;order={order}\">{title}</a></th>"
    );
}

fn push_row(out: &mut Vec<u8>, entry: &Entry) {
    let is_folder = entry.is_folder;
    let icon = icon(entry);
    push(out, "<tr><td><a href=\"");
    push_href(out, &entry.name, is_folder);
    let _ = write!(
        out,
        "\"><svg class=\"{icon}\"><use href=\"#{icon}\"/></svg><bdi>"
    );
    push_html(out, &entry.name, Unseen::Marked);
    push_all(
        out,
        &[if is_folder { "/" } else { "" }, "</bdi></a></td><td"],
    );
    if !is_folder {
        push(out, " title=\"");
        push_exact(out, entry.size);
        let plural = if entry.size == 1 { "" } else { "s" };
        push_all(out, &[" byte", plural, "\""]);
    }
    push(out, ">");
    if !is_folder {
        push_size(out, entry.size);
    }
    let time = HttpDate::from_unix_seconds(entry.mtime).iso_8601();
    push(out, "</td><td><time datetime=\"");
    out.extend_from_slice(&time);
    push(out, "\">");
    out.extend_from_slice(&time[..10]);
    out.push(b' ');
    out.extend_from_slice(&time[11..16]);
    push(out, "</time></td></tr>\n");
}

/// The icon of an entry, and the class that colours it.
fn icon(entry: &Entry) -> &'static str {
    if entry.is_folder {
        return "folder";
    }
    let ending = extension(&entry.name).unwrap_or_default();
    let known = ICON_OF_ENDING.get(ending.to_ascii_lowercase().as_str());
    known.copied().unwrap_or("file")
}

static ICON_OF_ENDING: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    let each = |(icon, endings): &(&'static str, &'static str)| {
        let icon = *icon;
        endings.split(' ').map(move |ending| (ending, icon))
    };
    ICONS_BY_ENDING.iter().flat_map(each).collect()
});

/// Icons, and the endings they are shown for.
#[rustfmt::skip]
const ICONS_BY_ENDING: &[(&str, &str)] = &[
    ("video", "3gp avi m4v mkv mov mp4 mpeg mpg ogv webm"),
    ("archive", "7z apk br bz2 deb dmg gz iso jar rar rpm tar tgz txz xz zip zst"),
    ("audio", "aac flac m4a mid midi mka mp3 oga ogg opus wav weba"),
    ("image", "apng avif bmp gif heic heif ico jpeg jpg jxl png psd svg tif tiff webp"),
    ("code", "bash bat c cc cjs cpp cs css go h hpp htm html java js json jsx kt lua map mjs php"),
    ("code", "pl ps1 py rb rs scss sh sql svelte swift toml ts tsx vue wasm webmanifest xhtml"),
    ("code", "xml yaml yml zig"),
    ("text", "cfg conf csv diff ics ini log markdown md nfo org patch rst srt tex tsv txt vtt"),
    ("document", "doc docx epub odp ods odt pdf ppt pptx ps rtf xls xlsx"),
    ("font", "eot otf ttc ttf woff woff2"),
];

#[cfg(test)]
mod tests;
