//! Recommends values of a property instead of items: brands, categories, whatever the items have.
//!
//! ```text
//! the slate of the user's best items ─▶ by value ─▶ what a shelf of each value's best items is expected to get ─▶ best first
//! ```
//!
//! The score of a value is the sum of the scores of its [`SHELF`] best items in the slate, so that a value is not better
//! for being common. What is recommended follows the whole engine: sources, ranker, filters and rules.

use hashbrown::HashMap;

use crate::engine::slate::Pick;
use crate::engine::values::{Value, Values};

/// How many items of a value count.
pub const SHELF: usize = 10;

/// A value of a property, and why it is recommended.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// The value, see [`Values::name`].
    pub value: Value,
    /// The sum of the scores of its best items.
    pub score: f32,
    /// Its items in the slate, best first: their places there.
    pub places: Vec<u32>,
}

/// The `k` best values of a property for a slate, best first; ties go to the one whose first item comes earlier in the
/// slate. Items without a value count for none, and an item with several counts for each.
///
/// * `picks`: a slate, the longer the better.
#[must_use]
pub fn segments(values: Values<'_>, picks: &[Pick], k: usize) -> Vec<Segment> {
    let (mut found, mut rows) = (Vec::<Segment>::new(), HashMap::new());
    for (place, pick) in (0..).zip(picks) {
        values.of(pick.item, |value| {
            let row = *rows.entry(value).or_insert_with(|| {
                found.push(Segment { value, score: 0.0, places: Vec::new() });
                found.len() - 1
            });
            let segment = &mut found[row];
            if segment.places.len() < SHELF {
                segment.score += pick.score;
            }
            segment.places.push(place);
        });
    }
    // They are in the order in which they came up, which a stable sort keeps among equal scores.
    found.sort_by(|one, other| other.score.total_cmp(&one.score));
    found.truncate(k);
    found
}
