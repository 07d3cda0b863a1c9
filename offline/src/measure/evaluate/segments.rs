//! Breaks the figures down by segments of cases: the length of the history, whether the user is known, whether the
//! target is a frequent, rare or new item, whether the user had it before, and what they did with it. Plain popularity
//! is broken down too, for comparison with the served model.
//!
//! A segment of users counts whole cases; a segment of targets counts the cases that have a target in it, with these
//! targets alone. Items that the version does not have count as new, and as first-time items.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use shared::contract::id::ItemIdx;
use shared::contract::kind::{KindIdx, Kinds};

use super::sums::{EventCounts, FIGURES, figures};
use super::{Answer, cases::Case};

/// The share of the training events that the head items have together.
const HEAD_SHARE: f64 = 0.5;

/// The properties of a case that decide its segments.
#[derive(Debug, Clone)]
pub struct Traits {
    history: &'static str,
    user: &'static str,
    kinds: Vec<KindIdx>,
    /// The kinds of the targets that the version does not have.
    unknown: Vec<KindIdx>,
    /// Whether each target is in the history.
    again: Vec<bool>,
}

impl Traits {
    /// The traits of a case; `known` is whether the batch has a record of the user.
    pub fn of(case: &Case<'_>, known: bool) -> Self {
        let history = match case.state.history.len() {
            0 => "0",
            1 => "1",
            2..=3 => "2-3",
            4..=9 => "4-9",
            10..=49 => "10-49",
            _ => "50+",
        };
        let again = |target: &ItemIdx| case.state.history.iter().any(|event| event.item == *target);
        Self {
            history,
            user: if known { "known" } else { "new" },
            kinds: case.kinds.clone(),
            unknown: case.unknown.clone(),
            again: case.targets.iter().map(again).collect(),
        }
    }
}

/// The figures of one segment.
#[derive(Debug, Clone, Serialize)]
pub struct Segment {
    /// What the segments differ in: history, user, item, repeat or kind.
    pub by: &'static str,
    /// The name of the segment, such as `head`.
    pub segment: String,
    /// How many cases there are.
    pub cases: usize,
    /// The figures by name, such as `hr@20`.
    #[serde(flatten)]
    pub figures: BTreeMap<String, f64>,
}

/// The figures of all segments so far.
#[derive(Debug)]
pub struct Segments {
    k: usize,
    /// The models that are broken down: the position of their slates in an answer, and the prefix of their figures'
    /// names.
    models: Vec<(usize, &'static str)>,
    /// The kinds of the held-out log.
    kinds: Arc<Kinds>,
    sums: BTreeMap<(&'static str, String), (usize, OfModels)>,
}

/// The sums of each model's figures.
type OfModels = Vec<[f64; FIGURES.len()]>;

impl Segments {
    /// Empty sums.
    ///
    /// * `popularity`: the position of its slates in an answer, if it is measured.
    /// * `kinds`: those of the held-out log.
    pub fn new(k: usize, popularity: Option<usize>, kinds: Arc<Kinds>) -> Self {
        let models = [(0, "")].into_iter().chain(popularity.map(|at| (at, "popularity_"))).collect();
        Self { k, models, kinds, sums: BTreeMap::new() }
    }

    /// Adds the slates of a case.
    pub fn add(&mut self, answer: &Answer, parts: &[Part]) {
        let Self { k, models, kinds: known, sums } = self;
        let mut add = |by, segment: &str, targets: &[ItemIdx], total: usize| {
            let (cases, sums) =
                sums.entry((by, segment.to_owned())).or_insert_with(|| (0, vec![[0.0; FIGURES.len()]; models.len()]));
            *cases += 1;
            for ((slate, _), sums) in models.iter().zip(sums) {
                for (sum, figure) in sums.iter_mut().zip(figures(*k, &answer.slates[*slate], targets, total)) {
                    *sum += figure;
                }
            }
        };
        let Traits { history, user, kinds, unknown, again } = &answer.traits;
        add("history", history, &answer.targets, answer.total);
        add("user", user, &answer.targets, answer.total);
        // `beyond` counts the targets that the version does not have; they count as missed.
        let mut add_targets = |by, segment: &str, beyond: usize, belongs: &dyn Fn(usize) -> bool| {
            let targets: Vec<ItemIdx> =
                (0..answer.targets.len()).filter(|&at| belongs(at)).map(|at| answer.targets[at]).collect();
            if targets.len() + beyond > 0 {
                add(by, segment, &targets, targets.len() + beyond);
            }
        };
        for (part, name) in [(Part::Head, "head"), (Part::Tail, "tail"), (Part::New, "new")] {
            let beyond = if part == Part::New { unknown.len() } else { 0 };
            add_targets("item", name, beyond, &|at| parts[answer.targets[at].at()] == part);
        }
        let is_new = |at: usize| parts[answer.targets[at].at()] == Part::New;
        add_targets("item", "new, first time", unknown.len(), &|at| is_new(at) && !again[at]);
        add_targets("repeat", "again", 0, &|at| again[at]);
        add_targets("repeat", "first time", unknown.len(), &|at| !again[at]);
        for (row, kind) in known.iter() {
            let beyond = unknown.iter().filter(|&&unknown| unknown == row).count();
            add_targets("kind", kind.name.as_str(), beyond, &|at| kinds[at] == row);
        }
    }

    /// The mean figures of every segment.
    pub fn results(self) -> Vec<Segment> {
        let Self { k, models, sums, .. } = self;
        let result = |((by, segment), (cases, sums)): (_, (usize, OfModels))| {
            let of_model = |((_, prefix), sums): (&(usize, &str), [f64; FIGURES.len()])| {
                let mean = |(name, sum): (&str, f64)| (format!("{prefix}{name}@{k}"), sum / cases as f64);
                FIGURES.into_iter().zip(sums).map(mean).collect::<Vec<_>>()
            };
            Segment { by, segment, cases, figures: models.iter().zip(sums).flat_map(of_model).collect() }
        };
        sums.into_iter().map(result).collect()
    }
}

/// How frequent an item is in the training events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Among the most frequent ones.
    Head,
    /// Seen, but less often.
    Tail,
    /// Never seen.
    New,
}

/// The part of each item.
pub fn parts(train: &EventCounts) -> Vec<Part> {
    let mut order: Vec<usize> = (0..train.of_item.len()).collect();
    order.sort_by_key(|&item| std::cmp::Reverse(train.of_item[item]));
    let mut parts = vec![Part::New; order.len()];
    let mut events = 0;
    for item in order.into_iter().take_while(|&item| train.of_item[item] > 0) {
        parts[item] = if (events as f64) < train.all as f64 * HEAD_SHARE { Part::Head } else { Part::Tail };
        events += train.of_item[item];
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_has_half_of_the_events_and_what_has_none_is_new() {
        let train = EventCounts { of_item: vec![1, 6, 0, 2, 3], all: 12 };
        assert_eq!(parts(&train), [Part::Tail, Part::Head, Part::New, Part::Tail, Part::Tail]);
    }
}
