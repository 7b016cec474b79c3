//! The content of a folder, as a page and as JSON.

/// One line of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, as the system has it.
    pub name: Vec<u8>,
    /// Whether it is a folder.
    pub folder: bool,
    /// Bytes.
    pub size: u64,
    /// Seconds since the epoch.
    pub mtime: i64,
}

/// What a listing may load.
pub const CSP: &str = "default-src 'none'";

/// The order of a listing.
#[derive(Clone, Copy, Debug)]
pub struct Sort;

impl Sort {
    /// The order that a query asks for.
    pub fn from_query(_: &str) -> Sort {
        Sort
    }
}

/// A page.
pub fn html(_: &[u8], _: &mut [Entry], _: Sort) -> Vec<u8> {
    Vec::new()
}

/// JSON.
pub fn json(_: &[u8], _: &mut [Entry], _: Sort) -> Vec<u8> {
    Vec::new()
}
