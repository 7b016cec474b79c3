//! The thread that writes the access log, and its handling of errors.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::{
        fd::AsFd,
        unix::fs::{FileTypeExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::OFlags,
};

use super::access_log::{QUEUE_BYTES_MAX, Queue};
use crate::config::AccessLogTarget;

/// How long the writer waits for a full pipe before it logs a warning, and how long after an error
/// it retries.
const RETRY_TIME: Duration = Duration::from_secs(1);

/// Bytes that a writable pipe accepts without blocking (POSIX: PIPE_BUF).
pub const PIPE_BYTES: usize = 4096;

/// The permissions of a new log file, which contains personal data (client addresses).
const FILE_MODE: u32 = 0o640;

/// The writer: a file, and the lines taken from the queue.
#[derive(Debug)]
pub(super) struct LogWriter {
    queue: Arc<Queue>,
    path: Option<PathBuf>,
    file: File,
    write_bytes_max: usize,
    chunk: Vec<u8>,
    written: usize,
    lost_seen: u64,
    /// While a problem that was logged persists: the lines lost before it.
    lost_before_trouble: Option<u64>,
}

impl LogWriter {
    /// Opens the target for appending. A named pipe must already have a reader.
    pub(super) fn open(target: &AccessLogTarget, queue: Arc<Queue>) -> io::Result<LogWriter> {
        let (path, file) = match target {
            AccessLogTarget::Stdout => {
                (None, File::from(io::stdout().as_fd().try_clone_to_owned()?))
            }
            AccessLogTarget::File(path) => (Some(path.clone()), open_file(path)?),
        };
        Ok(LogWriter {
            queue,
            path,
            write_bytes_max: write_bytes_max(&file)?,
            file,
            chunk: Vec::new(),
            written: 0,
            lost_seen: 0,
            lost_before_trouble: None,
        })
    }

    /// Writes until told to stop and everything is written, or writing fails.
    pub(super) fn run(mut self) {
        let mut pause = Duration::ZERO;
        let failure = loop {
            let orders = self.queue.take(&mut self.chunk, pause);
            if orders.reopen {
                self.reopen();
            }
            if orders.stop && self.chunk.is_empty() {
                break None;
            }
            let result = self.write_chunk();
            pause = match &result {
                // The writer has waited for the reader. After ETIMEDOUT it has not.
                Err(error) if is_stall(error) => Duration::ZERO,
                Err(_) if orders.stop => break result.err(),
                Err(_) => RETRY_TIME,
                Ok(()) => Duration::ZERO,
            };
            self.report(&result);
        };
        self.end(failure);
    }

    /// Drops what is not written and logs how much was lost, before it reports the end of the
    /// writer, after which the process exits.
    fn end(mut self, failure: Option<io::Error>) {
        let mut unwritten = line_count(self.chunk.get(self.written..).unwrap_or_default());
        self.chunk.clear();
        self.queue.take(&mut self.chunk, Duration::ZERO);
        unwritten += line_count(&self.chunk);
        self.queue.lose(unwritten);
        let lost = self.queue.lost();
        match (self.lost_before_trouble, failure) {
            (Some(before), _) => log::warn!(
                "access log: final flush incomplete; {} lines lost",
                lost - before
            ),
            (None, Some(error)) => log::warn!("access log: {error}; {unwritten} lines lost"),
            (None, None) => {}
        }
        self.queue.end();
    }

