use std::{fs, sync::Arc};

use super::{super::memory_budget::MemoryBudget, *};
use crate::files::root::{Opened, Root};

/// A folder with `count` files.
fn folder(count: usize) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    for number in 0..count {
        fs::write(home.path().join(format!("file-{number}.txt")), "text").unwrap();
    }
    home
}

fn listing(
    home: &tempfile::TempDir,
    budget: &Arc<MemoryBudget>,
    form: Form,
    query: &str,
) -> Listing {
    let root = Arc::new(Root::open(home.path()).unwrap());
    let Ok(Opened::Folder(file)) = root.open_beneath(b".") else {
        panic!("not a folder");
    };
    let folder = Folder::new(root, b"", file, Arc::clone(budget)).unwrap();
    Listing::new(folder, form, Sort::from_query(Some(query)))
}

/// The finished listing, and the number of pieces it took.
fn finish(mut listing: Listing) -> Result<(Vec<Chunk>, usize), Refusal> {
    for piece in 1.. {
        if let Some(chunks) = listing.advance()? {
            return Ok((chunks, piece));
        }
    }
    unreachable!("it never ends");
}

fn text(chunks: &[Chunk]) -> String {
    let bytes: Vec<u8> = chunks
        .iter()
        .flat_map(|chunk| chunk.as_ref())
        .copied()
        .collect();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_listing_is_the_same_in_however_many_pieces() {
    for (count, pieces) in [(0, 1), (1, 1), (253, 1), (600, 6), (2_000, 16)] {
        let home = folder(count);
        let budget = MemoryBudget::new(u64::MAX);
        for (form, query) in [(Form::Html, ""), (Form::Json, "order=desc")] {
            let (chunks, made_in) = finish(listing(&home, &budget, form, query)).unwrap();
            assert_eq!(made_in, pieces, "{count} entries");
            for chunk in &chunks {
                assert!(chunk.as_ref().len() <= CHUNK_BYTES + ROW_BYTES + 8_000);
            }
            let text = text(&chunks);
            let mut numbers: Vec<usize> = text
                .split("./file-")
                .skip(1)
                .map(|rest| rest.split('.').next().unwrap().parse().unwrap())
                .collect();
            if query == "order=desc" {
                numbers.reverse();
            }
            assert!(numbers.iter().copied().eq(0..count), "{numbers:?}");
            match form {
                Form::Html => {
                    assert!(text.ends_with("</html>\n"));
                    let plural = if count == 1 { "" } else { "s" };
                    assert!(text.contains(&format!(", {} file{plural}", Thousands(count))));
                }
                Form::Json => {
                    let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
                    assert_eq!(parsed.as_array().unwrap().len(), count);
                }
            }
        }
        assert_eq!(budget.held(), 0, "{count} entries");
    }
}

/// A number below a million, as the page writes it.
struct Thousands(usize);

impl std::fmt::Display for Thousands {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            small @ 0..1_000 => write!(out, "{small}"),
            large => write!(out, "{},{:03}", large / 1_000, large % 1_000),
        }
    }
}

#[test]
fn a_truncated_listing_says_so() {
    let home = folder(3);
    for (room_left, expected) in [(3, false), (2, true)] {
        let budget = MemoryBudget::new(u64::MAX);
        let mut listing = listing(&home, &budget, Form::Html, "");
        listing.summary.files = ENTRIES_MAX - room_left as u64;
        let (chunks, _) = finish(listing).unwrap();
        let text = text(&chunks);
        let says_so = text.contains("; there are more, which are not shown");
        assert_eq!(says_so, expected, "{room_left}");
        assert_eq!(text.matches("./file-").count(), room_left);
    }
}

#[test]
fn only_large_listings_reserve_memory() {
    let small = folder(200);
    let large = folder(2_000);
    let none = MemoryBudget::new(0);
    let whole = finish(listing(&small, &none, Form::Html, "")).unwrap();
    assert!(text(&whole.0).len() < UNSHARED_BYTES);
    for (bytes_max, fits) in [
        (0, false),
        (100_000, false),
        (250_000, false),
        (450_000, true),
    ] {
        let budget = MemoryBudget::new(bytes_max);
        match finish(listing(&large, &budget, Form::Html, "")) {
            Ok((chunks, _)) => {
                assert!(fits, "{bytes_max}");
                let bytes = text(&chunks).len();
                // The first chunk is a little longer than its unshared part.
                assert_eq!(budget.held(), (bytes - UNSHARED_BYTES) as u64);
                drop(chunks);
            }
            Err(Refusal::Overloaded) => assert!(!fits, "{bytes_max}"),
            Err(refusal) => panic!("{refusal:?}"),
        }
        assert_eq!(budget.held(), 0, "{bytes_max}");
    }
}

#[test]
fn an_abandoned_listing_releases_its_reservation() {
    let large = folder(2_000);
    let budget = MemoryBudget::new(u64::MAX);
    let mut listing = listing(&large, &budget, Form::Html, "");
    for _ in 0..7 {
        assert!(matches!(listing.advance(), Ok(None)));
    }
    // Of entries alone, so far.
    let entries = (7 * PIECE_ENTRIES * ENTRY_BYTES - UNSHARED_BYTES) as u64;
    assert!(budget.held() > entries, "{} of {entries}", budget.held());
    for _ in 7..12 {
        assert!(matches!(listing.advance(), Ok(None)));
    }
    assert!(budget.held() > 100_000, "{}", budget.held());
    drop(listing);
    assert_eq!(budget.held(), 0);
}
