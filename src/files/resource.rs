//! A file with its precompressed variants: selecting one, and loading them.

use std::{cell::RefCell, fs::File, ops::Deref, sync::Arc};

use super::{
    Found, Refusal, Turn,
    cache::Cache,
    content::{Content, LoadedContent},
    freshness::{Freshness, is_cacheable},
    no_variants::{FoundVariants, NoVariants},
    paths::Paths,
    representation::{Descriptions, Representation},
    root::{FileIdentity, Opened, Root},
};
use crate::http::content_coding::{AcceptEncoding, ContentCoding};

/// A file with its precompressed variants.
#[derive(Debug)]
pub(super) struct Resource {
    original: Representation,
    variants: Box<[(ContentCoding, Representation)]>,
    freshness: Freshness,
    /// Whether any later change is certain to change its identity.
    is_cacheable: bool,
}

/// A representation selected for one response; keeps its resource alive.
#[derive(Clone, Debug)]
pub struct Selected {
    pub(super) resource: Arc<Resource>,
    pub(super) coding: Option<ContentCoding>,
}

impl Deref for Selected {
    type Target = Representation;

    fn deref(&self) -> &Representation {
        self.coding
            .and_then(|coding| self.resource.variant(coding))
            .unwrap_or(&self.resource.original)
    }
}

impl Resource {
    fn variant(&self, coding: ContentCoding) -> Option<&Representation> {
        let mut variants = self.variants.iter();
        let (_, variant) = variants.find(|(is, _)| *is == coding)?;
        Some(variant)
    }

    /// All representations.
    fn representations(&self) -> impl Iterator<Item = &Representation> {
        let variants = self.variants.iter().map(|(_, variant)| variant);
        variants.chain([&self.original])
    }

    /// Selects the best accepted representation.
    pub(super) fn select(self: Arc<Self>, accept: AcceptEncoding) -> Result<Selected, Refusal> {
        let coding = accept.choose(|coding| self.variant(coding).is_some())?;
        Ok(Selected {
            resource: self,
            coding,
        })
    }

    /// Whether it still matches the disk; checked at most once per turn. Variants are checked only
    /// if the request accepts one.
    pub(super) fn is_fresh(&self, root: &Root, accept: AcceptEncoding, turn: Turn) -> bool {
        self.freshness.revalidate(root, accept.accepts_any(), turn)
    }

    /// When it was last found fresh.
    pub(super) fn checked(&self) -> Turn {
        self.freshness.checked()
    }

    /// Whether it may be reused in later turns, as long as it is fresh.
    pub(super) fn is_cacheable(&self) -> bool {
        self.is_cacheable
    }

    /// Memory in bytes, including its own structures.
    pub(super) fn memory_bytes(&self) -> u64 {
        let heap = |representation: &Representation| {
            representation.content.memory_bytes()
                + (representation.fields.whole().len()
                    + representation.content_type.len()
                    + representation.etag.as_bytes().len()) as u64
        };
        let variants = size_of_val(&*self.variants);
        let structures = size_of::<Self>() + variants + self.freshness.memory_bytes();
        structures as u64 + self.representations().map(heap).sum::<u64>()
    }

    /// Open descriptors: one per representation that is too large for memory.
    pub(super) fn descriptors(&self) -> u64 {
        self.representations()
            .filter(|each| matches!(each.content, Content::File(_)))
            .count() as u64
    }
}

/// The result of loading from disk.
#[derive(Debug)]
pub(super) enum Loaded {
    /// A file that may be cached until it changes.
    Lasting(Arc<Resource>),
    /// Valid for one response only: not a file, or one that is not admitted to the cache, or one
    /// that changed so recently that the next change might not show.
    Once(Found),
}

/// Loads one file that was just opened.
#[derive(Debug)]
pub(super) struct Loader<'a> {
    pub(super) root: &'a Root,
    pub(super) descriptions: &'a Descriptions,
    /// The cache that may admit the file, and its key.
    pub(super) cache: &'a Cache,
    pub(super) key: &'a [u8],
    /// Whether it was cached until it changed.
    pub(super) was_kept: bool,
    pub(super) accept: AcceptEncoding,
    /// Nanoseconds since the epoch, before the file was opened.
    pub(super) now: i128,
    pub(super) turn: Turn,
    /// Folders known to contain no variants.
    pub(super) no_variants: &'a RefCell<NoVariants>,
}

/// A file that is being loaded.
struct Loading {
    paths: Paths,
    content_type: Box<str>,
    /// The identity of the original when it was opened.
    identity: FileIdentity,
    /// The variants found before anything was read.
    variants: FoundVariants,
}

