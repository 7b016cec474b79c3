//! Response heads as values, and the one place that writes them.

use super::{content_coding::ContentCoding, date::HttpDate, etag::EntityTag};

/// The fields that describe a representation.
#[derive(Clone, Copy, Debug)]
pub struct RepresentationFields<'a> {
    /// `Content-Type`, parameters included.
    pub content_type: &'a str,
    /// `Content-Encoding`, unless the identity.
    pub content_coding: Option<ContentCoding>,
    /// `Content-Length` of the whole representation.
    pub content_length: u64,
    /// `ETag`.
    pub etag: &'a EntityTag,
    /// `Last-Modified`.
    pub last_modified: Option<HttpDate>,
    /// The value of `Cache-Control`.
    pub cache_control: &'a str,
    /// Whether `Vary: Accept-Encoding` is sent: variants exist.
    pub varies: bool,
}

/// The lines of [`RepresentationFields`], ready made once for many answers.
///
/// They are laid out so that what a 304, a 206 and a 200 send are prefixes of
/// one another.
#[derive(Clone, Debug)]
pub struct ReadyFields {
    lines: Box<[u8]>,
    not_modified_end: usize,
    partial_end: usize,
}

impl ReadyFields {
    /// Writes the lines.
    pub fn new(fields: &RepresentationFields<'_>) -> ReadyFields {
        let RepresentationFields {
            content_type,
            content_coding,
            content_length,
            etag,
            last_modified,
            cache_control,
            varies,
        } = *fields;
        let mut lines = Vec::with_capacity(256);
        let mut line = |name: &str, value: &[u8]| {
            lines.extend_from_slice(name.as_bytes());
            lines.extend_from_slice(b": ");
            lines.extend_from_slice(value);
            lines.extend_from_slice(b"\r\n");
            lines.len()
        };
        line("ETag", etag.as_bytes());
        if let Some(date) = last_modified {
            line("Last-Modified", &date.imf_fixdate());
        }
        if varies {
            line("Vary", b"Accept-Encoding");
        }
        let not_modified_end = line("Cache-Control", cache_control.as_bytes());
        line("Accept-Ranges", b"bytes");
        if let Some(coding) = content_coding {
            line("Content-Encoding", coding.name().as_bytes());
        }
        let partial_end = line("Content-Type", content_type.as_bytes());
        line("Content-Length", content_length.to_string().as_bytes());
        ReadyFields {
            lines: lines.into_boxed_slice(),
            not_modified_end,
            partial_end,
        }
    }

    /// What a 304 repeats of its 200 (RFC 9110 section 15.4.5).
    pub fn not_modified(&self) -> &[u8] {
        &self.lines[..self.not_modified_end]
    }

    /// What a 206 has in common with its 200, `Content-Length` aside.
    pub fn partial(&self) -> &[u8] {
        &self.lines[..self.partial_end]
    }

    /// All of them: a 200.
    pub fn whole(&self) -> &[u8] {
        &self.lines
    }
}
