//! The access log: one line a request, written by a thread of its own.

use std::{io, time::Duration};

use super::log_line::{LogEntry, LogOutcome, PendingLine};
use crate::config::{AccessLogTarget, LogFormat};

/// Bytes of lines that may wait for the writer; lines beyond are lost and
/// counted.
pub const QUEUE_BYTES_MAX: usize = 4 << 20;

/// The access log of the whole server.
#[derive(Debug)]
pub struct AccessLog {
    format: LogFormat,
}

impl AccessLog {
    /// Opens the target and starts the writer.
    pub fn open(target: &AccessLogTarget, format: LogFormat) -> io::Result<AccessLog> {
        let _ = target;
        Ok(AccessLog { format })
    }

    /// A worker's own end of the log.
    pub fn buffer(&self) -> LogBuffer {
        LogBuffer {
            format: self.format,
            lines: Vec::new(),
        }
    }

    /// Opens the file again, as after a rotation; never waits.
    pub fn reopen(&self) {}

    /// Lines lost so far, of all workers.
    pub fn lines_lost(&self) -> u64 {
        0
    }

    /// Writes what is queued, waiting no longer than `wait`, even if the
    /// writer hangs in a full pipe.
    pub fn finish(self, wait: Duration) {
        let _ = wait;
    }
}

/// A worker's lines of one turn.
#[derive(Debug)]
pub struct LogBuffer {
    format: LogFormat,
    lines: Vec<u8>,
}

impl LogBuffer {
    /// Adds the line of a request whose response is done.
    pub fn write(&mut self, entry: &LogEntry, outcome: &LogOutcome) {
        let _ = (entry, outcome, &self.lines);
    }

    /// The line of a request whose response has only begun.
    pub fn begin(&self, entry: &LogEntry) -> PendingLine {
        PendingLine::new(self.format, entry)
    }

    /// Adds the line of a request whose response ended in a later turn.
    pub fn complete(&mut self, line: &PendingLine, outcome: &LogOutcome) {
        let _ = (line, outcome);
    }

    /// Hands the lines over, once a turn; never waits. Lines the queue has no
    /// room for are lost and counted.
    pub fn flush(&mut self) {}
}
