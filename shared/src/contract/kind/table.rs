//! The table of kinds of a version.

use std::cmp::Ordering;
use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, Serialize, de};

use super::{BUILT_IN, Definition, FIRST, Kind, KindError, KindIdx, KindName, MAX_KINDS, Stage};

/// The table of kinds of a version.
#[derive(Debug, Clone, PartialEq)]
pub struct Kinds {
    rows: Vec<Kind>,
}

static DEFAULT: LazyLock<Kinds> = LazyLock::new(|| {
    let rows = BUILT_IN.iter().map(|&(name, weight, undoes, buys)| Kind {
        name: KindName::built_in(name),
        weight,
        undoes: BUILT_IN.iter().position(|(other, ..)| *other == undoes).map(|row| KindIdx(row as u8)),
        buys,
    });
    Kinds { rows: rows.collect() }
});

impl Default for Kinds {
    /// The kinds that are built in.
    fn default() -> Self {
        DEFAULT.clone()
    }
}

impl Kinds {
    /// Makes a table: `view`, `addtocart` and `transaction` become its first rows, the others keep their order.
    ///
    /// # Errors
    /// [`KindError`].
    pub fn new(definitions: impl IntoIterator<Item = Definition>) -> Result<Self, KindError> {
        let mut rows: Vec<Definition> = definitions.into_iter().collect();
        rows.sort_by_key(|row| {
            BUILT_IN[..FIRST].iter().position(|first| first.0 == row.name.as_str()).unwrap_or(FIRST)
        });
        for (at, (first, ..)) in BUILT_IN[..FIRST].iter().enumerate() {
            if rows.get(at).is_none_or(|row| row.name.as_str() != *first) {
                return Err(KindError::Missing(first));
            }
        }
        if rows.len() > MAX_KINDS {
            return Err(KindError::TooMany(rows.len()));
        }
        let names: Vec<KindName> = rows.iter().map(|row| row.name.clone()).collect();
        if let Some(at) = (1..names.len()).find(|&at| names[..at].contains(&names[at])) {
            return Err(KindError::Twice(names[at].clone()));
        }
        let row = |(at, Definition { name, weight, undoes, buys }): (usize, Definition)| {
            let wrong = |expected| KindError::Weight { kind: name.clone(), weight, expected };
            if !weight.is_finite() {
                return Err(wrong("it must be a number"));
            }
            if weight < 0.0 && (at < FIRST || buys) {
                return Err(wrong("view, addtocart, transaction and what buys must have at least 0"));
            }
            let row_of = |undone: KindName| match names.iter().position(|other| *other == undone) {
                Some(row) if row != at => Ok(KindIdx(row as u8)),
                _ => Err(KindError::Undoes { kind: name.clone(), undoes: undone }),
            };
            let undoes = undoes.map(row_of).transpose()?;
            Ok(Kind { name, weight, undoes, buys })
        };
        Ok(Self { rows: rows.into_iter().enumerate().map(row).collect::<Result<_, KindError>>()? })
    }

    /// The built-in kinds with other weights of the first three.
    #[must_use]
    pub fn of_weights(weights: [f32; FIRST]) -> Self {
        let mut kinds = Self::default();
        kinds.rows.iter_mut().zip(weights).for_each(|(kind, weight)| kind.weight = weight);
        kinds
    }

    /// The same kinds with the weights of another table where both agree on what a kind does.
    #[must_use]
    pub fn weighted_as(mut self, other: &Self) -> Self {
        let undone = |kinds: &Self, kind: &Kind| kind.undoes.map(|row| kinds.get(row).name.clone());
        let same: Vec<Option<f32>> = (self.rows.iter())
            .map(|own| {
                let theirs = other.get(other.index(own.name.as_str())?);
                let agree = (own.blocks(), own.only_acts(), own.buys, undone(&self, own))
                    == (theirs.blocks(), theirs.only_acts(), theirs.buys, undone(other, theirs));
                agree.then_some(theirs.weight)
            })
            .collect();
        for (kind, weight) in self.rows.iter_mut().zip(same) {
            kind.weight = weight.unwrap_or(kind.weight);
        }
        self
    }

