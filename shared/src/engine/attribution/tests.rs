use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::contract::id::UserId;
use crate::contract::slate_log::{LoggedItem, Role};

const HOUR_MS: i64 = 3_600_000;

fn user(id: impl ToString) -> UserId {
    UserId::new(format!("u{}", id.to_string())).expect("an id")
}

fn item(id: impl ToString) -> ItemId {
    ItemId::new(format!("i{}", id.to_string())).expect("an id")
}

fn slate(id: impl ToString, of: u8, items: &[u8], timestamp_ms: i64) -> LoggedSlate {
    let placed = |&id: &u8| LoggedItem { item: item(id), score: 1.0, sources: vec!["als".into()], propensity: None };
    LoggedSlate {
        role: Role::Served,
        recommendation_id: id.to_string().into(),
        timestamp_ms,
        user: user(of),
        version: "v1".into(),
        scenario: None,
        page: None,
        category: None,
        fallback: false,
        items: items.iter().map(placed).collect(),
    }
}

fn event(of: u8, kind: KindName, on: u8, timestamp_ms: i64, slate: Option<&str>) -> Event {
    Event {
        timestamp_ms,
        user: user(of),
        kind,
        item: item(on),
        transaction_id: None,
        event_id: String::new(),
        received_ms: timestamp_ms,
        recommendation_id: slate.map(str::to_owned),
    }
}

fn seen(slate: &str, items: &[u8], timestamp_ms: i64) -> Impression {
    let (items, recommendation_id) = (items.iter().map(item).collect(), slate.to_owned());
    Impression { items, user: user(1), recommendation_id, timestamp_ms, received_ms: timestamp_ms }
}

fn hour(shown: Shown) -> Attribution {
    Attribution::new(Settings { window_ms: HOUR_MS, shown, max_items: 100 })
}

/// The slate, position and outcome of a touch.
fn told(due: Due<'_>) -> Option<(String, usize, Outcome)> {
    let Due::Touch(touch) = due else { return None };
    Some((touch.slate.recommendation_id.to_string(), touch.position, touch.outcome))
}

#[test]
fn an_event_is_due_to_the_last_slate_that_showed_the_item_to_its_user() {
    let mut slates = hour(Shown::Served);
    for (id, of, items, at_ms) in
        [("a", 1, &[7, 8][..], 0), ("b", 1, &[9, 7], 10), ("other items", 1, &[9], 20), ("other user", 2, &[7], 20)]
    {
        assert!(slates.served(slate(id, of, items, at_ms)).is_empty());
    }
    assert_eq!(told(slates.happened(&event(1, KindName::VIEW, 7, 30, None))), Some(("b".into(), 1, Outcome::Click)));
    let cart = event(1, KindName::ADD_TO_CART, 8, 40, None);
    assert_eq!(told(slates.happened(&cart)), Some(("a".into(), 1, Outcome::Cart)));
    assert_eq!(slates.happened(&event(1, KindName::VIEW, 6, 30, None)), Due::Nothing);
    assert_eq!(slates.happened(&event(1, KindName::new("like").expect("a name"), 9, 30, None)), Due::NoOutcome);
}

#[test]
fn an_outcome_counts_once_and_within_the_window() {
    let mut slates = hour(Shown::Served);
    slates.served(slate("a", 1, &[7], 0));
    assert_eq!(told(slates.happened(&event(1, KindName::VIEW, 7, HOUR_MS + 1, None))), None);
    assert_eq!(told(slates.happened(&event(1, KindName::VIEW, 7, -1, None))), None);
    assert!(told(slates.happened(&event(1, KindName::VIEW, 7, HOUR_MS, None))).is_some());
    assert_eq!(slates.happened(&event(1, KindName::VIEW, 7, 5, None)), Due::Again);
    assert!(told(slates.happened(&event(1, KindName::TRANSACTION, 7, 5, None))).is_some());
    assert!(slates.settle(HOUR_MS).is_empty());
    let settled = slates.settle(HOUR_MS + 1);
    assert_eq!(settled[0].fates[0], Fate { shown_ms: Some(0), outcomes_ms: [Some(HOUR_MS), None, Some(5)] });
    assert_eq!(slates.happened(&event(1, KindName::ADD_TO_CART, 7, 6, None)), Due::Nothing);
}

