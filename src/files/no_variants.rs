//! Folders in which no name ends like that of a coded variant.
//!
//! For every file that is not kept, three names beside it are looked up, nearly
//! always in vain: three of the eight system calls that loading a small file
//! takes. A folder of which many files are asked for is read once, a few names
//! with each of them. As long as it is what it was then, nothing beside its
//! files needs to be looked up.
//!
//! ```text
//!                 MISSES_MIN files             read to its end,
//!                 with no variant             nothing found
//!   Counting ----------------------> Reading ------------------> Plain
//!    ^   ^                              | a name like that         |
//!    |   |  after TRUSTED_NANOSECONDS_MAX   v of a variant             |
//!    |   +--------------------------- Excluded                        |
//!    +-------------------------------------------------------------+
//!                 the folder has changed, or after TRUSTED_NANOSECONDS_MAX
//! ```
//!
//! Not drawn: a variant that is found leads to `Excluded` at once; a reading begins
//! anew, from `Counting`, where the folder has changed meanwhile or where it is
//! not finished within `TRUSTED_NANOSECONDS_MAX`.

use std::{fs::File, io};

use rustix::fs::{Dir, fstat};

use super::{
    Turn,
    freshness::{fingerprint, is_cacheable},
    paths::Paths,
    root::{FileIdentity, Opened, Root},
};
use crate::http::content_coding::{ContentCoding, PerCoding};

/// The most folders of which a worker knows something.
const FOLDERS_MAX: usize = 8;

/// The longest path of such a folder, in bytes.
const PATH_BYTES_MAX: usize = 256;

/// Files of one folder beside which nothing was found before its names are read.
const MISSES_MIN: u32 = 64;

/// Names read with each file that is asked for: less than three lookups take.
const PIECE_NAMES_MAX: usize = 32;

/// The most names of a folder that is read; a larger one is left alone.
const NAMES_MAX: usize = 1_000_000;

/// How long the identity of a folder is trusted to tell that no name has come
/// to it, in nanoseconds: 10 s, after which the folder is read again. There are
/// file systems on which it does not tell. A folder that is not plain is not
/// read again for as long.
const TRUSTED_NANOSECONDS_MAX: u64 = 10_000_000_000;

/// What lies beside a file.
#[derive(Debug, Default)]
pub(super) struct FoundVariants {
    /// Their identities, where there are any.
    pub(super) found: PerCoding<Option<FileIdentity>>,
    /// The [`fingerprint`] of the folder's identity, where that alone says that
    /// there are none; else 0.
    pub(super) folder: u64,
}

/// What a worker has found out of folders.
#[derive(Debug, Default)]
pub(super) struct NoVariants {
    folders: Vec<FolderEntry>,
    /// The one whose place is sought next.
    next: usize,
}

#[derive(Debug)]
struct FolderEntry {
    path: Vec<u8>,
    state: ScanState,
    /// How often it was asked for of late. Others that want its place count
    /// it down, and have the place once it is 0.
    weight: u32,
}

#[derive(Debug)]
enum ScanState {
    /// Beside so many files nothing was found.
    Counting(u32),
    /// Being read since a turn.
    Reading(Box<Reading>),
    /// Plain as long as its identity has the fingerprint `known`: it was read
    /// in one turn, and last found to be the same in another.
    NoVariants {
        known: u64,
        read: Turn,
        checked: Turn,
    },
    /// Not plain, or it cannot be read, as was found in that turn.
    Excluded(Turn),
}

#[derive(Debug)]
struct Reading {
    dir: Dir,
    /// What the folder was before, when any later change was certain to show.
    before: FileIdentity,
    since: Turn,
    names: usize,
}

impl NoVariants {
    /// What lies beside the file at `paths` in `turn`, which is `now` in
    /// nanoseconds since the epoch.
    pub(super) fn find_variants(
        &mut self,
        root: &Root,
        paths: &Paths,
        turn: Turn,
        now: i128,
    ) -> FoundVariants {
        let Some(at) = self.index_of(paths.folder()) else {
            return look_up_variants(root, paths);
        };
        if let Some(folder) = self.folders[at].state.revalidate(root, paths, turn) {
            return FoundVariants {
                folder,
                ..FoundVariants::default()
            };
        }
        let variants = look_up_variants(root, paths);
        if variants.found.iter().any(Option::is_some) {
            self.folders[at].state = ScanState::Excluded(turn);
        } else {
            self.advance(at, root, paths, turn, now);
        }
        variants
    }

    /// Lets go of a folder that is not read to its end.
    pub(super) fn release(&mut self, turn: Turn) {
        for folder in &mut self.folders {
            if matches!(&folder.state, ScanState::Reading(reading) if is_expired(reading.since, turn))
            {
                folder.state = ScanState::Counting(0);
            }
        }
    }

    /// The place of the folder at `path`; `None` where the one whose turn it is
    /// to lose its place is asked for more often.
    fn index_of(&mut self, path: &[u8]) -> Option<usize> {
        if let Some(at) = self.folders.iter().position(|folder| folder.path == path) {
            let weight = &mut self.folders[at].weight;
            *weight = (*weight + 1).min(MISSES_MIN);
            return Some(at);
        }
        if path.len() > PATH_BYTES_MAX {
            return None;
        }
        if self.folders.len() < FOLDERS_MAX {
            self.folders.push(FolderEntry::new(path));
            return Some(self.folders.len() - 1);
        }
        let at = self.next;
        self.next = (at + 1) % FOLDERS_MAX;
        let holder = &mut self.folders[at];
        holder.weight -= 1;
        if holder.weight > 0 {
            return None;
        }
        *holder = FolderEntry::new(path);
        Some(at)
    }

