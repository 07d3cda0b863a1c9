//! Plots as SVG within a page: lines, bars, matrices. Colours are classes, which the page's style sheet gives.

pub mod heat;
pub mod line;
pub mod rows;
pub mod series;
pub mod signed;

use super::number::{percent, thousands};

/// What the numbers of an axis are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Shares, shown as percent.
    Share,
    /// Any numbers.
    Number,
}

/// An axis: where it begins and ends, what its numbers are, and its name.
#[derive(Debug, Clone, Copy)]
pub struct Axis<'a> {
    /// The smallest number.
    pub low: f64,
    /// The largest number.
    pub high: f64,
    /// What its numbers are.
    pub unit: Unit,
    /// What is measured.
    pub name: &'a str,
}

impl<'a> Axis<'a> {
    /// Shares from 0 to 1.
    #[must_use]
    pub fn shares(name: &'a str) -> Self {
        Self { low: 0.0, high: 1.0, unit: Unit::Share, name }
    }

    /// Numbers from 0 to a little more than the largest.
    #[must_use]
    pub fn up_to(largest: f64, unit: Unit, name: &'a str) -> Self {
        let step = step(largest);
        let high = if largest > 0.0 { (largest / step).ceil() * step } else { 1.0 };
        Self { low: 0.0, high, unit, name }
    }

    /// Where a number stands between two places.
    #[must_use]
    pub fn place(&self, number: f64, [from, to]: [f64; 2]) -> f64 {
        let share = (number - self.low) / (self.high - self.low).max(f64::MIN_POSITIVE);
        from + share.clamp(0.0, 1.0) * (to - from)
    }

    /// The numbers that are written at the axis.
    #[must_use]
    pub fn ticks(&self) -> Vec<f64> {
        let step = step(self.high - self.low);
        let first = (self.low / step).ceil() as i64;
        let last = (self.high / step + 1e-9).floor() as i64;
        (first..=last).map(|at| at as f64 * step).collect()
    }

    /// A number as it is written at the axis.
    #[must_use]
    pub fn text(&self, number: f64) -> String {
        match self.unit {
            Unit::Share => percent(number),
            Unit::Number => thousands(number),
        }
    }
}

/// The distance of ticks: 1, 2 or 5 times a power of ten, about five of them on a length.
fn step(length: f64) -> f64 {
    if length <= 0.0 || !length.is_finite() {
        return 1.0;
    }
    let rough = length / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|step| *step >= rough * 0.999).unwrap_or(rough)
}

/// A place with one digit behind the point, which is as fine as can be seen.
#[must_use]
pub fn at(place: f64) -> String {
    format!("{place:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        let ticks = |high: f64| Axis::up_to(high, Unit::Number, "").ticks();
        assert_eq!(ticks(93.0), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(Axis::shares("").ticks().len(), 6);
        assert_eq!(ticks(0.0), [0.0, 0.2, 0.4, 0.6, 0.8, 1.0].map(|tick: f64| (tick / 0.2).round() * 0.2));
    }
}
