//! Pictures: SVG elements.

use std::time::Duration;

use crate::observe::{
    snapshot::{OPEN_STATES, OpenCounts},
    story::Story,
};

/// Maximum squares per worker: with more connections each square represents several.
pub const SQUARES_MAX: u64 = 240;
/// Squares per line.
const LINE_SQUARES: u64 = 60;
const SQUARE: u64 = 10;

/// Open connections of a worker, `each` of them a square.
pub fn squares(worker: &OpenCounts, each: &u64) -> String {
    // Rounded up, so that a single connection is always visible.
    let runs = worker.map(|count| count.div_ceil(*each));
    let squares = (OPEN_STATES.iter().zip(runs).rev())
        .flat_map(|((state, _), count)| (0..count).map(move |_| state));
    let rects: String = (squares.zip(0..))
        .map(|(state, place)| {
            let x = place % LINE_SQUARES * SQUARE + 1;
            let y = place / LINE_SQUARES * SQUARE + 1;
            format!("<rect class=\"{state}\" x=\"{x}\" y=\"{y}\" width=\"8\" height=\"8\"/>")
        })
        .collect();
    let lines = runs.iter().sum::<u64>();
    let lines = lines.div_ceil(LINE_SQUARES).max(1);
    let (width, height) = (LINE_SQUARES * SQUARE, lines * SQUARE);
    format!("<svg viewBox=\"0 0 {width} {height}\" aria-hidden=\"true\">{rects}</svg>")
}

/// A bar proportional to a part of a whole.
pub fn bar(class: &str, part: &u64, whole: &u64) -> String {
    let width = *part as f64 * 100.0 / (*whole).max(1) as f64;
    let width = if *part > 0 { width.max(0.4) } else { 0.0 };
    format!(
        "<svg class=\"bar\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" \
         aria-hidden=\"true\"><rect class=\"track\" width=\"100\" height=\"10\"/>\
         <rect class=\"{class}\" width=\"{width:.2}\" height=\"10\"/></svg>"
    )
}

/// Requests per second over the last minute, the latest at the right.
pub fn requests_line(rates: &[f64]) -> String {
    const SECONDS: usize = 60;
    let highest = rates.iter().copied().fold(1.0, f64::max);
    let start = SECONDS.saturating_sub(rates.len());
    let rects: String = (rates.iter().zip(start..))
        .map(|(rate, x)| {
            let height = rate / highest * 19.0;
            let y = 20.0 - height;
            format!("<rect x=\"{x}.1\" y=\"{y:.2}\" width=\"0.8\" height=\"{height:.2}\"/>")
        })
        .collect();
    format!(
        "<svg class=\"line\" viewBox=\"0 0 {SECONDS} 20\" preserveAspectRatio=\"none\" \
         role=\"img\" aria-label=\"Requests per second, last minute; highest {highest:.0}\">\
         {rects}</svg>\n"
    )
}

/// A connection as a line to scale, with its responses on it.
pub fn life(story: &Story, closed: &Duration, first: &str) -> String {
    const WIDTH: f64 = 600.0;
    let unit = WIDTH / closed.as_secs_f64().max(1e-6);
    let at = |moment: Duration| (moment.as_secs_f64() * unit).min(WIDTH);
    let answers: String = (story.requests.iter())
        .map(|request| {
            let width = at(request.took).max(2.0);
            let x = at(request.received).min(WIDTH - width);
            format!(
                "<rect class=\"answer\" x=\"{x:.1}\" y=\"2\" width=\"{width:.1}\" height=\"10\"/>"
            )
        })
        .collect();
    format!(
        "<svg viewBox=\"-2 0 606 14\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <path class=\"life\" d=\"M0 7H{WIDTH}\"/>{answers}\
         <path class=\"end\" d=\"M0 0V14\"/><path class=\"end {first}\" d=\"M{WIDTH} 0V14\"/></svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_fill_line_after_line() {
        let worker: OpenCounts = [117, 1, 0, 3];
        // Two connections per square: 59, 1 and 2 squares, the last state first.
        let svg = squares(&worker, &2);
        assert!(svg.starts_with("<svg viewBox=\"0 0 600 20\""), "{svg}");
        let rects: Vec<_> = svg.split("<rect class=").skip(1).collect();
        assert_eq!(rects.len(), 62);
        for (place, begin) in [
            (0, "\"lingering\" x=\"1\" y=\"1\" "),
            (1, "\"lingering\" x=\"11\" y=\"1\" "),
            (2, "\"reading\" x=\"21\" y=\"1\" "),
            (3, "\"idle\" x=\"31\" y=\"1\" "),
            (59, "\"idle\" x=\"591\" y=\"1\" "),
            (60, "\"idle\" x=\"1\" y=\"11\" "),
        ] {
            assert!(rects[place].starts_with(begin), "{}", rects[place]);
        }
        let nobody = squares(&OpenCounts::default(), &1);
        assert!(
            nobody.starts_with("<svg viewBox=\"0 0 600 10\""),
            "{nobody}"
        );
    }

    #[test]
    fn bars_are_as_long_as_their_part_and_never_unseen() {
        for (part, whole, width) in [
            (0, 0, "0.00"),
            (0, 9, "0.00"),
            (1, 4, "25.00"),
            (4, 4, "100.00"),
            (1, 100_000, "0.40"),
        ] {
            let svg = bar("kept", &part, &whole);
            let drawn = format!("<rect class=\"kept\" width=\"{width}\"");
            assert!(svg.contains(&drawn), "{part} of {whole}: {svg}");
        }
    }

    #[test]
    fn the_line_of_requests_ends_at_the_right() {
        let svg = requests_line(&[0.0, 5.0, 10.0]);
        for drawn in [
            "<rect x=\"57.1\" y=\"20.00\" width=\"0.8\" height=\"0.00\"/>",
            "<rect x=\"58.1\" y=\"10.50\" width=\"0.8\" height=\"9.50\"/>",
            "<rect x=\"59.1\" y=\"1.00\" width=\"0.8\" height=\"19.00\"/>",
            "highest 10\"",
        ] {
            assert!(svg.contains(drawn), "{drawn} in {svg}");
        }
    }
}
