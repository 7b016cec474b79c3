//! A negative cache: paths at which a worker found no file in this turn.
//!
//! A missing page, or a `404.html` that does not exist, is often requested many times at once. Like
//! a cached file, it is looked up on disk only once per turn.

use crate::files::{Found, Refusal, Turn};

/// Paths per turn. A lookup scans all of them.
const PATHS_MAX: usize = 8;

/// Bytes of the longest path that is stored.
const PATH_BYTES_MAX: usize = 256;

/// The missing paths of one turn.
#[derive(Clone, Debug, Default)]
pub(super) struct NegativeCache {
    turn: Turn,
    /// Each path, and whether it is a folder. The first `noted` are of this turn; the allocations
    /// of the others are reused.
    paths: [(Vec<u8>, bool); PATHS_MAX],
    noted: usize,
}

impl NegativeCache {
    /// The result recorded for `path` in this turn.
    pub(super) fn find(&self, path: &[u8], turn: Turn) -> Option<Result<Found, Refusal>> {
        if self.turn != turn {
            return None;
        }
        let mut noted = self.paths[..self.noted].iter();
        let (_, is_folder) = noted.find(|(noted, _)| noted == path)?;
        Some(match is_folder {
            true => Ok(Found::FolderWithoutSlash),
            false => Err(Refusal::NotFound),
        })
    }

    /// Records the result for `path` if it is not a file.
    pub(super) fn note(&mut self, path: &[u8], turn: Turn, found: Result<&Found, &Refusal>) {
        let is_folder = match found {
            Err(Refusal::NotFound) => false,
            Ok(Found::FolderWithoutSlash) => true,
            _ => return,
        };
        if self.turn != turn {
            self.turn = turn;
            self.noted = 0;
        }
        if path.len() <= PATH_BYTES_MAX
            && let Some(place) = self.paths.get_mut(self.noted)
        {
            place.0.clear();
            place.0.extend_from_slice(path);
            place.1 = is_folder;
            self.noted += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_valid_only_in_its_turn() {
        let mut negative_cache = NegativeCache::default();
        let check = |negative_cache: &NegativeCache, path: &str, turn, expected: &str| {
            let found = negative_cache.find(path.as_bytes(), Turn(turn));
            let shown = match &found {
                None => "unknown",
                Some(Err(Refusal::NotFound)) => "missing",
                Some(Ok(Found::FolderWithoutSlash)) => "a folder",
                Some(other) => panic!("{other:?}"),
            };
            assert_eq!(shown, expected, "{path} in turn {turn}");
        };
        check(&negative_cache, "", 0, "unknown");
        negative_cache.note(b"a", Turn(5), Err(&Refusal::NotFound));
        negative_cache.note(b"b", Turn(5), Ok(&Found::FolderWithoutSlash));
        negative_cache.note(b"c", Turn(5), Err(&Refusal::Forbidden));
        check(&negative_cache, "a", 5, "missing");
        check(&negative_cache, "b", 5, "a folder");
        check(&negative_cache, "c", 5, "unknown");
        check(&negative_cache, "ab", 5, "unknown");
        check(&negative_cache, "a", 4, "unknown");
        check(&negative_cache, "a", 6, "unknown");
        negative_cache.note(b"d", Turn(6), Err(&Refusal::NotFound));
        check(&negative_cache, "d", 6, "missing");
        check(&negative_cache, "a", 6, "unknown");
        check(&negative_cache, "b", 6, "unknown");
    }

    #[test]
    fn number_and_length_of_paths_are_bounded() {
        let mut negative_cache = NegativeCache::default();
        let long = [b'l'; PATH_BYTES_MAX + 1];
        negative_cache.note(&long, Turn(1), Err(&Refusal::NotFound));
        negative_cache.note(&long[1..], Turn(1), Err(&Refusal::NotFound));
        for number in 0..2 * PATHS_MAX {
            negative_cache.note(&[number as u8], Turn(1), Err(&Refusal::NotFound));
        }
        assert!(negative_cache.find(&long, Turn(1)).is_none());
        assert!(negative_cache.find(&long[1..], Turn(1)).is_some());
        let known = (0..2 * PATHS_MAX).filter(|number| {
            let found = negative_cache.find(&[*number as u8], Turn(1));
            found.is_some()
        });
        assert_eq!(known.count(), PATHS_MAX - 1);
        assert_eq!(negative_cache.noted, PATHS_MAX);
    }
}
