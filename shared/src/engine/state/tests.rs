use proptest::prelude::*;

use super::*;
use crate::contract::event_log::{CoveredFile, FileId};

fn place(number: i64) -> Option<Place> {
    Some(Place { file: FileId::of("a", 1, b"first\n"), end: 10 * (number as u64 + 1) })
}

/// Event `number` of the log: received then, with one of five items, ten bytes long.
fn live(number: i64, kind: KindName) -> LiveEvent {
    let item = ItemId::new(format!("i{}", number % 5)).expect("valid id");
    let (event_key, place) = (number as u64, place(number));
    LiveEvent { received_ms: number, event_key, timestamp_ms: number, kind, item, place }
}

fn up_to(events: u64) -> Coverage {
    let (replica, id) = ("a".to_owned(), FileId::of("a", 1, b"first\n"));
    [&CoveredFile { replica, number: 1, id, bytes: 10 * events }].into_iter().collect()
}

fn applied(events: impl IntoIterator<Item = LiveEvent>, covered: &Coverage, max_older: usize) -> LiveHistory {
    let mut history = LiveHistory::default();
    for event in events {
        history.apply(event, HistoryBounds { max_events: 4, max_older, covered });
    }
    history
}

fn bought(history: &LiveHistory) -> Vec<&str> {
    history.older.iter().filter(|seen| seen.kind == KindName::TRANSACTION).map(|seen| seen.item.as_str()).collect()
}

proptest! {
    #[test]
    fn neither_order_nor_repetition_of_the_last_events_matters(seed in prop::collection::vec(0usize..12, 12)) {
        let events: Vec<LiveEvent> = (0..12)
            .map(|n| live(n, if n % 3 == 0 { KindName::TRANSACTION } else { KindName::VIEW }))
            .collect();
        let mut shuffled = events.clone();
        for (a, &b) in seed.iter().enumerate() {
            shuffled.swap(a, b);
        }
        let none = Coverage::default();
        let in_order = applied(events.clone(), &none, 100);
        prop_assert_eq!(&in_order, &applied(shuffled, &none, 100));
        let again = applied(events.iter().chain(&events[8..]).cloned(), &none, 100);
        prop_assert_eq!(&in_order, &again);
    }

    #[test]
    fn no_purchase_is_forgotten_that_no_version_has(
        kinds in prop::collection::vec(0u8..3, 1..40),
        clock in prop::collection::vec(-20i64..20, 40),
        covered in 0u64..40,
    ) {
        // Clocks go back and forth; the log's order stays.
        let event = |(number, &kind): (usize, &u8)| {
            let received_ms = number as i64 + clock[number];
            LiveEvent { received_ms, ..live(number as i64, [KindName::VIEW, KindName::ADD_TO_CART, KindName::TRANSACTION][usize::from(kind)].clone()) }
        };
        let events: Vec<LiveEvent> = kinds.iter().enumerate().map(event).collect();
        let history = applied(events.clone(), &up_to(covered), 100);
        for (number, event) in events.iter().enumerate() {
            let in_version = (number as u64) < covered;
            let recent = history.recent.iter().any(|known| known.event_key == event.event_key);
            let known = recent || bought(&history).contains(&event.item.as_str());
            prop_assert!(event.kind != KindName::TRANSACTION || in_version || known, "event {}", number);
        }
    }

    #[test]
    fn a_history_put_together_from_parts_is_the_one_of_all_events(at in 0usize..12) {
        let events: Vec<LiveEvent> = (0..12).map(|n| live(n, KindName::TRANSACTION)).collect();
        let none = Coverage::default();
        let (first, second) = events.split_at(at);
        let mut joined = applied(first.to_vec(), &none, 100);
        joined.absorb(applied(second.to_vec(), &none, 100), HistoryBounds { max_events: 4, max_older: 100, covered: &none });
        prop_assert_eq!(joined, applied(events.clone(), &none, 100));
    }
}

