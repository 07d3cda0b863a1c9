//! What the sources and their blend say of a candidate.

use super::{Columns, Question};
use crate::params::Source;

pub fn fill(question: &Question<'_>, columns: &mut Columns<'_>) {
    for source in Source::ALL {
        let column = source.column();
        let best = question.candidates.best[column].max(f32::MIN_POSITIVE);
        columns.push(|row| question.candidate(row).scores[column] / best);
        columns.push(|row| match question.candidate(row).ranks[column] {
            0 => f32::NAN,
            rank => f32::from(rank),
        });
        columns.push(|row| question.candidate(row).scores[column].max(1e-20).ln());
    }
    for (at, source) in Source::SUMMED.into_iter().enumerate() {
        let best = question.candidates.best[source.column()].max(f32::MIN_POSITIVE);
        columns.push(|row| question.candidate(row).strongest[at] / best);
    }
    for at in 0..Source::SUMMED.len() {
        columns.push(|row| question.candidate(row).support[at] as f32);
    }
    let nearest = question.candidates.nearest;
    columns.push(|row| question.candidate(row).scores[Source::SessionKnn.column()] / nearest);
    let top = question.ranked.first().map_or(1.0, |first| first.blended).max(f32::MIN_POSITIVE);
    columns.push(|row| question.ranked[row].blended);
    columns.push(|row| row as f32);
    columns.push(|row| question.ranked[row].blended / top);
    let best_new = question.best_new();
    columns.push(|row| question.ranked[row].blended / best_new);
    columns.push(|row| question.candidate(row).sources.iter().count() as f32);
}
