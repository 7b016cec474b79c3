//! See `claims::accept_encoding`.

#![no_main]

#[path = "../claims.rs"]
mod claims;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| claims::accept_encoding(bytes));
