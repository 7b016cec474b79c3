//! A few measurements as one figure with its spread.

/// The median and the extremes of several rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The median (the mean of the two middle values if their number is even).
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// The spread of `values`; `None` if there are none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values
            .into_iter()
            .filter(|value| value.is_finite())
            .collect();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let upper = *sorted.get(middle)?;
        let lower = if sorted.len().is_multiple_of(2) {
            sorted[middle - 1]
        } else {
            upper
        };
        Some(Self {
            median: (lower + upper) / 2.0,
            min: sorted[0],
            max: sorted[sorted.len() - 1],
        })
    }

    /// The spread of `values` divided by `others`, round by round: disturbances of both cancel out.
    pub fn of_ratios(values: &[f64], others: &[f64]) -> Option<Self> {
        Self::of(
            values
                .iter()
                .zip(others)
                .map(|(value, other)| value / other),
        )
    }
}

/// A readable figure: 1234567 as `1,234,567`, 12.345 as `12.3`.
pub fn figure(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of bytes: `0 B`, `10 KiB`, `1.5 MiB`.
pub fn bytes(count: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if value.fract() < 0.05 {
        format!("{value:.0} {}", units[unit])
    } else {
        format!("{value:.1} {}", units[unit])
    }
}
