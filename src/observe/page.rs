//! A snapshot as page.
