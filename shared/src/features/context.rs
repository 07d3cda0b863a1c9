//! The history as a whole: the same for all candidates of a question.

use super::{Columns, Question};
use crate::params::Source;
use crate::schema::Statistic;

const HOUR_MS: i64 = 3_600_000;

pub fn fill(question: &Question<'_>, columns: &mut Columns<'_>) {
    let session = question.session();
    let recent = &question.candidates.recent;
    let statistics = question.snapshot.statistics();
    let in_session = recent.iter().filter(|recent| recent.factor >= 1.0).count();
    columns.fill(session.len() as f32);
    columns.fill(in_session as f32);
    columns.fill(1.0 - in_session as f32 / session.len().max(1) as f32);
    let stays = session.windows(2).filter(|pair| pair[0].item == pair[1].item).count();
    columns.fill(stays as f32 / session.len().max(1) as f32);
    let run = session.iter().rev().take_while(|event| Some(event.item) == session.last().map(|last| last.item));
    columns.fill(run.count() as f32);
    columns.fill(question.history.len() as f32);
    match question.history.split_last() {
        Some((last, before)) => {
            columns.fill(f32::from(u8::from(before.iter().any(|event| event.item == last.item))));
            columns.fill(f32::from(last.kind as u8));
            columns.fill(statistics.get(Statistic::Events, last.item));
            columns.fill(statistics.get(Statistic::RepeatShare, last.item));
            columns.fill(statistics.get(Statistic::StayShare, last.item));
            columns.fill(statistics.get(Statistic::ExitShare, last.item));
        }
        None => (0..6).for_each(|_| columns.fill(f32::NAN)),
    }
    columns.fill(question.candidates.rows.len() as f32);
    columns.fill(question.best_new());
    for source in [Source::SessionKnn, Source::ItemKnnWalk] {
        columns.fill(question.candidates.best[source.column()].max(1e-20).ln());
    }
    columns.fill(question.now_ms.div_euclid(HOUR_MS).rem_euclid(24) as f32);
    columns.fill(question.now_ms.div_euclid(24 * HOUR_MS).rem_euclid(7) as f32);
}
