//! The history as a whole: the same for all candidates of a question.

use super::{Columns, Question};
use crate::params::Source;
use crate::schema::Statistic;

const HOUR_MS: i64 = 3_600_000;

pub fn fill(question: &Question<'_>, columns: &mut Columns<'_>) {
    let (candidates, statistics) = (question.candidates, question.snapshot.statistics());
    candidates.past.session.into_iter().for_each(|value| columns.fill(value));
    columns.fill(candidates.repeat_chance);
    match question.history.last() {
        Some(last) => {
            columns.fill(f32::from(last.kind as u8));
            for statistic in [Statistic::Events, Statistic::RepeatShare, Statistic::StayShare, Statistic::ExitShare] {
                columns.fill(statistics.get(statistic, last.item));
            }
        }
        None => (0..5).for_each(|_| columns.fill(f32::NAN)),
    }
    columns.fill(candidates.rows.len() as f32);
    columns.fill(question.best_new());
    for source in [Source::SessionKnn, Source::ItemKnnWalk] {
        columns.fill(candidates.best[source.column()].max(1e-20).ln());
    }
    columns.fill(question.now_ms.div_euclid(HOUR_MS).rem_euclid(24) as f32);
    columns.fill(question.now_ms.div_euclid(24 * HOUR_MS).rem_euclid(7) as f32);
}
