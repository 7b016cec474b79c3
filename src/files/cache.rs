//! The small files kept in memory, shared by all workers.

use std::{num::NonZeroU64, sync::Arc};

use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter, sync};

use super::resource::Resource;

/// Bytes that one part of the cache holds at least, where it is large enough
/// to be parted. Each part has a lock of its own and admits no entry larger
/// than itself.
const SHARD_BYTES_MIN: u64 = 8 << 20;

/// Parts at most.
const SHARDS_MAX: u64 = 32;

/// What an entry costs beside what it holds, in bytes: its place in the table
/// and in the queue, and the counts of its `Arc`.
const ENTRY_BYTES: u64 = 128;

/// A typical entry in bytes, from which the number of entries is estimated of
/// which the cache remembers that they were asked for.
const TYPICAL_ENTRY_BYTES: u64 = 4 << 10;

/// Resources by request path, bounded in bytes.
///
/// What is asked for once makes room for what is asked for again: an entry is
/// admitted among the lasting ones only when it is asked for a second time, so
/// a walk through all files drives out none of the hot ones.
///
/// The hash is seeded: nobody can choose paths that collide.
#[derive(Debug)]
pub(super) struct Cache {
    /// `None` keeps nothing.
    entries: Option<Entries>,
}

type Entries = sync::Cache<Box<[u8]>, Arc<Resource>, ByBytes, DefaultHashBuilder>;

/// Weighs an entry by the bytes of memory it takes.
#[derive(Clone, Debug)]
struct ByBytes;

impl Weighter<Box<[u8]>, Arc<Resource>> for ByBytes {
    fn weight(&self, key: &Box<[u8]>, resource: &Arc<Resource>) -> u64 {
        key.len() as u64 + ENTRY_BYTES + resource.memory_bytes()
    }
}

impl Cache {
    /// A cache of at most `bytes_max` bytes; zero keeps nothing.
    pub(super) fn new(bytes_max: u64) -> Cache {
        let entries = NonZeroU64::new(bytes_max).and_then(|bytes_max| {
            let bytes_max = bytes_max.get();
            let shards = (bytes_max / SHARD_BYTES_MIN).clamp(1, SHARDS_MAX);
            // Enough for the parts not to be merged, whatever their size.
            let entries = (bytes_max / TYPICAL_ENTRY_BYTES).max(64 * shards);
            let options = OptionsBuilder::new()
                .weight_capacity(bytes_max)
                .estimated_items_capacity(usize::try_from(entries).unwrap_or(usize::MAX))
                .shards(usize::try_from(shards).unwrap_or(1))
                .build()
                .ok()?;
            Some(sync::Cache::with_options(
                options,
                ByBytes,
                DefaultHashBuilder::default(),
                sync::DefaultLifecycle::default(),
            ))
        });
        Cache { entries }
    }

    /// Whether it keeps anything at all.
    pub(super) fn keeps(&self) -> bool {
        self.entries.is_some()
    }

    /// What is kept of `key`. Neither allocates nor writes, an `Arc` aside.
    pub(super) fn get(&self, key: &[u8]) -> Option<Arc<Resource>> {
        self.entries.as_ref()?.get(key)
    }

    /// Keeps `resource`, in the place of what was kept of `key` before. One
    /// that is larger than a part of the cache is not kept.
    pub(super) fn insert(&self, key: &[u8], resource: Arc<Resource>) {
        if let Some(entries) = &self.entries {
            entries.insert(key.into(), resource);
        }
    }

    /// Drops `stale` if it still is what is kept of `key`.
    pub(super) fn remove(&self, key: &[u8], stale: &Arc<Resource>) {
        if let Some(entries) = &self.entries {
            entries.remove_if(key, |kept| Arc::ptr_eq(kept, stale));
        }
    }

    /// Drops everything.
    pub(super) fn clear(&self) {
        if let Some(entries) = &self.entries {
            entries.clear();
        }
    }

    /// Bytes of memory that are taken.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> u64 {
        self.entries.as_ref().map_or(0, sync::Cache::weight)
    }
}
