//! Selects the items of a version that an expression holds for.
//!
//! In: an expression, the item table, the property table, popularity and statistics. Out: a set. Every test is a pass over
//! one column, `and`, `or` and `not` are passes over words of 64 items. What a version does not know is missing for all items, so that
//! an expression means something in every version; [`check`] says what is unknown or compared with what it can't be.
//!
//! | property | what |
//! |---|---|
//! | `id` | the item's id |
//! | `category` | its categories, all levels above them included |
//! | `price` | missing where none is known |
//! | `available` | yes: what may not be recommended is in no answer whatever a filter says |
//! | `events` | how many events the version was learnt from |
//! | any other | of the property table |

use crate::contract::expression::{Asks, Comparison, Expression, Literal, Test};
use crate::contract::id::ItemIdx;
use crate::engine::item_set::ItemSet;
use crate::engine::snapshot::Snapshot;
use crate::tables::{Habit, Property, Texts};

/// The names of what every version knows.
pub const BUILT_IN: [&str; 5] = ["id", "category", "price", "available", "events"];

/// Why a version can't be asked what an expression asks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// No property has this name.
    #[error("the served model has no property `{0}`")]
    Unknown(String),
    /// A property is asked what it can't be.
    #[error("`{test}`: `{property}` {remedy}")]
    Kind {
        /// The test.
        test: String,
        /// The property.
        property: String,
        /// What it is, and what it can be asked.
        remedy: &'static str,
    },
}

