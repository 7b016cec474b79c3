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
//! restarts, from `Counting`, if the folder changed meanwhile. No state lasts
//! longer than 10 s (`STATE_NANOSECONDS_MAX`).

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

/// How long a folder stays in one state, in nanoseconds: 10 s. So it is read again, because on some
/// file systems new names do not change the folder, and not held open longer.
const STATE_NANOSECONDS_MAX: u64 = 10_000_000_000;

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
    /// The turn in which it entered the state.
    since: Turn,
}

#[derive(Debug)]
enum ScanState {
    /// The number of files without variants so far.
    Counting(u32),
    /// The folder is being read.
    Reading(Box<Reading>),
    /// It contains no variants as long as its identity is `known`, as last found at `checked`.
    NoVariants { known: FileIdentity, checked: Turn },
    /// It may contain variants, or cannot be read.
    Excluded,
}

#[derive(Debug)]
struct Reading {
    dir: Dir,
    /// The identity of the folder before reading, old enough that any later change shows.
    before: FileIdentity,
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
        let may_begin =
            !(self.folders.iter()).any(|folder| matches!(folder.state, ScanState::Reading(_)));
        let Some(folder) = self.folder(paths.folder(), turn) else {
            return look_up_variants(root, paths);
        };
        if folder.revalidate(root, turn) {
            return FoundVariants::new();
        }
        let variants = look_up_variants(root, paths);
        let next = match variants.is_empty() {
            true => folder.advance(root, may_begin, turn, now),
            false => Some(ScanState::Excluded),
        };
        if let Some(state) = next {
            (folder.state, folder.since) = (state, turn);
        }
        variants
    }

    /// Forgets, and closes, folders that are in one state for too long.
    pub(super) fn release(&mut self, turn: Turn) {
        let is_recent =
            |folder: &FolderEntry| turn.0.saturating_sub(folder.since.0) < STATE_NANOSECONDS_MAX;
        self.folders.retain(is_recent);
    }

    /// Makes the folder at `path` the last, and returns it. If it is new, it may replace the one
    /// that was not requested for longest. `None` if the path is too long.
    fn folder(&mut self, path: &[u8], turn: Turn) -> Option<&mut FolderEntry> {
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
                    since: turn,
                });
            }
        }
        self.folders.last_mut()
    }
}

impl FolderEntry {
    /// Whether it is known to contain no variants; checked at most once per turn.
    fn revalidate(&mut self, root: &Root, turn: Turn) -> bool {
        let ScanState::NoVariants { known, checked } = &mut self.state else {
            return false;
        };
        if *checked != turn && root.folder_identity(&self.path) != Some(*known) {
            // It may still contain no variants, so start over.
            (self.state, self.since) = (ScanState::Counting(0), turn);
            return false;
        }
        *checked = turn;
        true
    }

    /// Records one more file without variants, and returns the next state. A new reading
    /// `may_begin`.
    fn advance(
        &mut self,
        root: &Root,
        may_begin: bool,
        turn: Turn,
        now: i128,
    ) -> Option<ScanState> {
        let next = match &mut self.state {
            ScanState::Counting(asked) if *asked < MISSES_MIN => {
                *asked += 1;
                return None;
            }
            ScanState::Counting(_) if may_begin => Reading::begin(root, &self.path, now),
            ScanState::Reading(reading) => match reading.advance() {
                Ok(false) => return None,
                Ok(true) => Ok(reading.end(root, &self.path, turn)),
                Err(error) => Err(error),
            },
            _ => return None,
        };
        Some(next.unwrap_or(ScanState::Excluded))
    }
}

impl Reading {
    /// Starts reading the folder at `path`, unless it changed so recently that the next change
    /// might not show.
    fn begin(root: &Root, path: &[u8], now: i128) -> io::Result<ScanState> {
        let Opened::Folder(file) = root.open_beneath(path)? else {
            return Err(io::ErrorKind::NotADirectory.into());
        };
        let before = FileIdentity::new(&fstat(&file)?);
        if !is_cacheable(&before, now) {
            return Ok(ScanState::Counting(0));
        }
        let dir = Dir::new(file)?;
        Ok(ScanState::Reading(Box::new(Reading { dir, before })))
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
    fn end(&self, root: &Root, path: &[u8], turn: Turn) -> ScanState {
        match root.folder_identity(path) {
            Some(known) if known == self.before => ScanState::NoVariants {
                known,
                checked: turn,
            },
            _ => ScanState::Counting(0),
        }
    }
}

/// Looks up each variant of the file at `paths` by name.
fn look_up_variants(root: &Root, paths: &Paths) -> FoundVariants {
    let look_up = |coding| {
        let identity = paths.with_variant(coding, |path| root.identity(path))?;
        Some((coding, identity))
    };
    ContentCoding::ALL.into_iter().filter_map(look_up).collect()
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
