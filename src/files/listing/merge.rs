//! Incremental merge sort: each piece is sorted when it is added, and the sorted runs are merged as
//! entries are taken. No step processes more than one piece, however many entries there are.

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, binary_heap::PeekMut},
    mem, vec,
};

use super::{Entry, Sort};

/// Sorted runs, merged on demand.
#[derive(Debug, Default)]
pub struct Runs {
    heap: BinaryHeap<Run>,
}

/// A sorted piece; its first remaining entry is at the front.
#[derive(Debug)]
struct Run {
    first: Entry,
    rest: vec::IntoIter<Entry>,
    sort: Sort,
}

impl Runs {
    /// Adds a piece; `sort` is that of all pieces.
    pub fn add(&mut self, mut entries: Vec<Entry>, sort: Sort) {
        entries.sort_unstable_by(|a, b| sort.compare(a, b));
        let mut rest = entries.into_iter();
        if let Some(first) = rest.next() {
            self.heap.push(Run { first, rest, sort });
        }
    }

    /// The number of pieces with entries left.
    pub fn count(&self) -> usize {
        self.heap.len()
    }

    /// Takes the first entry.
    pub fn take(&mut self) -> Option<Entry> {
        let mut run = self.heap.peek_mut()?;
        Some(match run.rest.next() {
            Some(next) => mem::replace(&mut run.first, next),
            None => PeekMut::pop(run).first,
        })
    }
}

/// The heap is a max-heap, so the greatest run is the one whose first entry comes first.
impl Ord for Run {
    fn cmp(&self, other: &Run) -> Ordering {
        self.sort.compare(&other.first, &self.first)
    }
}

impl PartialOrd for Run {
    fn partial_cmp(&self, other: &Run) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Run {
    fn eq(&self, other: &Run) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Run {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pseudo-random entries; some are folders.
    fn entries(count: u64) -> Vec<Entry> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let entry = |number: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            Entry {
                name: format!("{}-{number}", (state >> 33) % 50).into_bytes(),
                is_folder: state >> 60 == 0,
                size: (state >> 40) % 7,
                mtime: ((state >> 50) % 5) as i64,
            }
        };
        (0..count).map(entry).collect()
    }

    #[test]
    fn merging_pieces_equals_sorting_all() {
        let check = |count: u64, piece: usize, query: &str| {
            let sort = Sort::from_query(Some(query));
            let mut expected = entries(count);
            let mut runs = Runs::default();
            for piece in expected.chunks(piece) {
                runs.add(piece.to_vec(), sort);
            }
            assert_eq!(runs.count(), expected.len().div_ceil(piece));
            expected.sort_by(|a, b| sort.compare(a, b));
            let mut taken = Vec::new();
            while let Some(entry) = runs.take() {
                taken.push(entry);
            }
            assert!(taken == expected, "{count} by {piece}, {query:?}");
            assert_eq!(runs.count(), 0);
        };
        for query in ["", "order=desc", "sort=size", "sort=time&order=desc"] {
            check(0, 1, query);
            check(1, 1, query);
            check(1_000, 1, query);
            check(1_000, 64, query);
            check(1_000, 5_000, query);
        }
    }
}
