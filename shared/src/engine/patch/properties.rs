//! The property table with what was said.
//!
//! A value of another kind than its property has is taken as one of that kind: `4` as the text `4`, `"4"` as the
//! number; what can't be is missing. A property that the version does not have is of the kind that all of its values
//! have, else texts.

use std::collections::{BTreeMap, BTreeSet};

use super::Patch;
use crate::contract::artifact::strings::Strings;
use crate::contract::id::ItemIdx;
use crate::contract::item_change::{AVAILABLE, CATEGORY, FieldValue, NAME, PRICE};
use crate::tables::{Property, PropertyKind, PropertyTable, Texts};

/// The values of items of which something was said, by row.
type Said<'a> = Vec<(usize, Option<&'a FieldValue>)>;

/// The table with what was said; the same, if that is nothing.
pub(super) fn patched(base: &PropertyTable, patch: &Patch<'_>) -> PropertyTable {
    let mut said: BTreeMap<&str, Said<'_>> = BTreeMap::new();
    for edit in &patch.edits {
        for &(name, value) in edit.fields.iter().filter(|(name, _)| ![NAME, CATEGORY, PRICE, AVAILABLE].contains(name))
        {
            said.entry(name).or_default().push((edit.item.at(), value));
        }
    }
    // A property that is said to be nowhere known is none.
    said.retain(|name, values| base.get(name).is_some() || values.iter().any(|(_, value)| value.is_some()));
    if said.is_empty() && (base.is_empty() || !patch.has_new()) {
        return base.clone();
    }
    let names: BTreeSet<&str> = base.names().map(|(name, _)| name).chain(said.keys().copied()).collect();
    let mut columns = Columns { items: patch.items, ..Columns::default() };
    for &name in &names {
        let said = said.get(name).map_or(&[][..], |said| said);
        match base.get(name) {
            Some(Property::Texts(texts)) => columns.texts(base, Some(texts), patch.known, said),
            Some(Property::Numbers(numbers)) => columns.numbers(PropertyKind::Number, numbers, said),
            Some(Property::Flags(flags)) => columns.numbers(PropertyKind::Flag, flags, said),
            None => match kind_of(said) {
                PropertyKind::Text => columns.texts(base, None, patch.known, said),
                kind => columns.numbers(kind, &[], said),
            },
        }
    }
    columns.table(&names)
}

/// The kind of a property that only these values have.
fn kind_of(said: &[(usize, Option<&FieldValue>)]) -> PropertyKind {
    let all = |is: fn(&FieldValue) -> bool| said.iter().filter_map(|(_, value)| *value).all(is);
    if all(|value| matches!(value, FieldValue::Flag(_))) {
        PropertyKind::Flag
    } else if all(|value| matches!(value, FieldValue::Number(_))) {
        PropertyKind::Number
    } else {
        PropertyKind::Text
    }
}

/// The columns of a table, property by property.
#[derive(Default)]
struct Columns {
    items: usize,
    kinds: Vec<u8>,
    text_starts: Vec<u64>,
    all_texts: Vec<Box<str>>,
    value_starts: Vec<u32>,
    values: Vec<u32>,
    numbers: Vec<f64>,
}

impl Columns {
    fn begin(&mut self, kind: PropertyKind) {
        self.kinds.push(kind as u8);
        self.text_starts.push(self.all_texts.len() as u64);
    }

    fn numbers(&mut self, kind: PropertyKind, known: &[f64], said: &[(usize, Option<&FieldValue>)]) {
        self.begin(kind);
        let first = self.numbers.len();
        self.numbers.extend_from_slice(known);
        self.numbers.resize(first + self.items, f64::NAN);
        for &(row, value) in said {
            let number = value.and_then(FieldValue::number).unwrap_or(f64::NAN);
            let is_flag = kind == PropertyKind::Flag && !number.is_nan();
            self.numbers[first + row] = if is_flag { f64::from(u8::from(number != 0.0)) } else { number };
        }
    }

    /// * `known`: what the `items` of the version have.
    fn texts(
        &mut self,
        base: &PropertyTable,
        known: Option<Texts<'_>>,
        items: usize,
        said: &[(usize, Option<&FieldValue>)],
    ) {
        self.begin(PropertyKind::Text);
        let said: Vec<(usize, Vec<Box<str>>)> =
            said.iter().map(|&(row, value)| (row, value.map(FieldValue::texts).unwrap_or_default())).collect();
        let old = known.map_or(0..0, |known| known.rows());
        let mut texts: Vec<&str> = old.clone().map(|row| base.texts.get(row)).collect();
        texts.extend(said.iter().flat_map(|(_, texts)| texts).map(|text| &**text));
        texts.sort_unstable();
        texts.dedup();
        let first = self.all_texts.len() as u32;
        let row_of = |text: &str| first + texts.binary_search(&text).unwrap_or_default() as u32;
        let moved: Vec<u32> = old.clone().map(|row| row_of(base.texts.get(row))).collect();
        let mut said = said.iter().peekable();
        for item in 0..self.items {
            self.value_starts.push(self.values.len() as u32);
            match (said.next_if(|(row, _)| *row == item), known) {
                (Some((_, texts)), _) => self.values.extend(texts.iter().map(|text| row_of(text))),
                (None, Some(known)) if item < items => {
                    let own = known.of(ItemIdx(item as u32)).iter();
                    self.values.extend(own.map(|&row| moved[row as usize - old.start]));
                }
                (None, _) => {}
            }
        }
        self.all_texts.extend(texts.into_iter().map(Into::into));
    }

    fn table(mut self, names: &BTreeSet<&str>) -> PropertyTable {
        self.text_starts.push(self.all_texts.len() as u64);
        self.value_starts.push(self.values.len() as u32);
        let texts: Strings = self.all_texts.iter().collect();
        PropertyTable {
            names: names.iter().collect(),
            kinds: self.kinds.into(),
            text_starts: self.text_starts.into(),
            texts,
            value_starts: self.value_starts.into(),
            values: self.values.into(),
            numbers: self.numbers.into(),
        }
    }
}
