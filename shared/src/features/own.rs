//! The candidate in the user's own history: how often, how long ago, what was done with it.
//!
//! Missing for candidates that are not in it.

use super::{Columns, Question};
use crate::retrieve::accumulator::Marks;
use crate::schema::OWN;

pub fn fill(question: &Question<'_>, slots: &Marks, columns: &mut Columns<'_>) {
    let reserved = columns.reserve(OWN.len());
    for (recent, own) in question.candidates.recent.iter().zip(&question.candidates.past.own) {
        let Some(slot) = slots.position(recent.item) else { continue };
        for (column, value) in reserved.clone().zip(own) {
            columns.matrix.column_mut(column)[slot] = *value;
        }
    }
}
