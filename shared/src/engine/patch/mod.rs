//! A version with what was said of items since it was learnt ([`Changes`]).
//!
//! ```text
//! snapshot ─▶ what it lacks of the changes ─▶ item columns ─▶ order of popularity ─▶ properties ─▶ another snapshot
//! ```
//!
//! In: a snapshot and changes. Out: another snapshot, which shares every column that nothing was said of. What was
//! learnt stays as it is. An item that the version does not know gets a row behind all others: every learnt table reads
//! it as an empty row, its popularity is the median of its category, and `content` has lists for it ([`likeness`]).
//! Cost: a pass over each column that changes; memory: a copy of it.

mod items;
mod likeness;
mod popularity;
mod properties;

use std::sync::Arc;

use crate::contract::id::ItemIdx;
use crate::contract::item_change::{CATEGORY, Changes, FieldValue};
use crate::engine::snapshot::Snapshot;
use crate::tables::{Items, Tables};

/// What a version lacks of the changes.
struct Patch<'a> {
    /// The items of which something was said, by row.
    edits: Vec<Edit<'a>>,
    /// How many items the version has.
    known: usize,
    /// How many there are with those that it does not know.
    items: usize,
}

/// What was said of an item.
struct Edit<'a> {
    item: ItemIdx,
    id: &'a str,
    fields: Vec<(&'a str, Option<&'a FieldValue>)>,
}

impl<'a> Patch<'a> {
    fn new(snapshot: &Snapshot, changes: &'a Changes) -> Self {
        let (items, known) = (snapshot.items(), snapshot.items().len());
        let mut patch = Self { edits: Vec::new(), known, items: known };
        for (id, fields) in changes.iter() {
            let lacks = fields.iter().filter(|(_, latest)| !snapshot.covered().covers(Some(latest.stamp.place)));
            let fields: Vec<_> = lacks.map(|(name, latest)| (&**name, latest.value.as_ref())).collect();
            if fields.is_empty() {
                continue;
            }
            let item = items.index(id.as_str()).unwrap_or_else(|| {
                patch.items += 1;
                ItemIdx(patch.items as u32 - 1)
            });
            patch.edits.push(Edit { item, id: id.as_str(), fields });
        }
        patch.edits.sort_by_key(|edit| edit.item);
        patch
    }

    /// The rows of which something was said about a field, with its value.
    fn of<'b>(&'b self, field: &'b str) -> impl Iterator<Item = (usize, Option<&'a FieldValue>)> + 'b {
        self.edits.iter().filter_map(move |edit| {
            let (_, value) = edit.fields.iter().find(|(name, _)| *name == field)?;
            Some((edit.item.at(), *value))
        })
    }

    /// The rows that the version does not have, with their ids.
    fn new_items(&self) -> impl Iterator<Item = (usize, &'a str)> {
        self.edits.iter().filter(|edit| edit.item.at() >= self.known).map(|edit| (edit.item.at(), edit.id))
    }

    /// Whether there are such rows.
    fn has_new(&self) -> bool {
        self.items > self.known
    }
}

impl Snapshot {
    /// The version with what it lacks of some changes; itself, if that is nothing.
    #[must_use]
    pub fn with_changes(self: &Arc<Self>, changes: &Changes) -> Arc<Self> {
        let patch = Patch::new(self, changes);
        if patch.edits.is_empty() {
            return self.clone();
        }
        let mut patched = Self::clone(self);
        let table = items::patched(&self.tables.items, &patch);
        let items = Items::over(&self.items, table.clone());
        if patch.has_new() || patch.of(CATEGORY).next().is_some() {
            patched.tables.popularity = popularity::patched(&self.tables.popularity, &items, &patch);
        }
        patched.tables.properties = properties::patched(&self.tables.properties, &patch);
        if patch.has_new() {
            let Tables { properties, popularity, .. } = &patched.tables;
            patched.likeness = Some(Arc::new(likeness::likeness(&items, properties, popularity, &patch)));
        }
        patched.tables.items = table;
        patched.items = Arc::new(items);
        Arc::new(patched)
    }
}
