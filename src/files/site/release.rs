//! Closing of files that are kept open.

use super::View;
use crate::files::{Turn, cache::Holder, resource::Resource};

/// How long a file is kept open without a request, in nanoseconds: 10 s. Its file system may have
/// to be unmounted, or, if it was deleted, its disk space freed.
pub(super) const UNUSED_NANOSECONDS_MAX: u64 = 10_000_000_000;

/// Files closed per check: to close the last descriptor of a deleted file frees its disk space,
/// which takes time.
pub(super) const CLOSED_FILES_MAX: usize = 64;

impl View {
    /// Closes some of the kept files that were not requested for too long.
    pub(super) fn close_unused(&mut self, turn: Turn) {
        let closed = self.close_files(CLOSED_FILES_MAX, |resource| {
            let age = turn.0.saturating_sub(resource.freshness.checked().0);
            age >= UNUSED_NANOSECONDS_MAX
        });
        self.has_unused = closed == CLOSED_FILES_MAX;
    }

    /// Drops all files kept open, to free descriptors, and returns their number. A file that is
    /// being sent stays open until it is sent.
    pub fn close_kept_files(&self) -> usize {
        self.close_files(usize::MAX, |_| true)
    }

    fn close_files(&self, count_max: usize, is_unwanted: impl Fn(&Resource) -> bool) -> usize {
        let cache = &self.tree.cache;
        let close = |(key, holder): &Holder| {
            let resource = holder.upgrade().filter(|resource| is_unwanted(resource));
            resource.is_some_and(|resource| cache.remove(key, &resource))
        };
        let holders = cache.with_descriptors();
        holders
            .iter()
            .filter(|holder| close(holder))
            .take(count_max)
            .count()
    }

    /// Drops everything cached: it is loaded anew when it is requested.
    pub fn drop_cached(&self) {
        self.tree.cache.clear();
    }
}
