//! `repeat`: proposes the items of the history, each scored by the probability that the next event is with it, or, if
//! fitted for top-k, that any event of the coming period is.
//!
//! The probabilities are those of boosted trees that were fitted on the questions of a whole log. They need no other
//! source: their features are the item's position in the history, the current session, and how often users come back to
//! the item ([`Habit`]). Without a model the latest items come first.

use crate::contract::id::ItemIdx;
use crate::engine::history::past::{OWN, RETURNS, SESSION};
use crate::engine::history::{Past, Recent};
use crate::engine::rank::matrix::Matrix;
use crate::engine::snapshot::Snapshot;
use crate::engine::topk::{Scored, top_k};
use crate::tables::Habit;

/// The number of features that the model may use.
const COLUMNS: usize = OWN.len() + SESSION.len() + RETURNS.len() + 2 * Habit::ALL.len();

/// The names of the features that the model may use, in the order of the columns of [`describe`]: those of the item in
/// the history, of the session, and the [`Habit`]s of the item and of the last item.
#[must_use]
pub fn names() -> Vec<String> {
    let plain = OWN.into_iter().chain(SESSION).chain(RETURNS).map(str::to_owned);
    let habits = ["item", "last"].into_iter().flat_map(|of| Habit::ALL.map(|habit| format!("{of}_{}", habit.name())));
    plain.chain(habits).collect()
}

/// Builds the feature rows of the newest `count` items of a history, with the columns of [`names`].
///
/// * `habit_of`: the value of a [`Habit`] for an item.
pub fn describe(
    past: &Past,
    recent: &[Recent],
    count: usize,
    habit_of: impl Fn(Habit, ItemIdx) -> f32,
    matrix: &mut Matrix,
) {
    let recent = &recent[..count.min(recent.len())];
    matrix.reset(recent.len(), COLUMNS);
    let mut columns = 0..COLUMNS;
    let mut next = || columns.next().expect("as many columns as are named");
    for value in 0..OWN.len() {
        matrix.column_mut(next()).iter_mut().zip(&past.own).for_each(|(cell, own)| *cell = own[value]);
    }
    for value in past.session.into_iter().chain(past.returns) {
        matrix.column_mut(next()).fill(value);
    }
    for habit in Habit::ALL {
        let column = matrix.column_mut(next());
        column.iter_mut().zip(recent).for_each(|(cell, own)| *cell = habit_of(habit, own.item));
    }
    for habit in Habit::ALL {
        let last = recent.first().map_or(f32::NAN, |own| habit_of(habit, own.item));
        matrix.column_mut(next()).fill(last);
    }
}

/// Buffers of one thread, to be reused between requests.
#[derive(Debug, Default)]
pub struct Rows {
    matrix: Matrix,
    chances: Vec<f32>,
}

/// The candidates of `repeat`.
pub struct OwnItems {
    /// The admitted items of the history, best first.
    pub list: Vec<Scored>,
    /// The sum of the probabilities: of the next event being with any item of the history, or, if fitted for top-k, the
    /// expected number of items that the user comes back to; missing without a model.
    pub chance: f32,
}

/// The `limit` best admitted items of the history.
pub fn own_items(
    snapshot: &Snapshot,
    recent: &[Recent],
    past: &Past,
    limit: usize,
    admit: impl Fn(ItemIdx) -> bool,
    rows: &mut Rows,
) -> OwnItems {
    let admitted = |score: &dyn Fn(usize, &Recent) -> f32| {
        let scored = recent.iter().enumerate().filter(|(_, own)| admit(own.item));
        top_k(limit, scored.map(|(at, own)| Scored { item: own.item, score: score(at, own) }))
    };
    let Some(model) = snapshot.repeat() else {
        return OwnItems { list: admitted(&|_, own| own.session_weight), chance: f32::NAN };
    };
    let statistics = snapshot.statistics();
    describe(past, recent, recent.len(), |habit, item| statistics.habit(habit, item), &mut rows.matrix);
    model.chances(&rows.matrix, &mut rows.chances);
    OwnItems { list: admitted(&|at, _| rows.chances[at]), chance: rows.chances.iter().sum() }
}
