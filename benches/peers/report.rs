//! The result as text: a block for each row, a table of ratios, and a file of figures.

use crate::measure::{Measured, Sample, Series};
use crate::rig::arguments::Effort;
use crate::rig::picture;
use crate::rig::servers::Server;
use crate::rig::summary::{Spread, figure};
use std::fmt::Write as _;
use std::io;

/// The conditions of the measurement.
pub struct Head {
    /// Processor and kernel.
    pub machine: String,
    /// The servers and their versions.
    pub versions: Vec<(Server, String)>,
    /// The rounds and their length.
    pub effort: Effort,
}

/// A figure is marked as disturbed if the share of waiting is above this. Some is normal: at the
/// beginning of a slice the server of the last one still answers what was in flight.
const WAITED_MAX: f64 = 0.25;

impl Measured {
    /// The series of `server`, if it has samples.
    pub fn of(&self, server: Server) -> Option<&Series> {
        self.series
            .iter()
            .find(|series| series.server == server && !series.samples.is_empty())
    }

    /// The peer with the highest median.
    pub fn best_peer(&self) -> Option<&Series> {
        let peers = self
            .series
            .iter()
            .filter(|series| series.server.is_peer() && !series.samples.is_empty());
        peers.max_by(|one, other| one.median().total_cmp(&other.median()))
    }
}

impl Series {
    /// One property of all samples.
    pub fn all(&self, property: fn(&Sample) -> f64) -> Vec<f64> {
        self.samples.iter().map(property).collect()
    }

    /// Its figure: requests per second of processor time.
    pub fn spread(&self) -> Option<Spread> {
        Spread::of(self.all(|sample| sample.per_cpu_second))
    }

    /// The median of its figure; 0 without samples.
    pub fn median(&self) -> f64 {
        self.spread().map_or(0.0, |spread| spread.median)
    }

    fn ratio_to(&self, other: &Series) -> Option<Spread> {
        let property = |sample: &Sample| sample.per_cpu_second;
        Spread::of_ratios(&self.all(property), &other.all(property))
    }
}

/// Prints the measurements of a row.
pub fn print_row(measured: &Measured) {
    let row = measured.row;
    println!("\n{} ({})", row.title, row.name);
    println!(
        "  {:12}{:>12}  {:>25}{:>14}{:>9}",
        "server", "req/CPU-s", "min..max", "req/s", "waited"
    );
    let mut series: Vec<&Series> = measured.series.iter().collect();
    series.sort_by(|one, other| other.median().total_cmp(&one.median()));
    for one in series {
        let Some(spread) = one.spread() else { continue };
        let median = |property| Spread::of(one.all(property)).map_or(0.0, |spread| spread.median);
        let waited = median(|sample| sample.waited);
        println!(
            "  {:12}{:>12}  {:>25}{:>14}{:>8.1}%{}",
            one.server.name(),
            figure(spread.median),
            format!("{}..{}", figure(spread.min), figure(spread.max)),
            figure(median(|sample| sample.per_second)),
            waited * 100.0,
            if waited > WAITED_MAX && row.threads == 1 {
                " (disturbed)"
            } else {
                ""
            },
        );
    }
    for one in &measured.series {
        let mut complaints = one.complaints.clone();
        complaints.dedup();
        complaints
            .iter()
            .for_each(|complaint| println!("!! {}: {complaint}", one.server.name()));
        one.notes
            .iter()
            .take(1)
            .for_each(|note| println!("   {}: {note}", one.server.name()));
    }
}

/// Prints the table of ratios, each with its goal.
pub fn print_ratios(results: &[Measured]) {
    println!(
        "\nstdhttpd against          the best peer                            the limit                     itself"
    );
    for measured in results {
        let row = measured.row;
        let Some(ours) = measured.of(Server::Stdhttpd) else {
            continue;
        };
        let best = measured
            .best_peer()
            .filter(|best| best.server != ours.server);
        let peer = best.and_then(|best| Some((best.server.name(), ours.ratio_to(best)?)));
        let limit = measured
            .of(Server::Limit)
            .and_then(|limit| ours.ratio_to(limit));
        let itself = measured
            .of(Server::StdhttpdPlain)
            .and_then(|plain| ours.ratio_to(plain));
        println!(
            "  {:16}{:45}{:32}{}{}",
            row.name,
            peer.map_or(String::new(), |(name, ratio)| format!(
                "{} {name}",
                judged(ratio, row.goal_peer)
            )),
            limit.map_or(String::new(), |ratio| judged(ratio, row.goal_limit)),
            itself.map_or(String::new(), |ratio| judged(ratio, row.goal_itself)),
            if measured.series.iter().any(|one| !one.complaints.is_empty()) {
                "  !! see above"
            } else {
                ""
            },
        );
    }
}

/// A ratio with its spread, its goal, and whether the goal is met.
fn judged(ratio: Spread, goal: Option<f64>) -> String {
    let mut text = format!("{:.2} ", ratio.median);
    if ratio.min < ratio.max {
        let _ = write!(text, "({:.2}..{:.2}) ", ratio.min, ratio.max);
    }
    if let Some(goal) = goal {
        let _ = write!(
            text,
            "{} {goal} ",
            if ratio.median >= goal { ">=" } else { "BELOW" }
        );
    }
    text
}

/// Writes every sample to `peers.tsv`.
pub fn write_figures(head: &Head, results: &[Measured]) -> io::Result<()> {
    let mut text = format!("# cargo bench --bench peers: {}\n", head.machine);
    for (server, version) in &head.versions {
        let _ = writeln!(text, "# {}: {version}", server.name());
    }
    text.push_str(
        "row\tserver\tround\trequests_per_cpu_second\trequests_per_second\twaited_share\n",
    );
    for measured in results {
        for one in &measured.series {
            for (round, sample) in one.samples.iter().enumerate() {
                let _ = writeln!(
                    text,
                    "{}\t{}\t{}\t{:.1}\t{:.1}\t{:.3}",
                    measured.row.name,
                    one.server.name(),
                    round + 1,
                    sample.per_cpu_second,
                    sample.per_second,
                    sample.waited
                );
            }
        }
    }
    picture::save("peers.tsv", &text)
}
