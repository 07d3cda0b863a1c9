//! The items of a log and of an item table, with what is known of them.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use shared::contract::id::ItemIdx;
use shared::tables::NO_CATEGORY;

use super::availability::Validity;
use super::changed::Changed;
use super::facts::Fact;
use super::report::ItemsReport;
use super::told::{Field, Told};
use super::{Complete, ItemsConfig};
use crate::log::ingest::IngestError;
use crate::log::ingest::vectors::Vectors;

/// Items in the order of their external ids.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// External ids, sorted.
    pub ids: Vec<Box<str>>,
    /// Names; empty where there is none.
    pub names: Vec<Box<str>>,
    /// The first category of each item: a row of `categories`, or [`NO_CATEGORY`].
    pub category_of: Vec<u32>,
    /// The other categories of each item; empty if no item has any.
    pub more_categories: Vec<Box<[u32]>>,
    /// Prices; NaN where there is none.
    pub prices: Vec<f32>,
    /// The properties of each item, such as `brand=oak & co`.
    pub properties: Vec<Vec<Box<str>>>,
    /// Further columns of the item table, kept for filters.
    pub facts: Vec<Fact>,
    /// The vectors of items.
    pub vectors: Vectors,
    /// Whether each item is in the item table.
    pub listed: Vec<bool>,
    /// When each item may be recommended; empty if all always may.
    pub validity: Vec<Validity>,
    /// Whether each item is withdrawn as of the end of the log; empty if none is.
    pub withdrawn: Vec<bool>,
    /// Names of categories, sorted.
    pub categories: Vec<Box<str>>,
    /// Those of them that are in the item table, sorted.
    pub listed_categories: Vec<Box<str>>,
    /// Whether items that are not in the item table are withdrawn.
    pub complete: Complete,
    /// What the log says about items, of which the item table says nothing.
    pub told: Told,
    /// When the item table was written, milliseconds since the epoch, if that is known.
    pub as_of_ms: Option<i64>,
    /// What the service was told of items, and the catalogue without it.
    pub changed: Option<Changed>,
    /// How the item table was read.
    pub report: ItemsReport,
}

/// The word of a brand among the properties.
pub const BRAND: &str = "brand=";

impl Catalogue {
    /// No items; what the log says of them will be read as the settings say.
    #[must_use]
    pub fn new(config: &ItemsConfig) -> Self {
        Self { told: Told::new(config), ..Self::default() }
    }

    /// How many items there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The rows of an item's categories, the first one first.
    pub fn categories_of(&self, item: usize) -> impl Iterator<Item = u32> {
        let more = self.more_categories.get(item).map_or(&[][..], |more| more);
        self.category_of
            .get(item)
            .copied()
            .filter(|&first| first != NO_CATEGORY)
            .into_iter()
            .chain(more.iter().copied())
    }

    /// Whether a field of an item has a value.
    #[must_use]
    pub fn says(&self, item: ItemIdx, field: Field) -> bool {
        let item = item.at();
        match field {
            Field::Name => !self.names[item].is_empty(),
            Field::Category => self.category_of[item] != NO_CATEGORY,
            Field::Brand => self.properties[item].iter().any(|word| word.starts_with(BRAND)),
            Field::Price => !self.prices[item].is_nan(),
        }
    }

    /// Adds the items of a log. Of a complete item table, those that it does not have are withdrawn.
    ///
    /// Returns the catalogue and the row of each item of `seen`.
    #[must_use]
    pub fn with_seen(self, seen: Vec<Box<str>>) -> (Self, Vec<ItemIdx>) {
        let mut rows: BTreeMap<&str, Option<usize>> = seen.iter().map(|id| (&**id, None)).collect();
        rows.extend(self.ids.iter().enumerate().map(|(row, id)| (&**id, Some(row))));
        let mut joined = Self {
            categories: self.categories.clone(),
            listed_categories: self.listed_categories.clone(),
            complete: self.complete,
            told: self.told.clone(),
            report: self.report.clone(),
            ..Self::default()
        };
        for (&id, &row) in &rows {
            joined.ids.push(id.into());
            joined.names.push(row.map(|row| self.names[row].clone()).unwrap_or_default());
            joined.category_of.push(row.map_or(NO_CATEGORY, |row| self.category_of[row]));
            joined.prices.push(row.map_or(f32::NAN, |row| self.prices[row]));
            joined.properties.push(row.map(|row| self.properties[row].clone()).unwrap_or_default());
            joined.listed.push(row.is_some());
        }
        joined.facts = self.facts.iter().map(|fact| fact.joined(rows.values().copied())).collect();
        joined.vectors = self.vectors.joined(rows.values().copied());
        fn of<T: Clone>(values: &[T], row: Option<usize>) -> Option<T> {
            row.and_then(|row| values.get(row)).cloned()
        }
        if !self.more_categories.is_empty() {
            let more = |row: &Option<usize>| of(&self.more_categories, *row).unwrap_or_default();
            joined.more_categories = rows.values().map(more).collect();
        }
        if !self.validity.is_empty() {
            let validity = |row: &Option<usize>| of(&self.validity, *row).unwrap_or(Validity::ALWAYS);
            joined.validity = rows.values().map(validity).collect();
        }
        if !self.withdrawn.is_empty() || self.complete == Complete::Yes {
            let unlisted = self.complete == Complete::Yes;
            let withdrawn = |row: &Option<usize>| row.map_or(unlisted, |row| self.withdrawn.get(row) == Some(&true));
            joined.withdrawn = rows.values().map(withdrawn).collect();
        }
        let row_of = |id: &str| joined.ids.binary_search_by(|known| (**known).cmp(id));
        let seen_rows: Vec<ItemIdx> =
            seen.iter().map(|id| ItemIdx(row_of(id).expect("every seen item was joined") as u32)).collect();
        joined.count_matches(&seen_rows);
        (joined, seen_rows)
    }

