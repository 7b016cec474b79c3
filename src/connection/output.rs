//! What is to be sent: bytes, parts of cached files, parts of open files, in
//! order, and how far it has got.

use std::{collections::VecDeque, io::IoSlice, ops::Range};

use super::transport::Transport;
use crate::files::{Content, Selected};

/// The largest part of a cached file that is copied behind its head; a larger
/// one is sent from where it lies. Below this a copy is cheaper than a second
/// buffer in the system call.
pub const COPY_BYTES_MAX: usize = 4 << 10;

/// The most buffers given to one system call.
const BUFFERS_MAX: usize = 16;

/// The most bytes of a file sent by one system call: large enough for
/// throughput, small enough that a disk which has to seek for them does not
/// hold up the other connections.
const FILE_PIECE_BYTES_MAX: usize = 512 << 10;

/// One stretch of output.
#[derive(Clone, Debug)]
enum Segment {
    /// A range of the output's own bytes.
    Bytes(Range<usize>),
    /// A range of a representation.
    Part(Selected, Range<u64>),
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
}

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// All is sent.
    Done,
    /// The transport takes no more for now.
    Blocked,
    /// The allowance is used up; the transport may take more.
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
        let segments = self.segments.iter().map(|segment| match segment {
            Segment::Bytes(range) => range.len() as u64,
            Segment::Part(_, range) => range.end - range.start,
        });
        segments.sum::<u64>() + (self.bytes.len() - self.tail) as u64
    }

    /// Appends a part of a representation.
    pub fn push_part(&mut self, selected: &Selected, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        if let Content::Memory(content) = &selected.content {
            let part = &content[range.start as usize..range.end as usize];
            if part.len() <= COPY_BYTES_MAX {
                self.bytes.extend_from_slice(part);
                return;
            }
        }
        if self.tail < self.bytes.len() {
            self.segments
                .push_back(Segment::Bytes(self.tail..self.bytes.len()));
            self.tail = self.bytes.len();
        }
        self.segments.push_back(Segment::Part(selected.clone(), range));
    }

    /// Forgets everything, keeping the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.segments.clear();
        self.tail = 0;
    }

    /// What is left, as an output of its own; this one is empty afterwards.
    pub fn take_rest(&mut self) -> Output {
        let mut rest = Output::default();
        for segment in self.segments.drain(..) {
            match segment {
                Segment::Bytes(range) => {
                    rest.bytes.extend_from_slice(&self.bytes[range.clone()]);
                    rest.segments
                        .push_back(Segment::Bytes(rest.tail..rest.bytes.len()));
                    rest.tail = rest.bytes.len();
                }
                part => rest.segments.push_back(part),
            }
        }
        rest.bytes.extend_from_slice(&self.bytes[self.tail..]);
        self.clear();
        rest
    }

    /// Sends until all is sent, the transport is full, or `allowance` bytes
    /// have gone; subtracts what went.
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
            // A short write of memory says that the transport is full, as
            // epoll(7) has it; a short one of a file may have other causes.
            let mut sending_file = false;
            let (offered, sent) = match self.segments.front() {
                Some(Segment::Part(selected, range))
                    if matches!(selected.content, Content::File(_)) =>
                {
                    sending_file = true;
                    send_piece(transport, selected, range, *allowance)?
                }
                _ => self.write_buffers(transport)?,
            };
            self.advance(sent);
            *allowance = allowance.saturating_sub(sent);
            if sent < offered && (sent == 0 || !sending_file) {
                return Ok(Flow::Blocked);
            }
        }
    }

    /// Writes the buffers up to the next open file: bytes offered and sent.
    fn write_buffers<T: Transport>(
        &self,
        transport: &mut T,
    ) -> Result<(usize, usize), WriteError> {
        let mut buffers = [IoSlice::new(&[]); BUFFERS_MAX];
        let mut count = 0;
        let mut more = false;
        for segment in self.segments.iter() {
            let buffer = match segment {
                Segment::Bytes(range) => &self.bytes[range.clone()],
                Segment::Part(selected, range) => match &selected.content {
                    Content::Memory(content) => {
                        &content[range.start as usize..range.end as usize]
                    }
                    Content::File(_) => {
                        more = true;
                        break;
                    }
                },
            };
            if count == BUFFERS_MAX {
                more = true;
                break;
            }
            buffers[count] = IoSlice::new(buffer);
            count += 1;
        }
        if !more && self.tail < self.bytes.len() {
            if count == BUFFERS_MAX {
                more = true;
            } else {
                buffers[count] = IoSlice::new(&self.bytes[self.tail..]);
                count += 1;
            }
        }
        let buffers = &buffers[..count];
        let offered = buffers.iter().map(|buffer| buffer.len()).sum();
        let sent = would_block_is_zero(transport.write(buffers, more))
            .map_err(WriteError::Transport)?;
        Ok((offered, sent))
    }

    /// Drops the first `sent` bytes.
    fn advance(&mut self, mut sent: usize) {
        while let Some(segment) = self.segments.front_mut() {
            let left = match segment {
                Segment::Bytes(range) => {
                    let step = sent.min(range.len());
                    range.start += step;
                    sent -= step;
                    range.len()
                }
                Segment::Part(_, range) => {
                    let step = sent.min((range.end - range.start) as usize);
                    range.start += step as u64;
                    sent -= step;
                    (range.end - range.start) as usize
                }
            };
            if left > 0 {
                return;
            }
            self.segments.pop_front();
        }
        self.tail += sent;
    }
}

/// Sends a piece of an open file: bytes offered and sent.
fn send_piece<T: Transport>(
    transport: &mut T,
    selected: &Selected,
    range: &Range<u64>,
    allowance: usize,
) -> Result<(usize, usize), WriteError> {
    let Content::File(file) = &selected.content else {
        return Ok((0, 0));
    };
    // What was promised in the head must be what is sent: a file that was
    // rewritten in place meanwhile is not.
    match selected.identity.content_holds_for(file) {
        Ok(true) => {}
        Ok(false) => return Err(WriteError::FileChanged),
        Err(error) => return Err(WriteError::File(error)),
    }
    let left = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    let offered = left.min(allowance).min(FILE_PIECE_BYTES_MAX);
    match transport.send_file(file, range.start, offered) {
        Ok(0) => Err(WriteError::FileChanged),
        Ok(sent) => Ok((offered, sent)),
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok((offered, 0)),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
            Err(WriteError::File(error))
        }
        Err(error) => Err(WriteError::Transport(error)),
    }
}

fn would_block_is_zero(result: std::io::Result<usize>) -> std::io::Result<usize> {
    match result {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}
