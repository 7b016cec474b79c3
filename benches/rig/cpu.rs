//! The cost of a server: the processor time of all its threads and child processes, and its memory.
//!
//! Both are read from `/proc`. Of the processors that this process may use, the first is for the
//! server and the second for the load.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::collections::HashMap;
use std::fs;
use std::time::Duration;

/// The time that each thread of a process tree has run, and has waited for a processor, so far.
pub struct Usage {
    threads: HashMap<u32, [Duration; 2]>,
}

impl Usage {
    /// The usage of `pid` and all its descendants.
    pub fn of(pid: u32) -> Self {
        let mut threads = HashMap::new();
        for process in tree(pid) {
            for thread in numbers(&format!("/proc/{process}/task")) {
                let text = fs::read_to_string(format!("/proc/{process}/task/{thread}/schedstat"))
                    .unwrap_or_default();
                let mut times = text
                    .split(' ')
                    .map(|word| Duration::from_nanos(word.parse().unwrap_or(0)));
                let mut next = || times.next().unwrap_or_default();
                threads.insert(thread, [next(), next()]);
            }
        }
        Self { threads }
    }

    /// Seconds of running and of waiting for a busy processor since `earlier`. The time of a thread
    /// that did not exist then counts completely; a thread that has ended since does not count.
    pub fn since(&self, earlier: &Usage) -> (f64, f64) {
        let mut sum = [0.0; 2];
        for (thread, times) in &self.threads {
            let before = earlier.threads.get(thread).copied().unwrap_or_default();
            for ((total, now), then) in sum.iter_mut().zip(times).zip(before) {
                *total += now.saturating_sub(then).as_secs_f64();
            }
        }
        (sum[0], sum[1])
    }
}

/// Bytes of memory of `pid` and its descendants, with shared memory counted proportionally.
pub fn memory(pid: u32) -> u64 {
    let of_one = |process: u32| {
        let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
        let kilobytes = text.lines().find_map(|line| {
            line.strip_prefix("Pss:")?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        });
        kilobytes.unwrap_or(0u64) * 1024
    };
    tree(pid).into_iter().map(of_one).sum()
}

/// `pid` and all its descendants.
pub fn tree(pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    let mut at = 0;
    while let Some(&parent) = found.get(at) {
        for thread in numbers(&format!("/proc/{parent}/task")) {
            let text = fs::read_to_string(format!("/proc/{parent}/task/{thread}/children"))
                .unwrap_or_default();
            found.extend(
                text.split_whitespace()
                    .filter_map(|word| word.parse::<u32>().ok()),
            );
        }
        at += 1;
    }
    found
}

/// Where a process may run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The processor reserved for the server.
    Server,
    /// The processor reserved for the load.
    Load,
    /// All processors.
    Anywhere,
}

/// The processors that this process had when it started.
pub struct Processors {
    allowed: CpuSet,
    numbers: Vec<usize>,
}

impl Processors {
    /// The processors of this process. Must be called before the first [`Processors::within`].
    pub fn available() -> Self {
        let allowed = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
        let numbers = (0..CpuSet::MAX_CPU)
            .filter(|&number| allowed.is_set(number))
            .collect();
        Self { allowed, numbers }
    }

    /// The number of processors.
    pub fn count(&self) -> usize {
        self.numbers.len()
    }

    /// Runs `spawn` while this thread is bound to `place`: processes that it starts inherit the
    /// binding.
    pub fn within<T>(&self, place: Place, spawn: impl FnOnce() -> T) -> T {
        let wanted = match place {
            Place::Server => self.numbers.first(),
            Place::Load => self.numbers.get(1).or(self.numbers.first()),
            Place::Anywhere => None,
        };
        let mut set = self.allowed;
        if let Some(&number) = wanted {
            set.clear();
            set.set(number);
        }
        let _ = sched_setaffinity(None, &set);
        let result = spawn();
        let _ = sched_setaffinity(None, &self.allowed);
        result
    }
}

/// The names in `folder` that are numbers.
fn numbers(folder: &str) -> Vec<u32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}