    fn count_matches(&mut self, seen: &[ItemIdx]) {
        let matched = seen.iter().filter(|item| self.listed[item.at()]).count();
        self.report.of_log = seen.len() as u64;
        self.report.matched = matched as u64;
        self.report.withdrawn = self.withdrawn.iter().filter(|withdrawn| **withdrawn).count() as u64;
        if self.report.matches_few() {
            let unlisted = seen.iter().filter(|item| !self.listed[item.at()]).min();
            let of_log = unlisted.map_or("", |item| &self.ids[item.at()]);
            let listed = self.listed.iter().position(|listed| *listed).map_or("", |item| &self.ids[item]);
            self.report.warnings.push(format!(
                "{matched} of {} items of the log are in the item table; are the ids the same? The log has `{of_log}`, the \
                 table `{listed}`",
                seen.len(),
            ));
        }
    }

    /// Checks that the items of the log are not withdrawn one and all because the table has none of them.
    ///
    /// # Errors
    /// [`IngestError::AllWithdrawn`].
    pub fn check(&self) -> Result<(), IngestError> {
        let (of_log, matched) = (self.report.of_log, self.report.matched);
        if self.complete == Complete::No || matched > 0 || of_log == 0 {
            return Ok(());
        }
        let example = self.listed.iter().position(|listed| !listed).map_or("", |item| &self.ids[item]);
        Err(IngestError::AllWithdrawn { of_log, example: example.to_owned() })
    }

    /// Takes what the log says about items, as far as it was known at a time.
    #[must_use]
    pub fn as_told(mut self, now_ms: i64) -> Self {
        if self.told.is_empty() {
            return self;
        }
        let mut categories: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        let style = self.told.style(now_ms);
        for (item, field, text) in self.told.at(now_ms) {
            let item = item.at();
            match field {
                Field::Name => self.names[item] = text.unwrap_or_default().into(),
                Field::Price => self.prices[item] = text.and_then(|text| style.read(text).ok()).unwrap_or(f32::NAN),
                Field::Brand => {
                    self.properties[item].retain(|word| !word.starts_with(BRAND));
                    self.properties[item].extend(text.map(|text| format!("{BRAND}{text}").into()));
                }
                Field::Category => {
                    categories.insert(item, text.map(|text| self.told.categories(text)).unwrap_or_default());
                }
            }
        }
        self.set_categories(&categories);
        self
    }

    /// Sets the categories of some items; the names are those of the item table, and these.
    pub(super) fn set_categories(&mut self, told: &BTreeMap<usize, Vec<String>>) {
        let mut names = self.listed_categories.clone();
        names.extend(told.values().flatten().map(|name| name.as_str().into()));
        names.sort_unstable();
        names.dedup();
        let row = |name: &str| names.binary_search_by(|known| (**known).cmp(name)).ok().map(|row| row as u32);
        let rows: Vec<Vec<u32>> = (0..self.len())
            .map(|item| match told.get(&item) {
                Some(told) => told.iter().filter_map(|name| row(name)).collect(),
                None => self.categories_of(item).filter_map(|old| row(&self.categories[old as usize])).collect(),
            })
            .collect();
        (self.category_of, self.more_categories) = columns(&rows);
        self.categories = names;
    }

