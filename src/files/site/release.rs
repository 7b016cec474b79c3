//! Files that are kept open, and when they are closed.

use std::sync::{Arc, Weak};

use super::{View, claim_if_due};
use crate::{
    files::{Turn, resource::Resource},
    http::content_coding::AcceptEncoding,
};

/// How long a large file that is deleted may be kept open, and so take up its
/// place on the disk, in nanoseconds: 10 s, and until the next turns.
pub(super) const RELEASE_NANOSECONDS: u64 = 10_000_000_000;

/// The files looked at in one turn: what all others wait for, some 0.3 ms.
pub(super) const RELEASE_FILES_MAX: usize = 64;

/// Files kept open that are to be looked at, whether they can be closed.
#[derive(Debug, Default)]
pub(super) struct RecheckQueue {
    /// The turn in which they were noted.
    since: Turn,
    /// They are not kept open by that.
    files: Vec<(Box<[u8]>, Weak<Resource>)>,
}

impl RecheckQueue {
    /// None is to be looked at.
    pub(super) fn clear(&mut self) {
        self.files.clear();
    }
}

impl View {
    /// Closes the files kept open that are no longer what is served, or that
    /// nobody has asked for since the last time: their file system may be one
    /// that is to be unmounted. One worker does it for all, some in each turn.
    pub(super) fn close_unused(&mut self, turn: Turn) {
        if claim_if_due(&self.site.released, turn, RELEASE_NANOSECONDS) {
            let kept = self.tree.cache.keys_with_descriptors().into_iter();
            self.recheck_queue = RecheckQueue {
                since: turn,
                files: kept
                    .map(|(key, resource)| (key, Arc::downgrade(&resource)))
                    .collect(),
            };
        }
        let RecheckQueue { since, files } = &mut self.recheck_queue;
        let first = files.len().saturating_sub(RELEASE_FILES_MAX);
        for (key, resource) in files.drain(first..) {
            let Some(resource) = resource.upgrade() else {
                continue;
            };
            // All as of one turn: what is looked at later, and sooner the next time,
            // would seem to have been asked for in between.
            let is_asked_for = since.0.saturating_sub(resource.checked().0) < RELEASE_NANOSECONDS;
            if !is_asked_for
                || !resource.is_fresh(&self.tree.root, AcceptEncoding::IDENTITY, *since)
            {
                self.tree.cache.remove(&key, &resource);
            }
        }
    }

    /// Whether there are files to be looked at in the next turn, which need not
    /// wait for anything.
    pub fn has_files_to_recheck(&self) -> bool {
        !self.recheck_queue.files.is_empty()
    }

    /// Lets go of the files that are kept open, for want of descriptors, and
    /// says how many were: what is being sent stays open until it is sent.
    pub fn close_kept_files(&self) -> usize {
        let cache = &self.tree.cache;
        let kept = cache.keys_with_descriptors().into_iter();
        kept.filter(|(key, resource)| cache.remove(key, resource))
            .count()
    }
}
