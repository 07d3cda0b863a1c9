//! Joins the batch's record of a user with the live history, in the indices of one snapshot.
//!
//! Events that the version covers are left to its record: what the batch took back or blocked there stays so. The others
//! are resolved together with the record ([`crate::engine::history::resolve`]), so that a live refund frees a purchase
//! that the record has, and a live dislike blocks an item at once.

use crate::contract::id::ItemIdx;
use crate::contract::kind::{KindIdx, Kinds};
use crate::engine::history::resolve::{Act, Fate, Resolved, resolve};
use crate::engine::snapshot::Snapshot;
use crate::engine::state::{BatchUser, Interaction, LiveHistory, SeenItem, UserState};

/// Where an event comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// The batch's record, which is resolved in itself.
    Record,
    /// The items that left the live history: they were seen, but are not in the history.
    Older,
    /// The live history.
    Recent,
}

impl UserState {
    /// Joins the batch's record and the live history of a user.
    ///
    /// Events in both count once; the last `max_history` interactions by time become the history, and the items of the
    /// others stay seen. The state has no profile yet. Events with items or kinds that the snapshot does not have are left out.
    #[must_use]
    pub fn join(snapshot: &Snapshot, batch: BatchUser, live: &LiveHistory) -> Self {
        let BatchUser { cached, history, mut seen } = batch;
        let (params, items, covered) = (snapshot.params(), snapshot.items(), snapshot.covered());
        let kinds = &params.kinds;
        let in_record = history.len();
        // What the record has seen beyond its history was before that.
        let mut seen_until_ms =
            if seen.is_empty() { Some(i64::MIN) } else { history.first().map(|first| first.timestamp_ms) };
        let mut seen_at = |at_ms: i64| seen_until_ms = seen_until_ms.map(|until_ms| until_ms.max(at_ms));
        let mut told: Vec<(Interaction, Origin)> = history.into_iter().map(|event| (event, Origin::Record)).collect();
        for event in live.recent.iter().filter(|event| !covered.covers(event.place)) {
            let known = told[..in_record].iter().any(|(other, _)| other.event_key == event.event_key);
            let row = || Some((items.index(event.item.as_str())?, kinds.index(event.kind.as_str())?));
            if let (false, Some((item, kind))) = (known, row()) {
                let (timestamp_ms, event_key) = (event.timestamp_ms, event.event_key);
                told.push((Interaction { item, kind, timestamp_ms, event_key }, Origin::Recent));
            }
        }
        for older in live.older.iter().filter(|older| !covered.covers(older.place)) {
            let row = || Some((items.index(older.item.as_str())?, kinds.index(older.kind.as_str())?));
            if let Some((item, kind)) = row() {
                let event = Interaction { item, kind, timestamp_ms: older.timestamp_ms, event_key: 0 };
                told.push((event, Origin::Older));
            }
        }
        told.sort_by_key(|(event, _)| event.timestamp_ms);
        let is_plain = |(event, from): &(Interaction, Origin)| *from == Origin::Record || kinds.is_plain(event.kind);
        if !told.iter().all(is_plain) || seen.iter().any(|seen| kinds.blocks(seen.kind)) {
            settle(&mut told, &mut seen, kinds);
        }
        let mut history = Vec::with_capacity(told.len());
        for (event, from) in told {
            match from {
                Origin::Older => {
                    seen_at(event.timestamp_ms);
                    seen.push(SeenItem { item: event.item, kind: event.kind });
                }
                Origin::Record | Origin::Recent => history.push(event),
            }
        }
        let surplus = history.len().saturating_sub(params.max_history);
        history[..surplus].iter().for_each(|event| seen_at(event.timestamp_ms));
        seen.extend(history.drain(..surplus).map(|event| SeenItem { item: event.item, kind: event.kind }));
        Self { cached, history, seen, seen_until_ms, profile: None }
    }
}

