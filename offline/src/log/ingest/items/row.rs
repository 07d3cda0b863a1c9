//! Reads the values of one row of an item table.

use std::ops::Range;
use std::rc::Rc;

use shared::contract::id::{ItemId, present};

use super::ItemsConfig;
use super::availability::{Bound, Validity, is_active, is_available, is_hidden, is_true, moment};
use super::categories::{Cuts, each_once, of_levels};
use super::facts::{FactColumn, Gatherer};
use super::price::{Style, is_placeholder};
use super::property::{self, Described, Kind};
use super::role::Role;
use crate::log::ingest::vectors;

/// A row of the item table.
pub struct ItemRow {
    pub name: Box<str>,
    pub categories: Vec<String>,
    pub price: f32,
    pub words: Vec<Box<str>>,
    /// The numbers among the properties, with their names.
    pub numbers: Vec<(Rc<str>, f64)>,
    pub validity: Validity,
    pub withdrawn: bool,
    pub vector: Option<Result<Vec<f32>, String>>,
    /// The number of the row among all that were read.
    pub row: u32,
    /// What says neither that the item is available nor that it is not.
    pub doubts: Vec<(Role, String)>,
}

/// Why a row is rejected, and the value that is to blame.
pub struct Bad<'a> {
    pub reason: String,
    pub value: Option<&'a str>,
}

impl<'a> Bad<'a> {
    pub fn new(reason: impl ToString, value: Option<&'a str>) -> Self {
        Self { reason: reason.to_string(), value }
    }
}

/// A property and where its values are.
pub struct Column {
    /// The name of the property.
    pub name: Rc<str>,
    pub column: String,
    pub kind: Kind,
    /// Stand between the values of a list.
    pub separators: Vec<String>,
}

/// How the rows of a file are read. Its values are those of the roles, of the flags, of the properties, and the vector.
pub struct Layout<'a> {
    pub config: &'a ItemsConfig,
    /// The places of the columns of each role.
    pub places: Vec<Range<usize>>,
    pub category: Cuts,
    pub path: Cuts,
    pub style: Style,
    /// The categories of the columns that are flags.
    pub flags: Vec<String>,
    pub properties: Vec<Column>,
    /// What is kept for filters, and the places of its values.
    pub facts: Vec<(FactColumn, usize)>,
    /// Texts that stand for a missing value, beside the usual ones.
    pub missing: &'a [String],
}

impl Layout<'_> {
    /// Reads a row: the id and what is said of it, or why it is rejected.
    pub fn read<'a>(&self, values: &[Option<&'a str>]) -> Result<(ItemId, ItemRow), Bad<'a>> {
        let filled = |role: Role| self.filled(values, role).next();
        let Some(id) = filled(Role::Id) else { return Err(Bad::new("no item id", None)) };
        let id = ItemId::from_outside(id).map_err(|error| Bad::new(error, Some(id)))?;
        let price = match self.filled(values, Role::Price).find(|text| !is_placeholder(text)) {
            Some(text) => self.style.read(text).map_err(|error| Bad::new(error, Some(text)))?,
            None => f32::NAN,
        };
        let (mut words, mut numbers) = (Vec::new(), Vec::new());
        let of_properties = self.flags_at() + self.flags.len();
        for (property, value) in self.properties.iter().zip(&values[of_properties..]) {
            let Some(text) = value.filter(|text| self.says_something(text)) else { continue };
            let Column { name, kind, separators, .. } = property;
            match property::read(name, *kind, separators, text) {
                Ok(Described::Words(found)) => words.extend(found.into_iter().map(Into::into)),
                Ok(Described::Number(found)) => numbers.push((name.clone(), found)),
                Err(reason) => return Err(Bad::new(format!("property `{name}` is {reason}"), Some(text))),
            }
        }
        let time = |role: Role, bound: Bound, open: i64| match filled(role) {
            None => Ok(open),
            Some(text) => moment(text, bound)
                .ok_or_else(|| Bad::new(format!("items.{} is not a time", role.as_str()), Some(text))),
        };
        let from_ms = time(Role::AvailableFrom, Bound::From, i64::MIN)?;
        let until_ms = time(Role::AvailableUntil, Bound::Until, i64::MAX)?;
        let (yes, no) = (&self.config.available_words, &self.config.withdrawn_words);
        let mut doubts = Vec::new();
        let mut told = |role: Role, says: &dyn Fn(&str) -> Option<bool>| {
            let text = filled(role)?;
            let says = says(text);
            if says.is_none() {
                doubts.push((role, text.to_owned()));
            }
            says
        };
        let available = told(Role::Available, &|text| is_available(text, yes, no)).unwrap_or(true);
        let hidden = told(Role::Hidden, &|text| is_hidden(text, yes, no)).unwrap_or(false);
        // Each column has to say so.
        let mut active = true;
        for text in self.filled(values, Role::Active) {
            match is_active(text, yes, no) {
                Some(says) => active &= says,
                None => doubts.push((Role::Active, text.to_owned())),
            }
        }
        let vector = match values.last().copied().flatten() {
            // Where the table has none for an item, that is counted.
            None if !self.config.embedding.is_empty() => Some(Err("no vector".to_owned())),
            text => vectors::parse(text),
        };
        let row = ItemRow {
            name: filled(Role::Name).unwrap_or_default().into(),
            categories: self.categories(values),
            price,
            words,
            numbers,
            validity: Validity { from_ms, until_ms },
            withdrawn: hidden || !available || !active,
            vector,
            row: 0,
            doubts,
        };
        Ok((id, row))
    }

    /// Notes what a row says in the columns that are kept for filters.
    pub fn note(&self, values: &[Option<&str>], gatherer: &mut Gatherer) {
        for (column, at) in &self.facts {
            if let Some(text) = values[*at].filter(|text| self.says_something(text)) {
                gatherer.note(column, text);
            }
        }
    }

    /// The values of a role that say something.
    fn filled<'a>(&self, values: &[Option<&'a str>], role: Role) -> impl Iterator<Item = &'a str> {
        let values = &values[self.places[role as usize].clone()];
        values.iter().copied().flatten().filter_map(present).filter(|text| self.says_something(text))
    }

    fn says_something(&self, text: &str) -> bool {
        !self.missing.iter().any(|missing| missing == text)
    }

    /// The place of the first flag.
    fn flags_at(&self) -> usize {
        self.places.last().map_or(0, |places| places.end)
    }

    fn categories(&self, values: &[Option<&str>]) -> Vec<String> {
        let mut found = self.category.split(self.filled(values, Role::Category).next().unwrap_or_default());
        let levels: Vec<&str> = self.filled(values, Role::CategoryPath).collect();
        found.extend(match levels[..] {
            [path] => self.path.split(path),
            _ => of_levels(&levels),
        });
        let flags = self.flags.iter().zip(&values[self.flags_at()..]);
        let is_set = |value: &Option<&str>| value.and_then(is_true) == Some(true);
        found.extend(flags.filter(|(_, value)| is_set(value)).map(|(category, _)| category.clone()));
        each_once(found)
    }
}
