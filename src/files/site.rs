//! The files of one root, shared by all workers, and the view of each worker.

mod first_look;
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

use self::{negative_cache::NegativeCache, release::RecheckQueue};
use super::{
    Found, Refusal, Turn,
    cache::Cache,
    folder::Folder,
    freshness,
    listing::{LISTINGS_BYTES_MAX, MemoryBudget},
    no_variants::NoVariants,
    representation::Descriptions,
    resource::{Loaded, Loader, Resource},
    root::{FileIdentity, Opened, Root},
};
use crate::{
    config::SiteOptions,
    http::{content_coding::AcceptEncoding, target::RequestPath},
};

/// The interval of checks whether the root was replaced, in nanoseconds: 250 ms.
const ROOT_CHECK_NANOSECONDS: u64 = 250_000_000;

/// The file that is served for its folder.
const INDEX: &[u8] = b"index.html";

/// The files of one root, shared by all workers.
#[derive(Debug)]
pub struct Site {
    /// The path of the root, absolute but not resolved: every link on it is followed anew each
    /// time, so any of them may be replaced.
    path: PathBuf,
    options: SiteOptions,
    descriptions: Descriptions,
    /// The memory budget of all listings.
    listing_budget: MemoryBudget,
    tree: RwLock<Arc<Tree>>,
    /// The generation of the current tree.
    generation: AtomicU64,
    /// When a worker last checked the root.
    root_checked: AtomicU64,
    /// When a worker last started to close unused files.
    released: AtomicU64,
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
    recheck_queue: RecheckQueue,
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
            descriptions: Descriptions::new(options),
            listing_budget: MemoryBudget::new(LISTINGS_BYTES_MAX),
            tree: RwLock::new(Arc::new(tree)),
            generation: AtomicU64::new(0),
            root_checked: AtomicU64::new(0),
            released: AtomicU64::new(0),
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
            recheck_queue: RecheckQueue::default(),
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

    /// Checks whether the root was replaced, if that is due. One worker does it for all.
    fn check_root(&self, turn: Turn) {
        if !claim_if_due(&self.root_checked, turn, ROOT_CHECK_NANOSECONDS) {
            return;
        }
        match self.reopen_if_swapped() {
            Ok(()) => {
                if self.root_missed.swap(false, Relaxed) {
                    log::info!("{}: root is available again", self.path.display());
                }
            }
            Err(error) => {
                if !self.root_missed.swap(true, Relaxed) {
                    let path = self.path.display();
                    log::warn!("{path}: {error}; still serving the previous root");
                }
            }
        }
    }