#[test]
fn an_event_that_names_its_slate_is_due_to_that_one_or_to_none() {
    let mut slates = hour(Shown::Served);
    slates.served(slate("a", 1, &[7], 10));
    slates.served(slate("b", 1, &[7], 20));
    let named = |kind, on, at_ms, id| event(1, kind, on, at_ms, Some(id));
    assert_eq!(told(slates.happened(&named(KindName::VIEW, 7, 30, "a"))).map(|(id, ..)| id), Some("a".into()));
    assert_eq!(slates.happened(&named(KindName::VIEW, 7, 30, "unknown")), Due::Unknown);
    assert_eq!(slates.happened(&named(KindName::VIEW, 8, 30, "b")), Due::Nothing);
    assert_eq!(slates.happened(&named(KindName::VIEW, 7, 20 + HOUR_MS + 1, "b")), Due::Nothing);
    // The clock of the client is behind, and it logged in meanwhile.
    let logged_in = Event { user: user(9), ..named(KindName::VIEW, 7, 0, "b") };
    assert!(told(slates.happened(&logged_in)).is_some());
}

#[test]
fn an_event_of_a_clock_that_is_behind_is_due_to_a_slate_from_before_it_arrived() {
    let mut slates = hour(Shown::Served);
    slates.served(slate("a", 1, &[7], 300_000));
    slates.served(slate("b", 1, &[8], 0));
    slates.served(slate("c", 1, &[8], 300_000));
    let late = |on, at_ms, received_ms| Event { received_ms, ..event(1, KindName::VIEW, on, at_ms, None) };
    // Two minutes at most, and not before the slate was there.
    assert_eq!(slates.happened(&late(7, 179_999, 400_000)), Due::Nothing);
    assert_eq!(slates.happened(&late(7, 290_000, 299_999)), Due::Nothing);
    assert_eq!(told(slates.happened(&late(7, 180_000, 300_000))), Some(("a".into(), 0, Outcome::Click)));
    // A slate from before it by its own time comes first: it may have waited with the client.
    assert_eq!(told(slates.happened(&late(8, 290_000, 310_000))).map(|(id, ..)| id), Some("b".into()));
    let mut slates = Attribution::new(Settings { window_ms: 1000, shown: Shown::Served, max_items: 100 });
    slates.served(slate("long ago", 1, &[7], 0));
    slates.served(slate("now", 1, &[7], 60_000));
    assert_eq!(told(slates.happened(&late(7, 59_000, 61_000))).map(|(id, ..)| id), Some("now".into()));
}

#[test]
fn only_what_was_seen_counts_where_impressions_say_what_was_shown() {
    let mut slates = hour(Shown::Reported);
    slates.served(slate("a", 1, &[7, 8, 9], 0));
    slates.served(slate("b", 1, &[7], 10));
    assert_eq!(told(slates.happened(&event(1, KindName::VIEW, 7, 20, None))), None);
    let newly = |shown: Option<NewlyShown<'_>>| shown.map(|shown| shown.positions);
    assert_eq!(newly(slates.shown(&seen("a", &[8, 7, 1], 30))), Some(vec![1, 0]));
    assert_eq!(newly(slates.shown(&seen("a", &[8], 31))), Some(vec![]));
    assert_eq!(newly(slates.shown(&seen("c", &[8], 31))), None);
    assert_eq!(told(slates.happened(&event(1, KindName::VIEW, 7, 40, None))).map(|(id, ..)| id), Some("a".into()));
    let clicked = event(1, KindName::VIEW, 7, 40, Some("b"));
    assert!(matches!(slates.happened(&clicked), Due::Touch(Touch { is_first_shown: true, .. })));
    let shown: Vec<Vec<Option<i64>>> =
        slates.settle(i64::MAX).iter().map(|held| held.fates.iter().map(|fate| fate.shown_ms).collect()).collect();
    assert_eq!(shown, [vec![Some(30), Some(30), None], vec![Some(40)]]);
}

