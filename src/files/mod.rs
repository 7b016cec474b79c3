//! The disk: what a path names, opened beneath the root, kept in memory where
//! it is small, and never stale.

pub mod listing;
pub mod media_type;

use std::{fs::File, io, sync::Arc};

use crate::{
    config::SiteOptions,
    http::{
        content_coding::{AcceptEncoding, ContentCoding, NoneAcceptable},
        date::HttpDate,
        etag::EntityTag,
        response::ReadyFields,
        target::RequestPath,
    },
};

/// The instant at which the current turn of the poll began, in nanoseconds
/// since the process began. All that one turn asks of one file shares a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn(pub u64);

/// The content of a representation.
#[derive(Debug)]
pub enum Content {
    /// A small file, whole.
    Memory(Box<[u8]>),
    /// A large one, to be sent from its open descriptor.
    File(File),
}

/// What a file is: when any of it changes, it is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Device and inode.
    pub inode: (u64, u64),
    /// Size in bytes.
    pub size: u64,
    /// Last modification, nanoseconds since the epoch.
    pub mtime: i128,
    /// Last change of the inode, nanoseconds since the epoch.
    pub ctime: i128,
}

/// One representation of a resource: its content and all that is said of it.
#[derive(Debug)]
pub struct Representation {
    /// Its identity on disk.
    pub identity: Identity,
    /// Its entity tag.
    pub etag: EntityTag,
    /// Its `Last-Modified`.
    pub last_modified: Option<HttpDate>,
    /// Its `Content-Type`: of the original, whatever the coding.
    pub content_type: Box<str>,
    /// Its lines, ready made.
    pub fields: ReadyFields,
    /// Its content.
    pub content: Content,
}

/// A representation chosen for one answer; holds its resource alive.
#[derive(Clone, Debug)]
pub struct Selected {
    resource: Arc<Resource>,
    coding: Option<ContentCoding>,
}

/// A file with the variants that lie beside it.
#[derive(Debug)]
struct Resource {}

impl std::ops::Deref for Selected {
    type Target = Representation;

    fn deref(&self) -> &Representation {
        let _ = (&self.resource, self.coding);
        todo!()
    }
}

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

/// An open folder, to be listed.
#[derive(Debug)]
pub struct Folder {}

/// Why nothing is served.
#[derive(Debug)]
pub enum Refusal {
    /// Nothing there that may be served: 404.
    NotFound,
    /// There, and the system forbids reading it: 403.
    Forbidden,
    /// Nothing acceptable in any coding: 406.
    NotAcceptable,
    /// Out of descriptors or memory for now: 503. Never said of a file that
    /// is merely missing.
    Exhausted(io::Error),
    /// The system failed: 500.
    Failed(io::Error),
}

/// The files of one root, shared by all workers.
#[derive(Debug)]
pub struct Site {}

/// A worker's view of the [`Site`].
#[derive(Debug)]
pub struct View {}

impl Site {
    /// Opens the root.
    pub fn open(options: &SiteOptions) -> io::Result<Arc<Site>> {
        let _ = options;
        todo!()
    }

    /// A view for one worker.
    pub fn view(self: &Arc<Site>) -> View {
        todo!()
    }
}

impl View {
    /// To be called once a turn: notices, a few times a second, that the root
    /// itself was swapped.
    pub fn begin_turn(&mut self, turn: Turn) {
        let _ = turn;
        todo!()
    }

    /// What `path` names, in the best coding accepted.
    pub fn find(
        &self,
        path: &RequestPath<'_>,
        accept: AcceptEncoding,
        turn: Turn,
    ) -> Result<Found, Refusal> {
        let _ = (path, accept, turn, NoneAcceptable);
        todo!()
    }
}