#[test]
fn what_was_said_of_a_user_stays_until_an_erasure_or_until_every_version_has_it() {
    let said = |at: i64, value: f64| {
        let set = [("age".into(), Some(FieldValue::Number(value)))].into();
        LiveSaid { set, stamp: Stamp { timestamp_ms: at, received_ms: at, place: place(at).expect("a place") } }
    };
    let age = |history: &LiveHistory| history.said.get("age").and_then(|latest| latest.value.as_ref()?.number());
    let none = Coverage::default();
    let mut history = LiveHistory::default();
    assert_eq!(history.say(&said(5, 50.0), &none), Applied::New);
    assert_eq!(history.say(&said(3, 30.0), &none), Applied::Duplicate);
    assert_eq!(history.say(&said(5, 50.0), &none), Applied::Duplicate);
    let mut other = LiveHistory::default();
    other.say(&said(6, 60.0), &none);
    history.absorb(other, HistoryBounds { max_events: 4, max_older: 4, covered: &none });
    assert_eq!(age(&history), Some(60.0));
    let erasure = LiveErasure { received_ms: 6, place: place(7) };
    for erase_first in [true, false] {
        let mut one = if erase_first { LiveHistory::default() } else { history.clone() };
        one.erase(erasure);
        assert_eq!((one.say(&said(6, 60.0), &none), age(&one)), (Applied::Duplicate, None));
        assert_eq!((one.say(&said(8, 80.0), &none), age(&one)), (Applied::New, Some(80.0)));
    }
    history.forget_said(&up_to(6));
    assert_eq!(age(&history), Some(60.0));
    history.forget_said(&up_to(7));
    assert!(history.is_empty());
    assert_eq!(history.say(&said(6, 60.0), &up_to(7)), Applied::Duplicate);
}

proptest! {
    #[test]
    fn an_erasure_takes_what_was_before_it_and_nothing_else_in_whatever_order_it_comes(
        at in 0i64..12, from in 0usize..13, twice in 0usize..13,
    ) {
        let erasure = LiveErasure { received_ms: at, place: place(at) };
        let none = Coverage::default();
        let bounds = HistoryBounds { max_events: 4, max_older: 100, covered: &none };
        let mut history = LiveHistory::default();
        for n in 0..12 {
            if from == n || twice == n {
                history.erase(erasure);
            }
            history.apply(live(n as i64, KindName::TRANSACTION), bounds);
        }
        history.erase(erasure);
        let after = applied((at + 1..12).map(|n| live(n, KindName::TRANSACTION)), &none, 100);
        prop_assert_eq!(&history.recent, &after.recent);
        prop_assert!(history.older.iter().all(|seen| after.older.iter().any(|other| other.item == seen.item)));
        prop_assert_eq!(history.erased, Some(erasure));
        prop_assert!(history.hides(&up_to(at as u64)) && !history.hides(&up_to(at as u64 + 1)));
    }
}

#[test]
fn a_purchase_outlives_the_bounded_history_until_an_artifact_covers_it() {
    let events = || (0..8).map(|n| live(n, if n == 1 { KindName::TRANSACTION } else { KindName::VIEW }));
    assert_eq!(bought(&applied(events(), &Coverage::default(), 100)), ["i1"]);
    assert_eq!(bought(&applied(events(), &up_to(1), 100)), ["i1"]);
    assert!(bought(&applied(events(), &up_to(2), 100)).is_empty());
}

#[test]
fn an_item_bought_again_in_the_next_file_stays_until_both_files_are_covered() {
    let second = FileId::of("a", 2, b"first\n");
    let later = |n| LiveEvent { place: Some(Place { file: second, end: 10 }), ..live(n, KindName::TRANSACTION) };
    let views = || (6..10).map(|n| live(n, KindName::VIEW));
    let history = applied([live(0, KindName::TRANSACTION), later(5)].into_iter().chain(views()), &up_to(100), 100);
    assert_eq!(bought(&history), ["i0"]);
}

#[test]
fn beyond_the_bound_views_go_before_purchases_and_old_ones_before_new_ones() {
    // 0 and 3 are bought, 1, 2 and 4 looked at; four more push them out of the recent events.
    let kind = |n| if n == 0 || n == 3 { KindName::TRANSACTION } else { KindName::VIEW };
    let items = |max_older: usize| {
        let history = applied((0..9).map(|n| live(n, kind(n))), &Coverage::default(), max_older);
        history.older.iter().map(|seen| seen.item.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(items(5), ["i0", "i1", "i2", "i3", "i4"]);
    assert_eq!(items(4), ["i0", "i2", "i3", "i4"]);
    assert_eq!(items(2), ["i0", "i3"]);
    assert_eq!(items(1), ["i3"]);
    assert!(items(0).is_empty());
}

#[test]
fn of_what_left_the_history_only_kinds_that_may_decide_have_entries_of_their_own() {
    let kinds = ["addtocart", "view", "refund", "wishlist", "gift", "transaction", "hide", "like"];
    let event = |(number, name): (i64, &str)| LiveEvent {
        item: ItemId::new("i").expect("valid id"),
        ..live(number, KindName::new(name).expect("a name"))
    };
    let of_item = (0..).zip(kinds).map(event);
    let others = (10..14).map(|n| live(n, KindName::VIEW));
    let history = applied(of_item.chain(others), &Coverage::default(), 100);
    let older: Vec<(&str, i64)> = history.older.iter().map(|seen| (seen.kind.as_str(), seen.timestamp_ms)).collect();
    assert_eq!(older, [("gift", 4), ("hide", 6), ("like", 7), ("refund", 2), ("transaction", 5), ("view", 3)]);
}
