//! The result as text: a table for each link, and a file of figures.

use crate::Cell;
use crate::page::Strategy;
use crate::rig::picture;
use crate::rig::summary::figure;
use std::fmt::Write as _;
use std::io;
use std::time::Duration;

/// The name of a link.
pub fn link_name(round_trip: Duration) -> String {
    match round_trip.as_millis() {
        0 => "loopback".to_owned(),
        milliseconds => format!("a round-trip time of {milliseconds} ms"),
    }
}

/// Prints the cells of one link: the time with its lower bound, then the cost in connections.
pub fn print_link(round_trip: Duration, objects: &[usize], cells: &[Cell]) {
    println!(
        "\n{}: milliseconds until the last object has arrived (theoretical minimum)",
        link_name(round_trip)
    );
    print_table(objects, |strategy, count| {
        let cell = find(cells, round_trip, strategy, count)?;
        let bound = strategy.round_trips_min(count) as f64 * round_trip.as_secs_f64() * 1000.0;
        let time = format!("{:.1}", cell.milliseconds.median);
        Some(if bound > 0.0 {
            format!("{time} ({bound:.0})")
        } else {
            format!("{:.2}", cell.milliseconds.median)
        })
    });
    println!("  handshakes, and TIME_WAIT left at server + client");
    print_table(objects, |strategy, count| {
        let cell = find(cells, round_trip, strategy, count)?;
        Some(format!(
            "{}, {} + {}",
            cell.handshakes, cell.time_waits[0], cell.time_waits[1]
        ))
    });
}

fn print_table(objects: &[usize], text: impl Fn(Strategy, usize) -> Option<String>) {
    let heads: String = objects.iter().map(|count| format!("{count:>16}")).collect();
    println!("  {:30}{heads}", "objects on the page");
    for strategy in Strategy::ALL {
        let texts = objects
            .iter()
            .map(|&count| text(strategy, count).unwrap_or_default());
        let line: String = texts.map(|text| format!("{text:>16}")).collect();
        println!("  {:30}{line}", strategy.name());
    }
}

/// The cell for a link, a strategy and a number of objects.
pub fn find(
    cells: &[Cell],
    round_trip: Duration,
    strategy: Strategy,
    objects: usize,
) -> Option<&Cell> {
    let matches = |cell: &&Cell| {
        cell.round_trip == round_trip && cell.strategy == strategy && cell.objects == objects
    };
    cells.iter().find(matches)
}

/// Writes every cell to `connections.tsv`.
pub fn write_figures(head: &str, cells: &[Cell]) -> io::Result<()> {
    let mut text = format!("# cargo bench --bench connections: {head}\n");
    text.push_str("round_trip_ms\tstrategy\tobjects\tmedian_ms\tmin_ms\tmax_ms\tround_trips_min\thandshakes\t");
    text.push_str("time_wait_server\ttime_wait_client\n");
    for cell in cells {
        let _ = writeln!(
            text,
            "{}\t{}\t{}\t{:.3}\t{:.3}\t{:.3}\t{}\t{}\t{}\t{}",
            cell.round_trip.as_millis(),
            cell.strategy.name(),
            cell.objects,
            cell.milliseconds.median,
            cell.milliseconds.min,
            cell.milliseconds.max,
            cell.strategy.round_trips_min(cell.objects),
            figure(cell.handshakes as f64).trim_end_matches(".0"),
            cell.time_waits[0],
            cell.time_waits[1]
        );
    }
    picture::save("connections.tsv", &text)
}
