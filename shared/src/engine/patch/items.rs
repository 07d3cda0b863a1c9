//! The columns of the item table with what was said: names, categories, prices, availability; and the rows of new
//! items.

use super::Patch;
use crate::contract::artifact::columns::{Column, Element};
use crate::contract::artifact::strings::Strings;
use crate::contract::id::ItemIdx;
use crate::contract::item_change::{AVAILABLE, CATEGORY, FieldValue, NAME, PRICE};
use crate::tables::{CategoryIdx, ItemTable, NO_CATEGORY};

/// The table with what was said.
pub(super) fn patched(base: &ItemTable, patch: &Patch<'_>) -> ItemTable {
    let mut table = base.clone();
    if patch.has_new() {
        table.id = base.id.edited(&patch.new_items().collect::<Vec<_>>(), patch.items);
    }
    if patch.has_new() || patch.of(NAME).next().is_some() {
        let first = |value: &FieldValue| value.texts().into_iter().next();
        let names: Vec<(usize, Box<str>)> =
            patch.of(NAME).map(|(row, value)| (row, value.and_then(first).unwrap_or_default())).collect();
        let edits: Vec<(usize, &str)> = names.iter().map(|(row, name)| (*row, &**name)).collect();
        table.name = base.name.edited(&edits, patch.items);
    }
    if patch.has_new() || patch.of(PRICE).next().is_some() {
        let mut price = longer(&base.price, f32::NAN, patch.items);
        for (row, value) in patch.of(PRICE) {
            price[row] = value.and_then(FieldValue::number).map_or(f32::NAN, |price| price as f32);
        }
        table.price = price.into();
    }
    availability(&mut table, patch);
    categories(&mut table, patch);
    table
}

/// A copy of a column of all items, or of none, with a value for each.
fn longer<T: Element>(column: &Column<T>, without: T, items: usize) -> Vec<T> {
    let mut values = column.to_vec();
    values.resize(items, without);
    values
}

/// What is said to be available is so at once and for ever, whatever times the version has.
fn availability(table: &mut ItemTable, patch: &Patch<'_>) {
    let bounded = !table.available_from.is_empty() || !table.available_until.is_empty();
    if patch.of(AVAILABLE).next().is_none() && !(bounded && patch.has_new()) {
        return;
    }
    let mut from = longer(&table.available_from, i64::MIN, patch.items);
    let mut until = longer(&table.available_until, i64::MAX, patch.items);
    for (row, value) in patch.of(AVAILABLE) {
        let is_available = value.and_then(FieldValue::number) != Some(0.0);
        (from[row], until[row]) = (i64::MIN, if is_available { i64::MAX } else { i64::MIN });
    }
    (table.available_from, table.available_until) = (from.into(), until.into());
}

/// Categories are in the order of their names: a new one moves the rows of those behind it.
fn categories(table: &mut ItemTable, patch: &Patch<'_>) {
    let said: Vec<(usize, Vec<Box<str>>)> =
        patch.of(CATEGORY).map(|(row, value)| (row, value.map(FieldValue::texts).unwrap_or_default())).collect();
    if said.is_empty() && !patch.has_new() {
        return;
    }
    let known = |row: usize| table.category_name.get(row);
    let mut names: Vec<&str> = (0..table.category_name.len()).map(known).collect();
    names.extend(said.iter().flat_map(|(_, texts)| texts).map(|text| &**text));
    names.sort_unstable();
    names.dedup();
    let row = |name: &str| names.binary_search(&name).map_or(NO_CATEGORY, |row| row as u32);
    let moved: Vec<u32> = (0..table.category_name.len()).map(|old| row(known(old))).collect();
    let (mut starts, mut rows) = (Vec::with_capacity(patch.items + 1), Vec::new());
    let mut first = Vec::with_capacity(patch.items);
    let mut said = said.iter().peekable();
    starts.push(0);
    for item in 0..patch.items {
        let begin = rows.len();
        // The first one given, as in the batch.
        let own_first = match said.next_if(|(row, _)| *row == item) {
            Some((_, texts)) => {
                rows.extend(texts.iter().map(|text| CategoryIdx(row(text))));
                rows.get(begin).map(|category| category.0)
            }
            None if item < patch.known => {
                let own = table.categories_of(ItemIdx(item as u32));
                rows.extend(own.iter().map(|old| CategoryIdx(moved[old.0 as usize])));
                table.category.get(item).and_then(|&old| moved.get(old as usize)).copied()
            }
            None => None,
        };
        rows[begin..].sort_unstable();
        first.push(own_first.unwrap_or(NO_CATEGORY));
        starts.push(rows.len() as u64);
    }
    let names: Strings = names.iter().collect();
    (table.category_name, table.category) = (names, first.into());
    (table.categories_starts, table.categories) = (starts.into(), rows.into());
}
