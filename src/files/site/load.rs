//! Looking up a path on disk, and loading the file there with its variants.

use std::{fs::File, sync::Arc};

use rustix::io::Errno;

use super::View;
use crate::{
    files::{
        Folder, Found, Refusal, Turn,
        content::{Content, LoadedContent},
        freshness::{self, Freshness, is_cacheable},
        paths::Paths,
        representation::Representation,
        resource::{Resource, Selected},
        root::{FileIdentity, Opened},
    },
    http::{
        content_coding::{AcceptEncoding, ContentCoding},
        target::RequestPath,
    },
};

/// The file that is served for its folder.
const INDEX: &[u8] = b"index.html";

/// One look-up.
struct LookUp<'a> {
    view: &'a View,
    /// The path of the request, by which its file is cached.
    key: &'a [u8],
    /// Whether it was cached until it changed.
    was_kept: bool,
    accept: AcceptEncoding,
    turn: Turn,
    /// Nanoseconds since the epoch, before anything was opened.
    now: i128,
}

impl View {
    /// Like `find`, for a file that is not cached or whose entry `stale` is outdated.
    pub(super) fn find_on_disk(
        &self,
        path: &RequestPath<'_>,
        accept: AcceptEncoding,
        turn: Turn,
        stale: Option<&Arc<Resource>>,
    ) -> Result<Found, Refusal> {
        let key = path.as_bytes();
        let look_up = LookUp {
            view: self,
            key,
            was_kept: stale.is_some(),
            accept,
            turn,
            now: freshness::now(),
        };
        let found = match path.is_folder() {
            true => look_up.open_index(),
            false => look_up.open_file(),
        };
        // It may have been replaced already.
        if let Some(stale) = stale {
            self.tree.cache.remove(key, stale);
        }
        found
    }
}

