//! The values that items have of a property: their categories, or the texts, number or flag of the property table.
//!
//! Each value is a number of its own, so that values can be counted without copying texts. Of categories the first of an
//! item counts, without the levels above it.

use std::borrow::Cow;

use crate::contract::id::ItemIdx;
use crate::engine::snapshot::Snapshot;
use crate::tables::{CategoryIdx, Property};

/// The property that stands for the categories of items.
pub const CATEGORY: &str = "category";

/// A value of a property, as a number of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(u64);

impl Value {
    /// The category that a value of [`Values::Category`] is.
    #[must_use]
    pub fn category(self) -> CategoryIdx {
        CategoryIdx(self.0 as u32)
    }
}

/// A property of all items.
#[derive(Clone, Copy)]
pub enum Values<'a> {
    /// The first category of each.
    Category(&'a Snapshot),
    /// What the property table has.
    Property(&'a Snapshot, Property<'a>),
}

impl<'a> Values<'a> {
    /// A property by its name; `None` if the version does not have it.
    #[must_use]
    pub fn new(property: &str, snapshot: &'a Snapshot) -> Option<Self> {
        if property == CATEGORY {
            Some(Self::Category(snapshot))
        } else {
            snapshot.properties().get(property).map(|found| Self::Property(snapshot, found))
        }
    }

    /// Calls `each` with the values of an item; with none if nothing is known of it.
    pub fn of(self, item: ItemIdx, mut each: impl FnMut(Value)) {
        match self {
            Self::Category(snapshot) => {
                if let Some(category) = snapshot.items().first_category(item) {
                    each(Value(u64::from(category.0)));
                }
            }
            Self::Property(_, Property::Texts(texts)) => {
                texts.of(item).iter().for_each(|&text| each(Value(u64::from(text))));
            }
            Self::Property(_, Property::Numbers(numbers) | Property::Flags(numbers)) => {
                let number = numbers[item.at()];
                if !number.is_nan() {
                    // 0 and -0 are one value.
                    each(Value((number + 0.0).to_bits()));
                }
            }
        }
    }

    /// A value in words, as the item table had it.
    #[must_use]
    pub fn name(self, value: Value) -> Cow<'a, str> {
        match self {
            Self::Category(snapshot) => Cow::Borrowed(snapshot.items().category_name(value.category())),
            Self::Property(snapshot, Property::Texts(_)) => Cow::Borrowed(snapshot.properties().text(value.0 as u32)),
            Self::Property(_, Property::Numbers(_)) => Cow::Owned(f64::from_bits(value.0).to_string()),
            Self::Property(_, Property::Flags(_)) => {
                Cow::Borrowed(if f64::from_bits(value.0) == 0.0 { "false" } else { "true" })
            }
        }
    }
}
