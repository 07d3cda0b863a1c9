//! What the service was told of items while it served, by the lines of its event log that say it.
//!
//! In: the lines that say it, see `service_log`. Out: a catalogue in which the latest that was
//! said of a field takes the place of what the item table says. A change is newer than the table, unless the table is
//! said to be of a later time. At any time only what was said up to then is known, so that a part of a log has the
//! values of its own time. Costs a copy of the catalogue where there are changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::contract::event_log::Place;
use shared::contract::item_change::{AVAILABLE, CATEGORY, Changes, FieldValue, ItemChange, NAME, PRICE};
use shared::tables::{PropertyKind, Values};

use super::Complete;
use super::availability::Validity;
use super::catalogue::{BRAND, Catalogue};
use super::facts::Fact;

/// The reason for lines that say something of an item.
pub const CHANGE: &str = "what the service was told of an item, which is in the catalogue";

/// The changes of a log.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ItemChanges(Vec<(ItemChange, Place)>);

impl ItemChanges {
    /// Adds what a line says.
    ///
    /// * `place`: the position of the line.
    pub fn add(&mut self, change: ItemChange, place: Place) {
        self.0.push((change, place));
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The items, each with the time of its first change, milliseconds since the epoch.
    #[must_use]
    pub fn items(&self) -> BTreeMap<Box<str>, i64> {
        let mut items = BTreeMap::new();
        for (change, _) in &self.0 {
            let first_ms = items.entry(change.item.as_str().into()).or_insert(change.timestamp_ms);
            *first_ms = change.timestamp_ms.min(*first_ms);
        }
        items
    }

    /// Of every field the latest that was said up to a time.
    fn at(&self, now_ms: i64) -> Changes {
        let mut latest = Changes::default();
        for (change, place) in self.0.iter().filter(|(change, _)| change.timestamp_ms <= now_ms) {
            latest.add(change.clone(), *place);
        }
        latest
    }
}

/// What the service was told of items.
#[derive(Debug, Clone)]
pub struct Changed {
    /// The changes.
    pub changes: Arc<ItemChanges>,
    /// The catalogue without any.
    pub plain: Arc<Catalogue>,
    /// The items that only changes name, each with the time of the first.
    pub new: Arc<BTreeMap<Box<str>, i64>>,
}

impl Catalogue {
    /// Takes what the service was told of items. The log is all of it; of what was read before a time,
    /// [`Catalogue::part`] has what was said by then.
    ///
    /// * `new`: those of the items that were added for it ([`Catalogue::with_new`]).
    #[must_use]
    pub fn as_changed(self, changes: Arc<ItemChanges>, new: Arc<BTreeMap<Box<str>, i64>>, now_ms: i64) -> Self {
        if changes.is_empty() {
            return self;
        }
        let changed = self.clone().with_changes(&changes, now_ms);
        Self { changed: Some(Changed { changes, plain: Arc::new(self), new }), ..changed }
    }

    /// The changes that are newer than the item table: of its items those after its time.
    #[must_use]
    pub fn newer(&self, changes: &Arc<ItemChanges>) -> Arc<ItemChanges> {
        let Some(as_of_ms) = self.as_of_ms else { return changes.clone() };
        let is_listed = |id: &str| self.ids.binary_search_by(|known| (**known).cmp(id)).is_ok();
        let is_newer = |change: &ItemChange| change.timestamp_ms > as_of_ms || !is_listed(change.item.as_str());
        Arc::new(ItemChanges(changes.0.iter().filter(|(change, _)| is_newer(change)).cloned().collect()))
    }

    /// The catalogue without what the service was told.
    pub(super) fn plain(&self) -> &Self {
        self.changed.as_ref().map_or(self, |changed| &changed.plain)
    }

    /// Adds the items that the item table does not have and that the service was told of, as if it had them. Returns
    /// them with the time of their first change.
    #[must_use]
    pub fn with_new(self, changes: &ItemChanges) -> (Self, BTreeMap<Box<str>, i64>) {
        let mut new = changes.items();
        new.retain(|id, _| self.ids.binary_search(id).is_err());
        if new.is_empty() {
            return (self, new);
        }
        let (report, complete) = (self.report.clone(), self.complete);
        // None of them is withdrawn for not being in the table.
        let (mut joined, rows) = Self { complete: Complete::No, ..self }.with_seen(new.keys().cloned().collect());
        rows.iter().for_each(|row| joined.listed[row.at()] = true);
        (Self { report, complete, ..joined }, new)
    }

    /// Whether each item is in the item table, or was told of up to a time.
    #[must_use]
    pub fn listed_at(&self, now_ms: i64) -> Vec<bool> {
        let mut listed = self.listed.clone();
        let new = self.changed.iter().flat_map(|changed| changed.new.iter());
        for (id, _) in new.filter(|(_, first_ms)| **first_ms > now_ms) {
            if let Ok(row) = self.ids.binary_search(id) {
                listed[row] = false;
            }
        }
        listed
    }

    /// Takes what another catalogue was told, up to a time.
    pub(super) fn changed_as(self, other: &Self, now_ms: i64) -> Self {
        match &other.changed {
            Some(Changed { changes, new, .. }) => self.as_changed(changes.clone(), new.clone(), now_ms),
            None => self,
        }
    }

