//! The top-k task: one question per user, all at one time; the targets are the user's items in the file. Nothing is
//! posted.
//!
//! If the past events are given, the questions are those of the offline evaluation: users without a past are left out,
//! and so are targets that the seen policy rules out of slates.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use shared::contract::api::Seen;
use shared::contract::id::{ItemId, UserId};
use shared::contract::kind::KindIdx;
use tokio::task::JoinSet;

use super::slates::{Expected, Slate};
use super::{ReplayArgs, ReplayError, in_order, items_of, number_users, question};
use crate::client::{Call, Connection};
use crate::events::{self, KINDS, Record};
use crate::progress::Progress;

/// A question, with its position among all.
struct Question {
    place: usize,
    user: UserId,
    call: Call,
}

/// Asks one question per user, in the order of their first events; returns the slates and each user's targets.
///
/// # Errors
/// [`ReplayError`] at the first question that is not answered.
pub async fn ask(
    args: &ReplayArgs,
    records: &[Record],
    expected: Option<&Expected>,
) -> Result<(Vec<Slate>, Vec<Vec<ItemId>>), ReplayError> {
    let mut cases = targets_by_user(records);
    if let Some(expected) = expected {
        cases.retain(|(user, _)| expected.contains_key(&(user.clone(), 0)));
    }
    if let Some(path) = &args.past {
        let past = events::read_in_time_order(path)?;
        let before = past.iter().filter(|record| args.at.is_some_and(|at| record.timestamp_ms() < at));
        rule_out_past(&mut cases, before, args.seen.unwrap_or(Seen::ExcludeAll));
    }
    if cases.is_empty() {
        return Err(ReplayError::NoCases);
    }
    let (users, targets): (Vec<UserId>, Vec<Vec<ItemId>>) = cases.into_iter().unzip();
    let progress = Arc::new(Progress::start("top-k".to_owned(), Some(users.len() as u64)));
    let (k, seen) = (args.largest_k(), args.seen.unwrap_or(Seen::ExcludeAll));
    // The command line requires a time for this task.
    let now_ms = args.at.unwrap_or_default();
    let connections = usize::from(args.connections);
    let mut shares: Vec<Vec<Question>> = (0..connections).map(|_| Vec::new()).collect();
    for (place, user) in users.into_iter().enumerate() {
        let call = question(&user, k, seen, now_ms);
        shares[place % connections].push(Question { place, user, call });
    }
    let mut walks = JoinSet::new();
    for questions in shares {
        walks.spawn(walk(args.common.connection(), questions, progress.clone()));
    }
    let mut slates = Vec::with_capacity(targets.len());
    while let Some(walked) = walks.join_next().await {
        slates.extend(walked.expect("a walk does not panic")?);
    }
    Ok((in_order(slates), targets))
}

/// The distinct users in the order of their first events, and the distinct items that each interacts with, by id.
fn targets_by_user(records: &[Record]) -> Vec<(UserId, Vec<ItemId>)> {
    let users = number_users(records);
    let mut cases: Vec<(UserId, Vec<ItemId>)> = Vec::new();
    for (record, user) in records.iter().zip(users) {
        if user == cases.len() {
            cases.push((record.user.clone(), Vec::new()));
        }
        if record.is_interaction() {
            cases[user].1.push(record.item.clone());
        }
    }
    cases.retain(|(_, items)| !items.is_empty());
    for (_, items) in &mut cases {
        items.sort_unstable();
        items.dedup();
    }
    cases
}

/// Removes targets that `seen` rules out because of the past, and users without a past or without targets.
fn rule_out_past<'a>(cases: &mut Vec<(UserId, Vec<ItemId>)>, past: impl Iterator<Item = &'a Record>, seen: Seen) {
    let mut seen_items: HashMap<&UserId, HashSet<(&ItemId, KindIdx)>> = HashMap::new();
    for record in past {
        let (items, kind) = (seen_items.entry(&record.user).or_default(), record.built_in_kind());
        if let Some(undone) = KINDS.get(kind).undoes {
            items.remove(&(&record.item, undone));
        }
        let ruled_out = match seen {
            _ if KINDS.blocks(kind) => true,
            Seen::Allow => false,
            Seen::ExcludePurchased => KINDS.buys(kind),
            Seen::ExcludeAll => record.is_interaction(),
        };
        if ruled_out {
            items.insert((&record.item, kind));
        }
    }
    cases.retain_mut(|(user, targets)| {
        let Some(seen_items) = seen_items.get(user) else { return false };
        let seen_items: HashSet<&ItemId> = seen_items.iter().map(|(item, _)| *item).collect();
        targets.retain(|target| !seen_items.contains(target));
        !targets.is_empty()
    });
}

async fn walk(
    mut connection: Connection,
    questions: Vec<Question>,
    progress: Arc<Progress>,
) -> Result<Vec<(usize, Slate)>, ReplayError> {
    let mut slates = Vec::with_capacity(questions.len());
    for Question { place, user, call } in questions {
        let items = items_of(&mut connection, &call).await?;
        slates.push((place, Slate { user, case: 0, items }));
        progress.done();
    }
    Ok(slates)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(lines: &[(&str, &str, &str)]) -> Vec<Record> {
        let line = |(user, item, kind): &(&str, &str, &str)| {
            format!(r#"{{"visitorid":"{user}","itemid":"{item}","event":"{kind}"}}"#)
        };
        lines.iter().map(|event| serde_json::from_str(&line(event)).expect("a record")).collect()
    }

    /// The targets as `user: items`.
    fn shown(cases: &[(UserId, Vec<ItemId>)]) -> Vec<String> {
        let items = |items: &[ItemId]| items.iter().map(ItemId::as_str).collect::<Vec<_>>().join(" ");
        cases.iter().map(|(user, targets)| format!("{user}: {}", items(targets))).collect()
    }

    #[test]
    fn targets_are_the_distinct_items_of_each_user() {
        let test = records(&[("b", "y", "view"), ("a", "x", "view"), ("b", "x", "view"), ("b", "y", "view")]);
        assert_eq!(shown(&targets_by_user(&test)), ["b: x y", "a: x"]);
    }

    #[test]
    fn targets_of_the_past_and_users_without_one_are_left_out_as_the_policy_says() {
        let test = records(&[("a", "x", "view"), ("a", "y", "view"), ("b", "x", "view"), ("c", "x", "view")]);
        let past = records(&[("a", "x", "view"), ("b", "x", "transaction")]);
        let left = |seen| {
            let mut cases = targets_by_user(&test);
            rule_out_past(&mut cases, past.iter(), seen);
            shown(&cases)
        };
        assert_eq!(left(Seen::ExcludeAll), ["a: y"]);
        assert_eq!(left(Seen::ExcludePurchased), ["a: x y"]);
        assert_eq!(left(Seen::Allow), ["a: x y", "b: x"]);
    }

    #[test]
    fn what_was_refunded_is_a_target_again_and_what_is_disliked_is_none() {
        let test = records(&[("a", "x", "view"), ("a", "y", "view"), ("a", "z", "refund"), ("b", "x", "dislike")]);
        let past = records(&[
            ("a", "x", "transaction"),
            ("a", "x", "refund"),
            ("a", "y", "dislike"),
            ("a", "z", "transaction"),
        ]);
        for seen in [Seen::ExcludePurchased, Seen::Allow] {
            let mut cases = targets_by_user(&test);
            rule_out_past(&mut cases, past.iter(), seen);
            assert_eq!(shown(&cases), ["a: x"]);
        }
    }
}
