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

    /// Reads at most `count` bytes and forgets them; 0 is the end. `scratch`
    /// may be used.
    fn discard(&mut self, count: usize, scratch: &mut [u8]) -> io::Result<usize>;

    /// Writes from `buffers` in order. `more` says that more follows at once,
    /// so that a segment need not go out half full.
    fn write(&mut self, buffers: &[IoSlice<'_>], more: bool) -> io::Result<usize>;

    /// Sends up to `count` bytes of `file` from `offset` on; 0 means that the
    /// file ends there.
    fn send_file(&mut self, file: &File, offset: u64, count: usize) -> io::Result<usize>;

    /// Ends our side: the peer reads what was sent, then the end.
    fn shutdown_write(&mut self) -> io::Result<()>;

    /// Makes the close throw away what is unsent and reset the connection, so
    /// that a peer that does not read leaves nothing behind in the kernel.
    fn reset_on_close(&mut self);
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