/// Leaves what is no interaction out of `told`, and brings `seen` up to date.
fn settle(told: &mut Vec<(Interaction, Origin)>, seen: &mut Vec<SeenItem>, kinds: &Kinds) {
    let act = |(event, from): &(Interaction, Origin)| {
        let undoes = kinds.get(event.kind).undoes.filter(|_| *from != Origin::Record);
        Act { item: event.item, kind: event.kind, undoes }
    };
    let acts: Vec<Act> = told.iter().map(act).collect();
    let Resolved { fates, blocks, unmatched } = resolve(&acts, kinds);
    let pair = |at: usize| (told[at].0.item, told[at].0.kind);
    // Undone are purchases and blocks of the record: those that its history has, and older ones that it only lists.
    let of_record = |&at: &usize| told[at].1 == Origin::Record;
    let stands = |wanted: (ItemIdx, KindIdx)| {
        (0..told.len()).any(|at| of_record(&at) && fates[at] == Fate::Stands && pair(at) == wanted)
    };
    let undone_here = (0..told.len()).filter(of_record).filter(|&at| matches!(fates[at], Fate::TakenBack(_))).map(pair);
    let undone_before = unmatched.iter().filter_map(|&at| Some((acts[at].item, acts[at].undoes?)));
    let undone: Vec<_> = undone_here.filter(|&pair| !stands(pair)).chain(undone_before).collect();
    for seen in seen.iter_mut().filter(|seen| undone.contains(&(seen.item, seen.kind))) {
        seen.kind = KindIdx::VIEW;
    }
    seen.extend(blocks.into_iter().map(pair).map(|(item, kind)| SeenItem { item, kind }));
    let blocked: Vec<ItemIdx> = seen.iter().filter(|seen| kinds.blocks(seen.kind)).map(|seen| seen.item).collect();
    let mut fates = fates.into_iter();
    told.retain(|(event, _)| fates.next() == Some(Fate::Stands) && !blocked.contains(&event.item));
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::contract::event_log::{CoveredFile, FileId, Place};
    use crate::contract::id::ItemId;
    use crate::contract::kind::KindName;
    use crate::engine::state::{LiveEvent, LiveSeen};

    fn snapshot() -> Snapshot {
        Snapshot::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/format_2")).expect("loads")
    }

    /// An event of the log file, received when it happened.
    fn live(at: i64, kind: &str, item: &str) -> LiveEvent {
        let file = FileId::of("a", 1, b"first\n");
        LiveEvent {
            received_ms: at,
            event_key: 1000 + at as u64,
            timestamp_ms: at,
            kind: KindName::new(kind).expect("a name"),
            item: ItemId::new(item).expect("an id"),
            place: Some(Place { file, end: at as u64 }),
        }
    }

    fn history(recent: &[(i64, &str, &str)]) -> LiveHistory {
        let recent = recent.iter().map(|&(at, kind, item)| live(at, kind, item)).collect();
        LiveHistory { recent, ..LiveHistory::default() }
    }

    /// A record with these events in its history, and these items seen beyond it.
    fn record(snapshot: &Snapshot, events: &[(i64, KindIdx, &str)], seen: &[(KindIdx, &str)]) -> BatchUser {
        let item = |id: &str| snapshot.items().index(id).expect("an item");
        let event = |&(at, kind, id): &(i64, KindIdx, &str)| Interaction {
            item: item(id),
            kind,
            timestamp_ms: at,
            event_key: at as u64 + 1,
        };
        BatchUser {
            cached: Vec::new(),
            history: events.iter().map(event).collect(),
            seen: seen.iter().map(|&(kind, id)| SeenItem { item: item(id), kind }).collect(),
        }
    }

    /// The history, the items bought and the items blocked, in words.
    fn told(snapshot: &Snapshot, state: &UserState) -> [String; 3] {
        let kinds = &snapshot.params().kinds;
        let id = |item| snapshot.items().id(item);
        let history = state.history.iter().map(|event| format!("{} {}", kinds.get(event.kind).name, id(event.item)));
        let past = || {
            let live = state.history.iter().map(|event| (event.item, event.kind));
            state.seen.iter().map(|seen| (seen.item, seen.kind)).chain(live)
        };
        let with = |of: &dyn Fn(KindIdx) -> bool| {
            let mut items: Vec<&str> = past().filter(|(_, kind)| of(*kind)).map(|(item, _)| id(item)).collect();
            items.sort_unstable();
            items.dedup();
            items.join(" ")
        };
        [history.collect::<Vec<_>>().join(", "), with(&|kind| kinds.buys(kind)), with(&|kind| kinds.blocks(kind))]
    }

    fn joined(snapshot: &Snapshot, batch: BatchUser, live: &LiveHistory) -> [String; 3] {
        told(snapshot, &UserState::join(snapshot, batch, live))
    }

    const BOUGHT: KindIdx = KindIdx::TRANSACTION;

    #[test]
    fn a_live_refund_frees_a_purchase_of_the_record_in_its_history_or_beyond_it() {
        let snapshot = snapshot();
        let refunded = history(&[(9, "refund", "rope")]);
        let in_history = record(&snapshot, &[(1, KindIdx::VIEW, "rope"), (2, BOUGHT, "rope")], &[(BOUGHT, "rope")]);
        assert_eq!(joined(&snapshot, in_history.clone(), &LiveHistory::default())[1], "rope");
        assert_eq!(joined(&snapshot, in_history, &refunded), ["view rope", "", ""]);
        let beyond = record(&snapshot, &[(1, KindIdx::VIEW, "pear")], &[(KindIdx::VIEW, "pear"), (BOUGHT, "rope")]);
        let state = UserState::join(&snapshot, beyond, &refunded);
        assert_eq!(told(&snapshot, &state), ["view pear", "", ""]);
        assert_eq!(state.seen.len(), 2, "it stays seen");
        let twice = record(&snapshot, &[(1, BOUGHT, "rope"), (2, BOUGHT, "rope")], &[(BOUGHT, "rope")]);
        assert_eq!(joined(&snapshot, twice, &refunded), ["transaction rope", "rope", ""]);
    }

    #[test]
    fn a_purchase_after_the_refund_stands_and_one_of_another_item_too() {
        let snapshot = snapshot();
        let batch = record(&snapshot, &[(1, BOUGHT, "rope")], &[(BOUGHT, "rope")]);
        let again = history(&[(5, "refund", "rope"), (6, "transaction", "rope")]);
        assert_eq!(joined(&snapshot, batch.clone(), &again), ["transaction rope", "rope", ""]);
        let other = history(&[(5, "refund", "pear")]);
        assert_eq!(joined(&snapshot, batch, &other), ["transaction rope", "rope", ""]);
    }

    #[test]
    fn an_item_that_left_the_live_history_is_refunded_and_bought_all_the_same() {
        let snapshot = snapshot();
        let mut of_older = history(&[(9, "refund", "rope")]);
        of_older.older = vec![LiveSeen::from(live(2, "transaction", "rope")), LiveSeen::from(live(3, "hide", "pear"))];
        assert_eq!(joined(&snapshot, BatchUser::default(), &of_older), ["", "", "pear"]);
        of_older.recent.clear();
        assert_eq!(joined(&snapshot, BatchUser::default(), &of_older), ["", "rope", "pear"]);
    }

    #[test]
    fn a_dislike_blocks_its_item_and_a_like_lifts_it_also_from_the_record() {
        let snapshot = snapshot();
        let batch = record(&snapshot, &[(1, KindIdx::VIEW, "rope")], &[(KindIdx::VIEW, "rope")]);
        assert_eq!(joined(&snapshot, batch.clone(), &history(&[(5, "dislike", "rope")])), ["", "", "rope"]);
        let toggled = history(&[(5, "dislike", "rope"), (6, "like", "rope")]);
        assert_eq!(joined(&snapshot, batch, &toggled), ["view rope, like rope", "", ""]);
        let disliked = snapshot.params().kinds.index("dislike").expect("built in");
        let batch = record(&snapshot, &[], &[(BOUGHT, "rope"), (disliked, "rope")]);
        assert_eq!(joined(&snapshot, batch.clone(), &history(&[(5, "view", "rope")])), ["", "rope", "rope"]);
        assert_eq!(joined(&snapshot, batch, &history(&[(5, "like", "rope")])), ["like rope", "rope", ""]);
    }

    #[test]
    fn what_the_version_covers_is_left_to_its_record() {
        let mut snapshot = snapshot();
        let live = history(&[(3, "transaction", "rope"), (5, "refund", "pear"), (8, "view", "plum")]);
        let batch = record(&snapshot, &[(4, BOUGHT, "pear")], &[(BOUGHT, "pear")]);
        assert_eq!(joined(&snapshot, batch.clone(), &live)[1], "rope");
        let (replica, id) = ("a".to_owned(), FileId::of("a", 1, b"first\n"));
        snapshot.manifest.covered = vec![CoveredFile { replica, number: 1, id, bytes: 5 }];
        snapshot.covered = snapshot.manifest.covered.iter().collect();
        assert_eq!(joined(&snapshot, batch, &live), ["transaction pear, view plum", "pear", ""]);
    }

    #[test]
    fn kinds_that_the_version_does_not_know_are_left_out() {
        let snapshot = snapshot();
        let live = history(&[(1, "view", "rope"), (2, "gift", "pear")]);
        assert_eq!(joined(&snapshot, BatchUser::default(), &live)[0], "view rope");
    }
}
