//! Where diagnostics go: to standard error, which need not have a reader.

use std::io::{self, Write};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// What a pipe takes at once, in bytes, where it takes anything (`PIPE_BUF`).
const PIECE_BYTES: usize = 4096;

/// Standard error, for as many lines as it takes: where a pipe is full the
/// others are lost, for a thread that says something has connections to serve.
#[derive(Debug, Default)]
pub struct Diagnostics {
    lost: u64,
}

impl Diagnostics {
    /// Writes all, unless it would have to wait.
    pub fn put(bytes: &[u8]) -> bool {
        let mut out = io::stderr().lock();
        bytes
            .chunks(PIECE_BYTES)
            .all(|piece| takes_some() && out.write_all(piece).is_ok())
    }
}

/// Whether standard error takes a piece now.
fn takes_some() -> bool {
    let error = io::stderr();
    let mut watched = [PollFd::new(&error, PollFlags::OUT)];
    let ready = poll(&mut watched, Some(&Timespec::default()));
    ready.is_ok_and(|ready| ready > 0)
}

impl Write for Diagnostics {
    /// Takes a line, whatever becomes of it.
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
