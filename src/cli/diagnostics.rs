//! What is said on standard error: the log and the last words, never waiting for the reader.

use std::{
    io::{self, Write},
    time::Duration,
};

use crate::observe::log_writer::{PIPE_BYTES, is_writable};

/// What is logged unless `RUST_LOG` says otherwise.
const LOG_FILTER_DEFAULT: &str = "warn";

/// Writes one line to standard error, ignoring errors.
pub fn complain(reason: &str) {
    Diagnostics::put(format!("stdhttpd: {}\n", one_line(reason)).as_bytes());
}

/// Escapes control characters, so that file names and data from peers can neither forge log lines
/// nor control the terminal.
pub fn one_line(text: &str) -> String {
    text.chars()
        .flat_map(|char| match char.is_control() {
            true => char.escape_default().collect::<Vec<_>>(),
            false => vec![char],
        })
        .collect()
}

/// Initialises the log to standard error, at level `warn` unless `RUST_LOG` is set and valid.
pub fn start_log() {
    let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| LOG_FILTER_DEFAULT.into());
    // `env_logger` prints what is wrong with a filter by a macro that panics if it cannot.
    let filter = match env_filter::Builder::new().try_parse(&filter) {
        Ok(_) => &filter,
        Err(error) => {
            complain(&format!("RUST_LOG: {error}; using {LOG_FILTER_DEFAULT}"));
            LOG_FILTER_DEFAULT
        }
    };
    let started = env_logger::Builder::new()
        .parse_filters(filter)
        .target(env_logger::Target::Pipe(Box::new(Diagnostics::default())))
        .format(|out, record| {
            let time = out.timestamp_millis();
            let message = one_line(&record.args().to_string());
            writeln!(out, "{time} {:<5} {message}", record.level())
        })
        .try_init();
    // A program that embeds the server may have installed its own logger, which is kept.
    if let Err(error) = started {
        log::debug!("{error}");
    }
}

/// Writes to standard error without blocking: if a pipe is full, lines are dropped, because the
/// thread that logs has connections to serve.
#[derive(Debug, Default)]
struct Diagnostics {
    lost: u64,
}

impl Diagnostics {
    /// Writes all bytes, unless that would block; returns whether it did.
    fn put(bytes: &[u8]) -> bool {
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
