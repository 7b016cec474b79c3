//! A snapshot as json.
