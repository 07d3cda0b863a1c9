//! The figures of an evaluation, as `offline evaluate --format json` writes them: of a file, or of a measurement of now.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::measure::evaluate::bootstrap::{Difference, Interval};

/// The cut-off that is told of where it was measured.
const CUT_OFF: usize = 20;

/// The figures of all models on the same questions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// What was asked: `next-item`, `top-k` or `last-item`.
    pub task: String,
    /// How many questions ask for an item that was never seen.
    pub unknown_targets: usize,
    /// One entry per model; the first is the served one.
    pub results: Vec<ModelFigures>,
    /// The served model by segments of questions.
    #[serde(default)]
    pub segments: Vec<Segment>,
    /// Differences to the served model, such as without a source.
    #[serde(default)]
    pub comparisons: Vec<Comparison>,
}

/// The figures of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelFigures {
    /// Its name.
    pub model: String,
    /// How many questions there were.
    pub cases: usize,
    /// The 95% intervals of figures that are means over questions.
    #[serde(default)]
    pub intervals: BTreeMap<String, Interval>,
    /// Its figures, such as `ndcg@20`.
    #[serde(flatten)]
    pub figures: BTreeMap<String, Option<f64>>,
}

/// The figures of a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// What segments differ in.
    pub by: String,
    /// Its name.
    pub segment: String,
    /// How many questions there were.
    pub cases: usize,
    /// Its figures; those of popularity begin with `popularity_`.
    #[serde(flatten)]
    pub figures: BTreeMap<String, Option<f64>>,
}

/// A comparison with the served model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// What it is with, such as `without als`.
    pub name: String,
    /// How much higher its figures are.
    pub differences: BTreeMap<String, Difference>,
}

impl Evaluation {
    /// The cut-off that is told of: 20, or the largest one.
    #[must_use]
    pub fn cut_off(&self) -> usize {
        let names = self.results.iter().take(1).flat_map(|served| served.figures.keys());
        let cut_offs: Vec<usize> = names.filter_map(|name| name.strip_prefix("ndcg@")?.parse().ok()).collect();
        if cut_offs.contains(&CUT_OFF) { CUT_OFF } else { cut_offs.into_iter().max().unwrap_or(CUT_OFF) }
    }

    /// The figures of a model.
    #[must_use]
    pub fn of(&self, model: &str) -> Option<&ModelFigures> {
        self.results.iter().find(|result| result.model == model)
    }

    /// The windowed popularity that is best by a figure; plain popularity where there is none.
    #[must_use]
    pub fn best_popularity(&self, figure: &str) -> Option<&ModelFigures> {
        let all = self.results.iter().filter(|result| result.model.starts_with("popularity"));
        all.max_by(|a, b| a.figure(figure).unwrap_or(0.0).total_cmp(&b.figure(figure).unwrap_or(0.0)))
    }
}

impl Segment {
    /// A figure; 0 where it has none.
    #[must_use]
    pub fn of(&self, name: &str) -> f64 {
        self.figures.get(name).copied().flatten().unwrap_or(0.0)
    }

    /// What its questions have in common, in words.
    #[must_use]
    pub fn called(&self) -> String {
        let Self { by, segment, .. } = self;
        match &**by {
            "history" if segment == "0" => "there is no history".to_owned(),
            "history" if segment == "1" => "the history has one event".to_owned(),
            "history" => format!("the history has {segment} events"),
            "user" => format!("users are {segment}"),
            "item" => format!("items are {segment}"),
            "kind" => format!("the event is `{segment}`"),
            "repeat" if segment == "again" => "the user had the item before".to_owned(),
            "repeat" => "the user has not had the item before".to_owned(),
            _ => format!("{by} is {segment}"),
        }
    }
}

impl ModelFigures {
    /// A figure.
    #[must_use]
    pub fn figure(&self, name: &str) -> Option<f64> {
        self.figures.get(name).copied().flatten()
    }

    /// The interval of a figure.
    #[must_use]
    pub fn interval(&self, name: &str) -> Option<[f64; 2]> {
        self.intervals.get(name).map(|interval| [interval.low, interval.high])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_of_an_evaluation_is_read_whatever_cut_offs_it_has() {
        let json = r#"{"task": "next-item", "unknown_targets": 1, "asked_ms": null, "ceilings": {"100": 0.9},
            "results": [{"model": "tandem", "cases": 3, "ndcg@5": 0.5, "hr@5": null, "ndcg@10": 0.6,
                         "intervals": {"ndcg@10": {"low": 0.4, "high": 0.8}}},
                        {"model": "popularity", "cases": 3, "ndcg@10": 0.1, "intervals": {}},
                        {"model": "popularity_7d", "cases": 3, "ndcg@10": 0.2, "intervals": {}}],
            "segments": [{"by": "user", "segment": "new", "cases": 2, "ndcg@10": 0.3}],
            "comparisons": [{"name": "without als", "cases": 3, "differences":
                {"ndcg@10": {"mean": -0.1, "interval": {"low": -0.2, "high": 0.0}, "p": 0.04}}}]}"#;
        let read: Evaluation = serde_json::from_str(json).expect("reads");
        assert_eq!((read.cut_off(), read.of("tandem").and_then(|served| served.figure("ndcg@10"))), (10, Some(0.6)));
        assert_eq!(read.results[0].figure("hr@5"), None);
        assert_eq!(read.results[0].interval("ndcg@10"), Some([0.4, 0.8]));
        assert_eq!(read.best_popularity("ndcg@10").map(|best| &*best.model), Some("popularity_7d"));
        assert_eq!(read.comparisons[0].differences["ndcg@10"].mean, -0.1);
    }
}
