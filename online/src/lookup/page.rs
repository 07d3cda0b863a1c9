//! A page of items in the order of their ids.
//!
//! In: behind which id, how many, and which. Out: rows, and where the next page begins. Cost: a search for the first one, and
//! a look at each item until the page is full. Names are searched for words one by one, without an index that would have to
//! be made anew with every change of an item: at most [`MOST_SEARCHED`] of them for a page, which takes some ms; then the
//! page ends as it is, with a cursor.

use std::iter::Peekable;

use shared::contract::id::ItemIdx;
use shared::engine::item_set::ItemSet;
use shared::engine::snapshot::Snapshot;
use shared::tables::Items;

use super::{Cursor, Words};

/// So many items are searched for words for one page at most.
pub const MOST_SEARCHED: usize = 200_000;

/// Which items are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Where the page before ended.
    pub after: Option<&'a Cursor>,
    /// How many.
    pub limit: usize,
    /// Only those of a set.
    pub only: Option<&'a ItemSet>,
    /// Only those that these words are of.
    pub words: Option<&'a Words>,
}

/// The items of a page, and where it ended if there are more.
#[must_use]
pub fn page(snapshot: &Snapshot, wanted: Wanted<'_>) -> (Vec<ItemIdx>, Option<Cursor>) {
    page_of(snapshot.items(), wanted, MOST_SEARCHED)
}

fn page_of(items: &Items, wanted: Wanted<'_>, most_searched: usize) -> (Vec<ItemIdx>, Option<Cursor>) {
    let Wanted { after, limit, only, words } = wanted;
    let mut found = Vec::with_capacity(limit);
    let mut searched = 0;
    let mut last = None;
    for item in behind(items, after.map_or("", Cursor::id)) {
        if found.len() == limit || searched == most_searched {
            return (found, last.map(|item| Cursor::after(items.id(item))));
        }
        last = Some(item);
        if only.is_some_and(|only| !only.contains(item)) {
            continue;
        }
        let is_found = words.is_none_or(|words| {
            searched += 1;
            words.are_of(items.id(item), items.name(item).unwrap_or_default())
        });
        if is_found {
            found.push(item);
        }
    }
    (found, None)
}

/// The items behind an id, in the order of ids: those of the version, and between them those that came after it.
fn behind<'a>(items: &'a Items, id: &str) -> impl Iterator<Item = ItemIdx> + 'a {
    let is_behind = |item: &ItemIdx| items.id(*item) > id;
    let all = |rows: std::ops::Range<usize>| rows.map(|row| ItemIdx(row as u32));
    let mut rows = 0..items.learnt();
    while !rows.is_empty() {
        let middle = rows.start + rows.len() / 2;
        if is_behind(&ItemIdx(middle as u32)) { rows.end = middle } else { rows.start = middle + 1 }
    }
    let mut later: Vec<ItemIdx> = all(items.learnt()..items.len()).filter(is_behind).collect();
    later.sort_unstable_by_key(|item| items.id(*item));
    let (learnt, later) = (all(rows.start..items.learnt()).peekable(), later.into_iter().peekable());
    Merged { items, learnt, later }
}

/// Two lists of items in the order of ids, as one.
struct Merged<'a, L: Iterator<Item = ItemIdx>, M: Iterator<Item = ItemIdx>> {
    items: &'a Items,
    learnt: Peekable<L>,
    later: Peekable<M>,
}

impl<L: Iterator<Item = ItemIdx>, M: Iterator<Item = ItemIdx>> Iterator for Merged<'_, L, M> {
    type Item = ItemIdx;

    fn next(&mut self) -> Option<ItemIdx> {
        match (self.learnt.peek(), self.later.peek()) {
            (Some(learnt), Some(later)) if self.items.id(*later) < self.items.id(*learnt) => self.later.next(),
            (None, _) => self.later.next(),
            _ => self.learnt.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared::tables::ItemTable;

    use super::*;

    /// Items of a version, and some that came after it.
    fn items(learnt: &[&str], later: &[&str]) -> Items {
        let table = |ids: &[&str]| {
            let names = ids.iter().map(|id| format!("Name {id}"));
            ItemTable { id: ids.iter().collect(), name: names.collect(), ..ItemTable::default() }
        };
        let all: Vec<&str> = learnt.iter().chain(later).copied().collect();
        Items::new(table(learnt)).over(table(&all))
    }

    /// All pages, one after the other.
    fn pages(items: &Items, wanted: Wanted<'_>, most_searched: usize) -> Vec<String> {
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let (found, next) = page_of(items, Wanted { after: cursor.as_ref(), ..wanted }, most_searched);
            assert!(found.len() <= wanted.limit);
            all.extend(found.into_iter().map(|item| items.id(item).to_owned()));
            match next {
                Some(next) => cursor = Some(next),
                None => return all,
            }
        }
    }

    const ALL: Wanted<'_> = Wanted { after: None, limit: 2, only: None, words: None };

    #[test]
    fn pages_are_in_the_order_of_ids_whatever_came_after_the_version() {
        let items = items(&["b", "d", "f"], &["g", "a", "e"]);
        assert_eq!(pages(&items, ALL, 99).join(""), "abdefg");
        let only = ItemSet::new(6, |item| item.0 % 2 == 0);
        assert_eq!(pages(&items, Wanted { only: Some(&only), ..ALL }, 99).join(""), "abf");
        let words = Words::read("name e").expect("words");
        assert_eq!(pages(&items, Wanted { words: Some(&words), ..ALL }, 1), ["e"]);
        // The last page says so, even if it is full.
        let (found, next) = page_of(&items, Wanted { limit: 6, ..ALL }, 99);
        assert_eq!((found.len(), next), (6, None));
    }

    #[test]
    fn a_cursor_holds_when_its_item_is_gone_and_others_have_come() {
        let cursor = Cursor::after("c");
        let wanted = Wanted { after: Some(&cursor), ..ALL };
        let items = items(&["a", "d"], &["ca"]);
        let found: Vec<&str> = page_of(&items, wanted, 99).0.into_iter().map(|item| items.id(item)).collect();
        assert_eq!(found, ["ca", "d"]);
    }

    proptest! {
        #[test]
        fn every_item_is_on_one_page(
            ids in prop::collection::btree_set("[ab]{1,4}", 1..20), at in 0usize..20, limit in 1usize..5, most in 1usize..5,
        ) {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let (later, learnt): (Vec<_>, Vec<_>) = ids.iter().enumerate().partition(|(row, _)| (row * 7 + at) % 3 == 0);
            let learnt: Vec<&str> = learnt.into_iter().map(|(_, id)| *id).collect();
            let later: Vec<&str> = later.into_iter().map(|(_, id)| *id).rev().collect();
            let items = items(&learnt, &later);
            let words = Words::read("name").expect("words");
            prop_assert_eq!(pages(&items, Wanted { limit, words: Some(&words), ..ALL }, most), ids);
        }
    }
}
