//! What the log itself says about items: names, categories, brands and prices that stand beside its events.
//!
//! The latest value counts: a shop renames things, and lowers prices. At any time only what events up to then said is
//! known, so that a part of a log has the values of its own time; hence the changes are kept. A value of the item table
//! takes precedence, at all times.
//!
//! Memory: nothing for a log without such columns; else 96 bytes an item while it is read, 24 for each change of a value,
//! and one copy of each distinct text. Where the events of one item come out of order and contradict each other (two
//! files about the same days), only the first and the last moment of each run of equal values count.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use shared::contract::id::ItemIdx;

use super::ItemsConfig;
use super::catalogue::Catalogue;
use super::categories::Cuts;
use super::price::{Decimal, Style, is_placeholder};
use shared::contract::id::present;

/// What is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// The name.
    Name,
    /// The category or categories.
    Category,
    /// The brand.
    Brand,
    /// The price.
    Price,
}

/// How many fields there are.
const FIELDS: usize = 4;

/// What was said, in time, and how its texts are read.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// In the order of the items, their fields, and the times.
    changes: Vec<Change>,
    texts: Arc<Vec<Box<str>>>,
    cuts: Cuts,
    decimal: Decimal,
}

/// From a time on an item has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    item: ItemIdx,
    field: Field,
    from_ms: i64,
    text: u32,
}

/// Consecutive rows that say the same.
#[derive(Debug, Clone, Copy)]
struct Run {
    text: u32,
    first_ms: i64,
    last_ms: i64,
}

const NOTHING: Run = Run { text: u32::MAX, first_ms: 0, last_ms: 0 };

/// Collects what the rows of a log say about their items.
#[derive(Debug, Default)]
pub struct Notes {
    /// The latest run of each field, by the number of the item.
    runs: Vec<[Run; FIELDS]>,
    /// The ends of runs: item, field, time, text.
    ended: Vec<(u32, Field, i64, u32)>,
    texts: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
}

impl Notes {
    /// Notes what a row says about its item; an empty text, or one that stands for a missing value, says nothing.
    ///
    /// * `item`: the number of the item in the reader's interner.
    pub fn note(&mut self, item: u32, timestamp_ms: i64, field: Field, text: &str) {
        let Some(text) = present(text) else { return };
        if self.runs.len() <= item as usize {
            self.runs.resize(item as usize + 1, [NOTHING; FIELDS]);
        }
        let run = self.runs[item as usize][field as usize];
        if self.texts.get(run.text as usize).is_some_and(|known| **known == *text) {
            let run = &mut self.runs[item as usize][field as usize];
            run.first_ms = run.first_ms.min(timestamp_ms);
            run.last_ms = run.last_ms.max(timestamp_ms);
            return;
        }
        self.end(item, field, run);
        let text = self.number(text);
        self.runs[item as usize][field as usize] = Run { text, first_ms: timestamp_ms, last_ms: timestamp_ms };
    }

    fn end(&mut self, item: u32, field: Field, run: Run) {
        if run.text != NOTHING.text {
            self.ended.push((item, field, run.first_ms, run.text));
            if run.last_ms != run.first_ms {
                self.ended.push((item, field, run.last_ms, run.text));
            }
        }
    }

    fn number(&mut self, text: &str) -> u32 {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        let number = self.texts.len() as u32;
        self.texts.push(text.into());
        self.numbers.insert(text.into(), number);
        number
    }

    /// The changes in time order, for items and fields of which the item table says nothing.
    ///
    /// * `rows`: the row of each item of the reader in the catalogue.
    #[must_use]
    pub fn told(mut self, rows: &[ItemIdx], catalogue: &Catalogue) -> Told {
        const ALL: [Field; FIELDS] = [Field::Name, Field::Category, Field::Brand, Field::Price];
        let runs = std::mem::take(&mut self.runs);
        for (item, runs) in (0..).zip(runs) {
            ALL.into_iter().zip(runs).for_each(|(field, run)| self.end(item, field, run));
        }
        // A stable sort: of values at equal times the one that was read last counts.
        self.ended.sort_by_key(|&(item, field, from_ms, _)| (item, field, from_ms));
        let mut changes: Vec<Change> = Vec::with_capacity(self.ended.len());
        for (item, field, from_ms, text) in self.ended {
            let item = rows[item as usize];
            match changes.last_mut().filter(|last| last.item == item && last.field == field) {
                Some(last) if last.from_ms == from_ms => last.text = text,
                Some(last) if last.text == text => {}
                _ => changes.push(Change { item, field, from_ms, text }),
            }
        }
        changes.retain(|change| !catalogue.says(change.item, change.field));
        changes.sort_by_key(|change| (change.item, change.field, change.from_ms));
        Told { changes, texts: Arc::new(self.texts), ..catalogue.told.clone() }
    }
}

impl Told {
    /// Nothing said yet; categories and prices will be read as the settings say.
    #[must_use]
    pub fn new(config: &ItemsConfig) -> Self {
        Self { cuts: config.cuts(), decimal: config.decimal, ..Self::default() }
    }

    /// What is said of the items with a set flag.
    #[must_use]
    pub fn part(&self, keep: &[bool]) -> Self {
        let mut kept = 0;
        let rows: Vec<u32> = keep
            .iter()
            .map(|keep| {
                kept += u32::from(*keep);
                kept.saturating_sub(1)
            })
            .collect();
        let changes = self.changes.iter().filter(|change| keep[change.item.at()]);
        let changes = changes.map(|change| Change { item: ItemIdx(rows[change.item.at()]), ..*change }).collect();
        Self { changes, texts: self.texts.clone(), cuts: self.cuts.clone(), decimal: self.decimal }
    }

