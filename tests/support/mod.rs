//! The harness of the black-box tests: the real binary with its own root, a client on a raw socket,
//! and a parser of responses that shares no code with the server.

// Every test file compiles the harness separately and uses a part of it.
#![allow(dead_code, unused_imports)]

pub mod browser;
pub mod client;
pub mod crowd;
pub mod date;
pub mod process;
pub mod reply;
pub mod server;
pub mod strace;

use std::{
    fs::File,
    path::Path,
    time::{Duration, Instant, SystemTime},
};

pub use client::Client;
pub use crowd::connect_from;
pub use process::Process;
pub use reply::{Kind, Reply};
pub use server::{Server, binary, run};
pub use strace::Strace;

/// The upper bound of every wait. Nothing should take this long: it ends a test that would
/// otherwise hang.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// Runs `claim` for each row and reports all rows that failed, not only the first.
pub fn check<R: std::fmt::Debug>(rows: &[R], mut claim: impl FnMut(&R) -> Result<(), String>) {
    let failures: Vec<String> = rows
        .iter()
        .filter_map(|row| claim(row).err().map(|why| format!("{row:?}: {why}")))
        .collect();
    let count = failures.len();
    assert!(count == 0, "{count} rows failed:\n{}", failures.join("\n"));
}

/// `Ok` if the two values are equal, otherwise a message with both.
pub fn equal<T: PartialEq + std::fmt::Debug>(what: &str, got: T, wanted: T) -> Result<(), String> {
    if got == wanted {
        Ok(())
    } else {
        Err(format!("{what} is {got:?}, expected {wanted:?}"))
    }
}

/// Waits until `condition` holds, checking it every few milliseconds, and panics at the deadline.
/// For conditions without a descriptor to wait for.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "timed out waiting for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sets the modification time of a file.
#[track_caller]
pub fn touch(path: impl AsRef<Path>, time: SystemTime) {
    let file = File::options()
        .write(true)
        .open(path)
        .expect("the file opens");
    file.set_modified(time).expect("the time is set");
}

/// Bytes without a repeating pattern, so that a misplaced part is detected.
pub fn content(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut out = Vec::with_capacity(bytes + 8);
    while out.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(bytes);
    out
}
