//! A file with its precompressed variants, of which one is selected for a response.

use std::{fs::File, ops::Deref, sync::Arc};

use super::{
    Refusal, Turn,
    content::Content,
    freshness::Freshness,
    representation::Representation,
    root::{Opened, Root},
};
use crate::http::content_coding::{AcceptEncoding, ContentCoding};

/// A file with its precompressed variants.
#[derive(Debug)]
pub(super) struct Resource {
    pub(super) original: Representation,
    pub(super) variants: Box<[(ContentCoding, Representation)]>,
    pub(super) freshness: Freshness,
    /// Whether it may be reused in later turns, as long as it is fresh: any later change is certain
    /// to change its identity. Otherwise it is valid for one response.
    pub(super) is_cacheable: bool,
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
        self.freshness
            .revalidate(root, accept.accepts_any(), turn, || self.reopen(root))
    }

    /// Opens the files anew: checks that no link on their paths leaves the root, and their content.
    /// Without a free descriptor, the last result stands.
    #[cold]
    fn reopen(&self, root: &Root) -> bool {
        let Freshness {
            paths,
            file,
            variants,
            ..
        } = &self.freshness;
        let is_unchanged = |path: &[u8], expected, holds: &dyn Fn(&File) -> bool| match root
            .open_beneath(path)
            .map_err(Refusal::from)
        {
            Ok(Opened::File(file, found)) => found == expected && holds(&file),
            Ok(_) => false,
            Err(refusal) => matches!(refusal, Refusal::Exhausted(_)),
        };
        let original = |file: &File| self.original.content.holds(file);
        is_unchanged(paths.file().to_bytes(), *file, &original)
            && variants.iter().all(|&(coding, expected)| {
                let variant = |file: &File| match self.variant(coding) {
                    Some(variant) => variant.content.holds(file),
                    // Either it may not be served, or it could not be opened until now.
                    None => !self.freshness.has_variant(coding),
                };
                paths.with_variant(coding, |path| {
                    is_unchanged(path.to_bytes(), expected, &variant)
                })
            })
    }

    /// Memory in bytes, including its own structures.
    pub(super) fn memory_bytes(&self) -> u64 {
        let heap = |representation: &Representation| {
            let content = match &representation.content {
                Content::Memory(bytes) => bytes.len(),
                Content::File(_) => 0,
            };
            content + representation.fields.whole().len() + representation.content_type.len()
        };
        let variants = size_of_val(&*self.variants);
        let structures = size_of::<Self>() + variants + self.freshness.memory_bytes();
        (structures + self.representations().map(heap).sum::<usize>()) as u64
    }

    /// Open descriptors: one per representation that is too large to be cached in
    /// memory.
    pub(super) fn descriptors(&self) -> u64 {
        self.representations()
            .filter(|each| matches!(each.content, Content::File(_)))
            .count() as u64
    }
}
