//! The file cache, shared by all workers.

use std::{
    hash::BuildHasher,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter, sync};
use smallvec::SmallVec;

use super::{paths::IN_PLACE_BYTES_MAX, resource::Resource};

/// Minimum bytes per shard, if there is more than one. Each shard has its own lock and admits no
/// entry larger than itself.
const SHARD_BYTES_MIN: u64 = 8 << 20;

/// Minimum descriptors per shard.
const SHARD_DESCRIPTORS_MIN: u64 = 4;

/// Maximum number of shards.
const SHARDS_MAX: u64 = 32;

/// Bytes of overhead per entry: its slots in table and queue, and the counts of its `Arc`.
const ENTRY_OVERHEAD_BYTES: u64 = 128;

/// Bytes of a typical entry, used to estimate how many requested paths to remember. Remembering
/// more would also admit files that are requested again only after all others.
const TYPICAL_ENTRY_BYTES: u64 = 4 << 10;

/// Maximum number of paths that the doorkeeper remembers, at four bytes each.
const DOORKEEPER_MARKS_MAX: u64 = 1 << 18;

/// The cache counts as full when less than this fraction of its capacity is free: one eighth.
const SPARE_DIVISOR: u64 = 8;

/// Resources by request path, bounded in bytes.
///
/// Scan-resistant: an entry is promoted only if it is requested again (S3-FIFO, by `quick_cache`),
/// so a scan of all files evicts no hot one. Once the cache is full, a file is admitted only if it
/// was requested recently (a doorkeeper, as in TinyLFU), because preparing an entry and evicting
/// another costs half as much as serving the file from disk.
///
/// The hash is seeded, so clients cannot choose paths that collide.
#[derive(Debug)]
pub(super) struct Cache {
    entries: Entries,
    /// The weight at which it counts as full; 0: it is disabled.
    full_bytes: u64,
    doorkeeper: Doorkeeper,
    /// The entries with an open descriptor, and stale ones: iterating over the whole cache for
    /// these few would take milliseconds.
    holders: Mutex<Vec<Holder>>,
}

/// An entry with a descriptor and its key. Weak: a list of them keeps nothing open.
pub(super) type Holder = (Key, Weak<Resource>);

/// Stale holders that may accumulate, in addition to as many as there are live ones.
const HOLDERS_GONE_MIN: usize = 64;

/// Recently requested paths that are not cached, by a part of their hash. On a collision a file is
/// admitted on its first request.
#[derive(Debug)]
struct Doorkeeper {
    marks: Box<[AtomicU32]>,
    hasher: DefaultHashBuilder,
}

