//! Output to be sent: bytes, parts of files and listings, and cached responses, in
//! order, and how much of it has been sent.

use std::{
    collections::VecDeque,
    fs::File,
    io::{ErrorKind, IoSlice},
    ops::Range,
    os::unix::fs::FileExt,
    sync::Arc,
};

use super::transport::{Transport, uninterrupted};
use crate::files::{Content, FileIdentity, Selected, listing::Chunk};

/// The largest part of a file that is copied after its head, and the largest
/// response that is copied after earlier ones. Anything larger is sent from where
/// it lies. Below this, a copy is cheaper than a second buffer in the system
/// call.
pub const COPY_BYTES_MAX: u64 = 4 << 10;

/// The default initial receive window of a client's kernel. Bytes beyond it go
/// out in small pieces, as the application reads.
const WINDOW_BYTES: u64 = 64 << 10;

/// A file larger than that window, but not than twice this, is sent in two
/// pieces, the first of this size: each fits the window together with the head.
/// The second is sent in the next turn, when the client has read the first. A
/// larger file is not cut: its second piece would fill the window as well.
pub const WINDOW_PIECE_BYTES: u64 = 56 << 10;

/// Buffer capacity that is kept from one output to the next. A long listing may
/// need more, which the worker would otherwise hold forever.
pub const KEPT_BYTES_MAX: usize = 256 << 10;

/// The most buffers passed to one system call.
const BUFFERS_MAX: usize = 16;

/// A piece of output: a range of its source.
#[derive(Clone, Debug)]
struct Segment {
    source: Source,
    range: Range<u64>,
}

/// Where a segment lies.
#[derive(Clone, Debug)]
enum Source {
    /// In the output's own bytes.
    Bytes,
    /// In a representation of a file.
    Part(Selected),
    /// In a chunk of a listing.
    Chunk(Chunk),
    /// In a cached response.
    Response(Arc<Vec<u8>>),
}

/// Output in order. A worker has one, which is empty between connections; a
/// connection that cannot be written to takes over what is left.
#[derive(Debug, Default)]
pub struct Output {
    /// Heads and small bodies.
    pub bytes: Vec<u8>,
    /// Segments before `tail`; empty if there are only bytes.
    segments: VecDeque<Segment>,
    /// Where the bytes after the last segment begin.
    tail: usize,
    /// Whether our side is shut once all is sent. The last bytes and the FIN then
    /// share a TCP segment: for a short connection that halves the packets the
    /// server sends.
    pub is_last: bool,
    /// Whether an earlier turn could not send this: files may have changed since
    /// their heads were written.
    is_left_over: bool,
}

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// All is sent.
    Done,
    /// The transport accepts no more for now.
    Blocked,
    /// The allowance is spent; the transport may accept more.
    Paused,
}

/// Why nothing more can be sent.
#[derive(Debug)]
pub enum WriteError {
    /// The transport failed: the peer is gone.
    Transport(std::io::Error),
    /// The file is not what the head announced.
    FileChanged,
    /// The file cannot be read.
    File(std::io::Error),
}