impl LookUp<'_> {
    /// Opens a path without a trailing slash.
    fn open_file(&self) -> Result<Found, Refusal> {
        let root = &self.view.tree.root;
        let is_folder = || root.metadata(self.key).is_ok_and(|found| found.is_dir());
        match root.open_beneath(self.key) {
            Ok(Opened::File(file, identity)) => self.load(self.key, file, identity),
            Ok(Opened::Folder(_)) => Ok(Found::FolderWithoutSlash),
            Ok(Opened::Other) => Err(Refusal::NotFound),
            Err(error) => match Refusal::from(error) {
                // A folder that may be searched but not read: its index may still be served.
                Refusal::Forbidden if is_folder() => Ok(Found::FolderWithoutSlash),
                refusal => Err(refusal),
            },
        }
    }

    /// Opens the index of a path with a trailing slash, or of the root itself.
    fn open_index(&self) -> Result<Found, Refusal> {
        let path = [self.key, INDEX].concat();
        match self.view.tree.root.open_beneath(&path) {
            Ok(Opened::File(file, identity)) => self.load(&path, file, identity),
            Ok(Opened::Folder(_) | Opened::Other) => self.open_listing(),
            // The folder is listed only if no index exists: an index that links out of the root
            // is an error.
            Err(error) if Errno::from_io_error(&error) == Some(Errno::NOENT) => self.open_listing(),
            Err(error) => Err(Refusal::from(error)),
        }
    }

    fn open_listing(&self) -> Result<Found, Refusal> {
        let site = &self.view.site;
        if !site.options.listing {
            return Err(Refusal::NotFound);
        }
        let root = &self.view.tree.root;
        // Without the slash: on kernels without `openat2` a trailing slash yields a descriptor that
        // cannot be read.
        let name = match self.key.strip_suffix(b"/").unwrap_or(self.key) {
            b"" => b".",
            name => name,
        };
        let Opened::Folder(file) = root.open_beneath(name)? else {
            return Err(Refusal::NotFound);
        };
        let budget = Arc::clone(&site.listing_budget);
        let folder = Folder::new(Arc::clone(root), self.key, file, budget)?;
        Ok(Found::Folder(folder))
    }

    /// Loads the file at `path`, opened as `file`, and its variants.
    fn load(&self, path: &[u8], file: File, identity: FileIdentity) -> Result<Found, Refusal> {
        let tree = &self.view.tree;
        let paths = Paths::new(path);
        let mut no_variants = self.view.no_variants.borrow_mut();
        let variants = no_variants.find_variants(&tree.root, &paths, self.turn, self.now);
        let freshness = Freshness::new(paths, identity, variants, self.turn);
        let selected = if self.was_kept || tree.cache.admit(self.key) {
            self.load_whole(freshness, file)
        } else {
            self.load_chosen(freshness, file)
        };
        selected.map(Found::File)
    }

    /// Loads the original and all variants: into memory, or as open files if they are too large.
    /// Caches them if any later change is certain to show.
    fn load_whole(&self, mut freshness: Freshness, file: File) -> Result<Selected, Refusal> {
        let original = LoadedContent::read(file, freshness.file)?;
        // It may have changed since it was opened.
        freshness.file = original.identity;
        let mut variants = Vec::new();
        for coding in ContentCoding::ALL {
            if let Some((file, identity)) = self.open_variant(&freshness, coding)? {
                variants.push((coding, LoadedContent::read(file, identity)?));
            }
        }
        // Of all variants that exist, also those that cannot be served yet.
        let mut identities = freshness.variants.iter().map(|(_, variant)| variant);
        let is_stable = |identity| is_cacheable(identity, self.now);
        let is_cacheable = is_stable(&freshness.file) && identities.all(is_stable);
        let varies = !variants.is_empty();
        let original = self.describe(&freshness, original, None, varies, is_cacheable);
        let describe = |(coding, body)| {
            let variant = self.describe(&freshness, body, Some(coding), varies, is_cacheable);
            (coding, variant)
        };
        let resource = Arc::new(Resource {
            original,
            variants: variants.into_iter().map(describe).collect(),
            freshness,
            is_cacheable,
        });
        self.view.misses.update(|misses| misses + 1);
        if is_cacheable {
            (self.view.tree.cache).insert(self.key, Arc::clone(&resource));
        }
        resource.select(self.accept)
    }

    /// Loads only the selected representation, for one response; the others would cost descriptors.
    /// At most two are open at a time.
    fn load_chosen(&self, mut freshness: Freshness, file: File) -> Result<Selected, Refusal> {
        let (coding, (file, identity)) = loop {
            let Some(coding) = self.accept.choose(|coding| freshness.has_variant(coding))? else {
                break (None, (file, freshness.file));
            };
            if let Some(variant) = self.open_variant(&freshness, coding)? {
                break (Some(coding), variant);
            }
            // It exists but cannot be served: select again without it.
            let variants = &mut freshness.variants;
            variants.retain(|(unusable, _)| *unusable != coding);
        };
        let varies = coding.is_some() || self.has_variants(&freshness);
        let body = LoadedContent::read(file, identity)?;
        let original = self.describe(&freshness, body, coding, varies, false);
        self.view.misses.update(|misses| misses + 1);
        Ok(Selected {
            resource: Arc::new(Resource {
                original,
                variants: Box::default(),
                freshness,
                is_cacheable: false,
            }),
            coding: None,
        })
    }

    /// Whether any variant can be served, so that `Vary` does not depend on whether the file is
    /// cached. A variant that cannot be opened for lack of descriptors counts.
    fn has_variants(&self, freshness: &Freshness) -> bool {
        let mut codings = ContentCoding::ALL.into_iter();
        codings.any(|coding| !matches!(self.open_variant(freshness, coding), Ok(None)))
    }

    /// Opens the variant in `coding`: a regular file under the root that
    /// [can be one](FileIdentity::is_variant_of). An unreadable variant is treated as absent; only
    /// lack of descriptors or memory is an error.
    fn open_variant(
        &self,
        freshness: &Freshness,
        coding: ContentCoding,
    ) -> Result<Option<(File, FileIdentity)>, Refusal> {
        if !freshness.has_variant(coding) {
            return Ok(None);
        }
        let (paths, root) = (&freshness.paths, &self.view.tree.root);
        match paths.with_variant(coding, |path| root.open_beneath(path.to_bytes())) {
            Ok(Opened::File(file, identity)) if identity.is_variant_of(&freshness.file) => {
                Ok(Some((file, identity)))
            }
            Ok(_) => Ok(None),
            Err(error) => match Refusal::from(error) {
                Refusal::Exhausted(error) => Err(Refusal::Exhausted(error)),
                Refusal::Failed(error) => {
                    let path = paths.file().to_string_lossy();
                    log::warn!("{path}{}: {error}", coding.suffix());
                    Ok(None)
                }
                _ => Ok(None),
            },
        }
    }

    /// What is valid for one response only is sent from memory if it was read there: a file that has
    /// only just changed may change again before it is sent, and its entity tag is that of what was
    /// read.
    fn describe(
        &self,
        freshness: &Freshness,
        mut body: LoadedContent,
        coding: Option<ContentCoding>,
        varies: bool,
        is_cacheable: bool,
    ) -> Representation {
        let file = body.file.take().filter(|_| is_cacheable);
        let site = &self.view.site;
        let content_type = site.media_types.of(freshness.paths.file().to_bytes());
        let cache_control = &site.options.cache_control;
        let mut representation =
            Representation::new(body, content_type, coding, varies, cache_control, self.now);
        if let Some(file) = file {
            representation.content = Content::File(file);
        }
        representation
    }
}
