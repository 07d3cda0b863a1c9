//! The settings that `tune` may change, and the ranges of their values.

use serde_json::Value;

/// A setting of the batch, by its path in the config.
#[derive(Debug, Clone, Copy)]
pub struct Knob {
    /// The path, such as `als.regularization`.
    pub path: &'static str,
    /// The range of its values.
    pub range: Range,
}

/// A range of values, and how values are drawn from it.
#[derive(Debug, Clone, Copy)]
pub enum Range {
    /// Between two numbers, drawn uniformly.
    Linear(f64, f64),
    /// Between two numbers greater than 0, drawn log-uniformly.
    Log(f64, f64),
    /// Whole numbers, drawn log-uniformly.
    Whole(f64, f64),
    /// One of these words.
    Word(&'static [&'static str]),
}

impl Range {
    /// The bounds of the number that the optimiser draws.
    pub fn bounds(self) -> (f64, f64) {
        match self {
            Self::Linear(low, high) => (low, high),
            Self::Log(low, high) => (low.ln(), high.ln()),
            Self::Whole(low, high) => (low.ln(), (high + 1.0).ln()),
            Self::Word(words) => (0.0, words.len() as f64),
        }
    }

    /// The setting that a drawn number stands for.
    pub fn setting(self, drawn: f64) -> Value {
        match self {
            Self::Linear(..) => Value::from(rounded(drawn)),
            Self::Log(..) => Value::from(rounded(drawn.exp())),
            Self::Whole(..) => Value::from(drawn.exp().floor() as u64),
            Self::Word(words) => Value::from(words[(drawn as usize).min(words.len() - 1)]),
        }
    }

    /// The number that stands for a setting; `None` outside the range.
    pub fn drawn(self, setting: &Value) -> Option<f64> {
        let drawn = match self {
            Self::Linear(..) => setting.as_f64()?,
            Self::Log(..) => setting.as_f64()?.ln(),
            Self::Whole(..) => (setting.as_f64()? + 0.5).ln(),
            Self::Word(words) => words.iter().position(|word| setting.as_str() == Some(*word))? as f64 + 0.5,
        };
        let (low, high) = self.bounds();
        (low..high).contains(&drawn).then_some(drawn)
    }
}

/// Rounds to four digits: a trial's figure is not more precise than that.
fn rounded(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

/// Makes a knob in a constant table.
#[must_use]
pub const fn knob(path: &'static str, range: Range) -> Knob {
    Knob { path, range }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_where_they_were_drawn() {
        let words = Range::Word(&["one", "another", "third"]);
        for range in [Range::Linear(0.0, 2.0), Range::Log(0.5, 8.0), Range::Whole(1.0, 9.0), words] {
            let (low, high) = range.bounds();
            for step in 0..50 {
                let drawn = low + (high - low) * f64::from(step) / 50.0;
                let setting = range.setting(drawn);
                let again = range.drawn(&setting).map(|drawn| range.setting(drawn));
                assert_eq!(again.as_ref(), Some(&setting), "{range:?} {drawn}");
            }
        }
    }
}
