//! Features of a history: of the current session as a whole, and of each distinct item's events in the history.

use super::recent::{Recent, current_session};
use crate::contract::kind::Kinds;
use crate::contract::params::EngineParams;
use crate::engine::dense::Marks;
use crate::engine::state::Interaction;

/// The names of the features of an item of the history, in the order of [`Past::own`].
pub const OWN: [&str; 10] = [
    "own_last_place",
    "own_first_place",
    "own_count",
    "own_share",
    "own_session_count",
    "own_distinct_place",
    "own_kind",
    "own_last_kind",
    "own_after_last",
    "own_gap",
];
/// The names of the features of the current session as a whole, in the order of [`Past::session`].
pub const SESSION: [&str; 7] = [
    "session_events",
    "session_items",
    "session_repeats",
    "session_stays",
    "last_run",
    "history_events",
    "last_is_repeat",
];
/// For each of the last events, the last one first: how many events earlier the same item occurred before.
pub const RETURNS: [&str; 6] = ["return_1", "return_2", "return_3", "return_4", "return_5", "return_6"];

/// The features of a history, for the ranker and for the model of `repeat`.
#[derive(Debug, Default)]
pub struct Past {
    /// The features [`OWN`] of each distinct item of the history, newest first.
    pub own: Vec<[f32; OWN.len()]>,
    /// The features [`SESSION`].
    pub session: [f32; SESSION.len()],
    /// The features [`RETURNS`].
    pub returns: [f32; RETURNS.len()],
}

impl Past {
    /// Computes the features of a history, oldest first. `recent` are its distinct items, and `listed` has the position
    /// of each in `recent`. Cost: one pass, and one over the events before each of the last few.
    #[must_use]
    pub fn of(history: &[Interaction], recent: &[Recent], listed: &Marks, params: &EngineParams, now_ms: i64) -> Self {
        let current = current_session(history, params.session, now_ms);
        Self {
            own: own(history, recent, listed, current.len(), &params.kinds),
            session: session(history, current, recent),
            returns: returns(history),
        }
    }
}

fn session(history: &[Interaction], current: &[Interaction], recent: &[Recent]) -> [f32; SESSION.len()] {
    let length = current.len().max(1) as f32;
    let items = recent.iter().filter(|recent| recent.factor >= 1.0).count() as f32;
    let stays = current.windows(2).filter(|pair| pair[0].item == pair[1].item).count() as f32;
    let last = history.last().map(|event| event.item);
    let run = current.iter().rev().take_while(|event| Some(event.item) == last).count() as f32;
    let is_repeat = match history.split_last() {
        Some((last, before)) => f32::from(u8::from(before.iter().any(|event| event.item == last.item))),
        None => f32::NAN,
    };
    [current.len() as f32, items, 1.0 - items / length, stays / length, run, history.len() as f32, is_repeat]
}

/// The events of one item so far.
#[derive(Clone, Copy)]
struct Seen {
    count: u32,
    in_session: u32,
    /// The positions of its first and its last event, counted from the end of the history, from 1.
    first: usize,
    last: usize,
    /// The furthest stage of its events, and that of the last one.
    kind: u8,
    last_kind: u8,
    after_last: u32,
    gap: f32,
}

fn own(
    history: &[Interaction],
    recent: &[Recent],
    listed: &Marks,
    in_session: usize,
    kinds: &Kinds,
) -> Vec<[f32; OWN.len()]> {
    let newest = recent.first().map(|own| own.item);
    let nothing =
        Seen { count: 0, in_session: 0, first: 0, last: 0, kind: 0, last_kind: 0, after_last: 0, gap: f32::NAN };
    let mut all = vec![nothing; recent.len()];
    for (at, event) in history.iter().enumerate() {
        let Some(seen) = listed.position(event.item).and_then(|place| all.get_mut(place)) else { continue };
        let place = history.len() - at;
        if seen.count == 0 {
            seen.first = place;
        } else {
            seen.gap = (seen.last - place) as f32;
        }
        (seen.count, seen.last, seen.last_kind) = (seen.count + 1, place, kinds.stage(event.kind) as u8);
        seen.kind = seen.kind.max(seen.last_kind);
        seen.in_session += u32::from(place <= in_session);
        seen.after_last += u32::from(at > 0 && Some(history[at - 1].item) == newest);
    }
    let values = |(distinct, seen): (usize, Seen)| {
        let count = seen.count as f32;
        [
            seen.last as f32,
            seen.first as f32,
            count,
            count / history.len() as f32,
            seen.in_session as f32,
            distinct as f32,
            f32::from(seen.kind),
            f32::from(seen.last_kind),
            seen.after_last as f32,
            seen.gap,
        ]
    };
    all.into_iter().enumerate().map(values).collect()
}

/// The features [`RETURNS`]: 0 if the item did not occur before, missing if the history has no such event.
fn returns(history: &[Interaction]) -> [f32; RETURNS.len()] {
    std::array::from_fn(|back| {
        let Some(at) = history.len().checked_sub(back + 1) else { return f32::NAN };
        let before = history[..at].iter().rev().position(|event| event.item == history[at].item);
        before.map_or(0.0, |events| (events + 1) as f32)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::id::ItemIdx;
    use crate::contract::kind::KindIdx;
    use crate::contract::params::tests::params;

    fn past(items: &[u32], pause_before: usize) -> Past {
        let at = |at: usize| at as i64 + if at < pause_before { 0 } else { 1_000 };
        let event = |(place, &item): (usize, &u32)| Interaction {
            item: ItemIdx(item),
            kind: KindIdx::VIEW,
            timestamp_ms: at(place),
            event_key: 0,
        };
        let history: Vec<Interaction> = items.iter().enumerate().map(event).collect();
        let mut listed = Marks::default();
        listed.reset(9);
        let mut recent = Vec::new();
        for event in history.iter().rev() {
            if !listed.contains(event.item) {
                listed.insert(event.item, recent.len());
                let factor = if event.timestamp_ms >= 1_000 { 1.0 } else { 0.3 };
                recent.push(Recent { item: event.item, place: recent.len() as u32, factor, session_weight: 1.0 });
            }
        }
        Past::of(&history, &recent, &listed, &params(), at(items.len()))
    }

    fn value(values: &[f32], names: &[&str], name: &str) -> f32 {
        values[names.iter().position(|other| *other == name).expect("a name")]
    }

    #[test]
    fn an_item_has_its_places_its_count_and_what_it_followed() {
        // The last item is 1; 2 came after it once.
        let past = past(&[1, 2, 3, 2, 1], 0);
        let two = |name| value(&past.own[1], &OWN, name);
        assert_eq!([two("own_last_place"), two("own_first_place"), two("own_gap")], [2.0, 4.0, 2.0]);
        assert_eq!([two("own_count"), two("own_share"), two("own_after_last")], [2.0, 0.4, 1.0]);
        assert!(value(&past.own[2], &OWN, "own_gap").is_nan());
        assert_eq!(past.returns[..3], [4.0, 2.0, 0.0]);
        assert!(past.returns[5].is_nan());
    }

    #[test]
    fn a_session_begins_after_the_pause() {
        let past = past(&[1, 2, 2, 2], 2);
        let session = |name| value(&past.session, &SESSION, name);
        assert_eq!([session("session_events"), session("session_items"), session("history_events")], [2.0, 1.0, 4.0]);
        assert_eq!([session("session_stays"), session("last_run"), session("last_is_repeat")], [0.5, 2.0, 1.0]);
        assert_eq!(value(&past.own[0], &OWN, "own_session_count"), 2.0);
    }
}
