//! How the last three distinct items of the history relate to a candidate.

use super::{Columns, Question};
use crate::factors::dot;
use crate::params::Relation;
use crate::retrieve::accumulator::Marks;
use crate::schema::PLACES;

pub fn fill(question: &Question<'_>, slots: &Marks, columns: &mut Columns<'_>) {
    let snapshot = question.snapshot;
    for place in 0..PLACES.len() {
        for relation in Relation::ALL {
            let (score, rank, back) = (columns.reserve(1), columns.reserve(1), columns.reserve(1));
            let Some(own) = question.candidates.recent.get(place) else { continue };
            let neighbours = snapshot.neighbours(relation);
            columns.matrix.column_mut(score).fill(0.0);
            for (at, (item, value)) in (1u16..).zip(neighbours.of(own.item)) {
                if let Some(slot) = slots.position(item) {
                    columns.matrix.column_mut(score)[slot] = value;
                    columns.matrix.column_mut(rank)[slot] = f32::from(at);
                }
            }
            for (row, slot) in columns.matrix.column_mut(back).iter_mut().enumerate() {
                let mut of_candidate = neighbours.of(question.item(row));
                *slot = of_candidate.find(|(item, _)| *item == own.item).map_or(0.0, |(_, score)| score);
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
