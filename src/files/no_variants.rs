//! Folders known to contain no variants.
//!
//! For every file that is not cached, the names of three variants are looked up,
//! nearly always without success: three of the eight system calls that loading a
//! small file takes. A folder of which many files are requested is therefore
//! read once, a few names per request. As long as its identity is unchanged
//! after that, no variants of its files are looked up.
//!
//! ```text
//!             MISSES_MIN files              read completely,
//!             without variants              no variant found
//!   Counting ------------------> Reading -------------------> NoVariants
//!    ^   ^                          | a name like that            |
//!    |   | after 10 s               v of a variant                |
//!    |   +---------------------- Excluded                         |
//!    +------------------------------------------------------------+
//!               the folder changed, or after 10 s
//! ```
//!
//! Not drawn: a variant that is found leads to `Excluded` at once; reading
//! restarts, from `Counting`, if the folder changed meanwhile or reading took
//! longer than 10 s (`TRUSTED_NANOSECONDS_MAX`).

use std::io;

use rustix::fs::{Dir, fstat};

use super::{
    Turn,
    freshness::is_cacheable,
    paths::Paths,
    root::{FileIdentity, Opened, Root},
};
use crate::http::content_coding::ContentCoding;

/// Folders that each worker tracks.
const FOLDERS_MAX: usize = 32;

/// Bytes of the longest path of such a folder.
const PATH_BYTES_MAX: usize = 256;

/// Files of one folder without variants after which its names are read.
const MISSES_MIN: u32 = 64;

/// Names read per requested file: takes less time than three look-ups.
const PIECE_NAMES_MAX: usize = 32;

/// How long an unchanged folder is taken to mean that no name was added, in nanoseconds: 10 s,
/// after which it is read again. On some file systems new names do not change the folder. An
/// excluded folder is not read again for the same time.
const TRUSTED_NANOSECONDS_MAX: u64 = 10_000_000_000;

/// The identity of each existing variant of a file.
pub(super) type FoundVariants = Vec<(ContentCoding, FileIdentity)>;

/// The folders that a worker tracks.
#[derive(Debug, Default)]
pub(super) struct NoVariants {
    /// In the order of their last requests.
    folders: Vec<FolderEntry>,
}

#[derive(Debug)]
struct FolderEntry {
    path: Vec<u8>,
    state: ScanState,
}

#[derive(Debug)]
enum ScanState {
    /// The number of files without variants so far.
    Counting(u32),
    /// The folder is being read.
    Reading(Box<Reading>),
    /// It contains no variants as long as its identity is `known`. It was read at `read` and last
    /// found unchanged at `checked`.
    NoVariants {
        known: FileIdentity,
        read: Turn,
        checked: Turn,
    },
    /// It may contain variants, or cannot be read, as found in that turn.
    Excluded(Turn),
}

#[derive(Debug)]
struct Reading {
    dir: Dir,
    /// The identity of the folder before reading, old enough that any later change shows.
    before: FileIdentity,
    since: Turn,
}

