//! The result as a picture: for each link, a chart of the time against the number of objects, and
//! the cost in connections.

use crate::Cell;
use crate::page::Strategy;
use crate::report::{find, link_name};
use crate::rig::chart::{Chart, Scale};
use crate::rig::picture::{Anchor, Drawing, INK, MUTED};
use std::io;
use std::time::Duration;

const WIDTH: f64 = 1200.0;
const CHART_WIDTH: f64 = 500.0;
const CHART_HEIGHT: f64 = 260.0;
const TOP: f64 = 96.0;

/// Draws `connections.svg`, and `connections.png` if a suitable browser is installed.
pub fn draw(head: &str, cells: &[Cell]) -> io::Result<()> {
    let mut links: Vec<Duration> = cells.iter().map(|cell| cell.round_trip).collect();
    links.dedup();
    let mut objects: Vec<usize> = cells.iter().map(|cell| cell.objects).collect();
    objects.sort_unstable();
    objects.dedup();
    let charts_end = TOP + links.len().div_ceil(2) as f64 * (CHART_HEIGHT + 90.0);
    let height = charts_end + Strategy::ALL.len() as f64 * 22.0 + 60.0;
    let mut drawing = Drawing::new(WIDTH, height);
    drawing.heading(
        24.0,
        34.0,
        "One page over short and over persistent connections",
    );
    let line = "Milliseconds until the last object has arrived. Dotted: theoretical minimum of round trips.";
    drawing.text(24.0, 56.0, 13.0, MUTED, Anchor::Start, line);
    for (place, &link) in links.iter().enumerate() {
        let left = 84.0 + (place % 2) as f64 * (CHART_WIDTH + 84.0);
        let top = TOP + (place / 2) as f64 * (CHART_HEIGHT + 90.0);
        chart(&mut drawing, (left, top), link, &objects, cells);
    }
    let farthest = links.last().copied().unwrap_or_default();
    legend(
        &mut drawing,
        charts_end + 10.0,
        farthest,
        objects.last().copied().unwrap_or(1),
        cells,
    );
    drawing.text(24.0, height - 12.0, 11.0, MUTED, Anchor::Start, head);
    drawing.save("connections")
}

fn chart(
    drawing: &mut Drawing,
    corner: (f64, f64),
    link: Duration,
    objects: &[usize],
    cells: &[Cell],
) {
    let of_link: Vec<f64> = cells
        .iter()
        .filter(|cell| cell.round_trip == link)
        .map(|cell| cell.milliseconds.median)
        .collect();
    let title = format!("Over {}", link_name(link)).replace("Over loopback", "On loopback");
    let chart = Chart {
        corner,
        size: (CHART_WIDTH, CHART_HEIGHT),
        title: title.replace("Over a round", "Over a link with a round"),
        steps: objects.iter().map(usize::to_string).collect(),
        scale: Scale::logarithmic(&of_link),
        axis: "objects on the page, including the document".to_owned(),
    };
    chart.frame(drawing);
    for strategy in Strategy::ALL {
        let time = |&count: &usize| {
            find(cells, link, strategy, count).map(|cell| cell.milliseconds.median)
        };
        let bound = |&count: &usize| {
            Some(strategy.round_trips_min(count) as f64 * link.as_secs_f64() * 1000.0)
        };
        if !link.is_zero() {
            chart.dotted(
                drawing,
                &objects.iter().map(bound).collect::<Vec<_>>(),
                colour(strategy),
            );
        }
        chart.curve(
            drawing,
            &objects.iter().map(time).collect::<Vec<_>>(),
            colour(strategy),
        );
    }
}

/// The legend of colours, with the cost of a page in connections.
fn legend(drawing: &mut Drawing, top: f64, link: Duration, objects: usize, cells: &[Cell]) {
    for (place, strategy) in Strategy::ALL.into_iter().enumerate() {
        let y = top + place as f64 * 22.0;
        drawing.bar(84.0, y, 22.0, 12.0, colour(strategy));
        let Some(cell) = find(cells, link, strategy, objects) else {
            continue;
        };
        let [server, client] = cell.time_waits;
        let handshakes = cell.handshakes;
        let line = format!(
            "{}: a page of {objects} takes {handshakes} handshake{} and leaves {server} TIME_WAIT at the server, {client} at the client",
            strategy.name(),
            if handshakes == 1 { "" } else { "s" },
        );
        drawing.text(116.0, y + 11.0, 13.0, INK, Anchor::Start, &line);
    }
}

fn colour(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::ShortSerial => "#c92a2a",
        Strategy::ShortParallel => "#e8890c",
        Strategy::KeptSerial => "#2b8a3e",
        Strategy::KeptParallel => "#1c7ed6",
        Strategy::KeptPipelined => "#7048e8",
    }
}