    /// The items and fields that something is ever said of, each with what is known at a time.
    pub fn at(&self, now_ms: i64) -> impl Iterator<Item = (ItemIdx, Field, Option<&str>)> {
        self.changes.chunk_by(|a, b| (a.item, a.field) == (b.item, b.field)).map(move |changes| {
            let known = changes.partition_point(|change| change.from_ms <= now_ms);
            let text = changes[..known].last().map(|change| &*self.texts[change.text as usize]);
            (changes[0].item, changes[0].field, text)
        })
    }

    /// The categories of a text.
    #[must_use]
    pub fn categories(&self, text: &str) -> Vec<String> {
        self.cuts.split(text)
    }

    /// How many of the distinct prices can't be read, and one of them.
    #[must_use]
    pub fn unreadable_prices(&self, now_ms: i64) -> (usize, Option<&str>) {
        let style = self.style(now_ms);
        let prices = self.changes.iter().filter(|change| change.field == Field::Price);
        let texts: BTreeSet<&str> = prices.map(|change| &*self.texts[change.text as usize]).collect();
        let unreadable: Vec<&str> =
            texts.into_iter().filter(|text| !is_placeholder(text) && style.read(text).is_err()).collect();
        (unreadable.len(), unreadable.first().copied())
    }

    /// How prices are written, by those that are known at a time.
    #[must_use]
    pub fn style(&self, now_ms: i64) -> Style {
        let mut style = Style::of(self.decimal);
        let prices = self.changes.iter().filter(|change| change.field == Field::Price && change.from_ms <= now_ms);
        prices.for_each(|change| style.learn(&self.texts[change.text as usize]));
        style
    }

    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A catalogue of the items 0 and 1, of which rows say what is given: (item, time, field, text).
    fn told(rows: &[(u32, i64, Field, &str)]) -> Catalogue {
        let (mut catalogue, seen) = Catalogue::default().with_seen(vec!["0".into(), "1".into()]);
        let mut notes = Notes::default();
        rows.iter().for_each(|&(item, time, field, text)| notes.note(item, time, field, text));
        catalogue.told = notes.told(&seen, &catalogue);
        catalogue
    }

    #[test]
    fn the_latest_value_counts_as_of_a_time() {
        let rows = [
            (0, 10, Field::Name, "Lamp"),
            (0, 20, Field::Name, "Lamp"),
            (0, 30, Field::Name, "Lamp (new)"),
            (0, 30, Field::Price, "19,99"),
            (1, 40, Field::Name, "NULL"),
        ];
        let catalogue = told(&rows);
        let name = |now_ms| catalogue.clone().as_told(now_ms).names[0].to_string();
        assert_eq!([name(9), name(10), name(29), name(30)], ["", "Lamp", "Lamp", "Lamp (new)"]);
        let later = catalogue.clone().as_told(99);
        assert_eq!((later.prices[0], &*later.names[1]), (19.99, ""));
        assert!(later.as_told(29).prices[0].is_nan(), "an earlier time again");
    }

    #[test]
    fn rows_out_of_order_say_the_same() {
        let rows = [(0, 30, Field::Brand, "c"), (0, 10, Field::Brand, "a"), (0, 20, Field::Brand, "b")];
        let catalogue = told(&rows);
        let brand = |now_ms| catalogue.clone().as_told(now_ms).properties[0].clone();
        assert_eq!(
            [brand(10), brand(25), brand(30)],
            ["brand=a", "brand=b", "brand=c"].map(|brand| vec![Box::<str>::from(brand)])
        );
    }

    #[test]
    fn categories_of_later_are_not_there_yet() {
        let catalogue = told(&[
            (0, 10, Field::Category, "Home > Pans"),
            (1, 20, Field::Category, "Garden|Sale"),
            (0, 30, Field::Category, "Sale"),
        ]);
        let early = catalogue.clone().as_told(10);
        assert_eq!(early.categories, ["Home", "Home > Pans"].map(Box::<str>::from));
        assert_eq!(early.categories_of(0).collect::<Vec<_>>(), [1, 0]);
        let late = catalogue.as_told(30);
        assert_eq!(late.categories, ["Garden", "Sale"].map(Box::<str>::from));
        assert_eq!([0, 1].map(|item| late.categories_of(item).collect::<Vec<_>>()), [vec![1], vec![0, 1]]);
    }

    #[test]
    fn the_item_table_takes_precedence() {
        let mut table = told(&[]);
        table.names[0] = "Table".into();
        let mut notes = Notes::default();
        [0, 1].into_iter().for_each(|item| notes.note(item, 1, Field::Name, "Log"));
        table.told = notes.told(&[ItemIdx(0), ItemIdx(1)], &table);
        assert_eq!(table.as_told(1).names, ["Table", "Log"].map(Box::<str>::from));
    }

    #[test]
    fn a_part_has_what_is_said_of_its_items() {
        let catalogue = told(&[(0, 1, Field::Name, "a"), (1, 1, Field::Name, "b"), (1, 9, Field::Name, "c")]);
        let part = catalogue.part(&[false, true], 5);
        assert_eq!(part.names, [Box::<str>::from("b")]);
        assert_eq!(part.as_told(9).names, [Box::<str>::from("c")]);
    }

    #[test]
    fn prices_that_cannot_be_read_are_counted() {
        let catalogue = told(&[(0, 1, Field::Price, "free"), (1, 1, Field::Price, "2"), (1, 2, Field::Price, "free")]);
        assert_eq!(catalogue.told.unreadable_prices(2), (1, Some("free")));
    }
}
