//! The history as a whole: the same for all candidates of a question.

use super::{Columns, Question};
use crate::event::EventKind;
use crate::params::{SessionRule, Source};
use crate::retrieve::recent::current_session;
use crate::schema::{Statistic, USER};
use crate::state::Interaction;

const HOUR_MS: i64 = 3_600_000;

pub fn fill(question: &Question<'_>, columns: &mut Columns<'_>) {
    let (candidates, snapshot) = (question.candidates, question.snapshot);
    let statistics = snapshot.statistics();
    candidates.past.session.into_iter().for_each(|value| columns.fill(value));
    if columns.wants(columns.next..columns.next + USER.len()) {
        let user = user(question.history, snapshot.params().session, question.now_ms);
        user.into_iter().for_each(|value| columns.fill(value));
    } else {
        columns.reserve(USER.len());
    }
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

/// What [`USER`] names, of a history, oldest first. Cost: a few passes over it.
fn user(history: &[Interaction], rule: SessionRule, now_ms: i64) -> [f32; USER.len()] {
    let share = |kind: EventKind| match history.len() {
        0 => f32::NAN,
        events => history.iter().filter(|event| event.kind == kind).count() as f32 / events as f32,
    };
    let days = |event: Option<&Interaction>| {
        event.map_or(f32::NAN, |event| now_ms.saturating_sub(event.timestamp_ms) as f32 / (24 * HOUR_MS) as f32)
    };
    let pauses = match rule {
        SessionRule::Gap(gap_ms) => {
            let pause = |pair: &&[Interaction]| pair[1].timestamp_ms.saturating_sub(pair[0].timestamp_ms) > gap_ms;
            history.windows(2).filter(pause).count()
        }
        SessionRule::User => 0,
    };
    let earlier = &history[..history.len() - current_session(history, rule, now_ms).len()];
    let sessions = if history.is_empty() { 0 } else { pauses + 1 };
    [
        share(EventKind::AddToCart),
        share(EventKind::Transaction),
        sessions as f32,
        days(history.first()),
        days(earlier.last()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ItemIdx;

    #[test]
    fn sessions_shares_and_days_are_those_of_the_history() {
        let day_ms = 24 * HOUR_MS;
        let event = |days: i64, kind| Interaction { item: ItemIdx(0), kind, timestamp_ms: days * day_ms, event_key: 0 };
        use EventKind::{AddToCart, Transaction, View};
        let history = [event(0, View), event(4, AddToCart), event(4, Transaction), event(7, View)];
        let gap = SessionRule::Gap(HOUR_MS);
        assert_eq!(user(&history, gap, 7 * day_ms), [0.25, 0.25, 3.0, 7.0, 3.0]);
        // The question begins another session: all of the history is then of sessions before.
        assert_eq!(user(&history, gap, 9 * day_ms), [0.25, 0.25, 3.0, 9.0, 2.0]);
        // Pauses don't end it.
        assert_eq!(user(&history, SessionRule::User, 9 * day_ms)[2..4], [1.0, 9.0]);
        assert!(user(&history, SessionRule::User, 9 * day_ms)[4].is_nan());
        let nobody = user(&[], gap, day_ms);
        assert!(nobody[2] == 0.0 && [0, 1, 3, 4].iter().all(|&at| nobody[at].is_nan()));
    }
}