    /// How many kinds there are.
    #[must_use]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The kinds with their rows.
    pub fn iter(&self) -> impl Iterator<Item = (KindIdx, &Kind)> {
        self.rows.iter().enumerate().map(|(row, kind)| (KindIdx(row as u8), kind))
    }

    /// The table as it is written.
    pub fn definitions(&self) -> impl Iterator<Item = Definition> {
        self.rows.iter().map(|Kind { name, weight, undoes, buys }| Definition {
            name: name.clone(),
            weight: *weight,
            undoes: undoes.map(|row| self.get(row).name.clone()),
            buys: *buys,
        })
    }

    /// The row of the kind with this name.
    #[must_use]
    pub fn index(&self, name: &str) -> Option<KindIdx> {
        self.rows.iter().position(|kind| kind.name.as_str() == name).map(|row| KindIdx(row as u8))
    }

    /// Whether the table has this row.
    #[must_use]
    pub fn has(&self, kind: KindIdx) -> bool {
        kind.at() < self.rows.len()
    }

    /// The kind of a row of this table.
    #[must_use]
    pub fn get(&self, kind: KindIdx) -> &Kind {
        &self.rows[kind.at()]
    }

    /// The weight of an event.
    #[must_use]
    pub fn weight(&self, kind: KindIdx) -> f32 {
        self.get(kind).weight
    }

    /// Whether a kind makes the item one that the user bought.
    #[must_use]
    pub fn buys(&self, kind: KindIdx) -> bool {
        self.get(kind).buys
    }

    /// Whether a kind blocks the item.
    #[must_use]
    pub fn blocks(&self, kind: KindIdx) -> bool {
        self.get(kind).blocks()
    }

    /// Whether events of a kind are interactions and nothing else: they block nothing and take nothing back.
    #[must_use]
    pub fn is_plain(&self, kind: KindIdx) -> bool {
        let kind = self.get(kind);
        !kind.blocks() && kind.undoes.is_none()
    }

    /// Whether there is a kind that takes events of this one back.
    #[must_use]
    pub fn is_undone(&self, kind: KindIdx) -> bool {
        self.rows.iter().any(|other| other.undoes == Some(kind))
    }

    /// Whether events of a kind decide whether an item may be recommended again: they buy or block it, or take back an
    /// event that does.
    #[must_use]
    pub fn decides(&self, kind: KindIdx) -> bool {
        let by_itself = |kind: &Kind| kind.buys || kind.blocks();
        let kind = self.get(kind);
        by_itself(kind) || kind.undoes.is_some_and(|undone| by_itself(self.get(undone)))
    }

    /// Compares kinds by how much an event of each says, the weaker first: by stage, then by weight.
    #[must_use]
    pub fn by_strength(&self, one: KindIdx, other: KindIdx) -> Ordering {
        let by_weight = || self.weight(one).total_cmp(&self.weight(other));
        self.stage(one).cmp(&self.stage(other)).then_with(by_weight).then(one.cmp(&other))
    }

    /// How far an event of a kind goes towards a purchase.
    #[must_use]
    pub fn stage(&self, kind: KindIdx) -> Stage {
        match kind {
            _ if self.buys(kind) => Stage::Purchase,
            KindIdx::ADD_TO_CART => Stage::Cart,
            _ => Stage::View,
        }
    }
}

impl Serialize for Kinds {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.definitions())
    }
}

impl<'de> Deserialize<'de> for Kinds {
    /// Reads rows, or the three weights of releases that had three kinds.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Weights([f32; FIRST]),
            Rows(Vec<Definition>),
        }
        match Written::deserialize(deserializer)? {
            Written::Weights(weights) => Ok(Self::of_weights(weights)),
            Written::Rows(rows) => Self::new(rows).map_err(de::Error::custom),
        }
    }
}
