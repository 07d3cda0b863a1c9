//! The rules of a shop that a query carries, in the indices of one snapshot; [`super::rerank`] applies them.
//!
//! A rule holds from the beginning of its time (`during`) until the end. A version's rules are made once for all
//! requests.

use std::ops::Range;
use std::sync::Arc;

use crate::contract::id::ItemIdx;
use crate::engine::item_set::ItemSet;

/// The rules of a query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    /// What changes scores.
    pub boosts: Vec<Boost>,
    /// What comes after everything else.
    pub buries: Vec<Bury>,
    /// Items with places of their own.
    pub pins: Vec<Pin>,
    /// How often a value may occur.
    pub caps: Vec<Cap>,
    /// What of the slate is given to new items.
    pub explore: Option<Explore>,
}

impl Rules {
    /// Whether they may change the order of what is ranked.
    #[must_use]
    pub fn reorder(&self) -> bool {
        !(self.boosts.is_empty() && self.buries.is_empty() && self.pins.is_empty() && self.caps.is_empty())
    }
}

/// Multiplies the scores of some items, and adds to them.
#[derive(Debug, Clone, PartialEq)]
pub struct Boost {
    /// The items.
    pub items: Arc<ItemSet>,
    /// The factor, above 0.
    pub factor: f32,
    /// What is added to the product.
    pub add: f32,
    /// When it holds, milliseconds since the epoch.
    pub during: Range<i64>,
}

/// Puts some items behind all others.
#[derive(Debug, Clone, PartialEq)]
pub struct Bury {
    /// The items.
    pub items: Arc<ItemSet>,
    /// When it holds, milliseconds since the epoch.
    pub during: Range<i64>,
}

/// Gives an item a place of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The item.
    pub item: ItemIdx,
    /// Its place, from 1.
    pub position: usize,
    /// When it holds, milliseconds since the epoch.
    pub during: Range<i64>,
}

/// Bounds how many items of a slate have the same value of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cap {
    /// The property: `category`, or one of the property table. One that the version does not have bounds nothing.
    pub property: Arc<str>,
    /// How many items of a slate may have the same value, 1 or more.
    pub most: usize,
}

/// Gives a share of the places to new items.
#[derive(Debug, Clone, PartialEq)]
pub struct Explore {
    /// The share, above 0 and at most 1.
    pub share: f64,
    /// The new items, see [`super::rerank::explore::new_items`].
    pub items: Arc<[ItemIdx]>,
}
