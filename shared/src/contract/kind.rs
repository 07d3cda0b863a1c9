//! Kinds of events: what users do with items, and what each kind means.
//!
//! Every version has a table of kinds, from the section `[kinds]` of its config. Three kinds are its first rows, always:
//! `view`, `addtocart` and `transaction`. Behind them are those built in and those that the shop adds, by name.
//!
//! | a kind | is an interaction | and |
//! |---|---|---|
//! | of weight > 0 | yes | |
//! | of weight < 0 | no | blocks the item until it is undone: the user gets it no more |
//! | of weight 0 that undoes another | no | |
//! | that undoes another | | takes back the user's latest event of that kind with the item |
//! | that buys | | makes the item one that the user bought |
//!
//! Outside of a version, in logs and live histories, an event has the name of its kind ([`KindName`]); within a version
//! the row in its table ([`KindIdx`]).

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, Serialize, de};

/// The longest name of a kind, in bytes.
pub const MAX_NAME_BYTES: usize = 32;

/// The most kinds of a table: a row is stored in one byte.
const MAX_KINDS: usize = 256;

/// The kinds that a table has if the config says nothing: name, weight, the kind that it undoes, whether it buys.
const BUILT_IN: [(&str, f32, &str, bool); 11] = [
    ("view", 1.0, "", false),
    ("addtocart", 3.0, "", false),
    ("transaction", 5.0, "", true),
    ("dislike", -1.0, "like", false),
    ("hide", -1.0, "", false),
    ("like", 2.0, "dislike", false),
    ("refund", 0.0, "transaction", false),
    ("remove_from_cart", 0.0, "addtocart", false),
    ("remove_from_wishlist", 0.0, "wishlist", false),
    ("unhide", 0.0, "hide", false),
    ("wishlist", 2.0, "", false),
];

/// How many kinds are the first rows of every table.
const FIRST: usize = 3;

