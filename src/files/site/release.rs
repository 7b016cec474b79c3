//! Closing of files that are kept open.

use super::{View, claim_if_due};
use crate::{
    files::{Turn, cache::Holder},
    http::content_coding::AcceptEncoding,
};

/// The interval of rechecks of open files, in nanoseconds: 10 s. A deleted file is closed, and its
/// disk space freed, at the next recheck.
pub(super) const RELEASE_NANOSECONDS: u64 = 10_000_000_000;

/// Files rechecked in one turn, which takes about 0.3 ms.
pub(super) const RELEASE_FILES_MAX: usize = 64;

/// Open files that remain to be rechecked.
#[derive(Debug, Default)]
pub(super) struct RecheckQueue {
    /// The turn in which the recheck started.
    since: Turn,
    files: Vec<Holder>,
}

impl View {
    /// Closes open files that are outdated or were not requested since the last recheck, because
    /// their file system may have to be unmounted. One worker does it for all, a batch per turn.
    pub(super) fn close_unused(&mut self, turn: Turn) {
        if claim_if_due(&self.site.released, turn, RELEASE_NANOSECONDS) {
            self.recheck_queue = RecheckQueue {
                since: turn,
                files: self.tree.cache.with_descriptors(),
            };
        }
        let RecheckQueue { since, files } = &mut self.recheck_queue;
        let first = files.len().saturating_sub(RELEASE_FILES_MAX);
        for (key, resource) in files.drain(first..) {
            let Some(resource) = resource.upgrade() else {
                continue;
            };
            // All ages are relative to the start of the recheck, so that the order of the queue
            // does not matter.
            let is_in_use =
                since.0.saturating_sub(resource.freshness.checked().0) < RELEASE_NANOSECONDS;
            if !is_in_use || !resource.is_fresh(&self.tree.root, AcceptEncoding::IDENTITY, *since) {
                self.tree.cache.remove(&key, &resource);
            }
        }
    }

    /// Whether files remain to be rechecked, so that the next turn should not wait for events.
    pub fn has_files_to_recheck(&self) -> bool {
        !self.recheck_queue.files.is_empty()
    }

    /// Drops everything cached: it is loaded anew when it is requested.
    pub fn drop_cached(&self) {
        self.tree.cache.clear();
    }

    /// Drops all files kept open, to free descriptors, and returns their number. A file that is
    /// being sent stays open until it is sent.
    pub fn close_kept_files(&self) -> usize {
        let cache = &self.tree.cache;
        let is_closed = |(key, file): &Holder| {
            let resource = file.upgrade();
            resource.is_some_and(|resource| cache.remove(key, &resource))
        };
        cache
            .with_descriptors()
            .iter()
            .filter(|file| is_closed(file))
            .count()
    }
}
