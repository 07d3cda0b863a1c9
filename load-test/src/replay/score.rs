//! Ranking metrics of slates, averaged over all cases.
//!
//! HR@k: 1 if a target is among the first k items. MRR@k: 1 / rank of the target if it is among them. Recall@k: the
//! share of the targets among them. NDCG@k: binary gains 1 / log2(rank + 1), divided by those of the best order.
//! Next-item has one target a case (so that recall is the hit rate, and NDCG has an ideal of 1).

use std::fmt::Write;

use serde_json::{Map, Value};
use shared::contract::id::ItemId;

use super::slates::Slate;

/// Means over all cases.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// How many slates were scored.
    pub cases: usize,
    /// The cut-offs, ascending.
    pub cut_offs: Vec<usize>,
    /// Each metric's name and its value at each cut-off.
    pub metrics: Vec<(&'static str, Vec<f64>)>,
}

/// Scores slates with one target each: HR, MRR, NDCG.
#[must_use]
pub fn next_item(slates: &[Slate], targets: &[ItemId], cut_offs: &[usize]) -> Scores {
    let rank = |slate: &Slate, target: &ItemId| slate.items.iter().position(|item| item == target).map(|at| at + 1);
    let ranks: Vec<Option<usize>> = slates.iter().zip(targets).map(|(slate, target)| rank(slate, target)).collect();
    let mean = |gain: fn(usize) -> f64| {
        let within = |k: usize| ranks.iter().flatten().filter(move |&&rank| rank <= k).map(|&rank| gain(rank)).sum();
        means(cut_offs, ranks.len(), within)
    };
    let metrics = vec![("hr", mean(|_| 1.0)), ("mrr", mean(|rank| 1.0 / rank as f64)), ("ndcg", mean(discount))];
    Scores { cases: ranks.len(), cut_offs: cut_offs.to_vec(), metrics }
}

/// Scores slates with several distinct targets each, sorted by id: recall, HR, NDCG.
#[must_use]
pub fn top_k(slates: &[Slate], targets: &[Vec<ItemId>], cut_offs: &[usize]) -> Scores {
    // For each case, the ranks of its hits and how many targets there are.
    let hits = |slate: &Slate, targets: &[ItemId]| -> Vec<usize> {
        (1..).zip(&slate.items).filter(|(_, item)| targets.binary_search(item).is_ok()).map(|(rank, _)| rank).collect()
    };
    let cases: Vec<(Vec<usize>, usize)> =
        slates.iter().zip(targets).map(|(slate, targets)| (hits(slate, targets), targets.len())).collect();
    let mean = |score: fn(&[usize], usize, usize) -> f64| {
        let sum = |k: usize| {
            let first = |hits: &[usize]| hits.partition_point(|&rank| rank <= k);
            cases.iter().map(|(hits, targets)| score(&hits[..first(hits)], *targets, k)).sum()
        };
        means(cut_offs, cases.len(), sum)
    };
    let metrics = vec![
        ("recall", mean(|hits, targets, _| hits.len() as f64 / targets as f64)),
        ("hr", mean(|hits, _, _| f64::from(u8::from(!hits.is_empty())))),
        ("ndcg", mean(|hits, targets, k| dcg(hits.iter().copied()) / dcg(1..=targets.min(k)))),
    ];
    Scores { cases: cases.len(), cut_offs: cut_offs.to_vec(), metrics }
}

fn means(cut_offs: &[usize], cases: usize, sum_at: impl Fn(usize) -> f64) -> Vec<f64> {
    cut_offs.iter().map(|&k| sum_at(k) / cases as f64).collect()
}

fn dcg(ranks: impl Iterator<Item = usize>) -> f64 {
    ranks.map(discount).sum()
}

fn discount(rank: usize) -> f64 {
    1.0 / (rank as f64 + 1.0).log2()
}

impl Scores {
    /// A table: a row per cut-off.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("{} cases\n{:>5}", self.cases, "k");
        for (name, _) in &self.metrics {
            write!(text, " {name:>8}").expect("a String takes any text");
        }
        for (row, k) in self.cut_offs.iter().enumerate() {
            write!(text, "\n{k:>5}").expect("a String takes any text");
            for (_, values) in &self.metrics {
                write!(text, " {:>8.4}", values[row]).expect("a String takes any text");
            }
        }
        text.push('\n');
        text
    }

    /// The entries `cases`, `hr@20` and so on.
    #[must_use]
    pub fn json(&self) -> Map<String, Value> {
        let mut entries = Map::from_iter([("cases".to_owned(), Value::from(self.cases))]);
        for (name, values) in &self.metrics {
            let named = self.cut_offs.iter().zip(values).map(|(k, &value)| (format!("{name}@{k}"), Value::from(value)));
            entries.extend(named);
        }
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::super::slates::tests::{item, slate};
    use super::*;

    fn value(scores: &Scores, metric: &str, k: usize) -> f64 {
        scores.json()[&format!("{metric}@{k}")].as_f64().expect("a metric")
    }

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
    }

    #[test]
    fn next_item_counts_hits_by_rank() {
        let slates = [slate("a", 1, "x y z"), slate("a", 2, "x y z"), slate("b", 1, "x y z"), slate("c", 1, "")];
        let targets = [item("x"), item("z"), item("q"), item("x")];
        let scores = next_item(&slates, &targets, &[1, 2, 3]);
        assert_eq!(scores.cases, 4);
        close(value(&scores, "hr", 1), 1.0 / 4.0);
        close(value(&scores, "hr", 2), 1.0 / 4.0);
        close(value(&scores, "hr", 3), 2.0 / 4.0);
        close(value(&scores, "mrr", 3), (1.0 + 1.0 / 3.0) / 4.0);
        close(value(&scores, "ndcg", 3), (1.0 + 0.5) / 4.0);
    }

    #[test]
    fn top_k_scores_the_share_of_the_targets_and_their_order() {
        let slates = [slate("a", 0, "x y z"), slate("b", 0, "x y z")];
        let targets = [vec![item("q"), item("y"), item("z")], vec![item("x")]];
        let scores = top_k(&slates, &targets, &[1, 3]);
        close(value(&scores, "recall", 1), (0.0 + 1.0) / 2.0);
        close(value(&scores, "recall", 3), (2.0 / 3.0 + 1.0) / 2.0);
        close(value(&scores, "hr", 3), 1.0);
        let ideal = 1.0 + 1.0 / 3f64.log2() + 0.5;
        close(value(&scores, "ndcg", 3), ((1.0 / 3f64.log2() + 0.5) / ideal + 1.0) / 2.0);
        close(value(&scores, "ndcg", 1), 0.5);
    }

    #[test]
    fn the_table_has_a_row_per_cut_off() {
        let scores = next_item(&[slate("a", 1, "x")], &[item("x")], &[1, 20]);
        let expected = "1 cases\n    k       hr      mrr     ndcg\n    1   1.0000   1.0000   1.0000\n   20   1.0000   1.0000   1.0000\n";
        assert_eq!(scores.text(), expected);
    }
}
