//! The sort order of a listing, and the query that selects it.

use std::cmp::Ordering;

use super::Entry;

/// The sort key. Folders always come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortKey {
    /// By name: case-insensitive, numbers by value.
    #[default]
    Name,
    /// By size; folders, which have none, by name.
    Size,
    /// By modification time.
    Time,
}

/// The order of a listing. Default: by name, ascending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sort {
    /// The sort key.
    pub key: SortKey,
    /// Whether the order is reversed.
    pub descending: bool,
}

impl Sort {
    /// Parses a query: `sort=name|size|time` and `order=asc|desc`, joined by `&`. Unknown
    /// parameters are ignored; of repeated ones the last counts.
    pub fn from_query(query: Option<&str>) -> Sort {
        let mut sort = Sort::default();
        for parameter in query.unwrap_or_default().split('&') {
            match parameter {
                "sort=name" => sort.key = SortKey::Name,
                "sort=size" => sort.key = SortKey::Size,
                "sort=time" => sort.key = SortKey::Time,
                "order=asc" => sort.descending = false,
                "order=desc" => sort.descending = true,
                _ => {}
            }
        }
        sort
    }

    /// Whether the header of a column sorts descending: its link reverses the order, and the first
    /// sort by size or time is descending.
    pub fn is_descending_next(self, column: &SortKey) -> bool {
        match self.key == *column {
            true => !self.descending,
            false => *column != SortKey::Name,
        }
    }

    /// Compares two entries: folders first, then the key, then the name.
    pub fn compare(self, a: &Entry, b: &Entry) -> Ordering {
        let folders_first = b.is_folder.cmp(&a.is_folder);
        folders_first.then_with(|| {
            let by_key = match self.key {
                SortKey::Name => Ordering::Equal,
                // The size of a folder is 0.
                SortKey::Size => a.size.cmp(&b.size),
                SortKey::Time => a.mtime.cmp(&b.mtime),
            };
            let ascending = by_key.then_with(|| compare_names(&a.name, &b.name));
            if self.descending {
                ascending.reverse()
            } else {
                ascending
            }
        })
    }
}

/// An entry in a heap, the greatest of which comes first in the listing.
#[derive(Debug, PartialEq, Eq)]
pub struct Ranked {
    /// The entry.
    pub entry: Entry,
    /// The order of the listing.
    pub sort: Sort,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Ranked) -> Ordering {
        self.sort.compare(&other.entry, &self.entry)
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Ranked) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Natural order of names: `a2` before `A10`. Equal names are ordered by their bytes, so that the
/// order is total.
fn compare_names(a: &[u8], b: &[u8]) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let (Some(&x), Some(&y)) = (left.first(), right.first()) else {
            return left.len().cmp(&right.len()).then_with(|| a.cmp(b));
        };
        let order = if x.is_ascii_digit() && y.is_ascii_digit() {
            let (x, y) = (take_number(&mut left), take_number(&mut right));
            x.len().cmp(&y.len()).then_with(|| x.cmp(y))
        } else {
            (left, right) = (&left[1..], &right[1..]);
            x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase())
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Takes the digits at the start of `rest`, without leading zeros.
fn take_number<'n>(rest: &mut &'n [u8]) -> &'n [u8] {
    let end = rest.iter().position(|byte| !byte.is_ascii_digit());
    let (digits, behind) = rest.split_at(end.unwrap_or(rest.len()));
    *rest = behind;
    let zeros = digits.iter().position(|&digit| digit != b'0');
    &digits[zeros.unwrap_or(digits.len())..]
}

#[cfg(test)]
mod tests {
    use std::collections::BinaryHeap;

    use super::*;

    #[test]
    fn queries_are_read() {
        use SortKey::*;
        for (query, key, descending) in [
            (None, Name, false),
            (Some(""), Name, false),
            (Some("sort=size"), Size, false),
            (Some("sort=size&order=desc"), Size, true),
            (Some("order=desc&sort=time"), Time, true),
            (Some("order=desc"), Name, true),
            (Some("sort=time&order=asc"), Time, false),
            (Some("sort=size&sort=name"), Name, false),
            (Some("sort=Size&order=DESC"), Name, false),
            (Some("sort=&order=&x&&sort=mtime"), Name, false),
            (Some("C=M;O=D"), Name, false),
        ] {
            assert_eq!(
                Sort::from_query(query),
                Sort { key, descending },
                "{query:?}"
            );
        }
    }

    fn entry(is_folder: bool, name: &str, size: u64, mtime: i64) -> Entry {
        let name = name.into();
        Entry {
            name,
            is_folder,
            size,
            mtime,
        }
    }

    fn check(query: &str, expected: &[&str]) {
        let (file, folder) = (false, true);
        let mut entries = [
            entry(file, "b10", 3, 30),
            entry(folder, "z", 9, 5),
            entry(file, "B9", 3, 40),
            entry(file, "a", 7, 20),
            entry(folder, "y", 1, 6),
        ];
        let sort = Sort::from_query(Some(query));
        entries.sort_by(|a, b| sort.compare(a, b));
        let names: Vec<_> = entries
            .iter()
            .map(|e| String::from_utf8_lossy(&e.name))
            .collect();
        assert_eq!(names, expected, "{query}");
    }

    #[test]
    fn entries_are_sorted_folders_first() {
        check("", &["y", "z", "a", "B9", "b10"]);
        check("order=desc", &["z", "y", "b10", "B9", "a"]);
        check("sort=size", &["y", "z", "B9", "b10", "a"]);
        check("sort=size&order=desc", &["z", "y", "a", "b10", "B9"]);
        check("sort=time", &["z", "y", "a", "b10", "B9"]);
        check("sort=time&order=desc", &["y", "z", "B9", "b10", "a"]);
    }

    /// Pseudo-random entries; some are folders.
    fn entries(count: u64) -> Vec<Entry> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let random = |number: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let name = format!("{}-{number}", (state >> 33) % 50);
            let mtime = ((state >> 50) % 5) as i64;
            entry(state >> 60 == 0, &name, (state >> 40) % 7, mtime)
        };
        (0..count).map(random).collect()
    }

    #[test]
    fn a_heap_of_entries_is_emptied_in_their_order() {
        for query in ["", "order=desc", "sort=size", "sort=time&order=desc"] {
            let sort = Sort::from_query(Some(query));
            for count in [0, 1, 1_000] {
                let mut expected = entries(count);
                let ranked = expected.iter().cloned();
                let mut heap: BinaryHeap<_> = ranked.map(|entry| Ranked { entry, sort }).collect();
                expected.sort_by(|a, b| sort.compare(a, b));
                let mut taken = Vec::new();
                while let Some(Ranked { entry, .. }) = heap.pop() {
                    taken.push(entry);
                }
                assert!(taken == expected, "{count}, {query:?}");
            }
        }
    }

    #[test]
    fn names_are_in_natural_order() {
        let sorted = [
            "",
            "-",
            "0",
            "00",
            "0a",
            "1",
            "01a",
            "1b",
            "2",
            "10",
            "99999999999999999999998",
            "99999999999999999999999",
            "A",
            "a",
            "a1",
            "a02",
            "A10",
            "a10x",
            "aB",
            "b",
            "é",
        ];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(
                    compare_names(a.as_bytes(), b.as_bytes()),
                    i.cmp(&j),
                    "{a} {b}"
                );
            }
        }
    }
}
