//! The content of a folder, as a page and as JSON.
