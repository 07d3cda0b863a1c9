//! What stores hold of a user: the live history, the batch's record, slates that were served, and the mark of a log.

use online::store::Position;
use shared::contract::api::Seen;
use shared::contract::event_log::Coverage;
use shared::contract::id::{ItemId, ItemIdx, UserId};
use shared::contract::kind::{KindIdx, KindName};
use shared::engine::packed::{pack_history, pack_served, pack_user, unpack_history, unpack_served, unpack_user};
use shared::engine::recommend::Query;
use shared::engine::record::fits;
use shared::engine::served::frame::{frame, frames};
use shared::engine::served::{ServedSlate, SlateId};
use shared::engine::state::{
    BatchUser, HistoryBounds, Interaction, LiveErasure, LiveEvent, LiveHistory, LiveMerge, LiveSeen, SeenItem,
    UserState,
};
use shared::engine::topk::Scored;

use super::shop::{SHOP, answer};

pub fn run(bytes: &[u8]) {
    match bytes.split_first() {
        Some((b'h', bytes)) => history(bytes),
        Some((b'u', bytes)) => user(bytes),
        Some((b's', bytes)) => served(bytes),
        Some((b'f', bytes)) => file(bytes),
        Some((b'm', bytes)) => mark(bytes),
        _ => {}
    }
}

fn history(bytes: &[u8]) {
    let Ok(mut history) = unpack_history(bytes) else { return };
    assert_eq!(
        unpack_history(&pack_history(&history)).as_ref(),
        Ok(&history),
        "a history reads back as it was written"
    );
    ask(UserState::join(&SHOP, BatchUser::default(), &history));
    let bounds = HistoryBounds { max_events: 3, max_older: 3, covered: &Coverage::default() };
    history.absorb(history.clone(), bounds);
    history.apply(event(5, "pen"), bounds);
    history.erase(LiveErasure { received_ms: 4, place: None });
    for undone in [false, true] {
        history.merge(LiveMerge { into: user_id("u2"), received_ms: 5, place: None, undone }, bounds);
        for (_, taken) in history.flows(&user_id("u1"), i64::MIN, bounds) {
            history.take(taken);
        }
        let _ = history.with_taken(bounds);
    }
    assert!(unpack_history(&pack_history(&history)).is_ok());
}

fn user(bytes: &[u8]) {
    let Ok(record) = unpack_user(bytes) else { return };
    if fits(&record, &SHOP) {
        let packed = pack_user(&record);
        let again = unpack_user(&packed).expect("a record reads back");
        // Scores may be no numbers, which are equal to nothing.
        assert_eq!(pack_user(&again), packed, "a record reads back as it was written");
        ask(UserState::join(&SHOP, record, &LiveHistory::default()));
    }
}

fn served(bytes: &[u8]) {
    let Ok(slate) = unpack_served(bytes) else { return };
    assert_eq!(unpack_served(&pack_served(&slate)), Ok(slate), "a slate reads back as it was written");
}

fn file(bytes: &[u8]) {
    let mut end = 0;
    for frame in frames(bytes) {
        assert!(frame.place.start == end && frame.place.end > end, "frames lie one behind the other");
        end = frame.place.end;
    }
    assert!(end <= bytes.len());
}

fn mark(bytes: &[u8]) {
    if let Some(mark) = std::str::from_utf8(bytes).ok().and_then(Position::parse) {
        assert_eq!(Position::parse(&mark.to_string()), Some(mark));
    }
}

fn ask(state: UserState) {
    for now_ms in [SHOP.manifest().last_event_ms, i64::MIN, i64::MAX] {
        answer(&SHOP, &state, &Query::of(4, Seen::ExcludePurchased), now_ms);
    }
}

fn user_id(id: &str) -> UserId {
    UserId::new(id).expect("an id")
}

fn event(at: i64, item: &str) -> LiveEvent {
    let item = ItemId::new(item).expect("an id");
    let (kind, event_key) = (KindName::VIEW, at as u64);
    LiveEvent { received_ms: at, timestamp_ms: at, event_key, kind, item, place: None }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let now_ms = SHOP.manifest().last_event_ms;
    let recent = vec![event(now_ms - 9, "pen"), LiveEvent { kind: KindName::TRANSACTION, ..event(now_ms, "ink") }];
    let older = vec![LiveSeen::from(event(now_ms - 99, "pear"))];
    let history = LiveHistory { recent, older, ..LiveHistory::default() };
    let erased = LiveHistory { erased: Some(LiveErasure { received_ms: 4, place: None }), ..history.clone() };
    let bounds = HistoryBounds { max_events: 3, max_older: 3, covered: &Coverage::default() };
    let mut merged = erased.clone();
    merged.merge(LiveMerge { into: user_id("u2"), received_ms: now_ms - 5, place: None, undone: false }, bounds);
    for (_, taken) in merged.flows(&user_id("u1"), i64::MIN, bounds) {
        merged.take(taken);
    }
    let item = ItemIdx(1);
    let record = BatchUser {
        cached: vec![Scored { item, score: 0.5 }],
        history: vec![Interaction { item, kind: KindIdx::VIEW, timestamp_ms: now_ms, event_key: 5 }],
        seen: vec![SeenItem { item, kind: KindIdx::TRANSACTION }],
    };
    let slate =
        ServedSlate { id: SlateId(7), feed: SlateId(3), served_ms: now_ms, items: vec![event(0, "pen").item; 2] };
    let user = UserId::new("u").expect("an id");
    let of_three_kinds = b"h\x02\x00\x01\x0a\x07\0\0\0\0\0\0\0\x01\x01\0\x03pen\x01\x03\x01\0\x03ink";
    let stored = SHOP.users().iter().map(|(_, record)| [b"u", record].concat());
    [
        [b"h", &pack_history(&history)[..]].concat(),
        [b"h", &pack_history(&erased)[..]].concat(),
        [b"h", &pack_history(&merged)[..]].concat(),
        [b"u", &pack_user(&record)[..]].concat(),
        [b"s", &pack_served(&slate)[..]].concat(),
        [&b"f"[..], &frame(&user, &slate), &frame(&user, &slate)].concat(),
        of_three_kinds.to_vec(),
        b"m3:41".to_vec(),
    ]
    .into_iter()
    .chain(stored)
    .collect()
}
