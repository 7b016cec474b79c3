//! Media types by the ending of a file's name.
