//! How the last three distinct items of the history relate to a candidate.

use super::{Columns, Question};
use crate::factors::dot;
use crate::retrieve::accumulator::Marks;
use crate::snapshot::Neighbours;

pub fn fill(question: &Question<'_>, slots: &Marks, columns: &mut Columns<'_>) {
    let snapshot = question.snapshot;
    let (session, walk, user) = (snapshot.item_knn_session(), snapshot.item_knn_walk(), snapshot.item_knn_user());
    let tables: [(usize, &Neighbours); 7] =
        [(0, session), (0, walk), (0, user), (1, session), (1, walk), (1, user), (2, session)];
    for (place, table) in tables {
        let column = columns.reserve(1);
        let Some(own) = question.candidates.recent.get(place) else { continue };
        let values = columns.matrix.column_mut(column);
        values.fill(0.0);
        for (item, score) in table.of(own.item) {
            if let Some(slot) = slots.position(item) {
                values[slot] = score;
            }
        }
    }
    let als = snapshot.als();
    let norm = |factors: &[f32]| dot(factors, factors).sqrt().max(1e-12);
    for place in 0..2 {
        match question.candidates.recent.get(place) {
            Some(own) => {
                let last = als.item(own.item);
                let last_norm = norm(last);
                columns.push(|row| {
                    let factors = als.item(question.item(row));
                    dot(factors, last) / (norm(factors) * last_norm)
                });
            }
            None => columns.fill(f32::NAN),
        }
    }
    columns.push(|row| norm(als.item(question.item(row))));
}