#[test]
fn the_oldest_slates_leave_where_there_are_too_many_items() {
    let mut slates = Attribution::new(Settings { window_ms: HOUR_MS, shown: Shown::Served, max_items: 5 });
    assert!(slates.served(slate("a", 1, &[7], 0)).is_empty());
    assert!(slates.served(slate("b", 1, &[7, 8], 1)).is_empty());
    let left: Vec<_> = slates.served(slate("c", 1, &[1, 2, 3, 4], 2)).into_iter().map(|held| held.slate).collect();
    assert_eq!(left.iter().map(|slate| &*slate.recommendation_id).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(slates.items(), 4);
    assert_eq!(slates.happened(&event(1, KindName::VIEW, 8, 3, None)), Due::Nothing);
}

#[test]
fn slates_without_items_leave_as_well_where_there_are_too_many() {
    let mut slates = Attribution::new(Settings { window_ms: HOUR_MS, shown: Shown::Served, max_items: 3 });
    let left: usize = (0..10).map(|number| slates.served(slate(number, 1, &[], number)).len()).sum();
    assert_eq!((left, slates.settle(i64::MAX).len()), (7, 3));
}

#[test]
fn nothing_is_left_of_a_user_who_is_forgotten() {
    let mut slates = hour(Shown::Served);
    for (id, of, at_ms) in [("a", 1, 0), ("b", 2, 1), ("c", 1, 2)] {
        slates.served(slate(id, of, &[7], at_ms));
    }
    slates.forget(&user(1));
    assert_eq!(slates.items(), 1);
    assert_eq!(slates.happened(&event(1, KindName::VIEW, 7, 3, None)), Due::Nothing);
    assert_eq!(slates.happened(&event(1, KindName::VIEW, 7, 3, Some("c"))), Due::Unknown);
    assert!(told(slates.happened(&event(2, KindName::VIEW, 7, 3, None))).is_some());
    assert_eq!(slates.settle(i64::MAX).len(), 1);
}

/// What may happen, with ids as small numbers.
#[derive(Debug, Clone)]
enum Step {
    Served(u8, u8, Vec<u8>, i64),
    Shown(u8, Vec<u8>, i64),
    Happened(u8, usize, u8, i64, i64, Option<u8>),
    Settle(i64),
    Forget(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let items = || vec(0u8..5, 0..4);
    let served = (0u8..30, 0u8..2, items(), 0i64..60).prop_map(|(id, of, on, at)| Step::Served(id, of, on, at));
    let shown = (0u8..30, items(), 0i64..80).prop_map(|(id, on, at)| Step::Shown(id, on, at));
    let named = option::weighted(0.3, 0u8..30);
    let happened = (0u8..2, 0usize..3, 0u8..5, 0i64..80, 0i64..40, named)
        .prop_map(|(of, kind, on, at, late, id)| Step::Happened(of, kind, on, at, late, id));
    let settle = (0i64..80).prop_map(Step::Settle);
    let forget = (0u8..2).prop_map(Step::Forget);
    vec(prop_oneof![8 => served, 4 => shown, 8 => happened, 2 => settle, 1 => forget], 0..60)
}

/// The same by looking at every slate.
struct Obvious {
    settings: Settings,
    held: Vec<Settled>,
}

impl Obvious {
    fn served(&mut self, slate: LoggedSlate) -> Vec<Settled> {
        if self.held.iter().any(|held| held.slate.recommendation_id == slate.recommendation_id) {
            return Vec::new();
        }
        let shown_ms = (self.settings.shown == Shown::Served).then_some(slate.timestamp_ms);
        let fates = vec![Fate { shown_ms, ..Fate::default() }; slate.items.len()];
        self.held.push(Settled { slate, fates });
        let mut left = Vec::new();
        let weight = |held: &[Settled]| held.iter().map(|held| held.fates.len() + 1).sum::<usize>();
        while self.held.len() > 1 && weight(&self.held) > self.settings.max_items {
            left.push(self.held.remove(0));
        }
        left
    }

    fn shown(&mut self, impression: &Impression) -> Option<(Box<str>, Vec<usize>)> {
        let Settings { window_ms, shown, .. } = self.settings;
        let held = self.held.iter_mut().find(|held| *held.slate.recommendation_id == *impression.recommendation_id)?;
        if shown == Shown::Served || impression.timestamp_ms > held.slate.timestamp_ms + window_ms {
            return None;
        }
        let mut positions = Vec::new();
        for item in &impression.items {
            let Some(position) = held.slate.items.iter().position(|placed| placed.item == *item) else { continue };
            if held.fates[position].shown_ms.is_none() {
                held.fates[position].shown_ms = Some(impression.timestamp_ms);
                positions.push(position);
            }
        }
        Some((held.slate.recommendation_id.clone(), positions))
    }

    /// The slate, position and outcome, and whether it is shown by this; or why none.
    fn happened(&mut self, event: &Event) -> Result<(Box<str>, usize, Outcome, bool), Due<'static>> {
        let (at_ms, window_ms) = (event.timestamp_ms, self.settings.window_ms);
        let is_known = |id: &str| self.held.iter().any(|held| *held.slate.recommendation_id == *id);
        if event.recommendation_id.as_deref().is_some_and(|id| !is_known(id)) {
            return Err(Due::Unknown);
        }
        let best = |by_ms: i64| {
            let mut best: Option<(i64, usize, usize)> = None;
            for (number, Settled { slate, fates }) in self.held.iter().enumerate() {
                let Some(position) = slate.items.iter().position(|placed| placed.item == event.item) else { continue };
                let is_shown = || event.user == slate.user && fates[position].shown_ms.is_some();
                let fits = match &event.recommendation_id {
                    Some(id) => **id == *slate.recommendation_id,
                    None => is_shown() && slate.timestamp_ms <= by_ms,
                };
                if fits && at_ms <= slate.timestamp_ms + window_ms {
                    best = best.max(Some((slate.timestamp_ms, number, position)));
                }
            }
            best
        };
        let (_, number, position) = best(at_ms).or_else(|| best(event.received_ms)).ok_or(Due::Nothing)?;
        let Settled { slate, fates } = &mut self.held[number];
        let fate = &mut fates[position];
        let outcome = Outcome::of(&event.kind).ok_or(Due::NoOutcome)?;
        let is_first_shown = fate.shown_ms.is_none();
        fate.shown_ms = fate.shown_ms.or(Some(at_ms));
        if fate.outcomes_ms[outcome as usize].is_some() {
            return Err(Due::Again);
        }
        fate.outcomes_ms[outcome as usize] = Some(at_ms);
        Ok((slate.recommendation_id.clone(), position, outcome, is_first_shown))
    }

    fn settle(&mut self, now_ms: i64) -> Vec<Settled> {
        let window_ms = self.settings.window_ms;
        let stays = self.held.iter().position(|held| held.slate.timestamp_ms.saturating_add(window_ms) >= now_ms);
        self.held.drain(..stays.unwrap_or(self.held.len())).collect()
    }
}

proptest! {
    #[test]
    fn it_is_as_looking_at_every_slate(
        steps in steps(),
        window_ms in 0i64..40,
        max_items in 0usize..20,
        shown in prop_oneof![Just(Shown::Served), Just(Shown::Reported)],
    ) {
        let settings = Settings { window_ms, shown, max_items };
        let (mut fast, mut obvious) = (Attribution::new(settings), Obvious { settings, held: Vec::new() });
        let kinds = [KindName::VIEW, KindName::ADD_TO_CART, KindName::TRANSACTION];
        for step in steps {
            match step {
                Step::Served(id, of, on, at) => {
                    let slate = slate(id, of, &on, at);
                    prop_assert_eq!(fast.served(slate.clone()), obvious.served(slate));
                }
                Step::Shown(id, on, at) => {
                    let impression = seen(&id.to_string(), &on, at);
                    let newly = fast.shown(&impression);
                    let newly = newly.map(|newly| (newly.slate.recommendation_id.clone(), newly.positions));
                    prop_assert_eq!(newly, obvious.shown(&impression));
                }
                Step::Happened(of, kind, on, at, late, id) => {
                    let event = event(of, kinds[kind].clone(), on, at, id.map(|id| id.to_string()).as_deref());
                    let event = Event { received_ms: at + late, ..event };
                    let due = match (fast.happened(&event), obvious.happened(&event)) {
                        (Due::Touch(Touch { slate, position, outcome, is_first_shown }), Ok(touch)) => {
                            touch == (slate.recommendation_id.clone(), position, outcome, is_first_shown)
                        }
                        (other, Err(expected)) => other == expected,
                        (_, Ok(_)) => false,
                    };
                    prop_assert!(due, "{:?}", event);
                }
                Step::Forget(of) => {
                    fast.forget(&user(of));
                    obvious.held.retain(|held| held.slate.user != user(of));
                }
                Step::Settle(now_ms) => prop_assert_eq!(fast.settle(now_ms), obvious.settle(now_ms)),
            }
        }
        prop_assert_eq!(fast.settle(i64::MAX), obvious.settle(i64::MAX));
        prop_assert!(fast.items() == 0 && fast.by_id.is_empty() && fast.index.is_empty());
    }
}
