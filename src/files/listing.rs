//! Directory listings as HTML and as JSON.
//!
//! This file formats them, as a page with the templates in `listing/`; [`Listing`] reads and writes
//! a folder in pieces, so that a large one does not block other connections.

mod build;
mod memory_budget;
mod order;
mod text;

use std::{
    collections::HashMap,
    fmt::Display,
    io::{self, Write},
    iter,
    sync::LazyLock,
};

use askama::Template;

use self::text::Unseen;
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

impl Entry {
    /// A link to it, relative to its folder.
    fn href(&self) -> impl Display {
        text::href(&self.name, self.is_folder)
    }

    /// The modification time in ISO 8601.
    fn time(&self) -> String {
        let text = HttpDate::from_unix_seconds(self.mtime).iso_8601();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// The icon, which is also its CSS class.
    fn icon(&self) -> &'static str {
        if self.is_folder {
            return "folder";
        }
        let ending = extension(&self.name).unwrap_or_default();
        let known = ICON_OF_ENDING.get(ending.to_ascii_lowercase().as_str());
        known.copied().unwrap_or("file")
    }
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
            Form::Html => {
                let segments = path.split(|&byte| byte == b'/');
                let names = segments.filter(|name| !name.is_empty());
                let begin = Begin {
                    names: iter::once(&b""[..]).chain(names).collect(),
                    sort,
                    summary,
                };
                write!(out, "{begin}")
            }
            Form::Json => write!(out, "["),
        };
    }

    fn push_entry(self, out: &mut Vec<u8>, entry: &Entry) {
        let _ = match self {
            // A template ends without its last line feed.
            Form::Html => writeln!(out, "{}", Row { entry }),
            Form::Json => write_object(out, entry),
        };
    }

    /// Writes the part after the entries.
    fn push_end(self, out: &mut Vec<u8>) {
        let _ = match self {
            Form::Html => writeln!(out, "{End}"),
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
        text::json(&entry.name),
        entry.time(),
        entry.href()
    )
}

/// The page before the rows.
#[derive(Template)]
#[template(path = "files/listing/begin.html", config = "src/askama.toml")]
struct Begin<'p> {
    /// The names of the folders from the root to this one; the root's is empty.
    names: Vec<&'p [u8]>,
    sort: Sort,
    summary: Summary,
}

/// The row of an entry.
#[derive(Template)]
#[template(path = "files/listing/row.html", config = "src/askama.toml")]
struct Row<'e> {
    entry: &'e Entry,
}

/// The page after the rows.
#[derive(Template)]
#[template(path = "files/listing/end.html", config = "src/askama.toml")]
struct End;

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