    /// Writes as much of the chunk as possible. The rest is retried later, so that a temporarily
    /// full disk loses no lines.
    fn write_chunk(&mut self) -> io::Result<()> {
        while let Some(rest @ [_, ..]) = self.chunk.get(self.written..) {
            let bytes = &rest[..rest.len().min(self.write_bytes_max)];
            let written = is_writable(&self.file, RETRY_TIME).and_then(|yes| match yes {
                true => self.file.write(bytes),
                false => Err(io::Error::new(ErrorKind::TimedOut, "reader stalled")),
            });
            match written {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => self.written += written,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.chunk.clear();
        self.written = 0;
        Ok(())
    }

    /// Logs a problem once, and once that it is over: a chunk was written, and no line was lost
    /// since the one before.
    fn report(&mut self, result: &io::Result<()>) {
        const MIB: usize = QUEUE_BYTES_MAX >> 20;
        let lost = self.queue.lost();
        let lost_before = std::mem::replace(&mut self.lost_seen, lost);
        let is_losing = lost > lost_before;
        match (result, self.lost_before_trouble) {
            (Ok(()), Some(before)) if !is_losing => {
                let lines = lost - before;
                log::warn!("access log: writing resumed; {lines} lines lost");
                self.lost_before_trouble = None;
                return;
            }
            (Ok(()), None) if is_losing => {
                log::warn!("access log: reader too slow; dropping lines");
            }
            (Err(error), None) => {
                log::warn!("access log: {error}; buffering {MIB} MiB, then dropping lines");
            }
            _ => return,
        }
        self.lost_before_trouble = Some(lost_before);
    }

    /// Reopens the path, keeping the old file if that fails. The rest of a line that was partly
    /// written to the old file is dropped.
    fn reopen(&mut self) {
        let Some(path) = &self.path else { return };
        let opened = open_file(path).and_then(|file| Ok((write_bytes_max(&file)?, file)));
        match opened {
            Ok((write_bytes_max, file)) => {
                self.file = file;
                self.write_bytes_max = write_bytes_max;
                if let Some(rest) = cut_line_bytes(&self.chunk, self.written) {
                    self.written += rest;
                    self.queue.lose(1);
                    // Not for want of time.
                    self.lost_seen += 1;
                }
            }
            Err(error) => log::warn!(
                "access log: cannot reopen {}: {error}; still writing to the previous file",
                path.display()
            ),
        }
    }
}

/// Whether this is the error of [`LogWriter::write_chunk`] for a reader that reads nothing.
fn is_stall(error: &io::Error) -> bool {
    error.kind() == ErrorKind::TimedOut && error.raw_os_error().is_none()
}

/// The number of lines, by line feeds; a partly written line counts as a whole one.
pub(super) fn line_count(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// The bytes that remain of a line in which the first `written` bytes end, if any.
fn cut_line_bytes(chunk: &[u8], written: usize) -> Option<usize> {
    let (done, rest) = chunk.split_at_checked(written)?;
    match done.last() {
        None | Some(b'\n') => None,
        Some(_) => rest.iter().position(|byte| *byte == b'\n').map(|at| at + 1),
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(FILE_MODE)
        // Opening a named pipe without a reader fails instead of blocking.
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open(path)
}

/// Whether a file can be written, waiting at most `wait`. Regular files always can.
pub fn is_writable(file: impl AsFd, wait: Duration) -> io::Result<bool> {
    let wait = Timespec::try_from(wait).ok();
    let mut polled = [PollFd::new(&file, PollFlags::OUT)];
    Ok(poll(&mut polled, wait.as_ref())? > 0)
}

/// Maximum bytes per write: unlimited, except for pipes, where a larger write could block.
fn write_bytes_max(file: &File) -> io::Result<usize> {
    let kind = file.metadata()?.file_type();
    Ok(if kind.is_fifo() {
        PIPE_BYTES
    } else {
        usize::MAX
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_a_partly_written_line_is_found() {
        let rows: [(&[u8], usize, Option<usize>); 6] = [
            (b"one\ntwo\n", 0, None),
            (b"one\ntwo\n", 2, Some(2)),
            (b"one\ntwo\n", 3, Some(1)),
            (b"one\ntwo\n", 4, None),
            (b"one\ntwo\n", 8, None),
            (b"", 0, None),
        ];
        for (chunk, written, expected) in rows {
            assert_eq!(cut_line_bytes(chunk, written), expected, "{written}");
        }
    }

    #[test]
    fn a_timed_out_write_is_no_stall() {
        assert!(is_stall(&io::Error::new(
            ErrorKind::TimedOut,
            "reader stalled"
        )));
        let of_file_system = io::Error::from(rustix::io::Errno::TIMEDOUT);
        assert_eq!(of_file_system.kind(), ErrorKind::TimedOut);
        assert!(!is_stall(&of_file_system));
    }
}