impl Output {
    /// Whether nothing is left to send.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.tail == self.bytes.len()
    }

    /// Whether some of it is a part of a file or a listing, sent from where it
    /// lies. Cached responses are not: several of them share a write.
    pub fn has_parts(&self) -> bool {
        let mut segments = self.segments.iter();
        segments.any(|segment| matches!(segment.source, Source::Part(_) | Source::Chunk(_)))
    }

    /// Unsent bytes.
    pub fn left(&self) -> u64 {
        let segments = self.segments.iter();
        let left = segments.map(|segment| segment.range.end - segment.range.start);
        left.sum::<u64>() + (self.bytes.len() - self.tail) as u64
    }

    /// Appends a part of a representation.
    pub fn push_part(&mut self, selected: &Selected, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        if range.end - range.start <= COPY_BYTES_MAX && self.copy_part(selected, &range) {
            return;
        }
        self.push_segment(Source::Part(selected.clone()), range);
    }

    /// Appends a chunk of a listing, without copying it.
    pub fn push_chunk(&mut self, chunk: &Chunk) {
        let range = 0..chunk.as_ref().len() as u64;
        if !range.is_empty() {
            self.push_segment(Source::Chunk(chunk.clone()), range);
        }
    }

    /// Appends a cached response.
    pub fn push_response(&mut self, response: &Arc<Vec<u8>>) {
        let length = response.len() as u64;
        if length <= COPY_BYTES_MAX {
            self.bytes.extend_from_slice(response);
        } else {
            self.push_segment(Source::Response(Arc::clone(response)), 0..length);
        }
    }

    /// Appends a segment, after the bytes written so far.
    fn push_segment(&mut self, source: Source, range: Range<u64>) {
        if self.tail < self.bytes.len() {
            self.segments.push_back(Segment {
                source: Source::Bytes,
                range: self.tail as u64..self.bytes.len() as u64,
            });
            self.tail = self.bytes.len();
        }
        self.segments.push_back(Segment { source, range });
    }

    /// Appends a copy of a part. Returns `false` if it cannot be read; sending it
    /// will then report the error.
    fn copy_part(&mut self, selected: &Selected, range: &Range<u64>) -> bool {
        let begin = self.bytes.len();
        match &selected.content {
            Content::Memory(content) => {
                self.bytes.extend_from_slice(&content[in_memory(range)]);
                true
            }
            Content::File(file) => {
                let end = begin + (range.end - range.start) as usize;
                self.bytes.resize(end, 0);
                let read = file.read_exact_at(&mut self.bytes[begin..], range.start);
                if read.is_err() {
                    self.bytes.truncate(begin);
                }
                read.is_ok()
            }
        }
    }

    /// Drops all output, keeping a buffer of the usual capacity.
    pub fn clear(&mut self) {
        if self.bytes.capacity() > KEPT_BYTES_MAX {
            self.bytes = Vec::new();
        }
        self.bytes.clear();
        self.segments.clear();
        self.tail = 0;
        self.is_last = false;
        self.is_left_over = false;
    }

    /// Moves the unsent rest into an output of its own, and leaves this one
    /// empty.
    pub fn take_rest(&mut self) -> Output {
        let mut rest = Output {
            is_last: self.is_last,
            is_left_over: true,
            ..Output::default()
        };
        for Segment { source, range } in self.segments.drain(..) {
            match source {
                Source::Bytes => rest.bytes.extend_from_slice(&self.bytes[in_memory(&range)]),
                source => rest.push_segment(source, range),
            }
        }
        rest.bytes.extend_from_slice(&self.bytes[self.tail..]);
        self.clear();
        rest
    }

    /// Sends until all is sent, the transport is full, a piece of a large file
    /// has been sent, or `allowance` bytes have. Subtracts what was sent.
    pub fn write_to<T: Transport>(
        &mut self,
        transport: &mut T,
        allowance: &mut usize,
    ) -> Result<Flow, WriteError> {
        loop {
            if self.is_empty() {
                self.clear();
                return Ok(Flow::Done);
            }
            if *allowance == 0 {
                return Ok(Flow::Paused);
            }
            if let Some(Segment { source, range }) = self.segments.front()
                && let Source::Part(selected) = source
                && let Content::File(file) = &selected.content
            {
                let left = range.end - range.start;
                if self.is_left_over {
                    check_unchanged(file, &selected.identity)?;
                }
                let sent = send_piece(transport, file, range, *allowance)?;
                self.advance(sent);
                *allowance -= sent;
                // A short send can have many causes. The rest waits for the next
                // turn, as reading it may block.
                match sent as u64 {
                    0 => return Ok(Flow::Blocked),
                    sent if sent < left => return Ok(Flow::Paused),
                    _ => continue,
                }
            }
            let (offered, sent) = self.write_buffers(transport, *allowance)?;
            self.advance(sent);
            *allowance -= sent;
            // After a short write from memory the transport is full, according to
            // epoll(7).
            if sent < offered {
                return Ok(Flow::Blocked);
            }
        }
    }

    /// Appends all output to `copy`, if it is at most `bytes_max` and lies in
    /// memory. Returns whether it does; if not, `copy` may hold a part.
    pub fn copy_to(&self, copy: &mut Vec<u8>, bytes_max: usize) -> bool {
        if self.left() > bytes_max as u64 {
            return false;
        }
        copy.reserve_exact(self.left() as usize);
        for piece in self.pieces() {
            match piece {
                Some(bytes) => copy.extend_from_slice(bytes),
                None => return false,
            }
        }
        true
    }

    /// The unsent pieces, in order; `None` is a part of an open file.
    fn pieces(&self) -> impl Iterator<Item = Option<&[u8]>> {
        let tail = &self.bytes[self.tail..];
        let segments = self.segments.iter().map(|Segment { source, range }| {
            let source = match source {
                Source::Bytes => &self.bytes,
                Source::Chunk(chunk) => chunk.as_ref(),
                Source::Response(response) => response,
                Source::Part(selected) => match &selected.content {
                    Content::Memory(content) => content,
                    Content::File(_) => return None,
                },
            };
            Some(&source[in_memory(range)])
        });
        segments.chain((!tail.is_empty()).then_some(Some(tail)))
    }

    /// Writes the buffers up to the next open file, within the allowance. Returns
    /// the bytes offered and sent.
    fn write_buffers<T: Transport>(
        &self,
        transport: &mut T,
        allowance: usize,
    ) -> Result<(usize, usize), WriteError> {
        let mut offer = |buffers: &[IoSlice<'_>], offered: usize| {
            let more = self.is_last || (offered as u64) < self.left();
            match uninterrupted(|| transport.write(buffers, more)) {
                Ok(sent) => Ok((offered, sent)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok((offered, 0)),
                Err(error) => Err(WriteError::Transport(error)),
            }
        };
        if self.segments.is_empty() {
            // The usual case, in which preparing all buffers would cost more than
            // everything else here.
            let bytes = &self.bytes[self.tail..];
            let bytes = &bytes[..bytes.len().min(allowance)];
            return offer(&[IoSlice::new(bytes)], bytes.len());
        }
        let mut buffers = [IoSlice::new(&[]); BUFFERS_MAX];
        let (mut count, mut left) = (0, allowance);
        for (piece, buffer) in self.pieces().zip(&mut buffers) {
            let Some(piece) = piece else { break };
            if left == 0 {
                break;
            }
            let piece = &piece[..piece.len().min(left)];
            *buffer = IoSlice::new(piece);
            left -= piece.len();
            count += 1;
        }
        offer(&buffers[..count], allowance - left)
    }

    /// Drops the first `sent` bytes.
    pub fn advance(&mut self, mut sent: usize) {
        while let Some(segment) = self.segments.front_mut() {
            let range = &mut segment.range;
            let step = (sent as u64).min(range.end - range.start);
            range.start += step;
            sent -= step as usize;
            if !range.is_empty() {
                return;
            }
            self.segments.pop_front();
        }
        self.tail += sent;
    }
}