    /// Nothing lay beside one more file of the folder at this place.
    fn advance(&mut self, at: usize, root: &Root, paths: &Paths, turn: Turn, now: i128) {
        let is_one_read = |folder: &FolderEntry| matches!(folder.state, ScanState::Reading(_));
        let may_begin = !self.folders.iter().any(is_one_read);
        let state = &mut self.folders[at].state;
        match state {
            ScanState::Counting(asked) if *asked < MISSES_MIN => *asked += 1,
            ScanState::Counting(_) if may_begin => {
                *state = match Reading::begin(root, paths, turn, now) {
                    Ok(Some(reading)) => ScanState::Reading(Box::new(reading)),
                    // It was changed just now.
                    Ok(None) => ScanState::Counting(0),
                    Err(_) => ScanState::Excluded(turn),
                };
            }
            ScanState::Reading(reading) => match reading.advance() {
                Ok(false) => {}
                Ok(true) => *state = reading.end(root, paths, turn),
                Err(_) => *state = ScanState::Excluded(turn),
            },
            ScanState::Excluded(since) if is_expired(*since, turn) => {
                *state = ScanState::Counting(0)
            }
            ScanState::Counting(_) | ScanState::Excluded(_) | ScanState::NoVariants { .. } => {}
        }
    }
}

impl FolderEntry {
    fn new(path: &[u8]) -> FolderEntry {
        FolderEntry {
            path: path.to_vec(),
            state: ScanState::Counting(0),
            weight: 1,
        }
    }
}

impl ScanState {
    /// The fingerprint of the folder's identity, if it is known to be plain:
    /// looked up at most once a turn.
    fn revalidate(&mut self, root: &Root, paths: &Paths, turn: Turn) -> Option<u64> {
        let ScanState::NoVariants {
            known,
            read,
            checked,
        } = self
        else {
            return None;
        };
        if *checked == turn {
            return Some(*known);
        }
        let is = paths.with_folder_path(|path| root.folder_identity(path));
        if is_expired(*read, turn) || is.as_ref().map(fingerprint) != Some(*known) {
            // It may have changed in a way that leaves it plain.
            *self = ScanState::Counting(0);
            return None;
        }
        *checked = turn;
        Some(*known)
    }
}

impl Reading {
    /// Begins to read the folder that the file at `paths` lies in; `None` if a
    /// change that comes now might not show.
    fn begin(root: &Root, paths: &Paths, turn: Turn, now: i128) -> io::Result<Option<Reading>> {
        let Some(before) = paths.with_folder_path(|path| root.folder_identity(path)) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        if !is_cacheable(&before, now) {
            return Ok(None);
        }
        let name = match paths.folder() {
            b"" => b".",
            path => path,
        };
        let Opened::Folder(file) = root.open_beneath(name)? else {
            return Err(io::ErrorKind::NotADirectory.into());
        };
        if identity(&file)?.inode != before.inode {
            return Ok(None);
        }
        Ok(Some(Reading {
            dir: Dir::new(file)?,
            before,
            since: turn,
            names: 0,
        }))
    }

    /// Reads a piece; says whether it was the last. A name that is not plain is
    /// an error.
    fn advance(&mut self) -> io::Result<bool> {
        for _ in 0..PIECE_NAMES_MAX {
            let Some(item) = self.dir.read() else {
                return Ok(true);
            };
            self.names += 1;
            if !cannot_be_variant(item?.file_name().to_bytes()) || self.names > NAMES_MAX {
                return Err(io::ErrorKind::Unsupported.into());
            }
        }
        Ok(false)
    }

    /// All is read: what the folder is now.
    fn end(&self, root: &Root, paths: &Paths, turn: Turn) -> ScanState {
        match paths.with_folder_path(|path| root.folder_identity(path)) {
            Some(after) if after == self.before => ScanState::NoVariants {
                known: fingerprint(&after),
                read: turn,
                checked: turn,
            },
            _ => ScanState::Counting(0),
        }
    }
}

/// What lies beside the file at `paths`, name by name.
fn look_up_variants(root: &Root, paths: &Paths) -> FoundVariants {
    let mut variants = FoundVariants::default();
    for coding in ContentCoding::ALL {
        variants.found[coding as usize] =
            paths.with_variant_path(coding, |path| root.identity(path));
    }
    variants
}

fn identity(file: &File) -> io::Result<FileIdentity> {
    Ok(FileIdentity::new(&fstat(file)?))
}

/// Whether what was found in the turn `since` is too old to be trusted.
fn is_expired(since: Turn, turn: Turn) -> bool {
    turn.0.saturating_sub(since.0) >= TRUSTED_NANOSECONDS_MAX
}

/// Whether no file can have a thing of this name for its variant. There are
/// file systems on which names are equal that differ in case, or in characters
/// beyond ASCII.
fn cannot_be_variant(name: &[u8]) -> bool {
    let Some(dot) = name.iter().rposition(|&byte| byte == b'.') else {
        return true;
    };
    let end = &name[dot..];
    end.is_ascii()
        && ContentCoding::ALL
            .iter()
            .all(|coding| !end.eq_ignore_ascii_case(coding.suffix().as_bytes()))
}

#[cfg(test)]
mod tests;
