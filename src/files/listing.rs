//! Directory listings as HTML and as JSON.
//!
//! This file formats them; [`Listing`] reads and writes a folder in pieces, so that a large one
//! does not block other connections.

mod build;
mod memory_budget;
mod order;
mod text;

use std::{
    collections::HashMap,
    io::{self, Write},
    iter,
    sync::LazyLock,
};

use self::text::{Unseen, exact, href, html, json, size};
use super::media_type::extension;
use crate::http::date::HttpDate;

pub use self::{
    build::Listing,
    memory_budget::{Chunk, LISTINGS_BYTES_MAX, MemoryBudget, UNSHARED_BYTES},
    order::{Sort, SortKey},
};

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name in bytes.
    pub name: Vec<u8>,
    /// Whether it is a folder, following links; otherwise it is a regular file.
    pub is_folder: bool,
    /// The size of a file in bytes; 0 for a folder.
    pub size: u64,
    /// The last modification in seconds since the epoch.
    pub mtime: i64,
}

/// The `Content-Security-Policy` of the page: only its own style and script, identified by hash.
pub const CSP: &str = "default-src 'none'; \
    style-src 'sha256-HD1D5ZuJqAc+V4FWpTJd+0aHv3S5Q/Q8P+ZPCNvX3AY='; \
    script-src 'sha256-RawuYnXRUUATP35Mybzq5o24AztMMih57WKbnL7dbtE='; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = include_str!("listing/page.css");
const SCRIPT: &str = include_str!("listing/page.js");
const ICONS: &str = include_str!("listing/icons.svg");

/// The format of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An HTML page in UTF-8. Its links are relative to the folder, so its URL must end in a slash.
    Html,
    /// JSON (RFC 8259): an array of objects with `name`, `type` (`directory` or
    /// `file`), `size` (of files alone), `mtime` (ISO 8601, UTC) and `href`
    /// (relative to the folder). A name that is not UTF-8 is shown with
    /// replacement characters; its `href` is exact.
    Json,
}

/// The number of entries and the total size of the files.
#[derive(Clone, Copy, Debug, Default)]
struct Summary {
    folders: u64,
    files: u64,
    bytes: u64,
    /// Whether entries beyond the limit were left out.
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
    /// Writes the part before the entries. `path` is the decoded path of the request.
    fn push_begin(self, out: &mut Vec<u8>, path: &[u8], sort: Sort, summary: Summary) {
        // Writing to a Vec does not fail.
        let _ = match self {
            Form::Html => write_page_begin(out, path, sort, summary),
            Form::Json => write!(out, "["),
        };
    }

    fn push_entry(self, out: &mut Vec<u8>, entry: &Entry) {
        let _ = match self {
            Form::Html => write_row(out, entry),
            Form::Json => write_object(out, entry),
        };
    }

    /// Writes the part after the entries.
    fn push_end(self, out: &mut Vec<u8>) {
        let _ = match self {
            Form::Html => write!(
                out,
                "</tbody>\n</table>\n</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
            ),
            Form::Json => write!(out, "\n]\n"),
        };
    }
}

fn write_object(out: &mut Vec<u8>, entry: &Entry) -> io::Result<()> {
    // The other objects may be in earlier chunks, but not the bracket.
    let comma = if out.ends_with(b"[") { "" } else { "," };
    let kind = match entry.is_folder {
        true => "\"directory\"".to_owned(),
        false => format!("\"file\",\"size\":{}", entry.size),
    };
    write!(
        out,
        "{comma}\n{{\"name\":\"{}\",\"type\":{kind},\"mtime\":\"{}\",\"href\":\"{}\"}}",
        json(&entry.name),
        time(entry),
        href(&entry.name, entry.is_folder)
    )
}

/// The modification time in ISO 8601.
fn time(entry: &Entry) -> String {
    let text = HttpDate::from_unix_seconds(entry.mtime).iso_8601();
    String::from_utf8_lossy(&text).into_owned()
}

