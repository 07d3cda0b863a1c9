//! The property table: what is known of items beside name, categories, price and availability, such as brand, colour or
//! rating, for filters and rules.
//!
//! ```text
//! property ─▶ texts    ─▶ each item's rows among the texts of the property: none, one or several
//!          ─▶ a number ─▶ a value an item; missing where none is known
//! ```
//!
//! What is yes or no is the number 1 or 0. Memory: 8 bytes an item and property, and each text once.

use std::ops::Range;
use std::sync::Arc;

use super::{Misfit, check_length, check_starts, table};
use crate::contract::artifact::columns::Column;
use crate::contract::artifact::strings::Strings;
use crate::contract::id::ItemIdx;

table! {
    /// Properties of items, by name.
    pub struct PropertyTable {
        /// The names, ascending.
        names: Strings = "name",
        /// The [`PropertyKind`] of each, by its number.
        kinds: Column<u8> = "kind",
        /// Where the texts of each property begin, and the end of the last: properties + 1.
        text_starts: Column<u64> = "text_starts",
        /// The different texts, ascending within a property.
        texts: Strings = "text",
        /// Where the texts of each item begin in each property of texts, one property after the other, and the end of the last.
        value_starts: Column<u32> = "value_starts",
        /// The rows of each item's texts.
        values: Column<u32> = "value",
        /// The numbers of all items in each property of numbers, one property after the other; NaN where none is known.
        numbers: Column<f64> = "number",
    }
}

/// What the values of a property are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PropertyKind {
    /// Texts, of which an item may have several.
    Text,
    /// A number.
    Number,
    /// Yes or no.
    Flag,
}

impl PropertyKind {
    const ALL: [Self; 3] = [Self::Text, Self::Number, Self::Flag];

    /// The kind in words.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Flag => "yes or no",
        }
    }
}

/// A property of all items.
#[derive(Debug, Clone, Copy)]
pub enum Property<'a> {
    /// Texts.
    Texts(Texts<'a>),
    /// Numbers, by item; NaN where none is known.
    Numbers(&'a [f64]),
    /// 1 for yes, 0 for no, by item; NaN where neither is known.
    Flags(&'a [f64]),
}

/// A property of texts.
#[derive(Debug, Clone, Copy)]
pub struct Texts<'a> {
    table: &'a PropertyTable,
    property: usize,
    starts: &'a [u32],
}

impl<'a> Texts<'a> {
    /// The rows of its texts in the table.
    #[must_use]
    pub fn rows(&self) -> Range<usize> {
        self.table.texts_of(self.property)
    }

    /// The row of a text; `None` if no item has it.
    #[must_use]
    pub fn row(&self, text: &str) -> Option<u32> {
        self.table.texts.position_in(self.table.texts_of(self.property), text).map(|row| row as u32)
    }

    /// The rows of an item's texts; none if nothing is known.
    #[must_use]
    pub fn of(&self, item: ItemIdx) -> &'a [u32] {
        &self.table.values[self.starts[item.at()] as usize..self.starts[item.at() + 1] as usize]
    }
}

impl PropertyTable {
    /// Whether there are no properties.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The names with their kinds, ascending.
    pub fn names(&self) -> impl Iterator<Item = (&str, PropertyKind)> {
        (0..self.names.len()).map(|property| (self.names.get(property), self.kind(property)))
    }

    fn kind(&self, property: usize) -> PropertyKind {
        PropertyKind::ALL[usize::from(self.kinds[property])]
    }

    fn texts_of(&self, property: usize) -> Range<usize> {
        self.text_starts[property] as usize..self.text_starts[property + 1] as usize
    }

