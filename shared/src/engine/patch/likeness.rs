//! Which items a new one is like: the lists that `content` goes on with for items that came after the version.
//!
//! In: the item columns with what was said, and which items are new. Out: for each new item the items most like it, by
//! the cosine of TF-IDF vectors over categories and texts of properties, as the batch's `content` has them; and for
//! each of these the new items that are like it, so that a history of known items leads to new ones. Of the items that
//! have a category or a text, the most popular are compared. Cost: a pass over each property of texts, and for each new
//! item a few hundred comparisons a word.
//!
//! Source: Lops, de Gemmis, Semeraro, "Content-based Recommender Systems", Recommender Systems Handbook, 2011.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::Patch;
use crate::contract::id::ItemIdx;
use crate::engine::topk::{Scored, top_k};
use crate::tables::{Items, Likeness, Popularity, Property, PropertyTable, Texts};

/// The longest list of an item.
const NEIGHBOURS: usize = 50;
/// Of the items of one category or text so many are compared.
const COMPARED: usize = 500;

/// A category by its row, or a text of a property by its row behind all categories.
type Word = usize;

/// What tells items apart, in the columns of one version.
struct Words<'a> {
    items: &'a Items,
    categories: usize,
    texts: Vec<Texts<'a>>,
}

impl<'a> Words<'a> {
    fn new(items: &'a Items, properties: &'a PropertyTable) -> Self {
        let texts = properties.names().filter_map(|(name, _)| match properties.get(name) {
            Some(Property::Texts(texts)) => Some(texts),
            _ => None,
        });
        Self { items, categories: items.categories().count(), texts: texts.collect() }
    }

    fn of(&self, item: ItemIdx) -> impl Iterator<Item = Word> {
        let categories = self.items.categories_of(item).iter().map(|category| category.0 as usize);
        let first = self.categories;
        let texts = self.texts.iter().flat_map(move |texts| texts.of(item));
        categories.chain(texts.map(move |&row| first + row as usize))
    }

    /// How many words there are.
    fn len(&self) -> usize {
        self.categories + self.texts.iter().map(|texts| texts.rows().end).max().unwrap_or_default()
    }
}

/// The lists of new items, and of those that are like them.
pub(super) fn likeness(
    items: &Items,
    properties: &PropertyTable,
    popularity: &Popularity,
    patch: &Patch<'_>,
) -> Likeness {
    let words = Words::new(items, properties);
    let new = || (patch.known..patch.items).map(|item| ItemIdx(item as u32));
    // Of each word how many items have it, and of those of new items the most popular.
    let mut counts = vec![0u32; words.len()];
    let mut posted: HashMap<Word, Vec<ItemIdx>> =
        new().flat_map(|item| words.of(item)).map(|word| (word, Vec::new())).collect();
    let mut is_wanted = vec![false; words.len()];
    posted.keys().for_each(|&word| is_wanted[word] = true);
    for &item in popularity.order(None) {
        for word in words.of(item) {
            counts[word] += 1;
            if is_wanted[word]
                && let Some(posted) = posted.get_mut(&word)
            {
                posted.push(item);
                is_wanted[word] = posted.len() < COMPARED;
            }
        }
    }
    let square = |word: Word| (items.len() as f64 / f64::from(counts[word].max(1))).ln().powi(2);
    let norm = |item: ItemIdx| words.of(item).map(square).sum::<f64>().sqrt().max(1e-9);
    let mut lists: BTreeMap<ItemIdx, Vec<Scored>> = BTreeMap::new();
    for item in new() {
        let mut sums: HashMap<ItemIdx, f64> = HashMap::new();
        for word in words.of(item) {
            let posted = posted.get(&word).map_or(&[][..], |posted| posted);
            posted.iter().for_each(|&other| *sums.entry(other).or_default() += square(word));
        }
        sums.remove(&item);
        let own = norm(item);
        let scored = |(other, sum): (ItemIdx, f64)| Scored { item: other, score: (sum / (own * norm(other))) as f32 };
        let best = top_k(NEIGHBOURS, sums.into_iter().map(scored).filter(|scored| scored.score > 0.0));
        for other in best.iter().filter(|other| other.item.at() < patch.known) {
            lists.entry(other.item).or_default().push(Scored { item, score: other.score });
        }
        lists.insert(item, best);
    }
    for list in lists.values_mut() {
        list.sort_by(|one, other| other.cmp(one));
        list.truncate(NEIGHBOURS);
    }
    Likeness::new(lists)
}
