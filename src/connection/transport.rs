//! What a connection needs of a socket, so that a script can stand in for one.

use std::{
    fs::File,
    io::{self, IoSlice},
};

/// A non-blocking byte stream in both directions.
///
/// Every call does at most one transfer and says `WouldBlock` rather than
/// wait. A write that takes less than it was given has filled the stream.
pub trait Transport {
    /// Reads into `buffer`; 0 is the end of what the peer sends.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes from `buffers` in order. `more` says that more follows at once,
    /// so that a segment need not go out half full.
    fn write(&mut self, buffers: &[IoSlice<'_>], more: bool) -> io::Result<usize>;

    /// Sends up to `count` bytes of `file` from `offset` on; 0 means that the
    /// file ends there.
    fn send_file(&mut self, file: &File, offset: u64, count: usize) -> io::Result<usize>;

    /// Ends our side: the peer reads what was sent, then the end.
    fn shutdown_write(&mut self) -> io::Result<()>;

    /// Lets the transport take as much ahead of its peer as it likes. Until
    /// then it takes little, so that a peer which never reads costs little.
    fn lift_unsent_bound(&mut self) {}

    /// Makes the close throw away what is unsent and reset the connection, so
    /// that a peer that does not read leaves nothing behind in the kernel.
    fn reset_on_close(&mut self);
}

/// What `call` returns once no signal interrupts it: an edge of the poll that
/// was consumed by such a call does not come again.
pub fn uninterrupted<R>(mut call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Bytes that [`copy_file`] moves at a time.
const COPY_BYTES: usize = 64 << 10;

/// [`Transport::send_file`] for systems without one: reads a piece and writes
/// it. What was read and not taken is read again the next time.
pub fn copy_file<T: Transport + ?Sized>(
    transport: &mut T,
    file: &File,
    offset: u64,
    count: usize,
) -> io::Result<usize> {
    use std::os::unix::fs::FileExt;
    let mut piece = [0; COPY_BYTES];
    let length = file.read_at(&mut piece[..count.min(COPY_BYTES)], offset)?;
    if length == 0 {
        return Ok(0);
    }
    transport.write(&[IoSlice::new(&piece[..length])], false)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// Takes what there is room for.
    struct Sink {
        taken: Vec<u8>,
        room: usize,
    }

    impl Transport for Sink {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Ok(0)
        }

        fn write(&mut self, buffers: &[IoSlice<'_>], _: bool) -> io::Result<usize> {
            let offered = buffers[0].len();
            let count = offered.min(self.room);
            if count == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.taken.extend_from_slice(&buffers[0][..count]);
            self.room -= count;
            Ok(count)
        }

        fn send_file(&mut self, file: &File, offset: u64, count: usize) -> io::Result<usize> {
            copy_file(self, file, offset, count)
        }

        fn shutdown_write(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn reset_on_close(&mut self) {}
    }

    #[test]
    fn a_file_is_copied_in_pieces_whatever_is_taken_of_each() {
        let length = COPY_BYTES * 2 + 1_234;
        let content: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&content).unwrap();
        for room in [1_000, COPY_BYTES - 1, COPY_BYTES, COPY_BYTES + 1, length] {
            let mut sink = Sink {
                taken: Vec::new(),
                room,
            };
            let mut sent = 0;
            while sent < length {
                match sink.send_file(&file, sent as u64, length - sent) {
                    Ok(count) => sent += count,
                    Err(error) => {
                        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                        sink.room = room;
                    }
                }
            }
            assert!(sink.taken == content, "{room}");
            // The end of the file, and no more than was asked for.
            sink.room = length;
            assert_eq!(sink.send_file(&file, length as u64, 10).unwrap(), 0);
            assert_eq!(sink.send_file(&file, 5, 10).unwrap(), 10);
            assert_eq!(sink.taken[length..], content[5..15]);
        }
    }
}
