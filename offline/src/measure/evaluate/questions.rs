//! Counts the questions of a held-out log, and says why there are none.
//!
//! In: the two parts of a cut. Out: a count for each held-out user. No model is needed, so that a measurement that
//! would give only zeros is refused before anything is trained. Cost: a pass over the events of both parts.

use std::collections::HashSet;

use shared::contract::api::Seen;
use shared::contract::id::{ItemIdx, UserIdx};
use shared::engine::filter::rules_out;

use super::Task;
use super::cases::HeldOut;
use crate::log::ingest::{Log, SessionsFrom};
use crate::log::interactions::Pasts;

/// Why there is nothing to measure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NothingToMeasure {
    /// The held-out part is empty.
    #[error("nothing to measure: no event is held out")]
    NoEvents,
    /// Next-item: no session has two events.
    #[error(
        "nothing to measure: next-item asks before each event of a session but its first, and none of the {users} held-out \
         users has two events of one session ({ends}); top-k asks once per user"
    )]
    NoSession {
        /// How many users there are.
        users: usize,
        /// What ends a session, in words.
        ends: String,
    },
    /// Basket: nobody bought two items at once.
    #[error(
        "nothing to measure: basket asks for one of the items that were bought together, and none of the {users} held-out \
         users bought two at once; name the column of orders (ingest.columns.transaction), or read a log with purchases"
    )]
    NoBasket {
        /// How many users there are.
        users: usize,
    },
    /// Top-k: no user has a past.
    #[error(
        "nothing to measure: top-k asks those who have a past, and none of the {users} held-out users has an event in the \
         part that is trained on; hold out less, or read a longer log"
    )]
    NoPast {
        /// How many users there are.
        users: usize,
    },
    /// Top-k: the seen policy rules out every held-out item.
    #[error(
        "nothing to measure: all held-out items of the {users} users with a past are items of that past, which the seen \
         policy {seen} leaves out; `--seen allow` asks for them as well"
    )]
    RuledOut {
        /// How many users have a past.
        users: usize,
        /// The policy.
        seen: &'static str,
    },
}

/// The number of questions of each user of a held-out log.
///
/// * `train`: the training part.
#[must_use]
pub fn questions(train: &Log, held_out: &HeldOut<'_>, task: Task, seen: Seen) -> Vec<usize> {
    let rows = 0..held_out.users();
    match task {
        Task::NextItem => rows.map(|row| held_out.next_item_cases(row)).collect(),
        Task::Basket => held_out.basket_cases(),
        Task::TopK | Task::LastItem => {
            let pasts = Pasts::of(train);
            let blocked = train.blocked.iter().map(|blocked| (blocked.user, blocked.item)).collect();
            rows.map(|row| usize::from(has_target(train, &pasts, &blocked, held_out, row, seen))).collect()
        }
    }
}

/// Whether a user has a past, and a held-out item that it does not rule out.
fn has_target(
    train: &Log,
    pasts: &Pasts,
    blocked: &HashSet<(UserIdx, ItemIdx)>,
    held_out: &HeldOut<'_>,
    row: usize,
    seen: Seen,
) -> bool {
    let Some(user) = past_row(train, held_out.user(row)) else { return false };
    let past = pasts.of_user(train, user);
    let ruled_out: HashSet<ItemIdx> =
        past.iter().filter(|event| rules_out(seen, &train.kinds, event.kind)).map(|event| event.item).collect();
    let known = |item: &str| train.items.ids.binary_search_by(|id| (**id).cmp(item)).ok();
    let is_open = |item: &str| {
        let item = known(item).map(|row| ItemIdx(row as u32));
        item.is_none_or(|item| !ruled_out.contains(&item) && !blocked.contains(&(UserIdx(user as u32), item)))
    };
    held_out.events(row).any(|event| is_open(held_out.item(event)))
}

fn past_row(train: &Log, user: &str) -> Option<usize> {
    train.users.binary_search_by(|id| (**id).cmp(user)).ok()
}

