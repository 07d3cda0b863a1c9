//! `looks_like`: pairs of items whose vectors in the item table are near, of which at least one is too new for
//! co-occurrence.
//!
//! In: the vectors of the item table, and how often each item occurs. Out: the nearest neighbours of every item by the
//! cosine of their vectors, those with a cosine greater than 0. As with `content`, a new item may have any neighbour,
//! any other item only new ones; where most items are only listed, these are not compared with each other
//! ([`compares_listed`]). Items of each age have an index of their own: up to `graph_from_items` vectors are scanned, more are searched in a graph that one thread builds, so that the lists
//! stay the same for any number of threads.
//!
//! Cost for n items of w numbers, m of them new: O(m · n · w / 16) by scans, about
//! O(n · w · (links · width of search)) by graphs. Time and memory grow with the items that have a vector, events or none: 8 bytes per number and 8 per
//! neighbour; without vectors there is no table.
//!
//! Source: Malkov, Yashunin, "Efficient and Robust Approximate Nearest Neighbor Search Using Hierarchical Navigable
//! Small World Graphs", TPAMI 2020.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use shared::contract::id::ItemIdx;
use shared::contract::source::Source;
use shared::engine::ann::graph::SteadyGraph;
use shared::engine::ann::scan::Scan;
use shared::engine::factors::dot;
use shared::engine::topk::{Scored, top_k};
use shared::tables::Neighbours;

use super::neighbours::compares_listed;
use super::{SourcesConfig, Trainer};
use crate::config::ranges::{OutOfRange, range};
use crate::log::ingest::Vectors;

/// Which items count as new, and how near ones are found. See `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct LooksLikeConfig {
    pub new_below: u32,
    pub neighbours: usize,
    pub graph_from_items: usize,
}

/// The trainer of `looks_like`.
pub const TRAINER: Trainer = Trainer {
    sources: &[Source::LooksLike],
    fit: |inputs, tables, _| {
        let vectors = &inputs.log.items.vectors;
        if let (Some(table), false) = (tables.neighbours_mut(Source::LooksLike), vectors.is_empty()) {
            let counts = inputs.items.spread_values(inputs.items.counts(), 0);
            *table = fit(vectors, &counts, &inputs.settings.sources.looks_like);
        }
    },
    steps: |_| 0,
    check,
    studies: &[],
};

fn check(config: &SourcesConfig) -> Result<(), OutOfRange> {
    let config = &config.looks_like;
    range((1..=1000).contains(&config.neighbours), "looks_like.neighbours", config.neighbours, "1 to 1000")?;
    range(config.graph_from_items > 0, "looks_like.graph_from_items", config.graph_from_items, "at least 1")
}

/// The width of a search in a graph, relative to the number of neighbours that are wanted.
const WIDTH: usize = 4;

/// Finds the neighbours of all items; `counts` is the number of events of each.
#[must_use]
pub fn fit(vectors: &Vectors, counts: &[u32], config: &LooksLikeConfig) -> Neighbours {
    let age = |item: usize| match counts[item] {
        0 => Age::Listed,
        count if count < config.new_below => Age::New,
        _ => Age::Old,
    };
    let compares_listed = compares_listed(counts);
    let parts = [Age::Listed, Age::New, Age::Old].map(|of_age| {
        let items = (0..counts.len()).filter(|&item| age(item) == of_age && vectors.of(item).is_some()).collect();
        (of_age, Part::of(vectors, items, config.graph_from_items))
    });
    let list = |item: usize| {
        let Some(own) = vectors.of(item) else { return Vec::new() };
        let both_listed = |other: Age| age(item) == Age::Listed && other == Age::Listed;
        let near = parts
            .iter()
            .filter(|(other, _)| age(item).is_compared_with(*other) || compares_listed && both_listed(*other));
        top_k(config.neighbours, near.flat_map(|(_, part)| part.nearest(own, item, config.neighbours)))
    };
    let lists: Vec<Vec<Scored>> = (0..counts.len()).into_par_iter().with_min_len(16).map(list).collect();
    lists.into_iter().collect()
}

/// How much the log says of an item.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Age {
    /// Nothing: it is in the item table alone.
    Listed,
    /// Too little for co-occurrence.
    New,
    /// Enough.
    Old,
}

