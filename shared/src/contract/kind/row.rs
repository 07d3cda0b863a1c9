//! The rows of a table of kinds, and those that are built in.

use serde::{Deserialize, Serialize};

use super::KindName;

/// The kinds that a table has if the config says nothing: name, weight, the kind that it undoes, whether it buys.
pub(super) const BUILT_IN: [(&str, f32, &str, bool); 11] = [
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
pub(super) const FIRST: usize = 3;

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
        let undoes = Some(undoes).filter(|name| !name.is_empty()).map(KindName::built_in);
        Definition { name: KindName::built_in(name), weight, undoes, buys }
    })
}