    /// Withdraws the items that another catalogue of the same log withdraws, but for what was said of them after a
    /// time.
    #[must_use]
    pub fn withdrawn_as(self, other: &Self, now_ms: i64) -> Self {
        let table = other.plain();
        if table.withdrawn.is_empty() {
            return self;
        }
        let withdrawn = |id: &str| {
            let row = table.ids.binary_search_by(|known| (**known).cmp(id)).ok();
            row.and_then(|row| table.withdrawn.get(row)) == Some(&true)
        };
        let withdrawn = self.ids.iter().map(|id| withdrawn(id)).collect();
        Self { withdrawn, ..self.plain().clone() }.changed_as(&self, now_ms)
    }

    /// Takes what the service was told up to a time.
    fn with_changes(mut self, changes: &ItemChanges, now_ms: i64) -> Self {
        let mut categories: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        let mut properties: BTreeMap<Box<str>, BTreeMap<usize, Option<FieldValue>>> = BTreeMap::new();
        for (id, fields) in changes.at(now_ms).iter() {
            let Ok(item) = self.ids.binary_search_by(|known| (**known).cmp(id.as_str())) else { continue };
            for (field, latest) in fields {
                let (value, texts) = (&latest.value, latest.value.as_ref().map(FieldValue::texts).unwrap_or_default());
                let number = value.as_ref().and_then(FieldValue::number);
                match &**field {
                    NAME => self.names[item] = texts.into_iter().next().unwrap_or_default(),
                    PRICE => self.prices[item] = number.map_or(f32::NAN, |price| price as f32),
                    AVAILABLE => self.set_available(item, number != Some(0.0)),
                    CATEGORY => drop(categories.insert(item, texts.into_iter().map(Into::into).collect())),
                    name if BRAND.trim_end_matches('=') == name => self.set_words(BRAND, item, &texts),
                    _ => drop(properties.entry(field.clone()).or_default().insert(item, value.clone())),
                }
            }
        }
        if !categories.is_empty() {
            self.set_categories(&categories);
        }
        for (name, values) in properties {
            self.set_property(&name, &values);
        }
        self
    }

    fn set_available(&mut self, item: usize, is_available: bool) {
        self.withdrawn.resize(self.ids.len(), false);
        self.withdrawn[item] = !is_available;
        if let Some(validity) = self.validity.get_mut(item).filter(|_| is_available) {
            *validity = Validity::ALWAYS;
        }
    }

    /// Replaces the words of an item that begin so.
    fn set_words(&mut self, begin: &str, item: usize, texts: &[Box<str>]) {
        self.properties[item].retain(|word| !word.starts_with(begin));
        self.properties[item].extend(texts.iter().map(|text| format!("{begin}{text}").into()));
    }

    /// Sets a property of some items. Where it has words to compare items by, those are replaced, too.
    fn set_property(&mut self, name: &str, said: &BTreeMap<usize, Option<FieldValue>>) {
        let begin = format!("{name}=");
        if self.properties.iter().flatten().any(|word| word.starts_with(&begin)) {
            for (&item, value) in said {
                self.set_words(&begin, item, &value.as_ref().map(FieldValue::texts).unwrap_or_default());
            }
        }
        let at = self.facts.iter().position(|fact| *fact.name == *name);
        if at.is_none() && said.values().all(Option::is_none) {
            return;
        }
        let known = at.map(|at| self.facts.remove(at).values);
        let values = edited(known, said, self.ids.len());
        self.facts.push(Fact { name: name.into(), values });
        self.facts.sort_by(|one, other| one.name.cmp(&other.name));
    }
}

/// The values of a property with those that were said; of one that is new, of the kind that all of these have, else
/// texts.
fn edited(known: Option<Values>, said: &BTreeMap<usize, Option<FieldValue>>, items: usize) -> Values {
    let all = |is: fn(&FieldValue) -> bool| said.values().flatten().all(is);
    let kind = match &known {
        Some(values) => values.kind(),
        None if all(|value| matches!(value, FieldValue::Flag(_))) => PropertyKind::Flag,
        None if all(|value| matches!(value, FieldValue::Number(_))) => PropertyKind::Number,
        None => PropertyKind::Text,
    };
    if kind == PropertyKind::Text {
        let mut of_items = known.map_or_else(|| vec![Vec::new(); items], |values| values.texts_of_items());
        for (&item, value) in said {
            of_items[item] = value.as_ref().map(FieldValue::texts).unwrap_or_default();
        }
        return Values::of_texts(&of_items);
    }
    let mut numbers = match known {
        Some(Values::Numbers(numbers) | Values::Flags(numbers)) => numbers,
        _ => vec![f64::NAN; items],
    };
    for (&item, value) in said {
        numbers[item] = value.as_ref().and_then(FieldValue::number).unwrap_or(f64::NAN);
    }
    if kind == PropertyKind::Flag {
        // What is neither yes nor no is yes if it is not 0.
        let flag = |number: f64| if number.is_nan() { number } else { f64::from(u8::from(number != 0.0)) };
        return Values::Flags(numbers.into_iter().map(flag).collect());
    }
    Values::Numbers(numbers)
}
