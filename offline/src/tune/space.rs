//! The studies of a search: which settings each of them searches, and the ranges that values are drawn from.

use serde_json::Value;
use shared::params::Source;

/// A setting of the batch, by its path in the config.
#[derive(Debug, Clone, Copy)]
pub struct Knob {
    /// The path, such as `als.regularization`.
    pub path: &'static str,
    /// Where its values lie.
    pub range: Range,
}

/// Where values lie.
#[derive(Debug, Clone, Copy)]
pub enum Range {
    /// Between two numbers, all alike.
    Linear(f64, f64),
    /// Between two numbers greater than 0, all magnitudes alike.
    Log(f64, f64),
    /// Whole numbers of all magnitudes alike.
    Whole(f64, f64),
    /// One of these words.
    Word(&'static [&'static str]),
}

impl Range {
    /// The bounds of what the optimiser draws from.
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

/// Four digits: more would say more than a trial knows.
fn rounded(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

/// What a study measures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Subject {
    /// One source alone.
    Alone(Source),
    /// The trees over all of them.
    Trees,
    /// The linear ranker over all of them.
    Linear,
}

/// Settings that are searched together.
#[derive(Debug)]
pub struct Study {
    /// What is measured.
    pub subject: Subject,
    /// The share of the budget, beside those of the other studies.
    pub share: f64,
    /// What is searched.
    pub knobs: &'static [Knob],
}

const fn knob(path: &'static str, range: Range) -> Knob {
    Knob { path, range }
}

/// All studies, in their order: later ones build on what earlier ones found.
pub const STUDIES: [Study; 12] = [
    Study {
        subject: Subject::Alone(Source::SessionKnn),
        share: 0.2,
        knobs: &[
            knob("session_knn.half_life_days", Range::Log(5.0, 1000.0)),
            knob("session_knn.length_power", Range::Linear(0.0, 1.0)),
            knob("session_knn.rarity_power", Range::Linear(0.0, 8.0)),
            knob("session_knn.item_power", Range::Linear(0.0, 0.6)),
            knob("session_knn.neighbours", Range::Whole(100.0, 3000.0)),
            knob("session_knn.position_decay", Range::Log(0.5, 20.0)),
            knob("session_knn.distance_decay", Range::Log(0.5, 20.0)),
            knob("session_knn.before_weight", Range::Linear(0.2, 1.2)),
            knob("session_knn.own_weight", Range::Linear(0.0, 2.0)),
        ],
    },
    Study {
        subject: Subject::Alone(Source::ItemKnnSession),
        share: 0.1,
        knobs: &[
            knob("item_knn_session.window", Range::Whole(1.0, 20.0)),
            knob("item_knn_session.reverse", Range::Linear(0.0, 1.2)),
            knob("item_knn_session.distance_power", Range::Linear(0.0, 2.0)),
            knob("item_knn_session.item_power", Range::Linear(0.0, 1.2)),
            knob("item_knn_session.neighbour_power", Range::Linear(0.0, 1.2)),
            knob("engine.position_decay", Range::Log(0.5, 20.0)),
        ],
    },
    Study {
        subject: Subject::Alone(Source::ItemKnnWalk),
        share: 0.15,
        knobs: &[
            knob("item_knn_walk.fan_out", Range::Whole(10.0, 150.0)),
            knob("item_knn_walk.shrinkage", Range::Log(0.1, 30.0)),
            knob("item_knn_walk.item_power", Range::Linear(0.0, 0.6)),
            knob("item_knn_walk.second", Range::Log(0.3, 30.0)),
        ],
    },
    Study {
        subject: Subject::Alone(Source::Embedding),
        share: 0.1,
        knobs: &[
            knob("embedding.window", Range::Whole(2.0, 30.0)),
            knob("embedding.distance_power", Range::Linear(0.0, 2.0)),
            knob("embedding.shrinkage", Range::Log(0.1, 100.0)),
        ],
    },
    Study {
        subject: Subject::Alone(Source::ItemKnnUser),
        share: 0.1,
        knobs: &[
            knob("item_knn_user.weighting", Range::Word(&["binary", "tf-idf", "bm25"])),
            knob("item_knn_user.saturation", Range::Log(0.1, 100.0)),
            knob("item_knn_user.length_normalization", Range::Linear(0.0, 1.0)),
            knob("item_knn_user.item_power", Range::Linear(0.0, 1.2)),
            knob("item_knn_user.neighbour_power", Range::Linear(0.0, 1.2)),
            knob("item_knn_user.user_power", Range::Linear(0.0, 1.2)),
        ],
    },
    Study {
        subject: Subject::Alone(Source::Slim),
        share: 0.1,
        knobs: &[
            knob("slim.user_power", Range::Linear(0.0, 1.2)),
            knob("slim.regularization", Range::Log(0.1, 10_000.0)),
            knob("slim.item_power", Range::Linear(0.0, 1.2)),
        ],
    },
    Study {
        subject: Subject::Alone(Source::Als),
        share: 0.15,
        knobs: &[
            knob("als.unobserved_weight", Range::Log(0.0003, 10.0)),
            knob("als.regularization", Range::Log(0.0001, 1000.0)),
            knob("als.regularization_power", Range::Linear(0.0, 1.2)),
        ],
    },
    Study {
        subject: Subject::Alone(Source::Popularity),
        share: 0.05,
        knobs: &[knob("popularity.half_life_days", Range::Log(0.5, 365.0))],
    },
    Study {
        subject: Subject::Alone(Source::Trending),
        share: 0.05,
        knobs: &[knob("popularity.trend_half_life_days", Range::Log(0.05, 30.0))],
    },
    Study {
        subject: Subject::Alone(Source::Repeat),
        share: 0.05,
        knobs: &[
            knob("repeat.trees", Range::Whole(30.0, 400.0)),
            knob("repeat.depth", Range::Whole(3.0, 8.0)),
            knob("repeat.learning_rate", Range::Log(0.03, 0.5)),
            knob("repeat.l2", Range::Log(0.1, 1000.0)),
        ],
    },
    Study {
        subject: Subject::Trees,
        share: 0.15,
        knobs: &[
            knob("trees.learning_rate", Range::Log(0.03, 0.2)),
            knob("trees.depth", Range::Whole(4.0, 8.0)),
            knob("trees.l2", Range::Log(0.1, 1000.0)),
            knob("trees.row_share", Range::Linear(0.3, 1.0)),
            knob("trees.feature_share", Range::Linear(0.2, 1.0)),
        ],
    },
    Study {
        subject: Subject::Linear,
        share: 0.15,
        knobs: &[
            knob("linear.features", Range::Whole(10.0, 80.0)),
            knob("linear.epochs", Range::Whole(1.0, 12.0)),
            knob("linear.learning_rate", Range::Log(0.002, 0.2)),
        ],
    },
];

impl Study {
    /// The name in trials.
    pub fn name(&self) -> &'static str {
        match self.subject {
            Subject::Alone(source) => source.as_str(),
            Subject::Trees => "trees",
            Subject::Linear => "linear",
        }
    }
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