impl Doorkeeper {
    /// Remembers about `count` paths.
    fn new(count: u64) -> Doorkeeper {
        Doorkeeper {
            marks: (0..count).map(|_| AtomicU32::new(0)).collect(),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// Records `key` and returns whether it was recorded before. Each key has two slots, so that
    /// two keys which share one do not keep evicting each other.
    fn record(&self, key: &[u8]) -> bool {
        let hash = self.hasher.hash_one(key);
        let mark = (hash >> 32) as u32;
        let places = [hash as u32, hash.rotate_left(16) as u32].map(|place| {
            let place = (u64::from(place) * self.marks.len() as u64) >> 32;
            &self.marks[place as usize]
        });
        let is_known = places.iter().any(|place| place.load(Relaxed) == mark);
        places.iter().for_each(|place| place.store(mark, Relaxed));
        is_known
    }
}

/// A request path. A short one is stored in the entry itself: with 10,000 files requested at random,
/// fetching it from elsewhere for the comparison took 5 % of the time.
pub(super) type Key = SmallVec<[u8; IN_PLACE_BYTES_MAX]>;

type Entries = sync::Cache<Key, Arc<Resource>, ByBytes, DefaultHashBuilder>;

/// Weighs an entry by its memory in bytes, plus a fixed charge per open descriptor.
#[derive(Clone, Debug)]
struct ByBytes {
    descriptor_bytes: u64,
}

impl Weighter<Key, Arc<Resource>> for ByBytes {
    fn weight(&self, key: &Key, resource: &Arc<Resource>) -> u64 {
        let descriptors = resource.descriptors() * self.descriptor_bytes;
        key.len() as u64 + ENTRY_OVERHEAD_BYTES + resource.memory_bytes() + descriptors
    }
}

impl Cache {
    /// A cache of at most `bytes_max` bytes (0 disables it) and `descriptors_max` descriptors.
    pub(super) fn new(bytes_max: u64, descriptors_max: u64) -> Cache {
        // Each shard can hold a few descriptors.
        let shards = (bytes_max / SHARD_BYTES_MIN)
            .min(descriptors_max / SHARD_DESCRIPTORS_MIN)
            .clamp(1, SHARDS_MAX);
        // Enough that `quick_cache` does not merge shards.
        let entries = (bytes_max / TYPICAL_ENTRY_BYTES).max(64 * shards);
        let options = OptionsBuilder::new()
            .weight_capacity(bytes_max)
            .estimated_items_capacity(usize::try_from(entries).unwrap_or(usize::MAX))
            .shards(shards as usize)
            .build()
            .expect("both capacities are set");
        let weighter = ByBytes {
            descriptor_bytes: bytes_max / descriptors_max.max(1),
        };
        Cache {
            entries: sync::Cache::with_options(
                options,
                weighter,
                DefaultHashBuilder::default(),
                sync::DefaultLifecycle::default(),
            ),
            full_bytes: bytes_max - bytes_max / SPARE_DIVISOR,
            doorkeeper: Doorkeeper::new(
                (bytes_max / TYPICAL_ENTRY_BYTES).clamp(1, DOORKEEPER_MARKS_MAX),
            ),
            holders: Mutex::default(),
        }
    }

    /// Whether to admit the file `key`, which is not cached: once the cache is full, only if it was
    /// requested recently. Records the key, so call it only for files that exist.
    pub(super) fn admit(&self, key: &[u8]) -> bool {
        self.full_bytes > 0
            && (self.entries.weight() < self.full_bytes || self.doorkeeper.record(key))
    }

    /// Returns the entry of `key`. Does not allocate; writes only the counts of references and of
    /// uses.
    pub(super) fn get(&self, key: &[u8]) -> Option<Arc<Resource>> {
        self.entries.get(key)
    }

    /// Inserts `resource`, replacing the entry of `key`. An entry larger than a shard is not
    /// stored.
    pub(super) fn insert(&self, key: &[u8], resource: Arc<Resource>) {
        if resource.descriptors() > 0 {
            let mut holders = self.holders();
            if holders.len() == holders.capacity() {
                holders.retain(is_open);
                let room = holders.len() + HOLDERS_GONE_MIN;
                holders.reserve_exact(room);
            }
            holders.push((key.into(), Arc::downgrade(&resource)));
        }
        self.entries.insert(key.into(), resource);
    }

    /// Removes the entry of `key` if it still is `stale`, and returns whether it was.
    pub(super) fn remove(&self, key: &[u8], stale: &Arc<Resource>) -> bool {
        let removed = (self.entries).remove_if(key, |kept| Arc::ptr_eq(kept, stale));
        removed.is_some()
    }

    /// All entries with a descriptor. May include resources that were evicted but are still being
    /// sent.
    pub(super) fn with_descriptors(&self) -> Vec<Holder> {
        let mut holders = self.holders();
        holders.retain(is_open);
        holders.clone()
    }

    fn holders(&self) -> MutexGuard<'_, Vec<Holder>> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes all entries.
    pub(super) fn clear(&self) {
        self.entries.clear();
    }

    /// The current weight in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.entries.weight()
    }
}

fn is_open((_, holder): &Holder) -> bool {
    holder.strong_count() > 0
}
