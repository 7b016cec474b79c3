//! A transport that follows a script: which bytes arrive, in which pieces, and how many the peer
//! accepts.
//!
//! It behaves like a socket with an edge-triggered poll: there is an edge for reading when
//! something arrives, and an edge for writing only when space becomes free after a short write. A
//! connection that misses either waits forever, and the tests detect that.

use std::{
    cell::RefCell,
    collections::VecDeque,
    fs::File,
    io::{self, IoSlice},
    os::unix::fs::FileExt,
    path::PathBuf,
    rc::Rc,
    time::Duration,
};

use stdhttpd::connection::{Readiness, transport::Transport};

/// The wire between a scripted client and a connection, as seen from the test.
#[derive(Debug, Default)]
pub struct Wire {
    /// Bytes that have arrived and have not been read.
    inbox: VecDeque<u8>,
    /// The client has shut down its sending side, after the bytes that have arrived.
    ended: bool,
    /// The client has reset the connection.
    reset: bool,
    /// The number of bytes the client still accepts before a write is short.
    room: usize,
    /// The maximum that one call of `send_file` sends, as with a slow disk.
    pub file_piece_max: usize,
    /// The last write was short: when space becomes free, there is an edge.
    wants_room: bool,
    /// Something has arrived since the last event.
    read_edge: bool,
    /// Space has become free since the last event, after a short write.
    write_edge: bool,
    /// What was written and has not been taken by the test.
    pub written: Vec<u8>,
    /// The most bytes that one write has offered.
    pub offered_max: usize,
    /// The last write announced that more follows.
    pub more: bool,
    /// The server has shut down its sending side.
    pub shut: bool,
    /// Closing would reset the connection.
    pub reset_on_close: bool,
    /// How often the bound on unsent data was lifted.
    pub lifted: u32,
    /// The transport was dropped.
    pub closed: bool,
    /// How long each read takes.
    pub read_time: Duration,
    /// What happens just after the next write.
    pub after_write: Option<AfterWrite>,
    /// The next read or write is interrupted by a signal.
    pub interrupt: bool,
    /// The connection has done something since the last check of the test.
    pub is_touched: bool,
}

/// A change of a file, followed by bytes from another client.
#[derive(Debug)]
pub struct AfterWrite {
    /// The file and its new content.
    pub file: (PathBuf, &'static str),
    /// The other client's wire, and the bytes that arrive on it.
    pub arrival: (Rc<RefCell<Wire>>, Vec<u8>),
}

/// The connection's end of a [`Wire`].
#[derive(Debug)]
pub struct Script(Rc<RefCell<Wire>>);

impl Wire {
    /// A wire whose client takes `room` bytes at first.
    pub fn new(room: usize) -> Rc<RefCell<Wire>> {
        Rc::new(RefCell::new(Wire {
            room,
            file_piece_max: usize::MAX,
            ..Wire::default()
        }))
    }

    /// Bytes arrive.
    pub fn arrive(&mut self, bytes: &[u8]) {
        self.inbox.extend(bytes);
        self.read_edge = true;
    }

    /// The client shuts down its sending side.
    pub fn end(&mut self) {
        self.ended = true;
        self.read_edge = true;
    }

    /// The client resets the connection. Bytes that arrived before can still be read, but nothing
    /// can be written.
    pub fn reset(&mut self) {
        self.reset = true;
        self.read_edge = true;
        self.write_edge = true;
    }

    /// The client accepts `bytes` more bytes.
    pub fn make_room(&mut self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        self.room = self.room.saturating_add(bytes);
        self.write_edge |= self.wants_room;
        self.wants_room = false;
    }

    /// The client accepts nothing more for now.
    pub fn take_room(&mut self) {
        self.room = 0;
    }

    /// The client accepts `bytes` more bytes, too few for the poll to report it.
    pub fn make_room_unreported(&mut self, bytes: usize) {
        self.room = self.room.saturating_add(bytes);
    }

    /// What has been written since the last call.
    pub fn take_written(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.written)
    }

    /// What the poll reports now, if anything.
    pub fn event(&mut self, watches_writes: bool) -> Option<Readiness> {
        let is_event = self.read_edge || (self.write_edge && watches_writes);
        self.read_edge = false;
        self.write_edge = false;
        is_event.then(|| self.level(watches_writes))
    }

    /// Registers interest in reading, and optionally in writing: the poll then reports what is
    /// ready.
    pub fn watch(&mut self, writes: bool) {
        self.read_edge |= self.has_input();
        self.write_edge |= writes && (self.reset || self.room > 0);
    }

