//! `content`: pairs of items with similar categories, properties and name, of which at least one is too new for
//! co-occurrence.
//!
//! In: the item table, and how often each item occurs. Out: the nearest neighbours of every item by the cosine of their
//! TF-IDF vectors over words, properties and categories. A new item may have any neighbour, any other item only new ones,
//! since co-occurrence says more about pairs of old items than their properties do; where most items are only
//! listed, these are not compared with each other ([`compares_listed`]). Cost per pair that is compared and shares a word;
//! words of more than `widest` items are left out. Memory: 4 bytes per word of a listed item, and 8 per neighbour.
//!
//! Source: Lops, de Gemmis, Semeraro, "Content-based Recommender Systems", Recommender Systems Handbook, 2011.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use shared::contract::source::Source;
use shared::tables::Neighbours;

use super::neighbours::{compares_listed, lists};
use super::{SourcesConfig, Trainer};
use crate::config::ranges::OutOfRange;
use crate::log::ingest::Catalogue;

/// Which items count as new, and which words are compared. See `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ContentConfig {
    pub new_below: u32,
    pub widest: usize,
    pub neighbours: usize,
}

/// The trainer of `content`.
pub const TRAINER: Trainer = Trainer {
    sources: &[Source::Content],
    fit: |inputs, tables, _| {
        if let Some(table) = tables.neighbours_mut(Source::Content) {
            let counts = inputs.items.spread_values(inputs.items.counts(), 0);
            *table = fit(&inputs.log.items, &counts, &inputs.settings.sources.content);
        }
    },
    steps: |_| 0,
    check,
    studies: &[],
};

fn check(_: &SourcesConfig) -> Result<(), OutOfRange> {
    Ok(())
}

/// Finds the neighbours of all items; `counts` is the number of events of each.
#[must_use]
pub fn fit(items: &Catalogue, counts: &[u32], config: &ContentConfig) -> Neighbours {
    let described = describe(items);
    let new: Vec<bool> = counts.iter().map(|&count| count < config.new_below).collect();
    let all = postings(&described, |_| true);
    let of_new = postings(&described, |item| new[item]);
    let compares_listed = compares_listed(counts);
    let with_events = postings(&described, |item| counts[item] > 0 || compares_listed);
    let squares: Vec<f64> = (all.iter())
        .map(|posted| if posted.len() > config.widest { 0.0 } else { (items.len() as f64 / posted.len() as f64).ln() })
        .map(|idf| idf * idf)
        .collect();
    let norm = |words: &Vec<u32>| words.iter().map(|&word| squares[word as usize]).sum::<f64>().sqrt().max(1e-9);
    let norms: Vec<f64> = described.iter().map(norm).collect();
    lists(items.len(), |item, sums| {
        let at = item as usize;
        let others = match counts[at] {
            0 => &with_events,
            _ if new[at] => &all,
            _ => &of_new,
        };
        for &word in described[at].iter().filter(|&&word| squares[word as usize] > 0.0) {
            for &other in &others[word as usize] {
                sums.add(other, squares[word as usize]);
            }
        }
        sums.forget(item);
        sums.take_best(config.neighbours, |other, sum| sum / (norms[at] * norms[other as usize]))
    })
}

/// The distinct words of each item, numbered in their order: those of its name, its properties, its categories.
fn describe(items: &Catalogue) -> Vec<Vec<u32>> {
    let mut numbers: HashMap<String, u32> = HashMap::new();
    let mut described: Vec<Vec<u32>> = (0..items.len())
        .map(|item| {
            let name = items.names[item].split(|letter: char| !letter.is_alphanumeric());
            let words = name.filter(|word| word.chars().nth(1).is_some()).map(str::to_lowercase);
            let properties = items.properties[item].iter().map(ToString::to_string);
            let categories =
                items.categories_of(item).map(|category| format!("category={}", items.categories[category as usize]));
            let number = |word: String| {
                let next = numbers.len() as u32;
                *numbers.entry(word).or_insert(next)
            };
            words.chain(properties).chain(categories).map(number).collect()
        })
        .collect();
    let mut in_order: Vec<(String, u32)> = numbers.into_iter().collect();
    in_order.sort_unstable();
    let mut places = vec![0u32; in_order.len()];
    (0..).zip(&in_order).for_each(|(place, (_, number))| places[*number as usize] = place);
    for words in &mut described {
        words.iter_mut().for_each(|word| *word = places[*word as usize]);
        words.sort_unstable();
        words.dedup();
    }
    described
}

