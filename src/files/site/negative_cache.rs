//! What a worker found out in this turn of paths at which there is no file.
//!
//! What is kept of a file shares one look at the disk a turn; so does what is
//! missing: a page that is gone, or a `404.html` that never was, is asked for
//! by many requests at once.

use crate::files::{Found, Refusal, Turn};

/// Paths noted in one turn; all are gone through for each that is not kept.
const PATHS_MAX: usize = 8;

/// The longest path noted, in bytes.
const PATH_BYTES_MAX: usize = 256;

/// The paths of one turn.
#[derive(Clone, Debug, Default)]
pub(super) struct NegativeCache {
    turn: Turn,
    /// Each with whether it is that of a folder. The first `noted` are of this turn;
    /// the room of all is used again.
    paths: [(Vec<u8>, bool); PATHS_MAX],
    noted: usize,
}

impl NegativeCache {
    /// What is found at `path` instead of a file, where this turn knows.
    pub(super) fn find(&self, path: &[u8], turn: Turn) -> Option<Result<Found, Refusal>> {
        if self.turn != turn {
            return None;
        }
        let noted = self.paths[..self.noted].iter();
        let (_, is_folder) = noted.into_iter().find(|(noted, _)| noted == path)?;
        Some(match is_folder {
            true => Ok(Found::FolderWithoutSlash),
            false => Err(Refusal::NotFound),
        })
    }

    /// Notes what was found at `path` in this turn, if it is no file.
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
    fn a_turn_knows_what_it_noted_and_no_other_does() {
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
    fn it_knows_so_many_and_no_more() {
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