fn write_page_begin(
    out: &mut Vec<u8>,
    path: &[u8],
    sort: Sort,
    summary: Summary,
) -> io::Result<()> {
    let segments = path.split(|&byte| byte == b'/');
    let names: Vec<&[u8]> = segments.filter(|name| !name.is_empty()).collect();
    let title: String = (names.iter())
        .map(|name| format!("{}/", html(name, Unseen::Plain)))
        .collect();
    let columns = [
        column(sort, SortKey::Name, "name", "Name"),
        column(sort, SortKey::Size, "size", "Size"),
        column(sort, SortKey::Time, "time", "Modified (UTC)"),
    ]
    .concat();
    let parent = match names.is_empty() {
        true => "",
        false => {
            "<tr class=\"up\"><td><a href=\"../\"><svg><use href=\"#up\"/></svg>Parent folder</a>\
             </td><td></td><td></td></tr>\n"
        }
    };
    let nothing = match summary.entries() {
        0 => "<tr class=\"up\"><td class=\"none\" colspan=\"3\">This folder is empty.</td></tr>\n",
        _ => "",
    };
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>Index of /{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n{ICONS}<header>\n{}{}\
         <input type=\"search\" placeholder=\"Filter\" aria-label=\"Filter by name\" hidden>\n\
         </header>\n<main>\n<table>\n<thead>\n<tr>{columns}</tr>\n</thead>\n<tbody>\n\
         {parent}{nothing}",
        breadcrumbs(&names),
        summary_line(summary)
    )
}

/// The folders from the root to this one; all but the last are links.
fn breadcrumbs(names: &[&[u8]]) -> String {
    let named = names.iter();
    let named = named.map(|name| format!("<bdi>{}</bdi>", html(name, Unseen::Marked)));
    let mut folders: Vec<String> = iter::once("Index".to_owned()).chain(named).collect();
    let last = folders.pop().unwrap_or_default();
    let links: String = (folders.iter().enumerate())
        .map(|(depth, folder)| {
            let above = "../".repeat(names.len() - depth);
            format!("<a href=\"{above}\">{folder}</a><i>/</i>")
        })
        .collect();
    format!("<h1>{links}{last}</h1>\n")
}

fn summary_line(summary: Summary) -> String {
    let folders = counted(summary.folders, "folder");
    let files = counted(summary.files, "file");
    let bytes = match summary.files {
        0 => String::new(),
        _ => format!(", {}", size(summary.bytes)),
    };
    let more = match summary.is_cut {
        true => "; there are more, which are not shown",
        false => "",
    };
    format!("<p role=\"status\">{folders}, {files}{bytes}{more}</p>\n")
}

fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", exact(count))
}

/// A column header: a link that sorts by it, or reverses the order. The first sort by size or time
/// is descending.
fn column(sort: Sort, key: SortKey, value: &str, title: &str) -> String {
    let (aria, order) = match (sort.key == key, sort.descending) {
        (true, false) => (" aria-sort=\"ascending\"", "desc"),
        (true, true) => (" aria-sort=\"descending\"", "asc"),
        (false, _) if key == SortKey::Name => ("", "asc"),
        (false, _) => ("", "desc"),
    };
    format!("<th scope=\"col\"{aria}><a href=\"?sort={value}&amp;order={order}\">{title}</a></th>")
}

fn write_row(out: &mut Vec<u8>, entry: &Entry) -> io::Result<()> {
    let (icon, time) = (icon(entry), time(entry));
    let (slash, cell) = match entry.is_folder {
        true => ("/", "<td>".to_owned()),
        false => {
            let (bytes, size) = (counted(entry.size, "byte"), size(entry.size));
            ("", format!("<td title=\"{bytes}\">{size}"))
        }
    };
    writeln!(
        out,
        "<tr><td><a href=\"{}\"><svg class=\"{icon}\"><use href=\"#{icon}\"/></svg>\
         <bdi>{}{slash}</bdi></a></td>{cell}</td>\
         <td><time datetime=\"{time}\">{} {}</time></td></tr>",
        href(&entry.name, entry.is_folder),
        html(&entry.name, Unseen::Marked),
        &time[..10],
        &time[11..16]
    )
}

/// The icon of an entry, which is also its CSS class.
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

/// Icons and the file name extensions they are shown for.
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