/// The inverted index: for each word, the wanted items that have it.
fn postings(described: &[Vec<u32>], wanted: impl Fn(usize) -> bool) -> Vec<Vec<u32>> {
    let words = described.iter().flatten().max().map_or(0, |&last| last as usize + 1);
    let mut postings = vec![Vec::new(); words];
    for (item, words) in described.iter().enumerate().filter(|(item, _)| wanted(*item)) {
        words.iter().for_each(|&word| postings[word as usize].push(item as u32));
    }
    postings
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared::contract::id::ItemIdx;

    use super::*;
    use crate::log::ingest::Vectors;

    /// Two oak items and a steel one of one category, and one of no kind at all.
    fn items() -> Catalogue {
        Catalogue {
            ids: ["a", "b", "c", "d"].map(Into::into).to_vec(),
            names: ["Oak lamp", "oak table", "Steel lamp", ""].map(Into::into).to_vec(),
            category_of: vec![0, 0, 0, u32::MAX],
            prices: vec![f32::NAN; 4],
            properties: vec![vec!["maker=x".into()], vec!["maker=x".into()], Vec::new(), Vec::new()],
            vectors: Vectors::default(),
            listed: vec![true; 4],
            categories: vec!["home".into()],
            ..Catalogue::default()
        }
    }

    fn neighbours_of(table: &Neighbours, item: usize) -> Vec<u32> {
        let range = table.starts[item] as usize..table.starts[item + 1] as usize;
        table.items[range].iter().map(|item| item.0).collect()
    }

    #[test]
    fn an_old_item_has_new_neighbours_and_a_new_one_has_all() {
        let config = ContentConfig { new_below: 2, widest: 100, neighbours: 10 };
        let table = fit(&items(), &[9, 1, 9, 9], &config);
        assert_eq!(neighbours_of(&table, 0), [1]);
        assert_eq!(neighbours_of(&table, 1), [0, 2]);
        assert!(neighbours_of(&table, 3).is_empty());
    }

    #[test]
    fn where_most_items_are_only_listed_they_are_not_compared_with_each_other() {
        let lamps = |all: usize| Catalogue {
            ids: (0..all).map(|item| item.to_string().into()).collect(),
            names: vec!["lamp".into(); all],
            category_of: vec![u32::MAX; all],
            prices: vec![f32::NAN; all],
            properties: (0..all).map(|item| vec![if item == all - 1 { "odd".into() } else { "even".into() }]).collect(),
            vectors: Vectors::default(),
            listed: vec![true; all],
            ..Catalogue::default()
        };
        let config = ContentConfig { new_below: 2, widest: 100, neighbours: 100 };
        let of_listed = |all: usize| {
            let counts: Vec<u32> = (0..all).map(|item| u32::from(item == 0)).collect();
            neighbours_of(&fit(&lamps(all), &counts, &config), 1)
        };
        assert_eq!((of_listed(12), of_listed(11).len()), (vec![0], 9));
    }

    #[test]
    fn words_of_too_many_items_say_nothing() {
        let config = ContentConfig { new_below: 100, widest: 2, neighbours: 10 };
        // The category is too frequent to count; 0 and 2 share the word lamp.
        let table = fit(&items(), &[1; 4], &config);
        assert_eq!(neighbours_of(&table, 2), [0]);
    }

    proptest! {
        #[test]
        fn scores_are_cosines_of_tf_idf_vectors_where_one_of_two_is_new(
            words in prop::collection::vec(prop::collection::btree_set(0usize..6, 0..5), 2..9),
            old in prop::collection::vec(any::<bool>(), 9),
        ) {
            let all = words.len();
            let items = Catalogue {
                ids: (0..all).map(|item| item.to_string().into()).collect(),
                names: vec!["".into(); all],
                category_of: vec![u32::MAX; all],
                prices: vec![f32::NAN; all],
                properties: words.iter().map(|own| own.iter().map(|word| format!("is={word}").into()).collect()).collect(),
                vectors: Vectors::default(),
                listed: vec![true; all],
                ..Catalogue::default()
            };
            let counts: Vec<u32> = old[..all].iter().map(|&old| if old { 9 } else { 1 }).collect();
            let table = fit(&items, &counts, &ContentConfig { new_below: 2, widest: 100, neighbours: 100 });
            let value = |item: usize, word: usize| {
                let having = words.iter().filter(|own| own.contains(&word)).count();
                if words[item].contains(&word) { (all as f64 / having as f64).ln() } else { 0.0 }
            };
            let product = |i: usize, j: usize| (0..6).map(|word| value(i, word) * value(j, word)).sum::<f64>();
            for i in 0..all {
                for j in 0..all {
                    let cosine = product(i, j) / (product(i, i) * product(j, j)).sqrt().max(1e-9);
                    let expected = if i == j || old[i] && old[j] { 0.0 } else { cosine };
                    let found = table.of(ItemIdx(i as u32)).find(|(item, _)| item.at() == j);
                    let score = found.map_or(0.0, |(_, score)| f64::from(score));
                    prop_assert!((score - expected).abs() < 1e-5, "{score} for {expected}");
                }
            }
        }
    }
}
