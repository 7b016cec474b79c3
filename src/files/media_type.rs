//! Media types by file name extension.
//!
//! `mime_guess` knows about 1,300 extensions. `TYPES` adds some, and overrides those for which it
//! has an older name than IANA, or a name that keeps browsers from displaying text.

use std::{collections::HashMap, sync::Arc};

use crate::config::SiteOptions;

/// The media types of one site.
#[derive(Clone, Debug)]
pub struct MediaTypes {
    /// Overrides by lower-case extension: `TYPES` and the options. Shared by all files of a type.
    by_extension: HashMap<String, Arc<str>>,
    charset: Option<String>,
}

/// The type of a file with no or an unknown extension (RFC 9110 section 8.3).
const UNKNOWN: &str = "application/octet-stream";

impl MediaTypes {
    /// The types of a site: `options` take precedence over the table.
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

    /// The media type of the file at `path`, including `charset`, by its extension
    /// (case-insensitive); `application/octet-stream` if that is missing or unknown.
    pub fn of(&self, path: &[u8]) -> Arc<str> {
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

    fn with_charset(&self, media_type: &str) -> Arc<str> {
        match &self.charset {
            Some(charset) if takes_charset(media_type) => {
                format!("{media_type}; charset={charset}").into()
            }
            _ => media_type.into(),
        }
    }
}

/// The extension: what follows the last dot of the last segment. A leading dot that is the only one
/// starts no extension.
pub(super) fn extension(path: &[u8]) -> Option<&str> {
    let name = path.rsplit(|&byte| byte == b'/').next()?;
    let dot = name.iter().rposition(|&byte| byte == b'.')?;
    let extension = &name[dot + 1..];
    if dot == 0 || extension.is_empty() {
        return None;
    }
    std::str::from_utf8(extension).ok()
}

/// Whether a type takes a `charset` and does not have one yet: text (RFC 6838 section 4.2.1) and
/// XML (RFC 7303 section 3.2). JSON and YAML take none: they are UTF-8 (RFC 8259 section 8.1, RFC
/// 9512 section 2.1).
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

/// Media types and their extensions. Names are IANA's unless a comment says otherwise.
#[rustfmt::skip]
const TYPES: &[(&str, &str)] = &[
    // For browsers (RFC 9239).
    ("text/javascript", "js mjs cjs es"),
    // Source code and settings, shown as text: not registered, or registered under names for which
    // browsers offer a download. `.ts` is TypeScript.
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
