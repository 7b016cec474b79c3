//! The memory budget of listings, shared by the whole process, and the chunks that reserve it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use crate::files::Refusal;

/// Bytes of all listings in the process, in progress or finished, beyond [`UNSHARED_BYTES`] each:
/// enough for three folders of 100,000 entries. A listing that exceeds it is answered with 503 and
/// `Retry-After`.
pub const LISTINGS_BYTES_MAX: u64 = 64 << 20;

/// Bytes of entries, and of text, that each listing may have without a reservation: about 300
/// entries. So small folders can always be listed, however many large ones are in progress.
pub const UNSHARED_BYTES: usize = 64 << 10;

/// The memory budget of all listings in the process.
#[derive(Debug)]
pub struct MemoryBudget {
    held: AtomicU64,
    bytes_max: u64,
    /// Whether exhaustion was logged.
    is_logged: AtomicBool,
}

/// Reserved bytes of the budget; released on drop.
#[derive(Debug)]
pub struct Reservation {
    pub(super) budget: Arc<MemoryBudget>,
    /// Bytes that need no reservation.
    unshared: usize,
    bytes: u64,
}

/// A part of a finished listing; clones share it.
#[derive(Clone, Debug)]
pub struct Chunk(Arc<(Box<[u8]>, Reservation)>);

impl MemoryBudget {
    /// A budget of `bytes_max` bytes.
    pub fn new(bytes_max: u64) -> Arc<MemoryBudget> {
        Arc::new(MemoryBudget {
            held: AtomicU64::new(0),
            bytes_max,
            is_logged: AtomicBool::new(false),
        })
    }

    /// A reservation of what exceeds `unshared` bytes; of nothing, for now.
    pub fn reservation(self: &Arc<Self>, unshared: usize) -> Reservation {
        Reservation {
            budget: Arc::clone(self),
            unshared,
            bytes: 0,
        }
    }

    /// Makes a chunk of `text`, of which `unshared` bytes need no reservation.
    pub fn chunk(self: &Arc<Self>, text: Vec<u8>, unshared: usize) -> Result<Chunk, Refusal> {
        let mut reservation = self.reservation(unshared);
        reservation.resize(text.len())?;
        Ok(Chunk(Arc::new((text.into_boxed_slice(), reservation))))
    }

    /// Bytes reserved.
    pub fn held(&self) -> u64 {
        self.held.load(Relaxed)
    }
}

impl Reservation {
    /// Changes the reservation to what `bytes` require. If growing fails, it is unchanged; the
    /// first failure is logged, the next one only after all was released.
    pub fn resize(&mut self, bytes: usize) -> Result<(), Refusal> {
        let (budget, bytes_max) = (&self.budget, self.budget.bytes_max);
        let bytes = bytes.saturating_sub(self.unshared) as u64;
        let sum = |held: u64| (held - self.bytes).checked_add(bytes);
        let resize = |held| sum(held).filter(|sum| *sum <= bytes_max);
        let Ok(before) = budget.held.fetch_update(Relaxed, Relaxed, resize) else {
            if !budget.is_logged.swap(true, Relaxed) {
                log::warn!(
                    "directory listings reached their memory limit of {bytes_max} bytes; refusing \
                     further listings"
                );
            }
            return Err(Refusal::Overloaded);
        };
        if before > 0 && sum(before) == Some(0) {
            budget.is_logged.store(false, Relaxed);
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // Shrinking does not fail.
        let _ = self.resize(0);
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
    fn reservations_are_released() {
        let budget = MemoryBudget::new(100);
        let mut reservation = budget.reservation(0);
        let mut other = budget.reservation(0);
        // (new size, whether it fits, bytes reserved afterwards)
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
    fn exhaustion_is_logged_once_until_all_is_released() {
        let budget = MemoryBudget::new(100);
        let is_logged = || budget.is_logged.load(Relaxed);
        let (mut one, mut other) = (budget.reservation(0), budget.reservation(0));
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
    fn a_chunk_holds_its_reservation_until_the_last_clone_is_dropped() {
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
