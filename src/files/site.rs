//! The files of one root, shared by all workers, and each worker's view.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::SystemTime,
};

use rustix::{fs::stat, io::Errno};

use super::{
    Found, Refusal, Turn,
    cache::Cache,
    folder::Folder,
    representation::Descriptions,
    resource::{Loaded, Loader, Resource},
    root::{Identity, Opened, Root, refusal},
};
use crate::{
    config::SiteOptions,
    http::{content_coding::AcceptEncoding, target::RequestPath},
};

/// How long a swap of the root itself may go unnoticed, in nanoseconds:
/// 250 ms, and until the next turn.
const ROOT_CHECK_NANOSECONDS: u64 = 250_000_000;

/// The file that stands for its folder.
const INDEX: &[u8] = b"index.html";

/// The files of one root, shared by all workers.
#[derive(Debug)]
pub struct Site {
    /// The root as it was named, made absolute and no more: every link on the
    /// way is followed anew each time, so any of them may be swapped.
    path: PathBuf,
    descriptions: Descriptions,
    listing: bool,
    cache_bytes_max: u64,
    tree: RwLock<Arc<Tree>>,
    /// The number of the tree that is current.
    generation: AtomicU64,
    /// The turn in which some worker last looked at the root.
    root_checked: AtomicU64,
    /// Whether it was said that the root cannot be opened any more.
    root_missed: AtomicBool,
}

/// One folder that is, or was, the root, with what is kept of it.
#[derive(Debug)]
struct Tree {
    generation: u64,
    root: Arc<Root>,
    cache: Cache,
}

/// A worker's view of the [`Site`].
#[derive(Clone, Debug)]
pub struct View {
    site: Arc<Site>,
    tree: Arc<Tree>,
}

impl Site {
    /// Opens the root.
    pub fn open(options: &SiteOptions) -> io::Result<Arc<Site>> {
        let path = std::path::absolute(&options.root)?;
        let tree = Tree::open(&path, 0, options.cache_bytes_max)?;
        Ok(Arc::new(Site {
            path,
            descriptions: Descriptions::new(options),
            listing: options.listing,
            cache_bytes_max: options.cache_bytes_max,
            tree: RwLock::new(Arc::new(tree)),
            generation: AtomicU64::new(0),
            root_checked: AtomicU64::new(0),
            root_missed: AtomicBool::new(false),
        }))
    }

    /// A view for one worker.
    pub fn view(self: &Arc<Site>) -> View {
        View {
            site: Arc::clone(self),
            tree: self.current(),
        }
    }

    fn current(&self) -> Arc<Tree> {
        Arc::clone(&self.tree.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks whether the root was swapped, if that is due: one worker does it
    /// for all.
    fn check_root(&self, turn: Turn) {
        let last = self.root_checked.load(Relaxed);
        if turn.0.saturating_sub(last) < ROOT_CHECK_NANOSECONDS {
            return;
        }
        let mine = self
            .root_checked
            .compare_exchange(last, turn.0, Relaxed, Relaxed);
        if mine.is_err() {
            return;
        }
        match self.reopen_if_swapped() {
            Ok(()) => {
                if self.root_missed.swap(false, Relaxed) {
                    log::info!("{}: there again", self.path.display());
                }
            }
            Err(error) => {
                if !self.root_missed.swap(true, Relaxed) {
                    let path = self.path.display();
                    log::warn!("{path}: {error}; serving the folder that was there before");
                }
            }
        }
    }

    fn reopen_if_swapped(&self) -> io::Result<()> {
        let found = Identity::new(&stat(&self.path)?);
        let old = self.current();
        if found.inode == old.root.inode() {
            return Ok(());
        }
        let generation = old.generation + 1;
        let new = Tree::open(&self.path, generation, self.cache_bytes_max)?;
        *self.tree.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        self.generation.store(generation, Relaxed);
        log::info!("{}: another folder, now served", self.path.display());
        // A worker that sleeps may hold the old tree for long, but not its
        // content.
        old.cache.clear();
        Ok(())
    }
}

impl Tree {
    fn open(path: &Path, generation: u64, cache_bytes_max: u64) -> io::Result<Tree> {
        Ok(Tree {
            generation,
            root: Arc::new(Root::open(path)?),
            cache: Cache::new(cache_bytes_max),
        })
    }
}

impl View {
    /// To be called once a turn: notices, a few times a second, that the root
    /// itself was swapped.
    pub fn begin_turn(&mut self, turn: Turn) {
        self.site.check_root(turn);
        // The lock orders what is read through it; this is but a hint to look.
        if self.site.generation.load(Relaxed) != self.tree.generation {
            self.tree = self.site.current();
        }
    }

    /// What `path` names, in the best coding accepted.
    ///
    /// For a file that is kept and was checked this turn this neither
    /// allocates nor calls the system.
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
            return Arc::clone(resource).select(accept).map(Found::File);
        }
        self.find_on_disk(path, accept, turn, kept.as_ref())
    }

