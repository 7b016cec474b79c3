//! The one place where HTTP meets files.
