//! The result as a picture: a bar for each server in each row, relative to the best peer.

use crate::measure::{Measured, Series};
use crate::report::Head;
use crate::rig::picture::{self, Anchor, Drawing, INK, MUTED};
use crate::rig::servers::Server;
use crate::rig::summary::figure;
use std::io;

const PANEL_WIDTH: f64 = 620.0;
const BAR: f64 = 17.0;
const TOP: f64 = 84.0;
const NAME_WIDTH: f64 = 96.0;
const BAR_WIDTH: f64 = 380.0;

/// Draws `peers.svg`, and `peers.png` if a suitable browser is installed.
pub fn draw(head: &Head, results: &[Measured]) -> io::Result<()> {
    let half = results.len().div_ceil(2);
    let columns = [&results[..half], &results[half..]];
    let height = |column: &[Measured]| column.iter().map(panel_height).sum::<f64>();
    let bottom = TOP
        + columns
            .iter()
            .map(|column| height(column))
            .fold(0.0, f64::max);
    let mut drawing = Drawing::new(2.0 * PANEL_WIDTH + 40.0, bottom + 30.0);
    drawing.heading(
        24.0,
        34.0,
        "stdhttpd compared with its peers: requests per second of processor time",
    );
    let line = "Bars are comparable within a row; the dotted line is the best peer. More is better. Server on one processor, wrk on another.";
    drawing.text(24.0, 56.0, 13.0, MUTED, Anchor::Start, line);
    for (number, column) in columns.iter().enumerate() {
        let mut y = TOP;
        for measured in *column {
            panel(
                &mut drawing,
                24.0 + number as f64 * (PANEL_WIDTH + 8.0),
                y,
                measured,
            );
            y += panel_height(measured);
        }
    }
    let versions: Vec<String> = head
        .versions
        .iter()
        .map(|(server, version)| format!("{} {version}", server.name()))
        .collect();
    let effort = format!(
        "{} rounds of {:?}",
        head.effort.rounds, head.effort.duration
    );
    drawing.text(
        24.0,
        bottom + 14.0,
        11.0,
        MUTED,
        Anchor::Start,
        &format!("{}; {effort}; {}", head.machine, versions.join(", ")),
    );
    drawing.save("peers")
}

fn panel_height(measured: &Measured) -> f64 {
    measured.series.len() as f64 * BAR + 46.0
}

fn panel(drawing: &mut Drawing, x: f64, y: f64, measured: &Measured) {
    drawing.text(x, y + 16.0, 14.0, INK, Anchor::Start, measured.row.title);
    let best = measured.best_peer().map_or(0.0, Series::median);
    let maxima = measured
        .series
        .iter()
        .filter_map(Series::spread)
        .map(|spread| spread.max);
    let largest = maxima.fold(0.0, f64::max);
    if largest <= 0.0 {
        return;
    }
    let left = x + NAME_WIDTH;
    let scale = BAR_WIDTH / largest;
    let mut series: Vec<&Series> = measured.series.iter().collect();
    series.sort_by(|one, other| other.median().total_cmp(&one.median()));
    let bottom = y + 24.0 + series.len() as f64 * BAR;
    drawing.dotted(
        (left + best * scale, y + 22.0),
        (left + best * scale, bottom),
        MUTED,
    );
    for (place, one) in series.iter().enumerate() {
        let top = y + 24.0 + place as f64 * BAR;
        let Some(spread) = one.spread() else { continue };
        drawing.text(
            left - 8.0,
            top + 12.0,
            12.0,
            INK,
            Anchor::End,
            one.server.name(),
        );
        drawing.bar(
            left,
            top + 2.0,
            spread.median * scale,
            BAR - 4.0,
            picture::colour(one.server),
        );
        drawing.line(
            (left + spread.min * scale, top + BAR / 2.0),
            (left + spread.max * scale, top + BAR / 2.0),
            INK,
            1.0,
        );
        let ratio = if best > 0.0 && one.server != Server::Limit {
            format!(" (×{:.2})", spread.median / best)
        } else {
            String::new()
        };
        let end = left + spread.max.max(spread.median) * scale;
        drawing.text(
            end + 6.0,
            top + 12.0,
            12.0,
            INK,
            Anchor::Start,
            &format!("{}{ratio}", figure(spread.median)),
        );
    }
}