impl Loader<'_> {
    /// Loads the file at `path`, opened as `file`, and its variants. At most two descriptors are
    /// open at a time.
    pub(super) fn load(
        &self,
        path: &[u8],
        file: File,
        identity: FileIdentity,
    ) -> Result<Loaded, Refusal> {
        let paths = Paths::new(path).ok_or(Refusal::NotFound)?;
        let mut no_variants = self.no_variants.borrow_mut();
        let variants = no_variants.find_variants(self.root, &paths, self.turn, self.now);
        drop(no_variants);
        let loading = Loading {
            content_type: self.descriptions.content_type(path),
            paths,
            identity,
            variants,
        };
        if self.was_kept || self.cache.admit(self.key) {
            self.load_whole(loading, file)
        } else {
            self.load_chosen(loading, file)
        }
    }

    /// Loads the original and all variants: into memory, or as open files if they are too large.
    fn load_whole(&self, loading: Loading, file: File) -> Result<Loaded, Refusal> {
        let original = LoadedContent::read(file, loading.identity)?;
        // It may have changed since it was opened.
        let loading = Loading {
            identity: original.identity,
            ..loading
        };
        let mut variants = Vec::new();
        for coding in ContentCoding::ALL {
            if let Some((file, identity)) = self.open_variant(&loading, coding)? {
                variants.push((coding, LoadedContent::read(file, identity)?));
            }
        }
        let stable = |body: &LoadedContent| is_cacheable(&body.identity, self.now);
        let is_cacheable = stable(&original) && variants.iter().all(|(_, body)| stable(body));
        let varies = !variants.is_empty();
        let original = self.describe(&loading, original, None, varies);
        let describe = |(coding, body)| {
            let variant = self.describe(&loading, body, Some(coding), varies);
            (coding, variant)
        };
        let resource = Arc::new(Resource {
            original,
            variants: variants.into_iter().map(describe).collect(),
            freshness: loading.freshness(self.turn),
            is_cacheable,
        });
        if is_cacheable {
            Ok(Loaded::Lasting(resource))
        } else {
            let selected = resource.select(self.accept)?;
            Ok(Loaded::Once(Found::File(selected)))
        }
    }

    /// Loads only the selected representation, for one response; the others would cost descriptors.
    fn load_chosen(&self, mut loading: Loading, file: File) -> Result<Loaded, Refusal> {
        let mut chosen = (file, loading.identity);
        let mut chosen_coding = None;
        while let Some(coding) = self.accept.choose(|coding| loading.has(coding))? {
            if let Some(variant) = self.open_variant(&loading, coding)? {
                chosen = variant;
                chosen_coding = Some(coding);
                break;
            }
            // It exists but cannot be served: select again without it.
            (loading.variants.found).retain(|(unusable, _)| *unusable != coding);
        }
        let (file, identity) = chosen;
        let varies = chosen_coding.is_some() || self.has_variants(&loading);
        let body = LoadedContent::read(file, identity)?;
        let original = self.describe(&loading, body, chosen_coding, varies);
        let resource = Arc::new(Resource {
            original,
            variants: Box::default(),
            freshness: loading.freshness(self.turn),
            is_cacheable: false,
        });
        let coding = None;
        Ok(Loaded::Once(Found::File(Selected { resource, coding })))
    }

    /// Whether any variant can be served, so that `Vary` does not depend on whether the file is
    /// cached. A variant that cannot be opened for lack of descriptors counts.
    fn has_variants(&self, loading: &Loading) -> bool {
        let mut codings = ContentCoding::ALL.into_iter();
        codings.any(|coding| !matches!(self.open_variant(loading, coding), Ok(None)))
    }

    /// Opens the variant in `coding`: a regular file under the root that
    /// [can be one](FileIdentity::is_variant_of). An unreadable variant is treated as absent; only
    /// lack of descriptors or memory is an error.
    fn open_variant(
        &self,
        loading: &Loading,
        coding: ContentCoding,
    ) -> Result<Option<(File, FileIdentity)>, Refusal> {
        if !loading.has(coding) {
            return Ok(None);
        }
        let paths = &loading.paths;
        let opened =
            paths.with_variant_path(coding, |path| self.root.open_beneath(path.to_bytes()));
        match opened {
            Ok(Opened::File(file, identity)) if identity.is_variant_of(&loading.identity) => {
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

    fn describe(
        &self,
        loading: &Loading,
        body: LoadedContent,
        coding: Option<ContentCoding>,
        varies: bool,
    ) -> Representation {
        let content_type = &loading.content_type;
        (self.descriptions).describe(body, content_type, coding, varies, self.now)
    }
}

impl Loading {
    /// Whether a variant in `coding` exists.
    fn has(&self, coding: ContentCoding) -> bool {
        let mut found = self.variants.found.iter();
        found.any(|(is, variant)| *is == coding && variant.is_variant_of(&self.identity))
    }

    fn freshness(self, turn: Turn) -> Freshness {
        Freshness::new(self.paths, self.identity, self.variants, turn)
    }
}
