//! What a view has looked up, counted.

use super::View;

/// How often a file was found in memory, and how often it had to be opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lookups {
    /// Answered from memory, after a check or sharing one.
    pub hits: u64,
    /// Opened and, where it is small, kept from then on.
    pub misses: u64,
}

impl View {
    /// Whether a file was read from the disk since [`View::take_lookups`].
    pub fn has_loaded(&self) -> bool {
        self.misses.get() > 0
    }

    /// What was looked up since the last call.
    pub fn take_lookups(&self) -> Lookups {
        Lookups {
            hits: self.hits.take(),
            misses: self.misses.take(),
        }
    }
}
