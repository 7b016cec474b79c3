//! The thread that writes the access log, and what it does when it cannot.

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

/// How long the writer waits for a pipe to take more before it says so, and
/// how long after an error it tries again.
const PATIENCE: Duration = Duration::from_secs(1);

/// Bytes a pipe that polls writable takes without blocking (POSIX: PIPE_BUF).
const PIPE_BYTES: usize = 4096;

/// Who may read a log file that did not exist: it holds people's addresses.
const FILE_MODE: u32 = 0o640;

/// The writer: a file, and the lines taken from the queue for it.
#[derive(Debug)]
pub(super) struct LogWriter {
    queue: Arc<Queue>,
    path: Option<PathBuf>,
    file: File,
    write_bytes_max: usize,
    chunk: Vec<u8>,
    written: usize,
    lost_seen: u64,
    trouble: Option<Trouble>,
}

/// A trouble that was said and is not over.
#[derive(Clone, Copy, Debug)]
struct Trouble {
    lost_before: u64,
    /// Nothing went out at all; else it is only too slow.
    stalled: bool,
}

/// How the writing went.
#[derive(Debug)]
enum Step {
    /// The whole chunk is written.
    Done,
    /// Nothing was taken for [`PATIENCE`].
    Blocked,
    Failed(io::Error),
}

impl LogWriter {
    /// Opens the target for appending. A named pipe needs a reader already.
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
            trouble: None,
        })
    }

    /// Writes until it is told to stop and all is written, or cannot be.
    pub(super) fn run(mut self) {
        let mut pause = Duration::ZERO;
        let failure = loop {
            let orders = if self.chunk.is_empty() {
                self.queue.take(&mut self.chunk)
            } else {
                self.queue.orders(pause)
            };
            if orders.reopen {
                self.reopen();
            }
            if orders.stop && self.chunk.is_empty() {
                break None;
            }
            let step = self.write_chunk();
            if let (Step::Failed(error), true) = (&step, orders.stop) {
                break Some(error.to_string());
            }
            self.judge(&step);
            pause = match step {
                Step::Done | Step::Blocked => Duration::ZERO,
                Step::Failed(_) => PATIENCE,
            };
        };
        self.end(failure);
    }

    /// Gives up what is not written and says how much was lost, before anybody
    /// is told that the writer is gone: the process ends then.
    fn end(mut self, failure: Option<String>) {
        let mut unwritten = lines(self.chunk.get(self.written..).unwrap_or_default());
        self.chunk.clear();
        self.queue.take(&mut self.chunk);
        unwritten += lines(&self.chunk);
        self.queue.lose(unwritten);
        let lost = self.queue.lost();
        match (self.trouble, failure) {
            (Some(trouble), _) => log::warn!(
                "access log: final flush incomplete; {} lines lost",
                lost - trouble.lost_before
            ),
            (None, Some(error)) => log::warn!("access log: {error}; {unwritten} lines lost"),
            (None, None) => {}
        }
        self.queue.end(unwritten == 0);
    }

    /// Writes the chunk as far as it goes; what is left is tried again later,
    /// so that a disk which was full for a moment costs no line.
    fn write_chunk(&mut self) -> Step {
        while let Some(rest @ [_, ..]) = self.chunk.get(self.written..) {
            let bytes = &rest[..rest.len().min(self.write_bytes_max)];
            match is_writable(&self.file)
                .and_then(|yes| yes.then(|| self.file.write(bytes)).transpose())
            {
                Ok(None) => return Step::Blocked,
                Ok(Some(0)) => return Step::Failed(ErrorKind::WriteZero.into()),
                Ok(Some(written)) => self.written += written,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Step::Failed(error),
            }
        }
        self.chunk.clear();
        self.written = 0;
        Step::Done
    }

    /// Says once that there is trouble, and once that it is over.
    fn judge(&mut self, step: &Step) {
        let lost = self.queue.lost();
        let lost_before = std::mem::replace(&mut self.lost_seen, lost);
        let losing = lost > lost_before;
        let stalled = !matches!(step, Step::Done);
        match (step, self.trouble) {
            (Step::Done, Some(trouble)) if trouble.stalled || !losing => {
                log::warn!(
                    "access log: writing resumed; {} lines lost",
                    lost - trouble.lost_before
                );
                self.trouble = None;
                return;
            }
            (_, Some(_)) => return,
            (Step::Done, None) if !losing => return,
            (Step::Done, None) => {
                log::warn!("access log: reader too slow; dropping lines");
            }
            (Step::Blocked, None) => log::warn!(
                "access log: reader stalled; buffering {} MiB, then dropping lines",
                QUEUE_BYTES_MAX >> 20
            ),
            (Step::Failed(error), None) => log::warn!(
                "access log: {error}; buffering {} MiB, then dropping lines",
                QUEUE_BYTES_MAX >> 20
            ),
        }
        self.trouble = Some(Trouble {
            lost_before,
            stalled,
        });
    }

    /// Opens the path again; keeps the old file where that fails. The rest of
    /// a line of which the old file has the beginning is given up.
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
                }
            }
            Err(error) => log::warn!(
                "access log: cannot reopen {}: {error}; still writing to the previous file",
                path.display()
            ),
        }
    }
}

/// Each line has one line feed, at its end: one whose beginning is written
/// already counts as a whole one.
fn lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// Where the first `written` bytes end within a line: the bytes left of it.
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
        // A named pipe without a reader is an error, not a wait.
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open(path)
}

/// Whether the file takes more, waiting at most [`PATIENCE`] for it. Regular
/// files always do.
fn is_writable(file: &File) -> io::Result<bool> {
    let wait = Timespec::try_from(PATIENCE).ok();
    let mut polled = [PollFd::new(file, PollFlags::OUT)];
    Ok(poll(&mut polled, wait.as_ref())? > 0)
}

/// Bytes to write at once: all there are, except where that could block.
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
    fn a_line_cut_in_two_is_told_from_a_whole_one() {
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
}
