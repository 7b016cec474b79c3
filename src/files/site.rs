//! The files of one root, shared by all workers, and the view of each worker.

mod first_look;
mod load;
mod negative_cache;
mod recall;
mod release;

pub use self::recall::Remembered;

use std::{
    cell::{Cell, RefCell},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use rustix::{fs::stat, io::Errno};

use self::negative_cache::NegativeCache;
use super::{
    Found, Refusal, Turn,
    cache::Cache,
    listing::{LISTINGS_BYTES_MAX, MemoryBudget},
    media_type::MediaTypes,
    no_variants::NoVariants,
    root::{FileIdentity, Root},
};
use crate::{
    config::SiteOptions,
    http::{content_coding::AcceptEncoding, target::RequestPath},
};

/// The interval of checks whether the root was replaced, and whether files are kept open in vain,
/// in nanoseconds: 250 ms.
const CHECK_NANOSECONDS: u64 = 250_000_000;

/// The files of one root, shared by all workers.
#[derive(Debug)]
pub struct Site {
    /// The path of the root, absolute but not resolved: every link on it is followed anew each
    /// time, so any of them may be replaced.
    path: PathBuf,
    options: SiteOptions,
    media_types: MediaTypes,
    /// The memory budget of all listings.
    listing_budget: Arc<MemoryBudget>,
    tree: RwLock<Arc<Tree>>,
    /// The generation of the current tree.
    generation: AtomicU64,
    /// When a worker last checked the root and the files kept open.
    checked: AtomicU64,
    /// Whether it was logged that the root cannot be opened.
    root_missed: AtomicBool,
}

/// A folder that is or was the root, and its cache.
#[derive(Debug)]
struct Tree {
    generation: u64,
    root: Arc<Root>,
    cache: Cache,
}

/// A worker's view of the [`Site`].
#[derive(Debug)]
pub struct View {
    site: Arc<Site>,
    tree: Arc<Tree>,
    /// Cache hits not yet added to the counters.
    pub hits: Cell<u64>,
    /// Files opened and not yet counted, cached or not.
    pub misses: Cell<u64>,
    negative_cache: RefCell<NegativeCache>,
    no_variants: RefCell<NoVariants>,
    /// Whether its last check may have left unused files open, so that a worker without connections
    /// should not wait long.
    pub has_unused: bool,
    /// When this view last checked, for a missing file, whether the root was replaced.
    root_looked: Cell<Turn>,
}

impl Site {
    /// Opens the root.
    pub fn open(options: &SiteOptions) -> io::Result<Arc<Site>> {
        let path = std::path::absolute(&options.root)?;
        let tree = Tree::open(&path, options)?;
        Ok(Arc::new(Site {
            path,
            options: options.clone(),
            media_types: MediaTypes::new(options),
            listing_budget: MemoryBudget::new(LISTINGS_BYTES_MAX),
            tree: RwLock::new(Arc::new(tree)),
            generation: AtomicU64::new(0),
            checked: AtomicU64::new(0),
            root_missed: AtomicBool::new(false),
        }))
    }

    /// A view for one worker.
    pub fn view(self: &Arc<Site>) -> View {
        View {
            site: Arc::clone(self),
            tree: self.current(),
            hits: Cell::default(),
            misses: Cell::default(),
            negative_cache: RefCell::default(),
            no_variants: RefCell::default(),
            has_unused: false,
            root_looked: Cell::default(),
        }
    }

    /// Cache weight in use: bytes of small files, and a fixed charge per large file kept open.
    pub fn cache_bytes(&self) -> u64 {
        self.current().cache.bytes()
    }

    fn current(&self) -> Arc<Tree> {
        Arc::clone(&self.tree.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Checks whether the root was replaced.
    fn check_root(&self) {
        let outcome = self.reopen_if_swapped();
        let was_missed = self.root_missed.swap(outcome.is_err(), Relaxed);
        let path = self.path.display();
        match outcome {
            Ok(()) if was_missed => log::info!("{path}: root is available again"),
            Err(error) if !was_missed => {
                log::warn!("{path}: {error}; still serving the previous root")
            }
            Ok(()) | Err(_) => {}
        }
    }

    fn reopen_if_swapped(&self) -> io::Result<()> {
        let old = self.current();
        if FileIdentity::new(&stat(&self.path)?).inode == old.root.inode {
            return Ok(());
        }
        let mut new = Tree::open(&self.path, &self.options)?;
        if new.root.is_out_of_bounds() {
            return Err(Errno::ACCESS.into());
        }
        let mut tree = self.tree.write().unwrap_or_else(PoisonError::into_inner);
        // Assigned under the lock: another worker may have replaced the tree meanwhile.
        new.generation = tree.generation + 1;
        self.generation.store(new.generation, Relaxed);
        *tree = Arc::new(new);
        drop(tree);
        log::info!(
            "{}: root was replaced; serving the new one",
            self.path.display()
        );
        // A sleeping worker may hold the old tree for long; free its content now.
        old.cache.clear();
        Ok(())
    }
}

impl Tree {
    fn open(path: &Path, options: &SiteOptions) -> io::Result<Tree> {
        Ok(Tree {
            generation: 0,
            root: Arc::new(Root::open(path)?),
            cache: Cache::new(options.cache_bytes_max, options.descriptors_kept_max),
        })
    }
}

impl View {
    /// Call once per turn: detects a replaced root, closes unused files, drops expired state.
    pub fn begin_turn(&mut self, turn: Turn) {
        // If the checks are due, one worker claims them for all.
        let claim = |checked: u64| {
            let is_due = turn.0.saturating_sub(checked) >= CHECK_NANOSECONDS;
            is_due.then_some(turn.0)
        };
        let checked = &self.site.checked;
        if checked.fetch_update(Relaxed, Relaxed, claim).is_ok() {
            self.site.check_root();
            self.close_unused(turn);
        }
        self.follow();
        self.no_variants.get_mut().release(turn);
    }

    /// Switches to the current root if it was replaced, without a system call.
    pub fn follow(&mut self) {
        // Relaxed suffices: the lock in `current` orders the data; this is only a hint.
        if self.site.generation.load(Relaxed) != self.tree.generation {
            self.switch();
        }
    }

    #[cold]
    fn switch(&mut self) {
        self.tree = self.site.current();
        self.no_variants.take();
    }

    /// Looks up `path`, in the best accepted coding.
    ///
    /// For a cached file that was already checked in this turn, this neither allocates nor makes a
    /// system call.
    pub fn find(
        &self,
        path: &RequestPath<'_>,
        accept: AcceptEncoding,
        turn: Turn,
    ) -> Result<Found, Refusal> {
        let key = path.as_bytes();
        let kept = self.tree.cache.get(key);
        if let Some(resource) = &kept
            && resource.is_fresh(&self.tree.root, accept, turn)
        {
            self.count_hit();
            return Arc::clone(resource).select(accept).map(Found::File);
        }
        // Rejected before any system call, so that timing does not reveal whether it exists.
        if path.is_hidden() {
            return Err(Refusal::NotFound);
        }
        if let Some(absence) = self.negative_cache.borrow().find(key, turn) {
            return absence;
        }
        let mut found = self.find_on_disk(path, accept, turn, kept.as_ref());
        // It, or the index instead of which its folder would be listed, may be missing because the
        // root was replaced and the old one removed.
        let is_missing = matches!(found, Err(_) | Ok(Found::Folder(_)));
        if is_missing && self.is_outdated(turn) {
            let other = self.site.view();
            found = other.find(path, accept, turn);
            self.hits.update(|hits| hits + other.hits.get());
            self.misses.update(|misses| misses + other.misses.get());
        }
        self.negative_cache
            .borrow_mut()
            .note(key, turn, found.as_ref());
        found
    }

    /// Whether the root was replaced; checked at most once per turn.
    fn is_outdated(&self, turn: Turn) -> bool {
        let is_outdated = || self.site.generation.load(Relaxed) != self.tree.generation;
        if !is_outdated() && self.root_looked.replace(turn) != turn {
            // If it cannot be opened, `check_root` logs that.
            let _ = self.site.reopen_if_swapped();
        }
        is_outdated()
    }

    /// The options of the site.
    pub fn options(&self) -> &SiteOptions {
        &self.site.options
    }

    /// The media type of a file with this name.
    pub fn media_type(&self, path: &RequestPath<'_>) -> Arc<str> {
        self.site.media_types.of(path.as_bytes())
    }
}

#[cfg(test)]
mod tests;
