//! The access log: one line per request, written by its own thread.
//!
//! ```text
//! worker: LogBuffer --(once per turn)--> queue, at most QUEUE_BYTES_MAX --> writer thread --> file
//! ```
//!
//! A worker copies the lines of its turn into the queue and never waits; a full
//! disk or a stalled pipe affects only the writer thread. When the queue is full,
//! lines are dropped and counted.

use std::{
    io, mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    counters::Counter,
    log_line::{self, LogEntry, LogOutcome, PendingLine},
    log_writer::{LogWriter, line_count},
};
use crate::config::{AccessLogTarget, LogFormat};

/// Bytes queued for the writer; further lines are dropped and counted. The writer itself holds as
/// many again.
pub const QUEUE_BYTES_MAX: usize = 4 << 20;

/// Bytes a worker collects before it hands them over within a turn.
const BUFFER_BYTES_MAX: usize = 64 << 10;

/// Bytes that the writer writes without waiting for more.
const GATHER_BYTES: usize = 64 << 10;

/// How long the writer waits for more lines, so that a busy server makes few writes.
const GATHER_TIME: Duration = Duration::from_millis(20);

/// The access log of the whole server.
#[derive(Debug)]
pub struct AccessLog {
    format: LogFormat,
    queue: Arc<Queue>,
}

impl AccessLog {
    /// Opens the target and starts the writer thread.
    pub fn open(target: &AccessLogTarget, format: LogFormat) -> io::Result<AccessLog> {
        let queue = Arc::new(Queue::default());
        let writer = LogWriter::open(target, Arc::clone(&queue))?;
        std::thread::Builder::new()
            .name("access-log".into())
            .spawn(move || writer.run())?;
        Ok(AccessLog { format, queue })
    }

    /// A buffer for one worker.
    pub fn buffer(&self) -> LogBuffer {
        LogBuffer {
            format: self.format,
            queue: Arc::clone(&self.queue),
            bytes: Vec::new(),
        }
    }

    /// Reopens the file, after a rotation. The writer does it; this never waits.
    pub fn reopen(&self) {
        self.queue.lock().reopen = true;
        self.queue.changed.notify_all();
    }

    /// The number of lines lost so far, of all workers.
    pub fn lines_lost(&self) -> Arc<Counter> {
        Arc::clone(&self.queue.lost)
    }

    /// Flushes all lines, waiting at most `wait`: a writer blocked by a full pipe is abandoned and
    /// ends with the process. Returns whether it ended in time; lines that it failed to write are
    /// counted as lost and reported.
    pub fn finish(self, wait: Duration) -> bool {
        let mut state = self.queue.lock();
        state.stop = true;
        self.queue.changed.notify_all();
        let is_under_way = |state: &mut QueueState| !state.ended;
        let ended = self.queue.wait(state, wait, is_under_way).ended;
        if !ended {
            log::warn!("access log: final flush timed out");
        }
        ended
    }
}

/// The lines of one worker in one turn.
#[derive(Debug)]
pub struct LogBuffer {
    format: LogFormat,
    queue: Arc<Queue>,
    bytes: Vec<u8>,
}

impl LogBuffer {
    /// Adds the line of a request whose response is complete.
    #[inline]
    pub fn write(&mut self, entry: &LogEntry, outcome: &LogOutcome) {
        log_line::write_line(self.format, entry, outcome, &mut self.bytes);
        self.line_added();
    }

    /// Starts the line of a request whose response is still being sent.
    pub fn begin(&self, entry: &LogEntry) -> PendingLine {
        PendingLine::new(self.format, entry)
    }

    /// Adds the line of a request whose response ended in a later turn.
    pub fn complete(&mut self, line: &PendingLine, outcome: &LogOutcome) {
        line.complete(self.format, outcome, &mut self.bytes);
        self.line_added();
    }

    #[inline]
    fn line_added(&mut self) {
        if self.bytes.len() >= BUFFER_BYTES_MAX {
            self.flush();
        }
    }

    /// Hands the lines to the queue, once per turn; never waits. Lines that do not fit are dropped
    /// and counted.
    #[inline]
    pub fn flush(&mut self) {
        if !self.bytes.is_empty() {
            self.queue.push(&self.bytes);
            self.bytes.clear();
        }
    }
}

/// The queue between workers and writer. The lock is held while copying, never during I/O.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<QueueState>,
    changed: Condvar,
    /// Updated under the lock, hence by one thread at a time.
    lost: Arc<Counter>,
}

#[derive(Debug, Default)]
struct QueueState {
    bytes: Vec<u8>,
    reopen: bool,
    stop: bool,
    /// The writer ended.
    ended: bool,
}

/// Commands for the writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Orders {
    /// Reopen the file before writing.
    pub reopen: bool,
    /// Write the remaining lines and end.
    pub stop: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, bytes: &[u8]) {
        let mut state = self.lock();
        let before = state.bytes.len();
        if before + bytes.len() > QUEUE_BYTES_MAX {
            return self.lost.add(line_count(bytes));
        }
        state.bytes.extend_from_slice(bytes);
        let after = state.bytes.len();
        drop(state);
        // The writer is woken for the first line, then for GATHER_BYTES: waking it every turn would
        // cost a system call per turn.
        if before == 0 || (before < GATHER_BYTES && after >= GATHER_BYTES) {
            self.changed.notify_all();
        }
    }

    /// Waits for commands, at most `pause`, while the writer still has lines in `chunk`. Otherwise
    /// waits for lines or commands, and swaps `chunk` for all queued lines.
    pub(super) fn take(&self, chunk: &mut Vec<u8>, pause: Duration) -> Orders {
        let has_less_than = |bytes: usize| {
            move |state: &mut QueueState| state.bytes.len() < bytes && !state.reopen && !state.stop
        };
        let mut state = self.lock();
        if chunk.is_empty() {
            state = self.wait(state, Duration::MAX, has_less_than(1));
            state = self.wait(state, GATHER_TIME, has_less_than(GATHER_BYTES));
            mem::swap(&mut state.bytes, chunk);
        } else {
            state = self.wait(state, pause, has_less_than(usize::MAX));
        }
        Orders {
            reopen: mem::take(&mut state.reopen),
            stop: state.stop,
        }
    }

    /// Waits while `condition` holds, at most `wait`.
    fn wait<'q>(
        &self,
        state: MutexGuard<'q, QueueState>,
        wait: Duration,
        condition: impl FnMut(&mut QueueState) -> bool,
    ) -> MutexGuard<'q, QueueState> {
        let waited = self.changed.wait_timeout_while(state, wait, condition);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Counts lines that the writer dropped.
    pub(super) fn lose(&self, lines: u64) {
        let _one_at_a_time = self.lock();
        self.lost.add(lines);
    }

    /// Lines lost so far.
    pub(super) fn lost(&self) -> u64 {
        self.lost.get()
    }

    /// Reports that the writer ended.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests;