/// Why a table of kinds can't be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[allow(missing_docs)]
pub enum KindError {
    #[error("{0:?} is no name of a kind: it has 1 to {MAX_NAME_BYTES} of the characters a-z, 0-9 and _")]
    Name(String),
    #[error("there are two kinds `{0}`")]
    Twice(KindName),
    #[error("the kind `{0}` is missing")]
    Missing(&'static str),
    #[error("the kind `{kind}` undoes `{undoes}`, which is no other kind")]
    Undoes { kind: KindName, undoes: KindName },
    #[error("the weight of the kind `{kind}` is {weight}: {expected}")]
    Weight { kind: KindName, weight: f32, expected: &'static str },
    #[error("there are {0} kinds; at most {MAX_KINDS} have room")]
    TooMany(usize),
}

/// The name of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct KindName(Cow<'static, str>);

impl KindName {
    /// The item's page was looked at.
    pub const VIEW: Self = Self(Cow::Borrowed("view"));
    /// The item was put into the cart.
    pub const ADD_TO_CART: Self = Self(Cow::Borrowed("addtocart"));
    /// The item was bought.
    pub const TRANSACTION: Self = Self(Cow::Borrowed("transaction"));

    /// Checks and wraps a name.
    ///
    /// # Errors
    /// [`KindError::Name`].
    pub fn new(name: &str) -> Result<Self, KindError> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if !(1..=MAX_NAME_BYTES).contains(&name.len()) || !name.bytes().all(fits) {
            return Err(KindError::Name(name.to_owned()));
        }
        // Names that are built in take no memory of their own.
        let built_in = BUILT_IN.iter().find(|(known, ..)| *known == name);
        Ok(Self(built_in.map_or_else(|| Cow::Owned(name.to_owned()), |(known, ..)| Cow::Borrowed(*known))))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KindName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for KindName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// A kind's row in the table of one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(transparent)]
pub struct KindIdx(pub u8);

impl KindIdx {
    /// The item's page was looked at.
    pub const VIEW: Self = Self(0);
    /// The item was put into the cart.
    pub const ADD_TO_CART: Self = Self(1);
    /// The item was bought.
    pub const TRANSACTION: Self = Self(2);

    /// The row as a position in a table.
    #[must_use]
    pub fn at(self) -> usize {
        usize::from(self.0)
    }
}

/// How far an event goes towards a purchase, for features and statistics that tell three kinds apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Stage {
    /// Any other interaction.
    View = 0,
    /// The item was put into the cart.
    Cart = 1,
    /// The item was bought.
    Purchase = 2,
}

impl Stage {
    /// All stages, the weakest first.
    pub const ALL: [Self; 3] = [Self::View, Self::Cart, Self::Purchase];

    /// The kind that every table has for the stage.
    #[must_use]
    pub fn kind(self) -> KindIdx {
        KindIdx(self as u8)
    }

    /// The name of that kind.
    #[must_use]
    pub fn name(self) -> &'static str {
        BUILT_IN[self as usize].0
    }
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Kind {
    /// Its name.
    pub name: KindName,
    /// The weight of an event; below 0 it blocks the item.
    pub weight: f32,
    /// The kind of event that it takes back.
    pub undoes: Option<KindIdx>,
    /// Whether it makes the item one that the user bought.
    pub buys: bool,
}

impl Kind {
    /// Whether it blocks the item.
    #[must_use]
    pub fn blocks(&self) -> bool {
        self.weight < 0.0
    }

    /// Whether it is no interaction by itself: it only blocks, or only takes back.
    #[must_use]
    pub fn only_acts(&self) -> bool {
        self.blocks() || self.weight == 0.0 && self.undoes.is_some()
    }
}

/// A row of a table as it is written, with names alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Its name.
    pub name: KindName,
    /// The weight of an event; below 0 it blocks the item.
    pub weight: f32,
    /// The kind of event that it takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<KindName>,
    /// Whether it makes the item one that the user bought.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub buys: bool,
}

/// The kinds that are built in.
pub fn built_in() -> impl Iterator<Item = Definition> {
    BUILT_IN.into_iter().map(|(name, weight, undoes, buys)| {
        let undoes = Some(KindName(Cow::Borrowed(undoes))).filter(|name| !name.0.is_empty());
        Definition { name: KindName(Cow::Borrowed(name)), weight, undoes, buys }
    })
}

/// The table of kinds of a version.
#[derive(Debug, Clone, PartialEq)]
pub struct Kinds {
    rows: Vec<Kind>,
}

static DEFAULT: LazyLock<Kinds> = LazyLock::new(|| {
    let rows = BUILT_IN.iter().map(|&(name, weight, undoes, buys)| Kind {
        name: KindName(Cow::Borrowed(name)),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, weight: f32, undoes: Option<&str>) -> Definition {
        let name_of = |name: &str| KindName::new(name).expect("a name");
        Definition { name: name_of(name), weight, undoes: undoes.map(name_of), buys: false }
    }

    fn with(more: impl IntoIterator<Item = Definition>) -> Result<Kinds, KindError> {
        Kinds::new(built_in().chain(more))
    }

    #[test]
    fn the_built_in_kinds_are_a_table_whose_first_rows_are_the_three() {
        let kinds = Kinds::new(built_in()).expect("a table");
        assert_eq!(kinds, Kinds::default());
        let names = [KindName::VIEW, KindName::ADD_TO_CART, KindName::TRANSACTION];
        assert_eq!(names.map(|name| kinds.index(name.as_str())), Stage::ALL.map(|stage| Some(stage.kind())));
        let index = |name| kinds.index(name).expect("built in");
        assert!(kinds.blocks(index("dislike")) && kinds.buys(KindIdx::TRANSACTION));
        assert_eq!(kinds.get(index("like")).undoes, Some(index("dislike")));
        let of = |of: &dyn Fn(KindIdx) -> bool| -> Vec<&str> {
            kinds.iter().filter(|(row, _)| of(*row)).map(|(_, kind)| kind.name.as_str()).collect()
        };
        assert_eq!(of(&|row| kinds.is_plain(row)), ["view", "addtocart", "transaction", "wishlist"]);
        assert_eq!(of(&|row| kinds.decides(row)), ["transaction", "dislike", "hide", "like", "refund", "unhide"]);
        assert_eq!(of(&|row| kinds.stage(row) == Stage::Cart), ["addtocart"]);
        assert_eq!(Stage::ALL.map(Stage::name), ["view", "addtocart", "transaction"]);
    }

    #[test]
    fn a_table_reads_back_and_the_three_weights_of_older_releases_are_a_table() {
        let kinds = with([row("gift", 4.0, None), row("return", 0.0, Some("gift"))]).expect("a table");
        let text = serde_json::to_string(&kinds).expect("writes");
        assert_eq!(serde_json::from_str::<Kinds>(&text).expect("reads"), kinds);
        let older: Kinds = serde_json::from_str("[1.5, 2, 3.0]").expect("reads");
        assert_eq!(older, Kinds::of_weights([1.5, 2.0, 3.0]));
        assert_eq!((older.weight(KindIdx::ADD_TO_CART), older.len()), (2.0, BUILT_IN.len()));
    }

    #[test]
    fn what_can_be_no_table_is_refused_with_the_reason() {
        let refused = |more: Definition| with([more]).expect_err("refused").to_string();
        assert_eq!(refused(row("like", 1.0, None)), "there are two kinds `like`");
        assert_eq!(
            refused(row("undo", 0.0, Some("nothing"))),
            "the kind `undo` undoes `nothing`, which is no other kind"
        );
        assert!(refused(row("undo", 0.0, Some("undo"))).contains("no other kind"));
        assert!(refused(row("odd", f32::NAN, None)).contains("NaN"));
        assert!(refused(Definition { buys: true, ..row("odd", -1.0, None) }).contains("at least 0"));
        assert!(
            with((0..250).map(|n| row(&format!("k{n}"), 1.0, None))).expect_err("too many").to_string().contains("261")
        );
        assert_eq!(Kinds::new(built_in().skip(1)), Err(KindError::Missing("view")));
        for name in ["", "View", "a b", "\u{e4}", &"x".repeat(33)] {
            assert!(KindName::new(name).is_err(), "{name}");
        }
    }

    #[test]
    fn weights_are_taken_over_where_both_tables_mean_the_same() {
        let other = with([row("gift", 4.0, None), row("share", -1.0, None)]).expect("a table");
        let own = with([row("gift", 2.0, None), row("share", 1.0, None), row("new", 7.0, None)]).expect("a table");
        let weighted = own.weighted_as(&other);
        let weight = |name| weighted.weight(weighted.index(name).expect("there"));
        assert_eq!([weight("gift"), weight("share"), weight("new")], [4.0, 1.0, 7.0]);
    }
}