/// The range as indices.
fn in_memory(range: &Range<u64>) -> Range<usize> {
    range.start as usize..range.end as usize
}

/// The content must be what the head announced: fails if the file has been
/// rewritten in place since.
fn check_unchanged(file: &File, identity: &FileIdentity) -> Result<(), WriteError> {
    match identity.content_holds_for(file) {
        Ok(true) => Ok(()),
        Ok(false) => Err(WriteError::FileChanged),
        Err(error) => Err(WriteError::File(error)),
    }
}

/// Sends a piece of an open file. Returns the bytes sent; 0 if the transport is
/// full.
fn send_piece<T: Transport>(
    transport: &mut T,
    file: &File,
    range: &Range<u64>,
    allowance: usize,
) -> Result<usize, WriteError> {
    let mut piece = range.end - range.start;
    if range.start == 0 {
        piece = first_piece_bytes(piece);
    }
    let offered = piece.min(allowance as u64) as usize;
    match uninterrupted(|| transport.send_file(file, range.start, offered)) {
        Ok(0) => Err(WriteError::FileChanged),
        Ok(sent) => Ok(sent),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
            Err(WriteError::File(error))
        }
        Err(error) => Err(WriteError::Transport(error)),
    }
}

/// How much of a file of `length` bytes is sent with its head: see
/// [`WINDOW_PIECE_BYTES`].
fn first_piece_bytes(length: u64) -> u64 {
    if length > WINDOW_BYTES && length <= 2 * WINDOW_PIECE_BYTES {
        WINDOW_PIECE_BYTES
    } else {
        length
    }
}

#[cfg(test)]
mod tests;