    /// The current readiness regardless of edges, as a new registration reports it.
    pub fn level(&self, watches_writes: bool) -> Readiness {
        Readiness {
            readable: self.has_input(),
            writable: self.reset || (watches_writes && self.room > 0),
            read_closed: self.ended || self.reset,
        }
    }

    /// Whether a read would return something.
    pub fn has_input(&self) -> bool {
        !self.inbox.is_empty() || self.ended || self.reset
    }

    /// The number of bytes that have arrived and have not been read.
    pub fn unread(&self) -> usize {
        self.inbox.len()
    }

    /// Whether a connection that waits to read is woken up for the input that exists.
    pub fn wakes_reader(&self) -> bool {
        self.read_edge || !self.has_input()
    }

    /// Whether a connection that waits to write is woken up once it can write.
    pub fn wakes_writer(&self) -> bool {
        self.write_edge || self.reset || self.wants_room
    }

    /// Whether the client has shut down its sending side.
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// Whether the client has reset the connection.
    pub fn is_reset(&self) -> bool {
        self.reset
    }

    /// How many of the `offered` bytes the client accepts now.
    fn accept(&mut self, offered: usize) -> io::Result<usize> {
        self.is_touched = true;
        assert!(!self.shut, "a write after the sending side was shut down");
        if std::mem::take(&mut self.interrupt) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if self.reset {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let taken = offered.min(self.room);
        self.room -= taken;
        self.wants_room |= taken < offered;
        match taken {
            0 if offered > 0 => Err(io::ErrorKind::WouldBlock.into()),
            taken => Ok(taken),
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.is_touched = true;
        std::thread::sleep(self.read_time);
        if std::mem::take(&mut self.interrupt) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if self.inbox.is_empty() && self.reset {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if self.inbox.is_empty() && !self.ended {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = buffer.len().min(self.inbox.len());
        let (first, second) = self.inbox.as_slices();
        let of_first = count.min(first.len());
        buffer[..of_first].copy_from_slice(&first[..of_first]);
        buffer[of_first..count].copy_from_slice(&second[..count - of_first]);
        self.inbox.drain(..count);
        Ok(count)
    }
}

impl Script {
    /// The end of `wire` that a connection holds.
    pub fn new(wire: &Rc<RefCell<Wire>>) -> Script {
        Script(Rc::clone(wire))
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.0.borrow_mut().closed = true;
    }
}

impl Transport for Script {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        assert!(!buffer.is_empty(), "a read into an empty buffer");
        self.0.borrow_mut().receive(buffer)
    }

    fn write(&mut self, buffers: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
        let wire = &mut *self.0.borrow_mut();
        wire.more = more;
        let offered = buffers.iter().map(|buffer| buffer.len()).sum();
        wire.offered_max = wire.offered_max.max(offered);
        // An empty write only checks whether the peer is still there.
        let asks = matches!(buffers, [nothing] if nothing.is_empty());
        assert!(offered > 0 || asks, "an empty write");
        let mut left = wire.accept(offered)?;
        let taken = left;
        for buffer in buffers {
            let part = left.min(buffer.len());
            wire.written.extend_from_slice(&buffer[..part]);
            left -= part;
        }
        if let Some(AfterWrite { file, arrival }) = wire.after_write.take() {
            std::fs::write(file.0, file.1)?;
            arrival.0.borrow_mut().arrive(&arrival.1);
        }
        Ok(taken)
    }

    fn send_file(&mut self, file: &File, offset: u64, count: usize) -> io::Result<usize> {
        let wire = &mut *self.0.borrow_mut();
        let piece = count.min(wire.file_piece_max);
        let mut bytes = vec![0; wire.accept(piece)?];
        let read = file.read_at(&mut bytes, offset)?;
        wire.room += bytes.len() - read;
        wire.written.extend_from_slice(&bytes[..read]);
        Ok(read)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        let wire = &mut *self.0.borrow_mut();
        wire.is_touched = true;
        assert!(!wire.shut, "the sending side is shut down twice");
        if wire.reset {
            return Err(io::ErrorKind::NotConnected.into());
        }
        wire.shut = true;
        Ok(())
    }

    fn lift_unsent_bound(&mut self) {
        self.0.borrow_mut().lifted += 1;
    }

    fn reset_on_close(&mut self) {
        self.0.borrow_mut().reset_on_close = true;
    }
}
