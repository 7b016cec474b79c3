//! A folder's listing in the making: read, put in order and written in pieces.

use std::mem;

use super::{
    Entry, Form, Sort, Summary,
    memory_budget::{Chunk, Reservation, UNSHARED_BYTES},
    merge::Runs,
};
use crate::files::{Folder, Refusal};

/// Entries that are read, or written, in one piece: a fraction of a
/// millisecond, after which other connections have their turn.
const PIECE_ENTRIES: usize = 256;

/// Bytes of text in one chunk of a finished listing, but for the rest of the
/// row that reaches beyond them.
const CHUNK_BYTES: usize = 64 << 10;

/// MemoryBudget for that row, unless its name is very long and all of it has to be
/// escaped.
const ROW_BYTES: usize = 2 << 10;

/// What an entry takes besides its name: itself, and the allocator's part.
const ENTRY_BYTES: usize = size_of::<Entry>() + 16;

/// A folder's listing in the making.
///
/// Of what it takes to hold the entries, and of the text, [`UNSHARED_BYTES`] each
/// are its own; the rest is taken from the room that all listings share.
#[derive(Debug)]
pub struct Listing {
    /// The folder, until it has been read.
    folder: Option<Folder>,
    path: Vec<u8>,
    form: Form,
    sort: Sort,
    summary: Summary,
    runs: Runs,
    /// Bytes that the entries in `runs` take.
    entries_bytes: usize,
    /// The part of them that is shared.
    entries: Reservation,
    /// Text that is no chunk yet.
    text: Vec<u8>,
    chunks: Vec<Chunk>,
    is_first: bool,
}

impl Listing {
    /// The listing of `folder`, which was asked for by the decoded `path`.
    pub fn new(folder: Folder, path: &[u8], form: Form, sort: Sort) -> Listing {
        Listing {
            entries: folder.budget.empty_reservation(),
            folder: Some(folder),
            path: path.to_vec(),
            form,
            sort,
            summary: Summary::default(),
            runs: Runs::new(sort),
            entries_bytes: 0,
            text: Vec::new(),
            chunks: Vec::new(),
            is_first: true,
        }
    }

    /// What it is written as.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Does a piece of the work: reads some entries and sorts them, or writes
    /// some. A folder that is read in one piece is also written with it. `None`
    /// while there is more to do; once it is finished, or was refused, it is not
    /// to be called again.
    pub fn advance(&mut self) -> Result<Option<Vec<Chunk>>, Refusal> {
        if let Some(folder) = &mut self.folder {
            let mut entries = Vec::new();
            let is_whole = folder.read(PIECE_ENTRIES, &mut entries)?;
            self.summary.is_cut = folder.is_cut;
            self.add(entries)?;
            if !is_whole {
                return Ok(None);
            }
            self.begin();
            if self.runs.count() > 1 {
                return Ok(None);
            }
        }
        for _ in 0..PIECE_ENTRIES {
            let Some(entry) = self.runs.take() else {
                return self.finish().map(Some);
            };
            self.entries_bytes -= entry_bytes(&entry);
            let is_first = mem::take(&mut self.is_first);
            self.form.push_entry(&mut self.text, &entry, is_first);
            if self.text.len() >= CHUNK_BYTES {
                self.cut()?;
            }
        }
        self.resize_reservation()?;
        Ok(None)
    }

    fn add(&mut self, entries: Vec<Entry>) -> Result<(), Refusal> {
        for entry in &entries {
            self.summary.add(entry);
            self.entries_bytes += entry_bytes(entry);
        }
        self.runs.add(entries);
        self.resize_reservation()
    }

    fn resize_reservation(&mut self) -> Result<(), Refusal> {
        self.entries
            .resize(self.entries_bytes.saturating_sub(UNSHARED_BYTES))
    }

    /// The folder has been read: closes it and begins to write.
    fn begin(&mut self) {
        self.folder = None;
        self.text.reserve_exact(CHUNK_BYTES + ROW_BYTES);
        let (form, sort, summary) = (self.form, self.sort, self.summary);
        form.push_begin(&mut self.text, &self.path, sort, summary);
    }

    /// Makes a chunk of the text.
    fn cut(&mut self) -> Result<(), Refusal> {
        let next = Vec::with_capacity(CHUNK_BYTES + ROW_BYTES);
        let text = mem::replace(&mut self.text, next);
        let own = if self.chunks.is_empty() {
            UNSHARED_BYTES
        } else {
            0
        };
        self.chunks.push(self.entries.budget.chunk(text, own)?);
        Ok(())
    }

    fn finish(&mut self) -> Result<Vec<Chunk>, Refusal> {
        self.form.push_end(&mut self.text);
        self.cut()?;
        Ok(mem::take(&mut self.chunks))
    }
}

fn entry_bytes(entry: &Entry) -> usize {
    ENTRY_BYTES + entry.name.len()
}

#[cfg(test)]
mod tests;