/// Counts the questions of a held-out log.
///
/// # Errors
/// [`NothingToMeasure`] if there are none, with the reason.
pub fn count(train: &Log, held_out: &HeldOut<'_>, task: Task, seen: Seen) -> Result<usize, NothingToMeasure> {
    let count: usize = questions(train, held_out, task, seen).iter().sum();
    if count > 0 {
        return Ok(count);
    }
    let users = held_out.users();
    let with_past = (0..users).filter(|&row| past_row(train, held_out.user(row)).is_some()).count();
    Err(match task {
        _ if users == 0 => NothingToMeasure::NoEvents,
        Task::Basket => NothingToMeasure::NoBasket { users },
        Task::NextItem => NothingToMeasure::NoSession { users, ends: held_out.ends_of_sessions() },
        Task::TopK | Task::LastItem if with_past == 0 => NothingToMeasure::NoPast { users },
        Task::TopK | Task::LastItem => NothingToMeasure::RuledOut { users: with_past, seen: name(seen) },
    })
}

fn name(seen: Seen) -> &'static str {
    match seen {
        Seen::Allow => "allow",
        Seen::ExcludePurchased => "exclude_purchased",
        Seen::ExcludeAll => "exclude_all",
    }
}

impl HeldOut<'_> {
    /// What ends a session, in words.
    fn ends_of_sessions(&self) -> String {
        match self.sessions() {
            SessionsFrom::Column => "a column of the log names it".to_owned(),
            SessionsFrom::Gap => format!("a pause of more than {} minutes ends it", self.gap_ms() / 60_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cases::Asked;
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn counted(train: &Log, test: &Log, task: Task, seen: Seen) -> Result<usize, NothingToMeasure> {
        count(train, &HeldOut::new(test, Asked::At(test.first_ms()), HOUR_MS / 2), task, seen)
    }

    #[test]
    fn a_user_is_asked_before_each_event_of_a_session_but_its_first_and_once_for_all_items() {
        let train = Log::of_views(&[(0, "u", "a")]);
        let rows = [(HOUR_MS, "u", "a"), (HOUR_MS + 1, "u", "b"), (2 * HOUR_MS, "u", "c"), (2 * HOUR_MS + 1, "v", "a")];
        let test = Log::of_views(&rows);
        assert_eq!(counted(&train, &test, Task::NextItem, Seen::Allow), Ok(1));
        assert_eq!(counted(&train, &test, Task::TopK, Seen::ExcludeAll), Ok(1));
        // With the user's past before it, the first event is a question as well.
        let after_past = HeldOut::new(&test, Asked::AfterPast, HOUR_MS / 2);
        assert_eq!(questions(&train, &after_past, Task::NextItem, Seen::Allow), [2, 1]);
    }

    #[test]
    fn without_a_question_the_filter_that_left_none_is_named() {
        let train = Log::of_views(&[(0, "u", "a"), (1, "u", "b")]);
        let none = Log::of_views(&[]);
        assert_eq!(counted(&train, &none, Task::TopK, Seen::Allow), Err(NothingToMeasure::NoEvents));
        let apart = Log::of_views(&[(HOUR_MS, "u", "a"), (2 * HOUR_MS, "u", "b"), (HOUR_MS, "v", "b")]);
        let told = counted(&train, &apart, Task::NextItem, Seen::Allow).expect_err("no session of two").to_string();
        assert!(told.contains("none of the 2 held-out users has two events of one session"), "{told}");
        assert!(told.contains("a pause of more than 30 minutes"), "{told}");
        let ruled_out = Err(NothingToMeasure::RuledOut { users: 1, seen: "exclude_all" });
        assert_eq!(counted(&train, &apart, Task::TopK, Seen::ExcludeAll), ruled_out);
        assert_eq!(counted(&train, &apart, Task::TopK, Seen::ExcludePurchased), Ok(1));
        let new = Log::of_views(&[(HOUR_MS, "v", "a")]);
        assert_eq!(counted(&train, &new, Task::TopK, Seen::Allow), Err(NothingToMeasure::NoPast { users: 1 }));
    }
}
