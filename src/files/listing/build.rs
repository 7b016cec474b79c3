//! Building a listing: the folder is read, sorted and written in pieces.

use std::{collections::BinaryHeap, mem};

use super::{
    Entry, Form, Sort, Summary,
    memory_budget::{Chunk, Reservation, UNSHARED_BYTES},
    order::Ranked,
};
use crate::files::{Folder, Refusal};

/// Entries read or written per piece: a fraction of a millisecond, after which other connections
/// are served.
const PIECE_ENTRIES: usize = 256;

/// Entries shown of one folder. If there are more, the rest is left out, which the page and the log
/// report; the JSON format cannot.
const ENTRIES_MAX: u64 = 100_000;

/// Bytes of text after which a chunk of a finished listing ends, with the current row.
const CHUNK_BYTES: usize = 64 << 10;

/// Capacity reserved for that row; enough unless its name is very long and must be escaped
/// entirely.
const ROW_BYTES: usize = 2 << 10;

/// Memory of an entry besides its name, including allocator overhead.
const ENTRY_BYTES: usize = size_of::<Ranked>() + 16;

/// A listing in progress.
///
/// [`UNSHARED_BYTES`] of entries and as many of text need no reservation; the rest is reserved from
/// the memory budget that all listings share.
#[derive(Debug)]
pub struct Listing {
    /// The folder, until it is read completely.
    folder: Option<Folder>,
    form: Form,
    sort: Sort,
    summary: Summary,
    /// The entries read and not yet written. A heap sorts them without a step that processes them
    /// all.
    heap: BinaryHeap<Ranked>,
    /// Memory of the entries in `heap`, in bytes.
    entries_bytes: usize,
    /// The reservation for them.
    entries: Reservation,
    /// Text not yet in a chunk.
    text: Vec<u8>,
    chunks: Vec<Chunk>,
}

impl Listing {
    /// Starts a listing of `folder`.
    pub fn new(folder: Folder, form: Form, sort: Sort) -> Listing {
        Listing {
            entries: folder.budget.reservation(UNSHARED_BYTES),
            folder: Some(folder),
            form,
            sort,
            summary: Summary::default(),
            heap: BinaryHeap::new(),
            entries_bytes: 0,
            text: Vec::new(),
            chunks: Vec::new(),
        }
    }

    /// The format.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Does one piece of work: reads and sorts some entries, or writes some. A folder read in one
    /// piece is also written at once. Returns `None` while there is more to do; must not be called
    /// again after it returned the chunks or an error.
    pub fn advance(&mut self) -> Result<Option<Vec<Chunk>>, Refusal> {
        if let Some(mut folder) = self.folder.take() {
            let mut entries = Vec::new();
            let is_whole = folder.read(PIECE_ENTRIES, &mut entries)?;
            self.add(entries, &folder.path)?;
            if !is_whole && !self.summary.is_cut {
                self.folder = Some(folder);
                return Ok(None);
            }
            self.text.reserve_exact(CHUNK_BYTES + ROW_BYTES);
            (self.form).push_begin(&mut self.text, &folder.path, self.sort, self.summary);
            if self.heap.len() > PIECE_ENTRIES {
                return Ok(None);
            }
        }
        for _ in 0..PIECE_ENTRIES {
            let Some(Ranked { entry, .. }) = self.heap.pop() else {
                self.form.push_end(&mut self.text);
                self.cut()?;
                return Ok(Some(mem::take(&mut self.chunks)));
            };
            self.entries_bytes -= entry_bytes(&entry);
            self.form.push_entry(&mut self.text, &entry);
            if self.text.len() >= CHUNK_BYTES {
                self.cut()?;
            }
        }
        self.entries.resize(self.entries_bytes)?;
        Ok(None)
    }

    /// Adds entries of the folder at `path`, up to the limit.
    fn add(&mut self, mut entries: Vec<Entry>, path: &[u8]) -> Result<(), Refusal> {
        let room = (ENTRIES_MAX - self.summary.entries()) as usize;
        if entries.len() > room {
            entries.truncate(room);
            let path = String::from_utf8_lossy(path);
            log::warn!("/{path}: more than {ENTRIES_MAX} entries; listing truncated");
            self.summary.is_cut = true;
        }
        for entry in &entries {
            self.summary.add(entry);
            self.entries_bytes += entry_bytes(entry);
        }
        let sort = self.sort;
        let entries = entries.into_iter();
        self.heap
            .extend(entries.map(|entry| Ranked { entry, sort }));
        self.entries.resize(self.entries_bytes)
    }

    /// Turns the text into a chunk.
    fn cut(&mut self) -> Result<(), Refusal> {
        let next = Vec::with_capacity(CHUNK_BYTES + ROW_BYTES);
        let text = mem::replace(&mut self.text, next);
        let unshared = match self.chunks.is_empty() {
            true => UNSHARED_BYTES,
            false => 0,
        };
        self.chunks.push(self.entries.budget.chunk(text, unshared)?);
        Ok(())
    }
}

fn entry_bytes(entry: &Entry) -> usize {
    ENTRY_BYTES + entry.name.len()
}

#[cfg(test)]
mod tests;
