//! Non-blocking output of log messages to standard error.

use std::io::{self, Write};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Bytes that a writable pipe accepts without blocking (`PIPE_BUF`).
const PIECE_BYTES: usize = 4096;

/// Writes to standard error without blocking: if a pipe is full, lines are dropped, because the
/// thread that logs has connections to serve.
#[derive(Debug, Default)]
pub struct Diagnostics {
    lost: u64,
}

impl Diagnostics {
    /// Writes all bytes, unless that would block; returns whether it did.
    pub fn put(bytes: &[u8]) -> bool {
        let mut out = io::stderr().lock();
        bytes
            .chunks(PIECE_BYTES)
            .all(|piece| is_writable() && out.write_all(piece).is_ok())
    }
}

/// Whether standard error is writable now.
fn is_writable() -> bool {
    let error = io::stderr();
    let mut watched = [PollFd::new(&error, PollFlags::OUT)];
    let ready = poll(&mut watched, Some(&Timespec::default()));
    ready.is_ok_and(|ready| ready > 0)
}

impl Write for Diagnostics {
    /// Always succeeds; the line may be dropped.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.lost > 0 && Diagnostics::put(format!("{} lines lost\n", self.lost).as_bytes()) {
            self.lost = 0;
        }
        if self.lost > 0 || !Diagnostics::put(line) {
            self.lost += 1;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
