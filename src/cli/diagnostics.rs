//! Non-blocking output of log messages to standard error.

use std::{
    io::{self, Write},
    time::Duration,
};

use crate::observe::log_writer::{PIPE_BYTES, is_writable};

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
        bytes.chunks(PIPE_BYTES).all(|piece| {
            is_writable(&out, Duration::ZERO).unwrap_or(false) && out.write_all(piece).is_ok()
        })
    }
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
