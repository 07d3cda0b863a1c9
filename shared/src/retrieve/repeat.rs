//! `repeat`: the user's own items, each with the chance that the next event is with it, or (fitted for top-k) that an event of
//! the coming time is.
//!
//! The chances are those of a model that was fitted on the questions of a whole log: it needs no other source, only where
//! each item stands in the history, how the session went, and what is usual for the item. Without a model the last
//! items come first.

use crate::history::past::{OWN, RETURNS, SESSION};
use crate::history::{Past, Recent};
use crate::id::ItemIdx;
use crate::rank::matrix::Matrix;
use crate::snapshot::Snapshot;
use crate::tables::Habit;
use crate::topk::{Scored, top_k};

/// How many columns the model can look at.
const COLUMNS: usize = OWN.len() + SESSION.len() + RETURNS.len() + 2 * Habit::ALL.len();

/// The names of what the model can look at, in the order of the columns of [`describe`]: an item of the history in it, the
/// session, and the habits of the item and of the last one.
#[must_use]
pub fn names() -> Vec<String> {
    let plain = OWN.into_iter().chain(SESSION).chain(RETURNS).map(str::to_owned);
    let habits = ["item", "last"].into_iter().flat_map(|of| Habit::ALL.map(|habit| format!("{of}_{}", habit.name())));
    plain.chain(habits).collect()
}

/// Describes the newest `count` items of a history, a row each, by what [`names`] says.
///
/// * `habit_of`: a habit of an item.
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

/// What `repeat` proposes.
pub struct OwnItems {
    /// The admitted items of the history, best first.
    pub list: Vec<Scored>,
    /// The sum of the chances: that the next event is with any item of the history, or (fitted for top-k) how many of
    /// them are expected to return; missing without a model.
    pub chance: f32,
}

/// The first `limit` admitted items of the history.
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
