//! The result as tables, as a file of figures and as a picture.

use crate::measure::{Measured, Value};
use crate::rig::chart::{Chart, Scale};
use crate::rig::picture::{self, Anchor, Drawing, INK, MUTED};
use crate::rig::servers::Server;
use crate::rig::summary::{bytes, figure};
use std::fmt::Write as _;
use std::io;

const CHART: (f64, f64) = (480.0, 230.0);
const ROW: f64 = 330.0;
const TOP: f64 = 120.0;
const MEBIBYTE: f64 = 1024.0 * 1024.0;

impl Measured {
    /// The servers that have at least one value.
    fn servers(&self) -> Vec<Server> {
        let has = |server: &Server| {
            self.values
                .iter()
                .flatten()
                .any(|value| value.server == *server)
        };
        Server::ALL.into_iter().filter(has).collect()
    }

    /// One property of a server at each point.
    fn of(&self, server: Server, property: fn(&Value) -> f64) -> Vec<Option<f64>> {
        let at = |values: &Vec<Value>| {
            values
                .iter()
                .find(|value| value.server == server)
                .map(property)
        };
        self.values.iter().map(at).collect()
    }
}

/// Prints the table of a curve.
pub fn print(measured: &Measured) {
    let curve = &measured.curve;
    println!(
        "\n{}: requests per CPU second (memory) against {}",
        curve.title, curve.axis
    );
    let steps: String = curve
        .points
        .iter()
        .map(|point| format!("{:>20}", point.step))
        .collect();
    println!("  {:12}{steps}", "");
    for server in measured.servers() {
        let costs = measured.of(server, |value| value.per_cpu_second.median);
        let memory = measured.of(server, |value| value.memory);
        let text = |(cost, memory): (Option<f64>, Option<f64>)| match (cost, memory) {
            (Some(cost), Some(memory)) => format!(
                "{:>20}",
                format!("{} ({})", figure(cost), bytes(memory as u64))
            ),
            _ => format!("{:>20}", "-"),
        };
        let line: String = costs.into_iter().zip(memory).map(text).collect();
        println!("  {:12}{line}", server.name());
    }
}

/// Writes every value to `curves.tsv`.
pub fn write_figures(head: &str, results: &[Measured]) -> io::Result<()> {
    let mut text = format!("# cargo bench --bench curves: {head}\n");
    text.push_str("curve\tstep\tserver\trequests_per_cpu_second\tmin\tmax\tmemory_bytes\n");
    for measured in results {
        for (point, values) in measured.curve.points.iter().zip(&measured.values) {
            for value in values {
                let (name, step, server) = (measured.curve.name, &point.step, value.server.name());
                let cost = value.per_cpu_second;
                let _ = writeln!(
                    text,
                    "{name}\t{step}\t{server}\t{:.1}\t{:.1}\t{:.1}\t{:.0}",
                    cost.median, cost.min, cost.max, value.memory
                );
            }
        }
    }
    picture::save("curves.tsv", &text)
}

/// Draws `curves.svg`, and `curves.png` if a suitable browser is installed.
pub fn draw(head: &str, results: &[Measured]) -> io::Result<()> {
    let height = TOP + results.len() as f64 * ROW;
    let mut drawing = Drawing::new(1200.0, height);
    drawing.heading(24.0, 34.0, "How the cost grows with the work");
    let line = "Left: requests per second of processor time, more is better. Right: MiB of memory, less is better.";
    drawing.text(24.0, 56.0, 13.0, MUTED, Anchor::Start, line);
    let servers = results.first().map(Measured::servers).unwrap_or_default();
    for (place, server) in servers.into_iter().enumerate() {
        let x = 84.0 + place as f64 * 170.0;
        drawing.bar(x, 70.0, 22.0, 12.0, picture::colour(server));
        drawing.text(x + 30.0, 81.0, 13.0, INK, Anchor::Start, server.name());
    }
    for (place, measured) in results.iter().enumerate() {
        let top = TOP + place as f64 * ROW;
        let cost: fn(&Value) -> f64 = |value| value.per_cpu_second.median;
        let logarithmic = measured.curve.logarithmic;
        chart(
            &mut drawing,
            (84.0, top),
            measured,
            measured.curve.title,
            cost,
            logarithmic,
        );
        chart(
            &mut drawing,
            (684.0, top),
            measured,
            "memory, MiB",
            |value| value.memory / MEBIBYTE,
            false,
        );
    }
    drawing.text(24.0, height - 12.0, 11.0, MUTED, Anchor::Start, head);
    drawing.save("curves")
}

fn chart(
    drawing: &mut Drawing,
    corner: (f64, f64),
    measured: &Measured,
    title: &str,
    property: fn(&Value) -> f64,
    logarithmic: bool,
) {
    let all: Vec<f64> = measured.values.iter().flatten().map(property).collect();
    let chart = Chart {
        corner,
        size: CHART,
        title: title.to_owned(),
        steps: measured
            .curve
            .points
            .iter()
            .map(|point| point.step.clone())
            .collect(),
        scale: if logarithmic {
            Scale::logarithmic(&all)
        } else {
            Scale::linear(&all)
        },
        axis: measured.curve.axis.to_owned(),
    };
    chart.frame(drawing);
    for server in measured.servers() {
        chart.curve(
            drawing,
            &measured.of(server, property),
            picture::colour(server),
        );
    }
}
