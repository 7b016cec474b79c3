//! Files: opening confined to the root, the cache, freshness checks, directory
//! listings.
//!
//! Reading order: [`Site`] and [`View::find`] (looking up a path), `site::load`
//! (looking it up on disk), `root` (confined open, and the meaning of errors),
//! `resource` (a file with its variants), `representation` (one of these, with
//! `content`, its bytes, and [`media_type`], its type), `freshness` (revalidating
//! cached files), `no_variants` (folders known to contain no variants), `cache`.
//! Separate from these: `folder` and [`listing`].
//!
//! ```text
//! View::find
//!   cache           cached? -> freshness: unchanged? -> served from it
//!   negative_cache  found missing in this turn already? -> 404
//!   root            opened under the root, following links within it
//!                   missing? -> site: was the root replaced? -> retried there
//!   load            read, with its variants; cached if later changes will show
//! ```
//!
//! What is remembered of the file system, and for how long:
//!
//! | what | where | valid |
//! |---|---|---|
//! | a file, its variants and their content | `cache`, of all workers | for a turn after a `stat` |
//! | that a variant of it does not exist | `freshness` | for a turn after a `stat` of the folder, a second in all; for a minute where no client accepts a coding |
//! | that nothing exists at a path | `site::negative_cache` | for a turn |
//! | that a folder contains no variants | `no_variants`, of each worker | for a turn after a `stat` of the folder, 10 s in all |
//! | which folder the root is | `site` | 250 ms; for a turn if something is missing |
//! | that no link on the path to a file leaves the root | `freshness` | 10 s |
//! | that a file in memory has no other content, with the same identity | `freshness` | 10 s |
//!
//! The cache of responses (`connection::response_cache`) relies on the first of these.

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
    content::{CACHED_BYTES_MAX, Content, MEMORY_BYTES_MAX},
    folder::Folder,
    representation::Representation,
    resource::Selected,
    root::FileIdentity,
    site::{Remembered, Site, View},
};

/// A timestamp in nanoseconds since the server started: the start of the current turn (iteration of
/// the event loop), or the last time the clock was read in it. Requests for one file with the same
/// timestamp share one freshness check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn(pub u64);

/// What a path names.
#[derive(Debug)]
pub enum Found {
    /// A file.
    File(Selected),
    /// A folder requested without its trailing slash: redirect.
    FolderWithoutSlash,
    /// A folder without an index, if listings are enabled.
    Folder(Folder),
}

/// Why no file is served.
#[derive(Debug)]
pub enum Refusal {
    /// Nothing exists there that may be served: 404.
    NotFound,
    /// It exists, but the system denies access: 403.
    Forbidden,
    /// No acceptable coding is available: 406.
    NotAcceptable,
    /// The memory budget or the time-out of a listing is exceeded: 503.
    Overloaded,
    /// Out of descriptors or memory: 503. Never used for a missing file.
    Exhausted(io::Error),
    /// A system error: 500.
    Failed(io::Error),
}

impl From<NoneAcceptable> for Refusal {
    fn from(_: NoneAcceptable) -> Refusal {
        Refusal::NotAcceptable
    }
}
