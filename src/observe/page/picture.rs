//! Where the parts of the pictures lie, in the units of their SVG elements.

use std::{iter::repeat_n, time::Duration};

use crate::observe::{
    counters::{OPEN_STATES, OpenCounts},
    story::Story,
};

/// Maximum squares per worker: with more connections each square represents several.
pub const SQUARES_MAX: u64 = 240;
/// Squares per line.
const LINE_SQUARES: u64 = 60;
const SQUARE: u64 = 10;

/// The height of a worker's picture, and the state, x and y of each square: `each` connections.
pub fn squares(worker: &OpenCounts, each: &u64) -> (u64, Vec<(&'static str, u64, u64)>) {
    // Rounded up, so that a single connection is always visible.
    let runs = worker.map(|count| count.div_ceil(*each) as usize);
    let states = OPEN_STATES.iter().zip(runs).rev();
    let states = states.flat_map(|((state, _), count)| repeat_n(*state, count));
    let at = |place| place * SQUARE + 1;
    let squares: Vec<_> = (states.zip(0..))
        .map(|(state, place)| (state, at(place % LINE_SQUARES), at(place / LINE_SQUARES)))
        .collect();
    let lines = (squares.len() as u64).div_ceil(LINE_SQUARES).max(1);
    (lines * SQUARE, squares)
}

/// The width of a part, of 100 for the whole; it is never unseen.
pub fn width(part: &u64, whole: &u64) -> f64 {
    let width = *part as f64 * 100.0 / (*whole).max(1) as f64;
    if *part > 0 { width.max(0.4) } else { 0.0 }
}

/// Requests per second over the last minute: the highest, and the x and height of each column, the
/// latest at the right.
pub fn columns(rates: &[f64]) -> (f64, impl Iterator<Item = (usize, f64)>) {
    const SECONDS: usize = 60;
    let highest = rates.iter().copied().fold(1.0, f64::max);
    let heights = rates.iter().map(move |rate| rate / highest * 19.0);
    (
        highest,
        (SECONDS.saturating_sub(rates.len())..).zip(heights),
    )
}

/// The x and width of each response, of 600 for the life of a connection.
pub fn answers(story: &Story, closed: &Duration) -> impl Iterator<Item = (f64, f64)> {
    const WIDTH: f64 = 600.0;
    let unit = WIDTH / closed.as_secs_f64().max(1e-6);
    let at = move |moment: Duration| (moment.as_secs_f64() * unit).min(WIDTH);
    story.requests.iter().map(move |request| {
        let width = at(request.took).max(2.0);
        (at(request.received).min(WIDTH - width), width)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Moment, http::status::Status};

    #[test]
    fn squares_fill_line_after_line() {
        let worker: OpenCounts = [117, 1, 0, 3];
        // Two connections per square: 59, 1 and 2 squares, the last state first.
        let (height, squares_of_two) = squares(&worker, &2);
        assert_eq!((height, squares_of_two.len()), (20, 62));
        for (place, square) in [
            (0, ("lingering", 1, 1)),
            (1, ("lingering", 11, 1)),
            (2, ("reading", 21, 1)),
            (3, ("idle", 31, 1)),
            (59, ("idle", 591, 1)),
            (60, ("idle", 1, 11)),
        ] {
            assert_eq!(squares_of_two[place], square);
        }
        assert_eq!(squares(&OpenCounts::default(), &1), (10, Vec::new()));
    }

    #[test]
    fn bars_are_as_long_as_their_part_and_never_unseen() {
        for (part, whole, expected) in [
            (0, 0, 0.0),
            (0, 9, 0.0),
            (1, 4, 25.0),
            (4, 4, 100.0),
            (1, 100_000, 0.4),
        ] {
            assert_eq!(width(&part, &whole), expected, "{part} of {whole}");
        }
    }

    #[test]
    fn the_columns_of_requests_end_at_the_right() {
        let (highest, columns) = columns(&[0.0, 5.0, 10.0]);
        assert_eq!(highest, 10.0);
        assert!(columns.eq([(57, 0.0), (58, 9.5), (59, 19.0)]));
    }

    #[test]
    fn responses_lie_within_the_life_of_the_connection_and_are_never_unseen() {
        let (accepted, second) = (Moment::now(), Duration::from_secs(1));
        let mut story = Story::begin(1, None, 0, accepted);
        // With when they began and how long they took, in seconds.
        for (received, took) in [(0, 2), (3, 0), (6, 0)] {
            let received = accepted + second * received;
            story.request(b"", Status::Ok, 0, received, received + second * took);
        }
        let closed = second * 6;
        let answers = answers(&story, &closed);
        assert!(answers.eq([(0.0, 200.0), (300.0, 2.0), (598.0, 2.0)]));
    }
}
