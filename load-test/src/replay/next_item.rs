//! The next-item task: a question before each event of a session but the first, after which the event is posted.
//!
//! A user's events are one session, or several with pauses between them. If slates to compare with are given, only
//! their questions are asked.
//!
//! Users do not affect each other, so several are replayed at once: each connection takes every n-th user and goes
//! through their events in time order, each step waiting for the answer of the one before.

use std::collections::HashMap;
use std::sync::Arc;

use shared::contract::api::{NewEvents, Seen};
use shared::contract::id::{ItemId, UserId};
use tokio::task::JoinSet;

use super::slates::{Expected, Slate};
use super::{ReplayArgs, ReplayError, in_order, items_of, number_users, question};
use crate::client::Connection;
use crate::events::{self, Record};
use crate::progress::Progress;

/// One event, with its position in the file and its number among those of its user.
struct Step {
    place: usize,
    case: usize,
    asked: bool,
    record: Record,
}

/// The options of a connection.
#[derive(Clone)]
struct How {
    k: usize,
    seen: Seen,
    progress: Arc<Progress>,
}

/// Replays events that are in time order; returns the slates in that order, and the item that came next for each.
///
/// # Errors
/// [`ReplayError`] at the first step that fails.
pub async fn ask(
    args: &ReplayArgs,
    records: Vec<Record>,
    expected: Option<&Expected>,
) -> Result<(Vec<Slate>, Vec<ItemId>), ReplayError> {
    let progress = Arc::new(Progress::start("next-item".to_owned(), Some(records.len() as u64)));
    let how = How { k: args.largest_k(), seen: args.seen.unwrap_or(Seen::Allow), progress };
    let asked = asked(&records, expected, args.session_gap_minutes);
    let shares = share_out(records, &asked, usize::from(args.connections));
    let targets = targets(&shares);
    if targets.is_empty() {
        return Err(ReplayError::NoCases);
    }
    let mut walks = JoinSet::new();
    for steps in shares {
        walks.spawn(walk(args.common.connection(), steps, how.clone()));
    }
    let mut slates = Vec::with_capacity(targets.len());
    while let Some(walked) = walks.join_next().await {
        slates.extend(walked.expect("a walk does not panic")?);
    }
    Ok((in_order(slates), targets))
}

/// For each event its number among those of its user, and whether there is a question before it.
fn asked(records: &[Record], expected: Option<&Expected>, gap_minutes: Option<u32>) -> Vec<(usize, bool)> {
    let gap_ms = gap_minutes.map_or(i64::MAX, |minutes| i64::from(minutes) * 60_000);
    let mut before: HashMap<&UserId, (usize, i64)> = HashMap::new();
    let asked = records.iter().map(|record| {
        let now_ms = record.timestamp_ms();
        let previous = before.get(&record.user).copied();
        let case = previous.map_or(0, |(case, _)| case + 1);
        before.insert(&record.user, (case, now_ms));
        let same_session = previous.is_some_and(|(_, previous_ms)| now_ms - previous_ms <= gap_ms);
        // The first event of a user is only posted: there is no history before it.
        let wanted = |expected: &Expected| case > 0 && expected.contains_key(&(record.user.clone(), case));
        (case, record.is_interaction() && expected.map_or(same_session, wanted))
    });
    asked.collect()
}

/// Distributes the users over the connections; the steps keep their order.
fn share_out(records: Vec<Record>, asked: &[(usize, bool)], connections: usize) -> Vec<Vec<Step>> {
    let users = number_users(&records);
    let mut shares: Vec<Vec<Step>> = (0..connections).map(|_| Vec::new()).collect();
    for (((place, record), user), &(case, asked)) in records.into_iter().enumerate().zip(users).zip(asked) {
        shares[user % connections].push(Step { place, case, asked, record });
    }
    shares
}

/// The item of each event with a question, in the order of the events.
fn targets(shares: &[Vec<Step>]) -> Vec<ItemId> {
    let mut asked: Vec<&Step> = shares.iter().flatten().filter(|step| step.asked).collect();
    asked.sort_by_key(|step| step.place);
    asked.iter().map(|step| step.record.item.clone()).collect()
}

async fn walk(mut connection: Connection, steps: Vec<Step>, how: How) -> Result<Vec<(usize, Slate)>, ReplayError> {
    let mut slates = Vec::new();
    for Step { place, case, asked, record } in steps {
        if asked {
            let question = question(&record.user, how.k, how.seen, record.timestamp_ms());
            let items = items_of(&mut connection, &question).await?;
            slates.push((place, Slate { user: record.user.clone(), case, items }));
        }
        events::post(&mut connection, &NewEvents::one(record.to_event(place))).await?;
        how.progress.done();
    }
    Ok(slates)
}

#[cfg(test)]
mod tests {
    use super::super::slates::tests::slate;
    use super::*;

    /// Events at these minutes, all of one user.
    fn at_minutes(minutes: &[i64]) -> Vec<Record> {
        let line = |minute: &i64| format!(r#"{{"timestamp":{},"visitorid":"a","itemid":"x"}}"#, minute * 60_000);
        minutes.iter().map(|minute| serde_json::from_str(&line(minute)).expect("a record")).collect()
    }

    #[test]
    fn the_first_event_of_a_session_is_not_asked_about() {
        let records = at_minutes(&[0, 30, 61, 62]);
        assert_eq!(asked(&records, None, None), [(0, false), (1, true), (2, true), (3, true)]);
        assert_eq!(asked(&records, None, Some(30)), [(0, false), (1, true), (2, false), (3, true)]);
    }

    #[test]
    fn where_slates_are_expected_only_their_cases_are_asked() {
        let expected = Expected::from_iter([0, 2].map(|case| {
            let slate = slate("a", case, "x");
            ((slate.user, slate.case), slate.items)
        }));
        let cases = asked(&at_minutes(&[0, 1, 2, 3]), Some(&expected), None);
        assert_eq!(cases, [(0, false), (1, false), (2, true), (3, false)]);
    }

    #[test]
    fn what_only_takes_back_is_posted_and_not_asked_about() {
        let line = |kind: &str| format!(r#"{{"timestamp":1,"visitorid":"a","itemid":"x","event":"{kind}"}}"#);
        let record = |kind: &&str| serde_json::from_str(&line(kind)).expect("a record");
        let records: Vec<Record> = ["transaction", "refund", "like", "hide", "gift"].iter().map(record).collect();
        let cases = asked(&records, None, None);
        assert_eq!(cases, [(0, false), (1, false), (2, true), (3, false), (4, true)]);
    }
}