    fn reopen_if_swapped(&self) -> io::Result<()> {
        let old = self.current();
        if FileIdentity::new(&stat(&self.path)?).inode == old.root.inode() {
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
        self.site.check_root(turn);
        self.follow();
        self.no_variants.get_mut().release(turn);
        self.close_unused(turn);
    }

    /// Switches to the current root if it was replaced, without a system call.
    pub fn follow(&mut self) {
        // Relaxed suffices: the lock in `current` orders the data; this is only a hint.
        if self.site.generation.load(Relaxed) != self.tree.generation {
            self.tree = self.site.current();
            self.no_variants.take();
            self.recheck_queue.clear();
        }
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
        if let Some(absence) = self.negative_cache.borrow().find(key, turn) {
            return absence;
        }
        let mut found = self.find_on_disk(path, accept, turn, kept.as_ref());
        // It, or the index instead of which its folder would be listed, may be missing because the
        // root was replaced and the old one removed.
        let is_missing = matches!(found, Err(_) | Ok(Found::Folder(_)));
        if is_missing && !path.is_hidden() && self.is_outdated(turn) {
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

    /// Like `find`, for a file that is not cached or whose entry `stale` is outdated.
    fn find_on_disk(
        &self,
        path: &RequestPath<'_>,
        accept: AcceptEncoding,
        turn: Turn,
        stale: Option<&Arc<Resource>>,
    ) -> Result<Found, Refusal> {
        let key = path.as_bytes();
        // Hidden paths are rejected before any system call, so that timing does not reveal whether
        // they exist.
        let loaded = if path.is_hidden() {
            Err(Refusal::NotFound)
        } else {
            let loader = Loader {
                root: &self.tree.root,
                descriptions: &self.site.descriptions,
                cache: &self.tree.cache,
                key,
                was_kept: stale.is_some(),
                accept,
                now: freshness::now(),
                turn,
                no_variants: &self.no_variants,
            };
            match path.is_folder() {
                true => self.open_index(key, &loader),
                false => self.open_file(key, &loader),
            }
        };
        if let Ok(Loaded::Lasting(resource)) = &loaded {
            self.tree.cache.insert(key, Arc::clone(resource));
        } else if let Some(stale) = stale {
            self.tree.cache.remove(key, stale);
        }
        let loaded = loaded?;
        if let Loaded::Lasting(_) | Loaded::Once(Found::File(_)) = loaded {
            self.misses.update(|misses| misses + 1);
        }
        match loaded {
            Loaded::Lasting(resource) => resource.select(accept).map(Found::File),
            Loaded::Once(found) => Ok(found),
        }
    }

    /// The options of the site.
    pub fn options(&self) -> &SiteOptions {
        &self.site.options
    }

    /// The media type of a file with this name.
    pub fn media_type(&self, path: &RequestPath<'_>) -> Box<str> {
        self.site.descriptions.content_type(path.as_bytes())
    }

    /// Opens a path without a trailing slash.
    fn open_file(&self, path: &[u8], loader: &Loader<'_>) -> Result<Loaded, Refusal> {
        let folder = Ok(Loaded::Once(Found::FolderWithoutSlash));
        match self.tree.root.open_beneath(path) {
            Ok(Opened::File(file, identity)) => loader.load(path, file, identity),
            Ok(Opened::Folder(_)) => folder,
            Ok(Opened::Other) => Err(Refusal::NotFound),
            Err(error) => match Refusal::from(error) {
                // A folder that may be searched but not read: its index may still be served.
                Refusal::Forbidden if self.tree.root.is_folder(path) => folder,
                refusal => Err(refusal),
            },
        }
    }

    /// Opens the index of a path with a trailing slash, or of the root itself.
    fn open_index(&self, folder: &[u8], loader: &Loader<'_>) -> Result<Loaded, Refusal> {
        let path = [folder, INDEX].concat();
        match self.tree.root.open_beneath(&path) {
            Ok(Opened::File(file, identity)) => loader.load(&path, file, identity),
            Ok(Opened::Folder(_) | Opened::Other) => self.open_listing(folder),
            // The folder is listed only if no index exists: an index that links out of the root
            // is an error.
            Err(error) if Errno::from_io_error(&error) == Some(Errno::NOENT) => {
                self.open_listing(folder)
            }
            Err(error) => Err(Refusal::from(error)),
        }
    }

    fn open_listing(&self, path: &[u8]) -> Result<Loaded, Refusal> {
        if !self.site.options.listing {
            return Err(Refusal::NotFound);
        }
        let root = &self.tree.root;
        // Without the slash: on kernels without `openat2` a trailing slash yields a descriptor that
        // cannot be read.
        let name = match path.strip_suffix(b"/").unwrap_or(path) {
            b"" => b".",
            name => name,
        };
        let Opened::Folder(file) = root.open_beneath(name)? else {
            return Err(Refusal::NotFound);
        };
        let budget = self.site.listing_budget.clone();
        let folder = Folder::new(Arc::clone(root), path, file, budget)?;
        Ok(Loaded::Once(Found::Folder(folder)))
    }
}

/// Claims a periodic task that was last done at `last`. Returns true if it is due, for exactly one
/// of the workers that call this.
fn claim_if_due(last: &AtomicU64, turn: Turn, interval: u64) -> bool {
    let before = last.load(Relaxed);
    turn.0.saturating_sub(before) >= interval
        && last
            .compare_exchange(before, turn.0, Relaxed, Relaxed)
            .is_ok()
}

#[cfg(test)]
mod tests;
