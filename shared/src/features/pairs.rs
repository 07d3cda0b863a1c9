//! How the last distinct items of the history relate to a candidate, under the sources that have a weight.

use super::{Columns, Question};
use crate::factors::dot;
use crate::params::{Relation, Source};
use crate::retrieve::accumulator::Marks;
use crate::schema::{COSINES, OF_PAIR, PLACES};

pub fn fill(question: &Question<'_>, slots: &Marks, columns: &mut Columns<'_>) {
    let Question { snapshot, candidates, .. } = *question;
    let weights = &snapshot.params().weights;
    for place in 0..PLACES.len() {
        for relation in Relation::ALL {
            let pair = columns.reserve(OF_PAIR.len());
            let asked = columns.wants(pair.clone()) && weights.get(relation.source()) > 0.0;
            let (Some(own), true) = (candidates.recent.get(place), asked) else { continue };
            let (score, rank) = (pair.start, pair.start + 1);
            columns.matrix.column_mut(score).fill(0.0);
            for (at, (item, value)) in (1u16..).zip(snapshot.neighbours(relation).of(own.item)) {
                if let Some(slot) = slots.position(item) {
                    columns.matrix.column_mut(score)[slot] = value;
                    columns.matrix.column_mut(rank)[slot] = f32::from(at);
                }
            }
        }
    }
    if weights.get(Source::Als) == 0.0 {
        columns.reserve(COSINES.len() + 1);
        return;
    }
    let als = snapshot.als();
    for place in 0..COSINES.len() {
        match candidates.recent.get(place).map(|own| own.item) {
            Some(own) => columns.push(|row| {
                let item = question.item(row);
                dot(als.item(item), als.item(own)) / (als.norm(item) * als.norm(own))
            }),
            None => columns.fill(f32::NAN),
        }
    }
    columns.push(|row| als.norm(question.item(row)));
}