impl NoVariants {
    /// Finds the variants of the file at `paths`. `now` is in nanoseconds since the epoch.
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
        if self.folders[at].state.revalidate(root, paths, turn) {
            return FoundVariants::new();
        }
        let variants = look_up_variants(root, paths);
        if variants.is_empty() {
            self.advance(at, root, paths, turn, now);
        } else {
            self.folders[at].state = ScanState::Excluded(turn);
        }
        variants
    }

    /// Closes a folder whose reading takes too long.
    pub(super) fn release(&mut self, turn: Turn) {
        for folder in &mut self.folders {
            if matches!(&folder.state, ScanState::Reading(reading) if is_expired(reading.since, turn))
            {
                folder.state = ScanState::Counting(0);
            }
        }
    }

    /// Makes the folder at `path` the last, and returns its index. If it is new, it may replace the
    /// one that was not requested for longest. `None` if the path is too long.
    fn index_of(&mut self, path: &[u8]) -> Option<usize> {
        if path.len() > PATH_BYTES_MAX {
            return None;
        }
        match self.folders.iter().position(|folder| folder.path == path) {
            Some(at) => self.folders[at..].rotate_left(1),
            None => {
                if self.folders.len() == FOLDERS_MAX {
                    self.folders.remove(0);
                }
                self.folders.push(FolderEntry {
                    path: path.to_vec(),
                    state: ScanState::Counting(0),
                });
            }
        }
        Some(self.folders.len() - 1)
    }

    /// Records one more file without variants in the folder at index `at`.
    fn advance(&mut self, at: usize, root: &Root, paths: &Paths, turn: Turn, now: i128) {
        let is_one_read = |folder: &FolderEntry| matches!(folder.state, ScanState::Reading(_));
        let may_begin = !self.folders.iter().any(is_one_read);
        let state = &mut self.folders[at].state;
        match state {
            ScanState::Counting(asked) if *asked < MISSES_MIN => *asked += 1,
            ScanState::Counting(_) if may_begin => {
                let begun = Reading::begin(root, paths, turn, now);
                *state = begun.unwrap_or(ScanState::Excluded(turn));
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

impl ScanState {
    /// Whether the folder is known to contain no variants; checked at most once per turn.
    fn revalidate(&mut self, root: &Root, paths: &Paths, turn: Turn) -> bool {
        let ScanState::NoVariants {
            known,
            read,
            checked,
        } = self
        else {
            return false;
        };
        if *checked == turn {
            return true;
        }
        if is_expired(*read, turn) || root.folder_identity(paths.folder()) != Some(*known) {
            // It may still contain no variants, so start over.
            *self = ScanState::Counting(0);
            return false;
        }
        *checked = turn;
        true
    }
}

impl Reading {
    /// Starts reading the folder of the file at `paths`, unless it changed so recently that the
    /// next change might not show.
    fn begin(root: &Root, paths: &Paths, turn: Turn, now: i128) -> io::Result<ScanState> {
        let Opened::Folder(file) = root.open_beneath(paths.folder())? else {
            return Err(io::ErrorKind::NotADirectory.into());
        };
        let before = FileIdentity::new(&fstat(&file)?);
        if !is_cacheable(&before, now) {
            return Ok(ScanState::Counting(0));
        }
        Ok(ScanState::Reading(Box::new(Reading {
            dir: Dir::new(file)?,
            before,
            since: turn,
        })))
    }

    /// Reads some names and returns whether the folder is at its end. A possible variant is an
    /// error.
    fn advance(&mut self) -> io::Result<bool> {
        for _ in 0..PIECE_NAMES_MAX {
            let Some(item) = self.dir.read() else {
                return Ok(true);
            };
            if !cannot_be_variant(item?.file_name().to_bytes()) {
                return Err(io::ErrorKind::Unsupported.into());
            }
        }
        Ok(false)
    }

    /// The state after reading completed.
    fn end(&self, root: &Root, paths: &Paths, turn: Turn) -> ScanState {
        match root.folder_identity(paths.folder()) {
            Some(after) if after == self.before => ScanState::NoVariants {
                known: after,
                read: turn,
                checked: turn,
            },
            _ => ScanState::Counting(0),
        }
    }
}

/// Looks up each variant of the file at `paths` by name.
fn look_up_variants(root: &Root, paths: &Paths) -> FoundVariants {
    let look_up = |coding| Some((coding, root.identity(&paths.variant(coding)[..])?));
    ContentCoding::ALL.into_iter().filter_map(look_up).collect()
}

/// Whether a result of the turn `since` is too old.
fn is_expired(since: Turn, turn: Turn) -> bool {
    turn.0.saturating_sub(since.0) >= TRUSTED_NANOSECONDS_MAX
}

/// Whether this name cannot be that of a variant. Case and non-ASCII characters are treated
/// conservatively, because some file systems ignore differences in them.
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
