//! Looking up a representation again without its path.

use std::sync::{Arc, Weak};

use super::View;
use crate::{
    files::{
        Turn,
        resource::{Resource, Selected},
    },
    http::content_coding::{AcceptEncoding, ContentCoding},
};

/// A reference to a representation that a [`View`] selected. It is weak: once evicted from the
/// cache, the representation is gone.
#[derive(Clone, Debug)]
pub struct Remembered {
    resource: Weak<Resource>,
    coding: Option<ContentCoding>,
    accept: AcceptEncoding,
    /// The generation of the tree it was found in.
    generation: u64,
    /// The turn in which it was last found to hold.
    held: Option<Turn>,
}

impl View {
    /// Remembers the result of [`View::find`] for `accept`; `None` if it is valid for one response
    /// only.
    pub fn remember(&self, selected: &Selected, accept: AcceptEncoding) -> Option<Remembered> {
        selected.resource.is_cacheable.then(|| Remembered {
            resource: Arc::downgrade(&selected.resource),
            coding: selected.coding,
            accept,
            generation: self.tree.generation,
            held: None,
        })
    }

    /// Whether [`View::find`] would select it again; checked at most once per turn.
    pub fn holds(&self, remembered: &mut Remembered, turn: Turn) -> bool {
        if remembered.held != Some(turn) || remembered.generation != self.tree.generation {
            if self.recall(remembered, turn).is_none() {
                return false;
            }
            remembered.held = Some(turn);
        }
        true
    }

    /// Counts a response from a remembered representation.
    pub fn count_hit(&self) {
        self.hits.update(|hits| hits + 1);
    }

    /// Returns the remembered representation if [`View::find`] would select it again. Does not
    /// allocate, and makes no system call if the file was already checked in this turn.
    pub fn recall(&self, remembered: &Remembered, turn: Turn) -> Option<Selected> {
        if remembered.generation != self.tree.generation {
            return None;
        }
        let resource = remembered.resource.upgrade()?;
        if !resource.is_fresh(&self.tree.root, remembered.accept, turn) {
            return None;
        }
        Some(Selected {
            resource,
            coding: remembered.coding,
        })
    }
}
