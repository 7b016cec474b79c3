//! The small files kept in memory, shared by all workers.

use std::{
    hash::BuildHasher,
    num::NonZeroU64,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter, sync};

use super::resource::Resource;

/// Bytes that one part of the cache holds at least, where it is large enough
/// to be parted. Each part has a lock of its own and admit no entry larger
/// than itself.
const SHARD_BYTES_MIN: u64 = 8 << 20;

/// Descriptors that one part can hold at least.
const SHARD_DESCRIPTORS_MIN: u64 = 4;

/// Parts at most.
const SHARDS_MAX: u64 = 32;

/// What an entry costs beside what it holds, in bytes: its place in the table
/// and in the queue, and the counts of its `Arc`.
const ENTRY_OVERHEAD_BYTES: u64 = 128;

/// A typical entry in bytes, from which the number of entries is estimated of
/// which the cache remembers that they were asked for. To remember more would
/// keep what is asked for again only after all others were.
const TYPICAL_ENTRY_BYTES: u64 = 4 << 10;

/// The most paths of which it remembers that they were asked for once, four bytes
/// each, however large it is.
const DOORKEEPER_MARKS_MAX: u64 = 1 << 18;

/// The part of its room that is left when it counts as full: an eighth.
const SPARE_DIVISOR: u64 = 8;

/// Resources by request path, bounded in bytes.
///
/// What is asked for once makes room for what is asked for again: an entry is
/// admitted among the lasting ones only when it is asked for a second time, so
/// a walk through all files drives out none of the hot ones. Once the cache is full
/// it is not even kept the first time: to make it ready to be kept, in memory that
/// another has to leave, costs half as much as to answer with it from the disk.
///
/// The hash is seeded: nobody can choose paths that collide.
#[derive(Debug)]
pub(super) struct Cache {
    /// `None` keeps nothing.
    entries: Option<Entries>,
    /// Bytes from which on it counts as full.
    full_bytes: u64,
    doorkeeper: Doorkeeper,
    /// Those that held a descriptor when they came, and what else is gone by now:
    /// to go through all entries for these few would take milliseconds.
    holders: Mutex<Vec<Holder>>,
}

/// What holds a descriptor, by its key. It is not kept by that.
type Holder = (Box<[u8]>, Weak<Resource>);

/// Holders that may be gone before they are looked for, besides as many as there
/// are.
const HOLDERS_GONE_MIN: usize = 64;

/// The paths asked for of late that were not kept, by a part of their hash. Two
/// of the same are taken for one: then a file is kept that was asked for once.
#[derive(Debug)]
struct Doorkeeper {
    marks: Box<[AtomicU32]>,
    hasher: DefaultHashBuilder,
}

impl Doorkeeper {
    /// Remembers some `count` of them.
    fn new(count: u64) -> Doorkeeper {
        Doorkeeper {
            marks: (0..count).map(|_| AtomicU32::new(0)).collect(),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// Whether `key` came before; from now on it has. It has two places, so that two
    /// which share one do not drive each other out time and again.
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

type Entries = sync::Cache<Box<[u8]>, Arc<Resource>, ByBytes, DefaultHashBuilder>;

/// Weighs an entry by the bytes of memory it takes, and by the descriptors it
/// holds as if each took its share of all.
#[derive(Clone, Debug)]
struct ByBytes {
    descriptor_bytes: u64,
}

impl Weighter<Box<[u8]>, Arc<Resource>> for ByBytes {
    fn weight(&self, key: &Box<[u8]>, resource: &Arc<Resource>) -> u64 {
        let descriptors = resource.descriptors() * self.descriptor_bytes;
        key.len() as u64 + ENTRY_OVERHEAD_BYTES + resource.memory_bytes() + descriptors
    }
}

impl Cache {
    /// A cache of at most `bytes_max` bytes, zero of which keep nothing, and at
    /// most `descriptors_max` descriptors.
    pub(super) fn new(bytes_max: u64, descriptors_max: u64) -> Cache {
        let entries = NonZeroU64::new(bytes_max).and_then(|bytes_max| {
            let bytes_max = bytes_max.get();
            // Each part has room for a few descriptors.
            let shards = (bytes_max / SHARD_BYTES_MIN)
                .min(descriptors_max / SHARD_DESCRIPTORS_MIN)
                .clamp(1, SHARDS_MAX);
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
                ByBytes {
                    descriptor_bytes: bytes_max / descriptors_max.max(1),
                },
                DefaultHashBuilder::default(),
                sync::DefaultLifecycle::default(),
            ))
        });
        Cache {
            entries,
            full_bytes: bytes_max - bytes_max / SPARE_DIVISOR,
            doorkeeper: Doorkeeper::new(
                (bytes_max / TYPICAL_ENTRY_BYTES).clamp(1, DOORKEEPER_MARKS_MAX),
            ),
            holders: Mutex::default(),
        }
    }

    /// Whether the file that `key` names, which is not kept, is worth it: once the
    /// cache is full only if it was asked for a short while ago. Not to be asked where
    /// there is none: that would be remembered instead of a file.
    pub(super) fn admit(&self, key: &[u8]) -> bool {
        let Some(entries) = &self.entries else {
            return false;
        };
        entries.weight() < self.full_bytes || self.doorkeeper.record(key)
    }

    /// What is kept of `key`. Neither allocates nor writes, an `Arc` aside.
    pub(super) fn get(&self, key: &[u8]) -> Option<Arc<Resource>> {
        self.entries.as_ref()?.get(key)
    }

    /// Keeps `resource`, in the place of what was kept of `key` before. One
    /// that is larger than a part of the cache is not kept.
    pub(super) fn insert(&self, key: &[u8], resource: Arc<Resource>) {
        let Some(entries) = &self.entries else {
            return;
        };
        let holder = (resource.descriptors() > 0).then(|| Arc::downgrade(&resource));
        entries.insert(key.into(), resource);
        if let Some(holder) = holder {
            let mut holders = self.holders();
            if holders.len() == holders.capacity() {
                holders.retain(|(_, holder)| holder.strong_count() > 0);
                let room = holders.len() + HOLDERS_GONE_MIN;
                holders.reserve_exact(room);
            }
            holders.push((key.into(), holder));
        }
    }

    /// Drops `stale` if it still is what is kept of `key`, and says whether it was.
    pub(super) fn remove(&self, key: &[u8], stale: &Arc<Resource>) -> bool {
        let entries = self.entries.as_ref();
        let removed = entries.and_then(|all| all.remove_if(key, |kept| Arc::ptr_eq(kept, stale)));
        removed.is_some()
    }

    /// The keys of all that holds a descriptor. One that is only being sent by now
    /// may be among them.
    pub(super) fn keys_with_descriptors(&self) -> Vec<(Box<[u8]>, Arc<Resource>)> {
        let mut holders = self.holders();
        let mut kept = Vec::with_capacity(holders.len());
        holders.retain(|(key, holder)| {
            let resource = holder.upgrade();
            kept.extend(resource.map(|resource| (key.clone(), resource)));
            holder.strong_count() > 0
        });
        kept
    }

    fn holders(&self) -> MutexGuard<'_, Vec<Holder>> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops everything.
    pub(super) fn clear(&self) {
        if let Some(entries) = &self.entries {
            entries.clear();
        }
    }

    /// Bytes of memory that are taken.
    pub(super) fn bytes(&self) -> u64 {
        self.entries.as_ref().map_or(0, sync::Cache::weight)
    }
}
