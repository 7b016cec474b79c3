//! The disk: what a path names, opened beneath the root, kept in memory where
//! it is small, and never stale.
//!
//! Reading order: [`Site`] and [`View::find`] (what a path names), `root`
//! (how it is opened, and what a failure means), `resource` (a file with its
//! variants), `representation` (one of these, with `content`, its bytes, and
//! [`media_type`], its type), `watch` (whether what is kept still holds), `plain`
//! (beside which files nothing needs to be looked up), `cache`. Apart from these,
//! `folder` and [`listing`]: what is shown of a folder.
//!
//! ```text
//! View::find
//!   cache     kept? -> watch: does it still hold? -> answered from it
//!   negative_cache  found missing in this turn already? -> 404
//!   root      opened beneath the root, links followed within it
//!             missing? -> site: is the root another by now? -> looked for there
//!   resource  read, with its variants; watched and kept where that is lasting
//! ```
//!
//! What is known of the disk, and for how long it is believed:
//!
//! | what | where | believed |
//! |---|---|---|
//! | a file, its variants and their content | `cache`, of all workers | for a turn after a `stat` |
//! | that a variant of it is not there | `watch` | for a turn after a `stat` of the folder, a second in all; for a minute where no client accepts a coding |
//! | that a path names nothing | `site::negative_cache` | for a turn |
//! | that nothing in a folder is a variant | `plain`, of each worker | for a turn after a `stat` of the folder, 10 s in all |
//! | which folder the root is | `site` | 250 ms; for a turn where something is missing |
//! | that no link on the way to a file leads out of the root | `watch` | 10 s |
//!
//! The response to a head that came before (`connection::response_cache`) stands on the
//! first of these.

mod cache;
mod content;
mod folder;
mod freshness;
pub mod listing;
pub mod media_type;
mod no_variants;
mod paths;
mod representation;
mod resource;
mod root;
mod site;

use std::io;

use crate::http::content_coding::NoneAcceptable;

pub use self::{
    content::{Content, MEMORY_BYTES_MAX},
    folder::{ENTRIES_MAX, Folder},
    representation::Representation,
    resource::Selected,
    root::FileIdentity,
    site::{Remembered, Site, View},
};

/// The instant at which the current turn of the poll began, or at which the
/// clock was read again in it, in nanoseconds since the server began. All that
/// one turn asks of one file shares a check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn(pub u64);

/// What a path names.
#[derive(Debug)]
pub enum Found {
    /// A file.
    File(Selected),
    /// A folder asked for without its slash: redirect.
    FolderWithoutSlash,
    /// A folder without an index, where listings are shown.
    Folder(Folder),
}

/// Why nothing is served.
#[derive(Debug)]
pub enum Refusal {
    /// Nothing there that may be served: 404.
    NotFound,
    /// There, and the system forbids reading it: 403.
    Forbidden,
    /// Nothing acceptable in any coding: 406.
    NotAcceptable,
    /// No room for a listing, or no time: 503.
    Overloaded,
    /// Out of descriptors or memory for now: 503. Never said of a file that
    /// is merely missing.
    Exhausted(io::Error),
    /// The system failed: 500.
    Failed(io::Error),
}

impl From<NoneAcceptable> for Refusal {
    fn from(_: NoneAcceptable) -> Refusal {
        Refusal::NotAcceptable
    }
}
