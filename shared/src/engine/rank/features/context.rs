//! Features of the history and of the question as a whole: all candidates of a question share their values.

use super::{Group, group, shared};
use crate::contract::kind::{Kinds, Stage};
use crate::contract::params::SessionRule;
use crate::contract::source::Source;
use crate::engine::history::current_session;
use crate::engine::history::past::SESSION;
use crate::engine::state::Interaction;
use crate::tables::Habit;

const HOUR_MS: i64 = 3_600_000;

/// Features of the user, computed from the history: the shares of its events that are adds to cart and transactions,
/// the number of its sessions, the days from its first event, and from the last event before the current session, to
/// the question.
const USER: [&str; 5] =
    ["user_cart_share", "user_purchase_share", "user_sessions", "user_days", "user_days_since_last_session"];

pub fn features() -> Vec<Group> {
    let session = group(SESSION, |shortlist, columns| {
        let values = shortlist.question.past.session.into_iter().enumerate();
        values.for_each(|(at, value)| columns.column(at).fill(value));
    });
    let user = group(USER, |shortlist, columns| {
        let question = shortlist.question;
        let params = question.snapshot.params();
        let values = user(&question.history, &params.kinds, params.session, question.now_ms);
        values.into_iter().enumerate().for_each(|(at, value)| columns.column(at).fill(value));
    });
    let last_habit = |name: &str, habit: Habit| {
        shared(name, move |shortlist| {
            shortlist.last().map_or(f32::NAN, |last| shortlist.question.snapshot.statistics().habit(habit, last))
        })
    };
    let ln_best = |source: Source| {
        let name = format!("ln_best_{}", source.as_str());
        shared(name, move |shortlist| shortlist.candidates.best[source.column()].max(1e-20).ln())
    };
    vec![
        session,
        user,
        shared("repeat_chance", |shortlist| shortlist.candidates.repeat_chance),
        shared("last_kind", |shortlist| {
            let kinds = &shortlist.question.snapshot.params().kinds;
            shortlist.question.history.last().map_or(f32::NAN, |last| f32::from(kinds.stage(last.kind) as u8))
        }),
        last_habit("last_events", Habit::Events),
        last_habit("last_repeat_share", Habit::RepeatShare),
        last_habit("last_stay_share", Habit::StayShare),
        last_habit("last_exit_share", Habit::ExitShare),
        shared("candidates", |shortlist| shortlist.candidates.count() as f32),
        shared("best_new", |shortlist| shortlist.best_new()),
        ln_best(Source::SessionKnn),
        ln_best(Source::ItemKnnWalk),
        shared("hour", |shortlist| shortlist.question.now_ms.div_euclid(HOUR_MS).rem_euclid(24) as f32),
        shared("weekday", |shortlist| shortlist.question.now_ms.div_euclid(24 * HOUR_MS).rem_euclid(7) as f32),
    ]
}

/// The features [`USER`] of a history, oldest first. Cost: a few passes over it.
fn user(history: &[Interaction], kinds: &Kinds, rule: SessionRule, now_ms: i64) -> [f32; USER.len()] {
    let share = |stage: Stage| match history.len() {
        0 => f32::NAN,
        events => history.iter().filter(|event| kinds.stage(event.kind) == stage).count() as f32 / events as f32,
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
    [share(Stage::Cart), share(Stage::Purchase), sessions as f32, days(history.first()), days(earlier.last())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::id::ItemIdx;

    #[test]
    fn sessions_shares_and_days_are_those_of_the_history() {
        let day_ms = 24 * HOUR_MS;
        let event = |days: i64, kind| Interaction { item: ItemIdx(0), kind, timestamp_ms: days * day_ms, event_key: 0 };
        let [view, cart, bought] = Stage::ALL.map(Stage::kind);
        let history = [event(0, view), event(4, cart), event(4, bought), event(7, view)];
        let user = |history: &[Interaction], rule, now_ms| user(history, &Kinds::default(), rule, now_ms);
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
