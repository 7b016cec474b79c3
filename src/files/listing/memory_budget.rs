//! Memory for listings, bounded for the whole process, and the pieces of a
//! listing that hold it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use crate::files::Refusal;

/// Bytes of listings, finished or not, that the process holds at once, beyond
/// [`UNSHARED_BYTES`] of each: three folders of 100,000 entries. A listing for which
/// there is no room is refused: 503, with `Retry-After`.
pub const LISTINGS_BYTES_MAX: u64 = 64 << 20;

/// Bytes of entries, and of text, that each listing may have besides: those of
/// some 300 entries. So a small folder is listed however many large ones are.
pub const UNSHARED_BYTES: usize = 64 << 10;

/// What all listings of the process may hold together.
#[derive(Clone, Debug)]
pub struct MemoryBudget(Arc<BudgetState>);

#[derive(Debug)]
struct BudgetState {
    held: AtomicU64,
    bytes_max: u64,
    /// Whether it was said that there is no room left.
    is_logged: AtomicBool,
}

/// Bytes of the room that are taken; given back when dropped.
#[derive(Debug)]
pub struct Reservation {
    pub(super) budget: MemoryBudget,
    bytes: u64,
}

/// A stretch of a finished listing, shared by whoever sends it.
#[derive(Clone, Debug)]
pub struct Chunk(Arc<(Box<[u8]>, Reservation)>);

impl MemoryBudget {
    /// MemoryBudget for so many bytes.
    pub fn new(bytes_max: u64) -> MemoryBudget {
        MemoryBudget(Arc::new(BudgetState {
            held: AtomicU64::new(0),
            bytes_max,
            is_logged: AtomicBool::new(false),
        }))
    }

    /// An empty share.
    pub fn empty_reservation(&self) -> Reservation {
        Reservation {
            budget: self.clone(),
            bytes: 0,
        }
    }

    /// A chunk of `text`, of which `own` bytes take no budget.
    pub fn chunk(&self, text: Vec<u8>, own: usize) -> Result<Chunk, Refusal> {
        let mut reservation = self.empty_reservation();
        reservation.resize(text.len().saturating_sub(own))?;
        Ok(Chunk(Arc::new((text.into_boxed_slice(), reservation))))
    }

    /// Bytes that are taken.
    pub fn held(&self) -> u64 {
        self.0.held.load(Relaxed)
    }

    /// Takes `bytes`, or says, once until all is given back, that there is no
    /// room for them.
    fn reserve(&self, bytes: u64) -> Result<(), Refusal> {
        let bytes_max = self.0.bytes_max;
        let fits = |held: u64| held.checked_add(bytes).filter(|sum| *sum <= bytes_max);
        if self.0.held.fetch_update(Relaxed, Relaxed, fits).is_ok() {
            return Ok(());
        }
        if !self.0.is_logged.swap(true, Relaxed) {
            log::warn!(
                "directory listings reached their memory limit of {bytes_max} bytes; refusing \
                 further listings"
            );
        }
        Err(Refusal::Overloaded)
    }

    fn release(&self, bytes: u64) {
        if bytes > 0 && self.0.held.fetch_sub(bytes, Relaxed) == bytes {
            self.0.is_logged.store(false, Relaxed);
        }
    }
}

impl Reservation {
    /// Makes it `bytes`. Growing may fail, and leaves it as it was.
    pub fn resize(&mut self, bytes: usize) -> Result<(), Refusal> {
        let bytes = bytes as u64;
        if bytes > self.bytes {
            self.budget.reserve(bytes - self.bytes)?;
        } else {
            self.budget.release(self.bytes - bytes);
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.release(self.bytes);
    }
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        &self.0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits<T>(taken: Result<T, Refusal>) -> bool {
        assert!(matches!(taken, Ok(_) | Err(Refusal::Overloaded)));
        taken.is_ok()
    }

    #[test]
    fn what_is_taken_is_given_back() {
        let budget = MemoryBudget::new(100);
        let mut reservation = budget.empty_reservation();
        let mut other = budget.empty_reservation();
        // (what a share is set to, whether it fits, what is held then)
        for (bytes, expected, held) in [
            (60, true, 60),
            (101, false, 60),
            (100, true, 100),
            (30, true, 30),
            (usize::MAX, false, 30),
        ] {
            assert_eq!(fits(reservation.resize(bytes)), expected, "{bytes}");
            assert_eq!(budget.held(), held, "{bytes}");
        }
        assert!(!fits(other.resize(71)));
        assert!(fits(other.resize(70)));
        drop(reservation);
        assert_eq!(budget.held(), 70);
        drop(other);
        assert_eq!(budget.held(), 0);
    }

    #[test]
    fn want_of_room_is_told_once_until_all_is_given_back() {
        let budget = MemoryBudget::new(100);
        let is_logged = || budget.0.is_logged.load(Relaxed);
        let (mut one, mut other) = (budget.empty_reservation(), budget.empty_reservation());
        assert!(fits(one.resize(60)) && fits(other.resize(40)));
        assert!(!is_logged());
        assert!(!fits(one.resize(61)));
        assert!(is_logged());
        drop(other);
        assert!(is_logged());
        assert!(fits(one.resize(0)));
        assert!(!is_logged());
    }

    #[test]
    fn a_chunk_holds_its_room_until_the_last_sender_is_done() {
        let budget = MemoryBudget::new(100);
        let own = budget.chunk(vec![1; 150], 150).unwrap();
        assert_eq!((own.as_ref().len(), budget.held()), (150, 0));
        let chunk = budget.chunk(vec![1; 90], 10).unwrap();
        assert_eq!(budget.held(), 80);
        assert!(!fits(budget.chunk(vec![1; 21], 0)));
        let again = chunk.clone();
        drop(chunk);
        assert_eq!(budget.held(), 80);
        drop(again);
        assert_eq!(budget.held(), 0);
    }
}
