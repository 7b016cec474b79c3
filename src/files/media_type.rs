//! Media types by the ending of a file's name.
//!
//! `mime_guess` knows some 1,300 endings; `TYPES` corrects those for which
//! it has an older name than IANA, or a name that keeps a browser from showing
//! what is plainly text.

use std::collections::HashMap;

use crate::config::SiteOptions;

/// The media type of every ending, as one site says it. Made once.
#[derive(Clone, Debug)]
pub struct MediaTypes {
    /// By lower-case ending: the corrections and what the options add.
    by_extension: HashMap<String, Box<str>>,
    charset: Option<String>,
}

/// What is said of a file whose name tells nothing (RFC 9110 section 8.3).
const UNKNOWN: &str = "application/octet-stream";

impl MediaTypes {
    /// The types of a site: the table, under what `options` adds or changes.
    pub fn new(options: &SiteOptions) -> MediaTypes {
        let mut types = MediaTypes {
            by_extension: HashMap::new(),
            charset: options.charset.clone(),
        };
        for &(media_type, extensions) in TYPES {
            for extension in extensions.split_ascii_whitespace() {
                types.set(extension, media_type);
            }
        }
        for (extension, media_type) in &options.media_types {
            types.set(&extension.to_ascii_lowercase(), media_type);
        }
        types
    }

    /// The media type of the file that `path` names, its `charset` included:
    /// by what follows the last dot of the last segment, in any case.
    /// `application/octet-stream` where that is nothing, or nothing known.
    pub fn of(&self, path: &[u8]) -> Box<str> {
        let Some(extension) = extension(path) else {
            return UNKNOWN.into();
        };
        let extension = extension.to_ascii_lowercase();
        match self.by_extension.get(&extension) {
            Some(media_type) => media_type.clone(),
            None => {
                let guess = mime_guess::from_ext(&extension).first_raw();
                self.with_charset(guess.unwrap_or(UNKNOWN))
            }
        }
    }

    fn set(&mut self, extension: &str, media_type: &str) {
        let media_type = self.with_charset(media_type);
        self.by_extension.insert(extension.into(), media_type);
    }

    fn with_charset(&self, media_type: &str) -> Box<str> {
        match &self.charset {
            Some(charset) if takes_charset(media_type) => {
                format!("{media_type}; charset={charset}").into()
            }
            _ => media_type.into(),
        }
    }
}

/// What follows the last dot of the last segment. The dot of a name that
/// begins with its only one begins no ending.
pub(super) fn extension(path: &[u8]) -> Option<&str> {
    let name = path.rsplit(|&byte| byte == b'/').next()?;
    let dot = name.iter().rposition(|&byte| byte == b'.')?;
    let extension = &name[dot + 1..];
    if dot == 0 || extension.is_empty() {
        return None;
    }
    std::str::from_utf8(extension).ok()
}

/// Whether a `charset` has a meaning there and is not stated yet: text
/// (RFC 6838 section 4.2.1) and XML (RFC 7303 section 3.2). JSON and YAML
/// have none: they are UTF-8 (RFC 8259 section 8.1, RFC 9512 section 2.1).
fn takes_charset(media_type: &str) -> bool {
    let media_type = media_type.to_ascii_lowercase();
    let (essence, parameters) = media_type
        .split_once(';')
        .unwrap_or((media_type.as_str(), ""));
    let essence = essence.trim_end();
    let textual = essence.starts_with("text/")
        || essence.ends_with("+xml")
        || matches!(essence, "application/xml" | "application/xml-dtd");
    textual && !parameters.contains("charset=")
}

/// Media types and the endings they are said of. IANA's names, save where the
/// comment beside one tells what else.
#[rustfmt::skip]
const TYPES: &[(&str, &str)] = &[
    // For programs that run in a browser (RFC 9239).
    ("text/javascript", "js mjs cjs es"),
    // Sources and settings, to be read: not registered, or registered under
    // names at which browsers offer to save the file. `.ts` is TypeScript.
    ("text/plain", "ts mts cts tsx jsx vue svelte astro coffee dart lua"),
    ("text/plain", "c h cc hh cpp hpp cxx hxx cs go java kt kts m mm r rs s swift zig"),
    ("text/plain", "bash bat clj cmd ex exs erl fish hs jl ml nix pl pm ps1 py rb sh tcl zsh"),
    ("text/plain", "glsl frag vert wgsl hlsl graphql gql proto thrift wat php sass scss less styl"),
    ("text/plain", "cfg cnf conf editorconfig env gitattributes gitignore hcl ini lock nfo"),
    ("text/plain", "adoc changelog diff org patch po pot properties rst srt tex tf txt text log"),
    ("text/markdown", "md markdown mkd"),
    ("text/vcard", "vcf vcard"),
    // JSON, YAML, TOML, XML.
    ("application/json", "json map har topojson"),
    ("application/x-ipynb+json", "ipynb"), // not registered
    ("application/x-ndjson", "ndjson jsonl"), // not registered
    ("application/cbor", "cbor"),
    ("application/sql", "sql"),
    ("application/toml", "toml"),
    ("application/yaml", "yaml yml"),
    ("application/xml", "xml xsd rng"),
    ("application/xml-dtd", "dtd"),
    ("application/xslt+xml", "xsl xslt"),
    // Pictures and fonts.
    ("image/ktx2", "ktx2"),
    ("image/vnd.adobe.photoshop", "psd"),
    ("image/vnd.microsoft.icon", "ico cur"),
    ("font/otf", "otf"),
    ("font/woff", "woff"),
    ("font/collection", "ttc otc"),
    // Sound and film.
    ("application/vnd.apple.mpegurl", "m3u8"),
    ("audio/matroska", "mka"),
    ("audio/midi", "mid midi"), // not registered
    ("audio/mp4", "m4a m4b"),
    ("video/iso.segment", "m4s"),
    ("video/matroska", "mkv"),
    ("video/mp2t", "m2t m2ts"),
    ("video/mp4", "mp4 m4v"),
    ("video/vnd.avi", "avi"),
    // Archives and packages.
    ("application/gzip", "gz tgz svgz"),
    ("application/zstd", "zst tzst"),
    ("application/vnd.rar", "rar"),
    ("application/x-brotli", "br"), // not registered
    ("application/x-bzip2", "bz2 tbz2"), // not registered
    ("application/x-xz", "xz txz"), // not registered
    ("application/x-rpm", "rpm"), // not registered
    ("application/vnd.debian.binary-package", "deb"),
    ("application/vnd.microsoft.portable-executable", "exe dll"),
    // Documents and data.
    ("application/vnd.apache.arrow.file", "arrow"),
    ("application/vnd.sqlite3", "sqlite sqlite3"),
    ("model/3mf", "3mf"),
    ("model/obj", "obj"),
    ("model/step", "step stp"),
    ("model/stl", "stl"),
    ("model/vnd.usdz+zip", "usdz"),
];

#[cfg(test)]
mod tests;