impl Age {
    fn is_compared_with(self, other: Self) -> bool {
        self == Self::New || other == Self::New || self != other
    }
}

/// Some items with an index over their vectors.
struct Part {
    /// The item of each row, ascending.
    items: Vec<usize>,
    /// Rows × numbers.
    vectors: Vec<f32>,
    index: Index,
}

enum Index {
    Scan(Scan),
    Graph(SteadyGraph),
}

impl Part {
    fn of(vectors: &Vectors, items: Vec<usize>, graph_from_items: usize) -> Self {
        let of_items: Vec<f32> = items.iter().filter_map(|&item| vectors.of(item)).flatten().copied().collect();
        let index = match items.len() < graph_from_items {
            true => Index::Scan(Scan::new(&of_items, vectors.width())),
            false => Index::Graph(SteadyGraph::new(&of_items, vectors.width())),
        };
        Self { items, vectors: of_items, index }
    }

    /// The items other than `item` with the largest cosines, of those greater than 0, in no order.
    fn nearest(&self, own: &[f32], item: usize, neighbours: usize) -> Vec<Scored> {
        let admit = |row: ItemIdx| self.items[row.at()] != item;
        let found = match &self.index {
            Index::Scan(scan) => scan.nearest(&self.vectors, own, neighbours, admit),
            Index::Graph(graph) => {
                let rows = graph.nearest(own, neighbours + 1, WIDTH * neighbours);
                let score = |row: ItemIdx| dot(&self.vectors[row.at() * own.len()..][..own.len()], own);
                rows.into_iter().filter(|&row| admit(row)).map(|row| Scored { item: row, score: score(row) }).collect()
            }
        };
        let kept = found.into_iter().filter(|scored| scored.score > 0.0);
        kept.map(|Scored { item, score }| Scored { item: ItemIdx(self.items[item.at()] as u32), score }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: LooksLikeConfig = LooksLikeConfig { new_below: 2, neighbours: 3, graph_from_items: 1000 };

    /// Vectors at these angles, in degrees; none where there is no angle.
    fn at(angles: &[Option<f32>]) -> Vectors {
        Vectors::of_items(angles.iter().map(|angle| {
            let radians = (*angle)?.to_radians();
            Some(Ok(vec![3.0 * radians.cos(), 3.0 * radians.sin()]))
        }))
    }

    fn lists(angles: &[Option<f32>], counts: &[u32], config: &LooksLikeConfig) -> Vec<Vec<u32>> {
        let table = fit(&at(angles), counts, config);
        (0..counts.len() as u32).map(|item| table.of(ItemIdx(item)).map(|(other, _)| other.0).collect()).collect()
    }

    #[test]
    fn an_old_item_has_new_neighbours_and_a_new_one_has_all_nearest_first() {
        // 1 and 4 are new; 3 has no vector, and 5 looks away.
        let angles = [Some(0.0), Some(10.0), Some(30.0), None, Some(70.0), Some(200.0)];
        let found = lists(&angles, &[9, 0, 9, 0, 1, 9], &CONFIG);
        assert_eq!(found, [vec![1, 4], vec![0, 2, 4], vec![1, 4], vec![], vec![2, 1, 0], vec![]]);
    }

    #[test]
    fn scores_are_cosines() {
        let table = fit(&at(&[Some(0.0), Some(60.0)]), &[9, 0], &CONFIG);
        let (item, score) = table.of(ItemIdx(0)).next().expect("a neighbour");
        assert!(item == ItemIdx(1) && (score - 0.5).abs() < 1e-6, "{score}");
    }

    #[test]
    fn the_graph_finds_what_the_scan_finds() {
        let angles: Vec<Option<f32>> =
            (0..400).map(|item| Some((item * 37 % 360) as f32 + item as f32 / 1000.0)).collect();
        let counts: Vec<u32> = (0..400).map(|item| item % 5).collect();
        let [scanned, searched] = [1000, 1].map(|graph_from_items| {
            lists(&angles, &counts, &LooksLikeConfig { graph_from_items, neighbours: 10, ..CONFIG })
        });
        let pairs = scanned.iter().zip(&searched);
        let found: usize = pairs.map(|(a, b)| a.iter().filter(|item| b.contains(item)).count()).sum();
        assert!(found >= 3900, "{found} of 4000");
    }
}