    /// A property by its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Property<'_>> {
        let property = self.names.position(name)?;
        let is_text = |property: usize| self.kind(property) == PropertyKind::Text;
        let before = (0..property).filter(|&other| is_text(other) == is_text(property)).count();
        let of_texts = (0..self.names.len()).filter(|&other| is_text(other)).count();
        Some(match self.kind(property) {
            PropertyKind::Text => {
                let items = (self.value_starts.len() - 1) / of_texts;
                let starts = &self.value_starts[before * items..=(before + 1) * items];
                Property::Texts(Texts { table: self, property, starts })
            }
            kind => {
                let items = self.numbers.len() / (self.names.len() - of_texts);
                let numbers = &self.numbers[before * items..(before + 1) * items];
                if kind == PropertyKind::Flag { Property::Flags(numbers) } else { Property::Numbers(numbers) }
            }
        })
    }

    /// The text of a row, see [`Texts::of`].
    #[must_use]
    pub fn text(&self, row: u32) -> &str {
        self.texts.get(row as usize)
    }

    pub(super) fn check(&self, items: usize) -> Result<(), Misfit> {
        if self.is_empty() {
            return Ok(());
        }
        let properties = self.names.len();
        check_length("kind", &self.kinds, properties)?;
        if let Some(kind) = self.kinds.iter().find(|kind| usize::from(**kind) >= PropertyKind::ALL.len()) {
            return Err(format!("`kind` has {kind}, which this build does not know"));
        }
        check_starts("text_starts", &self.text_starts, properties, self.texts.len())?;
        let sorted = |rows: Range<usize>| rows.clone().skip(1).all(|row| self.texts.get(row - 1) < self.texts.get(row));
        let names = (1..properties).all(|row| self.names.get(row - 1) < self.names.get(row));
        if !names || !(0..properties).all(|property| sorted(self.texts_of(property))) {
            return Err("`name` or `text` is not ascending".to_owned());
        }
        let of_texts: Vec<usize> = (0..properties).filter(|&at| self.kind(at) == PropertyKind::Text).collect();
        check_length("number", &self.numbers, (properties - of_texts.len()) * items)?;
        let starts: Column<u64> = self.value_starts.iter().map(|&start| u64::from(start)).collect();
        check_starts("value_starts", &starts, of_texts.len() * items, self.values.len())?;
        for (at, property) in of_texts.into_iter().enumerate() {
            let values = starts[at * items] as usize..starts[(at + 1) * items] as usize;
            let texts = self.texts_of(property);
            if !self.values[values].iter().all(|&row| texts.contains(&(row as usize))) {
                return Err("`value` names texts of another property".to_owned());
            }
        }
        Ok(())
    }
}

/// The values of one property, of which a table is made.
#[derive(Debug, Clone)]
pub enum Values {
    /// Texts.
    Texts {
        /// The different texts, ascending.
        texts: Arc<[Box<str>]>,
        /// The different lists of rows of `texts` that items have.
        lists: Arc<[Box<[u32]>]>,
        /// The list of each item, or [`Values::NONE`].
        of_items: Vec<u32>,
    },
    /// The number of each item; NaN where none is known.
    Numbers(Vec<f64>),
    /// 1 for yes, 0 for no, NaN for neither.
    Flags(Vec<f64>),
}

impl Values {
    /// Stands for an item without a list.
    pub const NONE: u32 = u32::MAX;

    /// Texts, given those of each item.
    #[must_use]
    pub fn of_texts(of_items: &[Vec<Box<str>>]) -> Self {
        let mut texts: Vec<Box<str>> = of_items.iter().flatten().cloned().collect();
        texts.sort_unstable();
        texts.dedup();
        let row = |text: &str| texts.binary_search_by(|known| (**known).cmp(text)).ok().map(|row| row as u32);
        let list = |own: &Vec<Box<str>>| own.iter().filter_map(|text| row(text)).collect::<Box<[u32]>>();
        let mut lists: Vec<Box<[u32]>> = of_items.iter().map(list).collect();
        lists.sort_unstable();
        lists.dedup();
        let place = |own: &Vec<Box<str>>| lists.binary_search(&list(own)).map_or(Self::NONE, |at| at as u32);
        let of_items = of_items.iter().map(place).collect();
        Self::Texts { of_items, texts: texts.into(), lists: lists.into() }
    }

    /// The texts of each item, of a property of texts.
    #[must_use]
    pub fn texts_of_items(&self) -> Vec<Vec<Box<str>>> {
        let Self::Texts { texts, lists, of_items } = self else { return Vec::new() };
        let of_list = |&list: &u32| lists.get(list as usize).map_or(&[][..], |list| list);
        of_items.iter().map(|list| of_list(list).iter().map(|&row| texts[row as usize].clone()).collect()).collect()
    }

    /// What the values are.
    #[must_use]
    pub fn kind(&self) -> PropertyKind {
        match self {
            Self::Texts { .. } => PropertyKind::Text,
            Self::Numbers(_) => PropertyKind::Number,
            Self::Flags(_) => PropertyKind::Flag,
        }
    }
}

