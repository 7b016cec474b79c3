//! What a connection needs of a socket, so that a script can take its place in tests.

use std::{
    fs::File,
    io::{self, IoSlice},
};

/// A non-blocking byte stream in both directions.
///
/// Every call does at most one transfer, and fails with `WouldBlock` instead of
/// waiting. A write that accepts less than it was given has filled the stream.
pub trait Transport {
    /// Reads into `buffer`; 0 is EOF.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes from `buffers` in order. `more`: more follows at once, so the
    /// kernel need not send a partial segment.
    fn write(&mut self, buffers: &[IoSlice<'_>], more: bool) -> io::Result<usize>;

    /// Sends up to `count` bytes of `file` from `offset`; 0 means that the file
    /// ends there.
    fn send_file(&mut self, file: &File, offset: u64, count: usize) -> io::Result<usize>;

    /// Shuts our side: the peer reads what was sent, then EOF.
    fn shutdown_write(&mut self) -> io::Result<()>;

    /// Lifts the bound on data that the kernel accepts but has not sent. The
    /// bound makes a peer that never reads cost little.
    fn lift_unsent_bound(&mut self) {}

    /// Makes the close discard unsent data and reset the connection, so that a
    /// peer that does not read leaves nothing behind in the kernel.
    fn reset_on_close(&mut self);
}

/// Retries `call` on EINTR: with edge-triggered polling a lost attempt would not
/// be reported again.
pub fn uninterrupted<R>(mut call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Bytes that [`copy_file`] copies at a time.
const COPY_BYTES: usize = 64 << 10;

/// [`Transport::send_file`] for systems and file systems without sendfile: reads
/// a piece and writes it. What was read but not accepted is read again the next time.
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

    /// A transport that accepts `room` bytes.
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
    fn a_file_is_copied_exactly_however_much_each_write_accepts() {
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