    /// The same for what is not kept, or is no longer what was kept.
    fn find_on_disk(
        &self,
        path: &RequestPath<'_>,
        accept: AcceptEncoding,
        turn: Turn,
        stale: Option<&Arc<Resource>>,
    ) -> Result<Found, Refusal> {
        let key = path.as_bytes();
        // Hidden before anything is touched: not even its absence can be told
        // from the time taken.
        let loaded = if path.is_hidden() {
            Err(Refusal::NotFound)
        } else if path.is_folder() {
            self.open_index(key, accept, turn)
        } else {
            self.open_file(key, accept, turn)
        };
        if let Ok(Outcome::Loaded(Loaded::Lasting(resource))) = &loaded {
            self.tree.cache.insert(key, Arc::clone(resource));
        } else if let Some(stale) = stale {
            self.tree.cache.remove(key, stale);
        }
        match loaded? {
            Outcome::Loaded(Loaded::Lasting(resource)) => resource.select(accept).map(Found::File),
            Outcome::Loaded(Loaded::Once(selected)) => Ok(Found::File(selected)),
            Outcome::Other(found) => Ok(found),
        }
    }

    /// A path without a slash at its end.
    fn open_file(&self, path: &[u8], accept: AcceptEncoding, turn: Turn) -> Outcomes {
        let loader = self.loader(accept, turn);
        let folder = Ok(Outcome::Other(Found::FolderWithoutSlash));
        match self.tree.root.open_beneath(path) {
            Ok(Opened::File(file, identity)) => {
                loader.load(path, file, identity).map(Outcome::Loaded)
            }
            Ok(Opened::Folder(_)) => folder,
            Ok(Opened::Other) => Err(Refusal::NotFound),
            Err(error) => match refusal(error) {
                // A folder that may be passed through but not read: its index
                // may still be served.
                Refusal::Forbidden if self.is_folder(path) => folder,
                refusal => Err(refusal),
            },
        }
    }

    /// A path with a slash at its end, or the root itself.
    fn open_index(&self, folder: &[u8], accept: AcceptEncoding, turn: Turn) -> Outcomes {
        let loader = self.loader(accept, turn);
        let path = [folder, INDEX].concat();
        match self.tree.root.open_beneath(&path) {
            Ok(Opened::File(file, identity)) => {
                loader.load(&path, file, identity).map(Outcome::Loaded)
            }
            Ok(Opened::Folder(_) | Opened::Other) => self.open_listing(folder),
            // Only where there is no index at all is the folder listed: one
            // that leads out of the root is refused.
            Err(error) if Errno::from_io_error(&error) == Some(Errno::NOENT) => {
                self.open_listing(folder)
            }
            Err(error) => Err(refusal(error)),
        }
    }

    fn open_listing(&self, path: &[u8]) -> Outcomes {
        if !self.site.listing {
            return Err(Refusal::NotFound);
        }
        let root = &self.tree.root;
        let name = if path.is_empty() { b"." } else { path };
        match root.open_beneath(name) {
            Ok(Opened::Folder(file)) => {
                let folder = Folder::new(Arc::clone(root), path, file);
                Ok(Outcome::Other(Found::Folder(folder)))
            }
            Ok(_) => Err(Refusal::NotFound),
            Err(error) => Err(refusal(error)),
        }
    }

    fn is_folder(&self, path: &[u8]) -> bool {
        let metadata = self.tree.root.metadata(path);
        metadata.is_ok_and(|metadata| metadata.is_dir())
    }

    fn loader(&self, accept: AcceptEncoding, turn: Turn) -> Loader<'_> {
        Loader {
            root: &self.tree.root,
            descriptions: &self.site.descriptions,
            keeps: self.tree.cache.keeps(),
            accept,
            now: now(),
            turn,
        }
    }
}

/// What looking at the disk brought.
enum Outcome {
    Loaded(Loaded),
    Other(Found),
}

type Outcomes = Result<Outcome, Refusal>;

/// Nanoseconds since the epoch.
fn now() -> i128 {
    let nanoseconds =
        |duration: std::time::Duration| i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX);
    match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => nanoseconds(since),
        Err(before) => -nanoseconds(before.duration()),
    }
}

#[cfg(test)]
mod tests;