/// A property of all items.
enum Column<'a> {
    Id,
    Category,
    Texts(Texts<'a>),
    Number(Box<dyn Fn(ItemIdx) -> f64 + 'a>),
    /// Numbers of 32 bits, with which a literal is compared in 32 bits.
    Narrow(Box<dyn Fn(ItemIdx) -> f32 + 'a>),
    Flags(&'a [f64]),
    Yes,
}

fn column<'a>(snapshot: &'a Snapshot, name: &str) -> Option<Column<'a>> {
    Some(match name {
        "id" => Column::Id,
        "category" => Column::Category,
        "price" => Column::Narrow(Box::new(|item| snapshot.items().price(item))),
        "available" => Column::Yes,
        // The statistic is ln(1 + events); an item that came after the version has none.
        "events" => Column::Number(Box::new(|item| {
            let events = f64::from(snapshot.statistics().habit(Habit::Events, item)).exp_m1().round();
            if events.is_nan() { 0.0 } else { events }
        })),
        _ => match snapshot.properties().get(name)? {
            Property::Texts(texts) => Column::Texts(texts),
            Property::Numbers(numbers) => Column::Number(Box::new(|item| numbers[item.at()])),
            Property::Flags(flags) => Column::Flags(flags),
        },
    })
}

/// The names of all properties of a version.
pub fn names(snapshot: &Snapshot) -> impl Iterator<Item = &str> {
    BUILT_IN.into_iter().chain(snapshot.properties().names().map(|(name, _)| name))
}

/// Checks that a version has the properties that an expression names, and that they can be asked so.
///
/// # Errors
/// The first [`Unfit`] test.
pub fn check(expression: &Expression, snapshot: &Snapshot) -> Result<(), Unfit> {
    expression.tests().into_iter().try_for_each(|test| {
        let column = column(snapshot, &test.property).ok_or_else(|| Unfit::Unknown(test.property.clone()))?;
        match misfit(&column, &test.asks) {
            None => Ok(()),
            Some(remedy) => Err(Unfit::Kind { test: test.to_string(), property: test.property.clone(), remedy }),
        }
    })
}

/// What is wrong with a question to a column.
fn misfit(column: &Column<'_>, asks: &Asks) -> Option<&'static str> {
    let values = values(asks);
    let by_order = matches!(asks, Asks::Compare(by, _) if by.is_of_order());
    let is_yes = *asks == Asks::Yes;
    match column {
        Column::Id | Column::Category | Column::Texts(_) => {
            (by_order || is_yes).then_some("has texts; compare it by =, != or in")
        }
        Column::Number(_) | Column::Narrow(_) => {
            values.iter().any(|value| number(value).is_none()).then_some("is a number; compare it with one")
        }
        Column::Flags(_) | Column::Yes => (by_order || values.iter().any(|value| flag(value).is_none()))
            .then_some("is yes or no; compare it with true or false, or write it alone"),
    }
}

/// The items that an expression holds for, those of a few listed by their popularity.
#[must_use]
pub fn select(expression: &Expression, snapshot: &Snapshot) -> ItemSet {
    of_part(expression, snapshot).listed(snapshot.popularity().order(None))
}

fn of_part(expression: &Expression, snapshot: &Snapshot) -> ItemSet {
    let all = |parts: &[Expression], join: fn(&ItemSet, &ItemSet) -> ItemSet| {
        let sets = parts.iter().map(|part| of_part(part, snapshot));
        sets.reduce(|one, other| join(&one, &other)).unwrap_or_else(|| none(snapshot))
    };
    match expression {
        Expression::Or(parts) => all(parts, ItemSet::or),
        Expression::And(parts) => all(parts, ItemSet::and),
        Expression::Not(part) => of_part(part, snapshot).complement(),
        Expression::Test(test) => of_test(test, snapshot),
    }
}

fn none(snapshot: &Snapshot) -> ItemSet {
    ItemSet::new(snapshot.items().len(), |_| false)
}

fn of_test(test: &Test, snapshot: &Snapshot) -> ItemSet {
    let (items, asks) = (snapshot.items(), &test.asks);
    let set = |holds: &dyn Fn(ItemIdx) -> bool| ItemSet::new(items.len(), holds);
    let Some(column) = column(snapshot, &test.property).filter(|column| misfit(column, asks).is_none()) else {
        return if *asks == Asks::Missing { none(snapshot).complement() } else { none(snapshot) };
    };
    match column {
        Column::Id => {
            let own = sorted(texts_of(asks).iter().filter_map(|id| items.index(id)));
            of_texts(asks, items.len(), |_| true, |item| own.binary_search(&item).is_ok())
        }
        Column::Category => {
            let own = sorted(texts_of(asks).iter().filter_map(|name| items.category(name)));
            let has = |item| items.categories_of(item).iter().any(|category| own.binary_search(category).is_ok());
            of_texts(asks, items.len(), |item| !items.categories_of(item).is_empty(), has)
        }
        Column::Texts(texts) => {
            let own = sorted(texts_of(asks).iter().filter_map(|text| texts.row(text)));
            let has = |item| texts.of(item).iter().any(|row| own.binary_search(row).is_ok());
            of_texts(asks, items.len(), |item| !texts.of(item).is_empty(), has)
        }
        Column::Number(value) => {
            let own = numbers_of(asks, |number| number);
            set(&|item| holds(asks, &own, value(item)))
        }
        Column::Narrow(value) => {
            let own = numbers_of(asks, |number| f64::from(number as f32));
            set(&|item| holds(asks, &own, f64::from(value(item))))
        }
        Column::Flags(flags) => {
            let own = flags_of(asks);
            set(&|item| holds(asks, &own, flags[item.at()]))
        }
        Column::Yes => {
            let own = flags_of(asks);
            set(&|_| holds(asks, &own, 1.0))
        }
    }
}

/// What is asked for, for a search: a list may name thousands of ids.
fn sorted<T: Ord>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    values
}

/// The items whose texts fit.
///
/// * `known`: whether an item has any text.
/// * `has`: whether it has one of those that are asked for.
fn of_texts(asks: &Asks, items: usize, known: impl Fn(ItemIdx) -> bool, has: impl Fn(ItemIdx) -> bool) -> ItemSet {
    match asks {
        Asks::Missing => ItemSet::new(items, |item| !known(item)),
        Asks::Present => ItemSet::new(items, known),
        Asks::Compare(Comparison::Different, _) => ItemSet::new(items, |item| known(item) && !has(item)),
        _ => ItemSet::new(items, has),
    }
}

/// Whether a number fits; a missing one is NaN.
///
/// * `own`: the numbers that are asked for.
fn holds(asks: &Asks, own: &[f64], value: f64) -> bool {
    let first = own.first().copied().unwrap_or(f64::NAN);
    match asks {
        Asks::Missing => value.is_nan(),
        Asks::Present => !value.is_nan(),
        Asks::Yes => value != 0.0 && !value.is_nan(),
        Asks::In(_) => own.contains(&value),
        Asks::Compare(by, _) => match by {
            Comparison::Equal => value == first,
            Comparison::Different => value != first && !value.is_nan(),
            Comparison::Less => value < first,
            Comparison::AtMost => value <= first,
            Comparison::More => value > first,
            Comparison::AtLeast => value >= first,
        },
    }
}

/// The values that are asked for.
fn values(asks: &Asks) -> &[Literal] {
    match asks {
        Asks::Compare(_, value) => std::slice::from_ref(value),
        Asks::In(values) => values,
        Asks::Yes | Asks::Missing | Asks::Present => &[],
    }
}

/// The same as texts: a number as it is written without a fraction of zeros.
fn texts_of(asks: &Asks) -> Vec<String> {
    let text = |value: &Literal| match value {
        Literal::Text(text) => text.clone(),
        Literal::Number(number) => number.to_string(),
        Literal::Flag(flag) => flag.to_string(),
    };
    values(asks).iter().map(text).collect()
}

fn numbers_of(asks: &Asks, narrow: impl Fn(f64) -> f64) -> Vec<f64> {
    values(asks).iter().filter_map(number).map(narrow).collect()
}

fn flags_of(asks: &Asks) -> Vec<f64> {
    values(asks).iter().filter_map(flag).map(f64::from).collect()
}

fn number(value: &Literal) -> Option<f64> {
    match value {
        Literal::Number(number) => Some(*number),
        Literal::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        Literal::Flag(_) => None,
    }
}

fn flag(value: &Literal) -> Option<bool> {
    match value {
        Literal::Flag(flag) => Some(*flag),
        Literal::Text(text) => text.parse().ok(),
        Literal::Number(_) => None,
    }
}
