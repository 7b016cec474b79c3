//! A line chart: evenly spaced steps from left to right, figures from bottom to top.

use crate::rig::picture::{Anchor, Drawing, FAINT, INK, MUTED};
use crate::rig::summary::figure;

/// How figures map to heights.
pub enum Scale {
    /// Linear from 0 to this value.
    Linear(f64),
    /// Logarithmic from the first to the second value, both powers of ten.
    Logarithmic(f64, f64),
}

impl Scale {
    /// A scale from 0 that fits all of `values`.
    pub fn linear(values: &[f64]) -> Self {
        let largest = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let power = 10f64.powf(largest.log10().floor());
        Self::Linear((largest / power * 2.0).ceil() / 2.0 * power)
    }

    /// A scale of powers of ten that fits all of `values` above 0.
    pub fn logarithmic(values: &[f64]) -> Self {
        let positive = || values.iter().copied().filter(|&value| value > 0.0);
        let low = positive().fold(f64::INFINITY, f64::min).min(1e12);
        let high = positive().fold(low, f64::max);
        let bottom = 10f64.powf(low.log10().floor());
        Self::Logarithmic(bottom, 10f64.powf(high.log10().ceil()).max(bottom * 10.0))
    }

    /// The height of `value`, from 0 to 1.
    fn height(&self, value: f64) -> f64 {
        match *self {
            Self::Linear(top) => value / top,
            Self::Logarithmic(bottom, top) => (value / bottom).log10() / (top / bottom).log10(),
        }
        .clamp(0.0, 1.0)
    }

    fn marks(&self) -> Vec<f64> {
        match *self {
            Self::Linear(top) => (0..=5).map(|part| top * f64::from(part) / 5.0).collect(),
            Self::Logarithmic(bottom, top) => {
                let decades = (top / bottom).log10().round() as i32;
                (0..=decades)
                    .map(|power| bottom * 10f64.powi(power))
                    .collect()
            }
        }
    }
}

/// A chart and its position in a drawing.
pub struct Chart {
    /// The upper left corner, without the title and the figures on the left.
    pub corner: (f64, f64),
    /// The width and the height, without them too.
    pub size: (f64, f64),
    /// The title above it.
    pub title: String,
    /// The labels of the steps.
    pub steps: Vec<String>,
    /// The scale of the heights.
    pub scale: Scale,
    /// The label of the axis.
    pub axis: String,
}

impl Chart {
    /// Draws everything but the curves.
    pub fn frame(&self, drawing: &mut Drawing) {
        let (left, top) = self.corner;
        let (width, height) = self.size;
        drawing.text(left, top - 12.0, 14.0, INK, Anchor::Start, &self.title);
        for mark in self.scale.marks() {
            let y = top + height * (1.0 - self.scale.height(mark));
            drawing.line((left, y), (left + width, y), FAINT, 1.0);
            let text = match mark {
                0.0 => "0".to_owned(),
                small if small < 1.0 => format!("{small:.2}"),
                large => figure(large),
            };
            drawing.text(
                left - 8.0,
                y + 4.0,
                11.0,
                MUTED,
                Anchor::End,
                text.trim_end_matches(".0"),
            );
        }
        for (place, step) in self.steps.iter().enumerate() {
            drawing.text(
                self.x(place),
                top + height + 18.0,
                11.0,
                MUTED,
                Anchor::Middle,
                step,
            );
        }
        drawing.line(
            (left, top + height),
            (left + width, top + height),
            MUTED,
            1.0,
        );
        drawing.text(
            left + width / 2.0,
            top + height + 38.0,
            12.0,
            MUTED,
            Anchor::Middle,
            &self.axis,
        );
    }

    /// Draws a curve with one value per step; a step may have none.
    pub fn curve(&self, drawing: &mut Drawing, values: &[Option<f64>], colour: &str) {
        drawing.curve(&self.points(values), colour);
    }

    /// The same with a dotted line.
    pub fn dotted(&self, drawing: &mut Drawing, values: &[Option<f64>], colour: &str) {
        for pair in self.points(values).windows(2) {
            drawing.dotted(pair[0], pair[1], colour);
        }
    }

    fn points(&self, values: &[Option<f64>]) -> Vec<(f64, f64)> {
        let y = |value: f64| self.corner.1 + self.size.1 * (1.0 - self.scale.height(value));
        let point =
            |(place, value): (usize, &Option<f64>)| value.map(|value| (self.x(place), y(value)));
        values.iter().enumerate().filter_map(point).collect()
    }

    fn x(&self, place: usize) -> f64 {
        self.corner.0 + self.size.0 * (place as f64 + 0.5) / self.steps.len().max(1) as f64
    }
}
