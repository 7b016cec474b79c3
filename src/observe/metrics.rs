//! A snapshot as metrics.
