//! Field lines of a head, and those of them this server looks at.

pub use httparse::Header as Field;

/// All values of one field, in the order in which its lines came.
///
/// A field whose grammar is a list may be spread over several lines
/// (RFC 9110 section 5.3); iterating gives the value of each line.
#[derive(Clone, Copy, Debug)]
pub struct Lines<'h> {
    fields: &'h [Field<'h>],
    name: &'static str,
}

impl<'h> Lines<'h> {
    /// The lines of `fields` named `name` (any case).
    pub fn new(fields: &'h [Field<'h>], name: &'static str) -> Self {
        Lines { fields, name }
    }

    /// No line at all: the field is absent.
    pub const NONE: Lines<'static> = Lines {
        fields: &[],
        name: "",
    };

    /// Whether the field is absent.
    pub fn is_absent(self) -> bool {
        self.into_iter().next().is_none()
    }
}

impl<'h> IntoIterator for Lines<'h> {
    type Item = &'h [u8];
    type IntoIter = LinesIter<'h>;

    fn into_iter(self) -> LinesIter<'h> {
        LinesIter {
            rest: self.fields.iter(),
            name: self.name,
        }
    }
}

/// The iterator over [`Lines`].
#[derive(Clone, Debug)]
pub struct LinesIter<'h> {
    rest: std::slice::Iter<'h, Field<'h>>,
    name: &'static str,
}

impl<'h> Iterator for LinesIter<'h> {
    type Item = &'h [u8];

    fn next(&mut self) -> Option<&'h [u8]> {
        self.rest
            .by_ref()
            .find(|field| field.name.eq_ignore_ascii_case(self.name))
            .map(|field| field.value)
    }
}

/// The fields of a request that decide its answer.
///
/// Those that may stand only once are plain values (a second line of one is a
/// [`RequestError`](super::error::RequestError)); lists are [`Lines`].
#[derive(Clone, Copy, Debug)]
pub struct Fields<'h> {
    /// `Accept` (RFC 9110 section 12.5.1).
    pub accept: Lines<'h>,
    /// `Accept-Encoding` (section 12.5.3).
    pub accept_encoding: Lines<'h>,
    /// `If-Match` (section 13.1.1).
    pub if_match: Lines<'h>,
    /// `If-None-Match` (section 13.1.2).
    pub if_none_match: Lines<'h>,
    /// `If-Modified-Since` (section 13.1.3).
    pub if_modified_since: Option<&'h [u8]>,
    /// `If-Unmodified-Since` (section 13.1.4).
    pub if_unmodified_since: Option<&'h [u8]>,
    /// `If-Range` (section 13.1.5).
    pub if_range: Option<&'h [u8]>,
    /// `Range` (section 14.2).
    pub range: Option<&'h [u8]>,
    /// `Referer` (section 10.1.3), told to the access log alone.
    pub referer: Option<&'h [u8]>,
    /// `User-Agent` (section 10.1.5), told to the access log alone.
    pub user_agent: Option<&'h [u8]>,
    /// `Forwarded` (RFC 7239), believed only from a trusted proxy.
    pub forwarded: Lines<'h>,
    /// `X-Forwarded-For`, likewise.
    pub x_forwarded_for: Lines<'h>,
}

impl Fields<'_> {
    /// A head without any of these fields.
    pub const NONE: Fields<'static> = Fields {
        accept: Lines::NONE,
        accept_encoding: Lines::NONE,
        if_match: Lines::NONE,
        if_none_match: Lines::NONE,
        if_modified_since: None,
        if_unmodified_since: None,
        if_range: None,
        range: None,
        referer: None,
        user_agent: None,
        forwarded: Lines::NONE,
        x_forwarded_for: Lines::NONE,
    };
}