impl FromIterator<(Box<str>, Values)> for PropertyTable {
    /// Makes a table of properties, each of which has the values of all items. Of two of one name the first counts.
    fn from_iter<I: IntoIterator<Item = (Box<str>, Values)>>(properties: I) -> Self {
        let mut properties: Vec<(Box<str>, Values)> = properties.into_iter().collect();
        properties.sort_by(|one, other| one.0.cmp(&other.0));
        properties.dedup_by(|later, first| later.0 == first.0);
        let mut all: Vec<&str> = Vec::new();
        let (mut text_starts, mut value_starts, mut values, mut numbers) = (vec![0], vec![0], Vec::new(), Vec::new());
        for (_, of_property) in &properties {
            match of_property {
                Values::Texts { texts, lists, of_items } => {
                    let first = all.len() as u32;
                    for &list in of_items {
                        let rows = lists.get(list as usize).map_or(&[][..], |list| list);
                        values.extend(rows.iter().map(|row| first + row));
                        value_starts.push(values.len() as u32);
                    }
                    all.extend(texts.iter().map(|text| &**text));
                }
                Values::Numbers(of_items) | Values::Flags(of_items) => numbers.extend_from_slice(of_items),
            }
            text_starts.push(all.len() as u64);
        }
        if properties.is_empty() {
            return Self::default();
        }
        Self {
            names: properties.iter().map(|(name, _)| name).collect(),
            kinds: properties.iter().map(|(_, values)| values.kind() as u8).collect(),
            text_starts: text_starts.into(),
            texts: all.iter().collect(),
            value_starts: value_starts.into(),
            values: values.into(),
            numbers: numbers.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> PropertyTable {
        let texts = |texts: [&str; 2], lists: [&[u32]; 2], of_items: [u32; 3]| Values::Texts {
            texts: texts.map(Into::into).into(),
            lists: lists.map(Into::into).into(),
            of_items: of_items.into(),
        };
        [
            ("weight".into(), Values::Numbers(vec![1.5, f64::NAN, 7.0])),
            ("tags".into(), texts(["a", "b"], [&[1, 0], &[0]], [0, Values::NONE, 1])),
            ("fragile".into(), Values::Flags(vec![0.0, 1.0, f64::NAN])),
            ("brand".into(), texts(["a", "z"], [&[0], &[1]], [0, 1, 0])),
        ]
        .into_iter()
        .collect()
    }

    #[test]
    fn an_item_has_the_values_of_each_property() {
        let table = table();
        assert_eq!(table.check(3), Ok(()));
        let names: Vec<_> = table.names().collect();
        let (text, number, flag) = (PropertyKind::Text, PropertyKind::Number, PropertyKind::Flag);
        assert_eq!(names, [("brand", text), ("fragile", flag), ("tags", text), ("weight", number)]);
        let Some(Property::Texts(tags)) = table.get("tags") else { panic!("texts") };
        let Some(Property::Texts(brands)) = table.get("brand") else { panic!("texts") };
        let [a, b] = ["a", "b"].map(|text| tags.row(text).expect("a tag"));
        assert_eq!([0, 1, 2].map(|item| tags.of(ItemIdx(item))), [&[b, a][..], &[], &[a]]);
        assert!(tags.row("z").is_none() && brands.row("z").is_some());
        assert_eq!(brands.row("a").map(|row| brands.of(ItemIdx(2)) == [row]), Some(true));
        assert!(matches!(table.get("weight"), Some(Property::Numbers([1.5, missing, 7.0])) if missing.is_nan()));
        assert!(matches!(table.get("fragile"), Some(Property::Flags([0.0, 1.0, missing])) if missing.is_nan()));
        assert!(table.get("colour").is_none());
    }

    #[test]
    fn a_table_of_other_items_or_texts_is_refused() {
        assert!(table().check(4).is_err());
        let other = PropertyTable { values: vec![0, 2, 0, 3, 2, 2].into(), ..table() };
        assert_eq!(other.check(3), Err("`value` names texts of another property".to_owned()));
        let unknown = PropertyTable { kinds: vec![0, 2, 0, 9].into(), ..table() };
        assert_eq!(unknown.check(3), Err("`kind` has 9, which this build does not know".to_owned()));
    }
}
