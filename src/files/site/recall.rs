//! What was chosen before, found again without its path.

use std::sync::{Arc, Weak};

use super::View;
use crate::{
    files::{
        Turn,
        resource::{Resource, Selected},
    },
    http::content_coding::{AcceptEncoding, ContentCoding},
};

/// A representation that a [`View`] chose before. It keeps nothing alive: what
/// the cache lets go of is forgotten.
#[derive(Clone, Debug)]
pub struct Remembered {
    resource: Weak<Resource>,
    coding: Option<ContentCoding>,
    accept: AcceptEncoding,
    /// Of the tree it was found in.
    generation: u64,
}

impl View {
    /// Remembers what [`View::find`] chose for a request that accepts `accept`;
    /// `None` where it was good for that answer alone.
    pub fn remember(&self, selected: &Selected, accept: AcceptEncoding) -> Option<Remembered> {
        selected.resource.is_cacheable().then(|| Remembered {
            resource: Arc::downgrade(&selected.resource),
            coding: selected.coding,
            accept,
            generation: self.tree.generation,
        })
    }

    /// What [`View::find`] would choose again, as long as it is what was
    /// remembered. Neither allocates nor, once it was checked this turn, calls
    /// the system.
    pub fn recall(&self, remembered: &Remembered, turn: Turn) -> Option<Selected> {
        if remembered.generation != self.tree.generation {
            return None;
        }
        let resource = remembered.resource.upgrade()?;
        if !resource.is_fresh(&self.tree.root, remembered.accept, turn) {
            return None;
        }
        self.hits.update(|hits| hits + 1);
        Some(Selected {
            resource,
            coding: remembered.coding,
        })
    }
}
