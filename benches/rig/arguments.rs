//! The command line of a bench: a simple parser of `--name value` pairs and flags.

use std::time::Duration;

/// How long and how often to measure.
pub struct Effort {
    /// The number of rounds for each row or point.
    pub rounds: usize,
    /// The length of one measurement.
    pub duration: Duration,
}

/// The arguments of a bench.
pub struct Arguments {
    words: Vec<String>,
}

impl Arguments {
    /// The arguments of this process.
    pub fn of_this_process() -> Self {
        Self {
            words: std::env::args().skip(1).collect(),
        }
    }

    /// Whether the bench should run at all. `cargo test --all-targets` starts benches without an
    /// argument; `cargo bench` always passes `--bench`.
    pub fn ask_for_a_run(&self) -> bool {
        !self.words.is_empty() && !self.has("--test")
    }

    /// Whether the flag `name` is present.
    pub fn has(&self, name: &str) -> bool {
        self.words.iter().any(|word| word == name)
    }

    /// The argument after `name`, or the text after `name=`.
    pub fn value(&self, name: &str) -> Option<&str> {
        let place = self.words.iter().position(|word| word == name);
        let next = place
            .and_then(|at| self.words.get(at + 1))
            .map(String::as_str);
        let joined = || {
            self.words
                .iter()
                .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
        };
        next.or_else(joined)
    }

    /// The value of `name` as a number, or `default` if it is absent.
    pub fn count(&self, name: &str, default: usize) -> usize {
        self.value(name).map_or(default, |text| {
            text.parse().unwrap_or_else(|_| refuse(name, text))
        })
    }

    /// The value of `name` in seconds, possibly with a fraction, or `default` if it is absent.
    pub fn seconds(&self, name: &str, default: Duration) -> Duration {
        let parse = |text: &str| {
            text.parse()
                .ok()
                .and_then(|number| Duration::try_from_secs_f64(number).ok())
        };
        self.value(name).map_or(default, |text| {
            parse(text).unwrap_or_else(|| refuse(name, text))
        })
    }

    /// The requested effort: this many rounds of this duration, unless the run is to be quick.
    pub fn effort(&self, rounds: usize, duration: Duration) -> Effort {
        let (rounds, duration) = match self.has("--quick") {
            true => (1, Duration::from_millis(100)),
            false => (rounds, duration),
        };
        Effort {
            rounds: self.count("--rounds", rounds).max(1),
            duration: self.seconds("--seconds", duration),
        }
    }

    /// The comma-separated values of `name`; `None` if it is absent.
    pub fn list(&self, name: &str) -> Option<Vec<String>> {
        self.value(name)
            .map(|text| text.split(',').map(|part| part.trim().to_owned()).collect())
    }
}

/// Ends the bench because of an invalid value.
fn refuse(name: &str, text: &str) -> ! {
    eprintln!("{name}: '{text}' is not a number");
    std::process::exit(2);
}