    /// The catalogue of the items with a set flag, as at a time within the log: what the log said until then, and before
    /// any item was withdrawn. All categories of the item table are kept.
    #[must_use]
    pub fn part(&self, keep: &[bool], now_ms: i64) -> Self {
        fn kept<T: Clone>(values: &[T], keep: &[bool]) -> Vec<T> {
            values.iter().zip(keep).filter(|(_, keep)| **keep).map(|(value, _)| value.clone()).collect()
        }
        let kept_rows = || (0..keep.len()).filter(|&row| keep[row]).map(Some);
        let plain = self.plain();
        let part = Self {
            ids: kept(&plain.ids, keep),
            names: kept(&plain.names, keep),
            category_of: kept(&plain.category_of, keep),
            more_categories: kept(&plain.more_categories, keep),
            prices: kept(&plain.prices, keep),
            properties: kept(&plain.properties, keep),
            facts: plain.facts.iter().map(|fact| fact.joined(kept_rows())).collect(),
            vectors: plain.vectors.part(keep),
            listed: kept(&plain.listed, keep),
            validity: kept(&plain.validity, keep),
            withdrawn: Vec::new(),
            categories: plain.categories.clone(),
            listed_categories: plain.listed_categories.clone(),
            complete: plain.complete,
            told: plain.told.part(keep),
            as_of_ms: plain.as_of_ms,
            changed: None,
            report: plain.report.clone(),
        };
        part.as_told(now_ms).changed_as(self, now_ms)
    }

    /// Adds all fields to a digest.
    pub fn digest(&self, digest: &mut Sha256) {
        let properties = self.properties.iter().flatten();
        for text in self.ids.iter().chain(&self.names).chain(&self.categories).chain(properties) {
            digest.update(text.as_bytes());
            digest.update([0]);
        }
        for category in &self.category_of {
            digest.update(category.to_le_bytes());
        }
        for price in &self.prices {
            digest.update(price.to_le_bytes());
        }
        for more in &self.more_categories {
            more.iter().for_each(|category| digest.update(category.to_le_bytes()));
            digest.update([0]);
        }
        for validity in &self.validity {
            digest.update(validity.from_ms.to_le_bytes());
            digest.update(validity.until_ms.to_le_bytes());
        }
        for withdrawn in &self.withdrawn {
            digest.update([u8::from(*withdrawn)]);
        }
        self.facts.iter().for_each(|fact| fact.digest(digest));
        self.vectors.digest(digest);
    }
}

/// The rows of the items' categories as two columns: the first ones, and the others, which is empty if there are none.
pub fn columns(rows: &[Vec<u32>]) -> (Vec<u32>, Vec<Box<[u32]>>) {
    let first = rows.iter().map(|rows| rows.first().copied().unwrap_or(NO_CATEGORY)).collect();
    let more = match rows.iter().any(|rows| rows.len() > 1) {
        true => rows.iter().map(|rows| rows.get(1..).unwrap_or_default().into()).collect(),
        false => Vec::new(),
    };
    (first, more)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Catalogue {
        Catalogue {
            ids: vec!["b".into(), "c".into()],
            names: vec!["Bee".into(), "".into()],
            category_of: vec![0, NO_CATEGORY],
            prices: vec![2.5, f32::NAN],
            properties: vec![vec!["wings=4".into()], Vec::new()],
            listed: vec![true, true],
            categories: vec!["insects".into()],
            listed_categories: vec!["insects".into()],
            ..Catalogue::default()
        }
    }

    fn seen(ids: &[&str]) -> Vec<Box<str>> {
        ids.iter().map(|id| (*id).into()).collect()
    }

    #[test]
    fn the_item_table_and_the_log_are_joined_by_id() {
        let (joined, rows) = table().with_seen(seen(&["c", "a"]));
        let texts = |texts: &[Box<str>]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(texts(&joined.ids), ["a", "b", "c"]);
        assert_eq!(texts(&joined.names), ["", "Bee", ""]);
        assert!(joined.prices[0].is_nan() && joined.prices[1] == 2.5 && joined.prices[2].is_nan());
        assert_eq!(&*joined.properties[1][0], "wings=4");
        assert_eq!(joined.listed, [false, true, true]);
        assert!(joined.withdrawn.is_empty() && joined.validity.is_empty());
        assert_eq!(rows, [ItemIdx(2), ItemIdx(0)]);
    }

    #[test]
    fn what_a_complete_table_does_not_have_is_withdrawn_at_the_end_of_the_log() {
        let (joined, _) = Catalogue { complete: Complete::Yes, ..table() }.with_seen(seen(&["c", "a"]));
        assert_eq!(joined.withdrawn, [true, false, false]);
        assert_eq!(joined.report.withdrawn, 1);
        let part = joined.part(&[true, false, true], 0);
        assert!(part.withdrawn.is_empty(), "it was there before the end");
        assert_eq!(part.withdrawn_as(&joined, 0).withdrawn, [true, false]);
    }

    #[test]
    fn a_table_of_other_ids_is_told() {
        let table = Catalogue { report: ItemsReport { rows: 2, ..ItemsReport::default() }, ..table() };
        let (joined, _) = table.with_seen(seen(&["b.0", "c.0", "c"]));
        assert_eq!((joined.report.matched, joined.report.of_log), (1, 3));
        assert!(joined.report.warnings[0].contains("1 of 3 items") && joined.report.warnings[0].contains("`b.0`"));
    }
}
