//! What is to be sent: bytes, parts of cached files, parts of open files, in
//! order, and how far it has got.

use std::{
    collections::VecDeque, fs::File, io::IoSlice, ops::Range, os::unix::fs::FileExt, sync::Arc,
};

use super::transport::{Transport, uninterrupted};
use crate::files::{Content, FileIdentity, Selected, listing::Chunk};

/// The largest part of a file that is copied behind its head, and the largest
/// response that is copied behind those before it; a larger one is sent from where it lies. Below this a copy is cheaper than a second
/// buffer in the system call.
pub const COPY_BYTES_MAX: u64 = 4 << 10;

/// The first receive window of a client's kernel by default. What is sent beyond
/// goes out in small pieces, each of which waits until the program has read.
const WINDOW_BYTES: u64 = 64 << 10;

/// A file that exceeds that window but not twice this goes out in two pieces, the
/// first of this size: each fits into the window together with the head. The
/// second leaves with the next turn, by when the client has read the first.
pub const WINDOW_PIECE_BYTES: u64 = 56 << 10;

/// Room for bytes that is kept from one output to the next. A long listing may
/// need more, which would else stay with the worker for ever.
pub const KEPT_BYTES_MAX: usize = 256 << 10;

/// The most buffers given to one system call.
const BUFFERS_MAX: usize = 16;

/// One stretch of output: a range of its source.
#[derive(Clone, Debug)]
struct Segment {
    source: Source,
    range: Range<u64>,
}

/// Where a stretch of output lies.
#[derive(Clone, Debug)]
enum Source {
    /// Among the output's own bytes.
    Bytes,
    /// In a representation.
    Part(Selected),
    /// In a chunk of a listing.
    Chunk(Chunk),
    /// In a response that was sent before.
    Response(Arc<Vec<u8>>),
}

/// Output in order. A worker has one that is empty between connections; a
/// connection that cannot be written to takes over what is left.
#[derive(Debug, Default)]
pub struct Output {
    /// Heads and small bodies.
    pub bytes: Vec<u8>,
    /// Stretches before `tail`; empty as long as there are only bytes.
    segments: VecDeque<Segment>,
    /// Where the bytes begin that stand behind the last segment.
    tail: usize,
    /// Whether our side is shut as soon as all is sent: the last bytes and the FIN
    /// are then one segment, for a short connection half of what the server sends.
    pub is_last: bool,
    /// Whether this is what an earlier turn could not send: the files of which
    /// its heads tell may have changed since they were looked at.
    is_left_over: bool,
}

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// All is sent.
    Done,
    /// The transport takes no more for now.
    Blocked,
    /// It has had its share; the transport may take more.
    Paused,
}

/// Why nothing more can be sent.
#[derive(Debug)]
pub enum WriteError {
    /// The transport failed: the peer is gone.
    Transport(std::io::Error),
    /// The file is no longer what its head said.
    FileChanged,
    /// The file cannot be read.
    File(std::io::Error),
}

impl Output {
    /// Whether nothing is left to send.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.tail == self.bytes.len()
    }

    /// Whether it has parts that are sent from where they lie.
    pub fn has_parts(&self) -> bool {
        !self.segments.is_empty()
    }

    /// Bytes that are left to send.
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

    /// Appends a chunk of a listing, to be sent from where it lies.
    pub fn push_chunk(&mut self, chunk: &Chunk) {
        let range = 0..chunk.as_ref().len() as u64;
        if !range.is_empty() {
            self.push_segment(Source::Chunk(chunk.clone()), range);
        }
    }

    /// Appends a response that was sent before.
    pub fn push_response(&mut self, response: &Arc<Vec<u8>>) {
        let length = response.len() as u64;
        if length <= COPY_BYTES_MAX {
            self.bytes.extend_from_slice(response);
        } else {
            self.push_segment(Source::Response(Arc::clone(response)), 0..length);
        }
    }

    /// Appends a segment, behind what bytes there are.
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

    /// Appends a copy of a part. What cannot be read is left for the write to
    /// find out.
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

    /// Forgets everything, keeping the room of what is usual.
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

    /// What is left, as an output of its own; this one is empty afterwards.
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
    /// has gone, or `allowance` bytes have; subtracts what went.
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
                // A short one may have many causes. The next waits for the next
                // turn: its bytes may have to be waited for.
                match sent as u64 {
                    0 => return Ok(Flow::Blocked),
                    sent if sent < left => return Ok(Flow::Paused),
                    _ => continue,
                }
            }
            let (offered, sent) = self.write_buffers(transport, *allowance)?;
            self.advance(sent);
            *allowance -= sent;
            // A short write of memory says that the transport is full, as
            // epoll(7) has it.
            if sent < offered {
                return Ok(Flow::Blocked);
            }
        }
    }

    /// All that is queued, appended to `copy`, if it is at most `bytes_max` and
    /// lies in memory; says whether it is, for else `copy` may have a part of it.
    pub fn copy_to(&self, copy: &mut Vec<u8>, bytes_max: usize) -> bool {
        if self.left() > bytes_max as u64 {
            return false;
        }
        copy.reserve_exact(self.left() as usize);
        for stretch in self.stretches() {
            match stretch {
                Some(bytes) => copy.extend_from_slice(bytes),
                None => return false,
            }
        }
        true
    }

    /// What is left, in order; `None` stands for a part of an open file.
    fn stretches(&self) -> impl Iterator<Item = Option<&[u8]>> {
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

    /// Writes the buffers up to the next open file, within the allowance:
    /// bytes offered and sent.
    fn write_buffers<T: Transport>(
        &self,
        transport: &mut T,
        allowance: usize,
    ) -> Result<(usize, usize), WriteError> {
        let mut buffers = [IoSlice::new(&[]); BUFFERS_MAX];
        let (mut count, mut room) = (0, allowance);
        for (stretch, buffer) in self.stretches().zip(&mut buffers) {
            let Some(stretch) = stretch else { break };
            if room == 0 {
                break;
            }
            let stretch = &stretch[..stretch.len().min(room)];
            *buffer = IoSlice::new(stretch);
            room -= stretch.len();
            count += 1;
        }
        let buffers = &buffers[..count];
        let offered = allowance - room;
        let more = self.is_last || (offered as u64) < self.left();
        let sent = would_block_is_zero(uninterrupted(|| transport.write(buffers, more)))
            .map_err(WriteError::Transport)?;
        Ok((offered, sent))
    }

    /// Drops the first `sent` bytes.
    fn advance(&mut self, mut sent: usize) {
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

/// The range of a source that lies in memory.
fn in_memory(range: &Range<u64>) -> Range<usize> {
    range.start as usize..range.end as usize
}

/// What was promised in the head must be what is sent: a file that was
/// rewritten in place meanwhile is not.
fn check_unchanged(file: &File, identity: &FileIdentity) -> Result<(), WriteError> {
    match identity.content_holds_for(file) {
        Ok(true) => Ok(()),
        Ok(false) => Err(WriteError::FileChanged),
        Err(error) => Err(WriteError::File(error)),
    }
}

/// Sends a piece of an open file, and says of how many bytes.
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
    let offered = usize::try_from(piece).unwrap_or(usize::MAX).min(allowance);
    match uninterrupted(|| transport.send_file(file, range.start, offered)) {
        Ok(0) => Err(WriteError::FileChanged),
        Ok(sent) => Ok(sent),
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(0),
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

fn would_block_is_zero(result: std::io::Result<usize>) -> std::io::Result<usize> {
    match result {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}

#[cfg(test)]
mod tests;
