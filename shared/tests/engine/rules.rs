//! The rules of a shop: what they do to slates, and what they never do.

use std::collections::HashMap;

use shared::engine::recommend::{Decay, Placed};
use shared::engine::rerank::explore;
use shared::engine::rules::{Boost, Bury, Cap, Explore, Pin, Rules};
use shared::engine::seen::SeenRule;
use shared::tables::Property;

use super::*;

pub(super) const ALWAYS: std::ops::Range<i64> = i64::MIN..i64::MAX;

/// The items of a mask.
pub(super) fn set(mask: u32) -> Arc<ItemSet> {
    Arc::new(ItemSet::new(9, |item| mask >> item.0 & 1 == 1))
}

pub(super) fn boost(items: Arc<ItemSet>, factor: f32) -> Boost {
    Boost { items, factor, add: 0.0, during: ALWAYS }
}

pub(super) fn pin(item: ItemIdx, position: usize) -> Pin {
    Pin { item, position, during: ALWAYS }
}

pub(super) fn cap(property: &str, most: usize) -> Cap {
    Cap { property: property.into(), most }
}

/// The ids of a slate of all items for somebody unknown, under rules.
fn ruled(snapshot: &Snapshot, rules: Rules, now_ms: i64) -> String {
    let query = Query { rules: Some(Arc::new(rules)), ..Query::of(9, Seen::Allow) };
    let slate = recommend(snapshot, &UserState::default(), &query, now_ms, &mut Scratch::default());
    slate.picks.iter().map(|pick| snapshot.items().id(pick.item)).collect::<Vec<_>>().join(" ")
}

prop_compose! {
    /// Rules for nine items, with boosts, buries, pins and caps.
    pub(super) fn any_rules()(
        boosts in prop::collection::vec((0u32..512, 0.1f32..4.0), 0..3),
        bury in 0u32..512,
        pins in prop::collection::vec((0u32..9, 1usize..14), 0..4),
        caps in prop::collection::vec(
            (prop::sample::select(vec!["category", "brand", "tags", "rating", "unknown"]), 1usize..4), 0..3),
    ) -> Rules {
        Rules {
            boosts: boosts.into_iter().map(|(mask, factor)| boost(set(mask), factor)).collect(),
            buries: vec![Bury { items: set(bury), during: ALWAYS }],
            pins: pins.into_iter().map(|(item, position)| pin(ItemIdx(item), position)).collect(),
            caps: caps.into_iter().map(|(property, most)| cap(property, most)).collect(),
            explore: None,
        }
    }
}

proptest! {
    #[test]
    fn ruled_slates_are_full_and_distinct_and_a_shorter_one_is_the_beginning_of_a_longer_one(
        history in prop::collection::vec((0u32..9, 0u8..3), 0..12),
        rules in any_rules(),
        admitted in 0u32..512,
        with_ranker in any::<bool>(),
    ) {
        let mut snapshot = with_properties();
        if !with_ranker {
            snapshot.params_mut().ranker = None;
        }
        let history: Vec<(u32, KindIdx)> = history.into_iter().map(|(item, kind)| (item, KindIdx(kind))).collect();
        let (state, mut scratch) = (state(&history, &[]), Scratch::default());
        let (only, ruled) = (Some(set(admitted)), Some(Arc::new(rules.clone())));
        let query = Query { only, rules: ruled, ..Query::of(9, Seen::Allow) };
        let mut slate = |k: usize| recommend(&snapshot, &state, &Query { k, ..query.clone() }, 100, &mut scratch).picks;
        let longest = slate(9);
        for k in 1..9 {
            prop_assert_eq!(&slate(k)[..], &longest[..k.min(longest.len())], "k = {}", k);
        }
        let items: Vec<u32> = longest.iter().map(|pick| pick.item.0).collect();
        let mut sorted = items.clone();
        sorted.sort_unstable();
        prop_assert_eq!(sorted, (0..9).filter(|item| admitted >> item & 1 == 1).collect::<Vec<u32>>());
        prop_assert!(longest.windows(2).all(|pair| pair[0].score >= pair[1].score));

        // A pin of an item that may be there is at its place, unless the slate ends before it or another pin has it.
        let mut pins: HashMap<usize, u32> = HashMap::new();
        for pin in &rules.pins {
            let is_free = !pins.values().any(|&item| item == pin.item.0) && !pins.contains_key(&pin.position);
            if is_free && admitted >> pin.item.0 & 1 == 1 {
                pins.insert(pin.position, pin.item.0);
            }
        }
        let pinned = longest.iter().filter(|pick| pick.placed == Placed::Pinned).count();
        prop_assert_eq!(pinned, pins.len());
        let others = items.len() - pins.len();
        for (&position, item) in pins.iter().filter(|(position, _)| **position <= others) {
            prop_assert_eq!(items[position - 1], *item);
        }
        // What is buried comes behind all others.
        let unpinned = longest.iter().filter(|pick| pick.placed != Placed::Pinned);
        prop_assert!(unpinned.map(|pick| rules.buries[0].items.contains(pick.item)).is_sorted());
        // No cap is broken before an item that it would have let in: greedily, whatever comes later was held back as
        // well.
        for cap in &rules.caps {
            let alone = Rules { caps: vec![cap.clone()], ..Rules::default() };
            let query = Query { rules: Some(Arc::new(alone)), ..query.clone() };
            let picks = recommend(&snapshot, &state, &query, 100, &mut scratch).picks;
            let mut counts: HashMap<u64, usize> = HashMap::new();
            let mut broken = false;
            for pick in &picks {
                let values = values(&snapshot, &cap.property, pick.item);
                let fits = values.iter().all(|value| counts.get(value).is_none_or(|count| *count < cap.most));
                prop_assert!(!(broken && fits), "{:?} should have come earlier", pick.item);
                broken |= !fits;
                values.into_iter().for_each(|value| *counts.entry(value).or_default() += 1);
            }
        }
    }
}

proptest! {
    #[test]
    fn with_decays_slates_are_full_and_a_shorter_one_is_the_beginning_of_a_longer_one(
        history in prop::collection::vec((0u32..9, 0u8..3), 0..12),
        rules in any_rules(),
        with_rules in any::<bool>(),
        decays in prop::collection::vec((0u32..9, 0.0f32..1.0), 1..9),
    ) {
        let snapshot = with_properties();
        let history: Vec<(u32, KindIdx)> = history.into_iter().map(|(item, kind)| (item, KindIdx(kind))).collect();
        let (state, mut scratch) = (state(&history, &[]), Scratch::default());
        let rules = with_rules.then(|| Arc::new(rules));
        let decays = decays.into_iter().map(|(item, left)| Decay { item: ItemIdx(item), left }).collect();
        let query = Query { rules, decays, ..Query::of(9, Seen::Allow) };
        let mut slate = |k: usize| recommend(&snapshot, &state, &Query { k, ..query.clone() }, 100, &mut scratch).picks;
        let longest = slate(9);
        prop_assert_eq!(longest.len(), 9);
        for k in 1..9 {
            prop_assert_eq!(&slate(k)[..], &longest[..k], "k = {}", k);
        }
        prop_assert!(longest.windows(2).all(|pair| pair[0].score >= pair[1].score));
    }
}

/// The values of a property of an item that a cap counts.
fn values(snapshot: &Snapshot, property: &str, item: ItemIdx) -> Vec<u64> {
    match snapshot.properties().get(property) {
        _ if property == "category" => {
            snapshot.items().first_category(item).map(|category| u64::from(category.0)).into_iter().collect()
        }
        Some(Property::Texts(texts)) => texts.of(item).iter().map(|&text| u64::from(text)).collect(),
        Some(Property::Numbers(numbers)) if !numbers[item.at()].is_nan() => vec![numbers[item.at()].to_bits()],
        _ => Vec::new(),
    }
}

#[test]
fn rules_change_scores_bury_give_places_and_bound_what_is_alike() {
    let snapshot = with_properties();
    let item = |id: &str| snapshot.items().index(id).expect("known");
    let fruit = || Arc::new(selected(&snapshot, "category = 'fruit'"));
    let of = |rules: Rules| ruled(&snapshot, rules, 100);
    let plain = recommend(&snapshot, &UserState::default(), &Query::of(9, Seen::Allow), 100, &mut Scratch::default());
    let plain: Vec<&str> = plain.picks.iter().map(|pick| snapshot.items().id(pick.item)).collect();
    assert_eq!(of(Rules::default()), plain.join(" "));
    assert_eq!(of(Rules::default()), "ink rope pen pear knot plum hook apple new");
    assert_eq!(
        of(Rules { boosts: vec![boost(fruit(), 100.0)], ..Rules::default() }),
        "pear plum apple ink rope pen knot hook new"
    );
    let buries = vec![Bury { items: fruit(), during: ALWAYS }];
    assert_eq!(of(Rules { buries, ..Rules::default() }), "ink rope pen knot hook new pear plum apple");
    let pins = [("apple", 2), ("new", 1), ("new", 5)];
    let pins = pins.map(|(id, position)| pin(item(id), position)).into();
    assert_eq!(of(Rules { pins, ..Rules::default() }), "new apple ink rope pen pear knot plum hook");
    // Ink is of the office, rope of sailing, and pear a fruit: nothing else is left for a fourth category.
    let caps = vec![cap("category", 1)];
    assert_eq!(of(Rules { caps, ..Rules::default() }), "ink rope pear pen knot plum hook apple new");
}

#[test]
fn a_rule_holds_from_its_beginning_until_its_end() {
    let snapshot = with_properties();
    let during = 10..20;
    let fruit = Arc::new(selected(&snapshot, "category = 'fruit'"));
    let rules = || Rules {
        boosts: vec![Boost { during: during.clone(), ..boost(fruit.clone(), 100.0) }],
        buries: vec![Bury { items: set(0b111), during: during.clone() }],
        pins: vec![Pin { item: ItemIdx(8), position: 1, during: during.clone() }],
        ..Rules::default()
    };
    let plain = ruled(&snapshot, Rules::default(), 0);
    for (now_ms, holds) in [(9, false), (10, true), (19, true), (20, false)] {
        assert_eq!(ruled(&snapshot, rules(), now_ms) != plain, holds, "{now_ms}");
    }
}

#[test]
fn a_pin_is_not_there_where_its_item_may_not_be() {
    let snapshot = with_properties();
    let pins = vec![pin(ItemIdx(8), 1)];
    let rules = Some(Arc::new(Rules { pins, ..Rules::default() }));
    let bought = [(8, KindIdx::TRANSACTION)];
    let slate = |query: Query, state: &UserState| {
        let query = Query { rules: rules.clone(), ..query };
        recommend(&snapshot, state, &query, 100, &mut Scratch::default()).picks[0].item
    };
    let (nobody, owner) = (UserState::default(), state(&bought, &[]));
    let plain = || Query::of(3, Seen::Allow);
    assert_eq!(slate(plain(), &nobody), ItemIdx(8));
    assert_eq!(slate(plain(), &owner), ItemIdx(8));
    for (query, state) in [
        (Query { exclude: vec![ItemIdx(8)], ..plain() }, &nobody),
        (Query { only: Some(set(0b1111)), ..plain() }, &nobody),
        (Query { category: snapshot.items().category("fruit"), ..plain() }, &nobody),
        (Query { context: vec![ItemIdx(8)], ..plain() }, &nobody),
        (Query::of(3, Seen::ExcludePurchased), &owner),
    ] {
        assert_ne!(slate(query.clone(), state), ItemIdx(8), "{query:?}");
    }
}

#[test]
fn new_items_are_explored_where_they_may_be_and_nothing_else_is() {
    let snapshot = with_properties();
    let new = snapshot.items().index("new").expect("known");
    assert_eq!(explore::new_items(&snapshot, 1), [new]);
    assert_eq!(explore::new_items(&snapshot, u32::MAX).len(), 9);
    let explored = |rules: Rules, query: Query| {
        let items = explore::new_items(&snapshot, 1).into();
        let rules = Rules { explore: Some(Explore { share: 1.0, items }), ..rules };
        let query = Query { rules: Some(Arc::new(rules)), ..query };
        let slate = recommend(&snapshot, &UserState::default(), &query, 100, &mut Scratch::default());
        let told = |pick: &Pick| (pick.item == new, pick.placed == Placed::Explored, pick.propensity);
        slate.picks.iter().map(told).collect::<Vec<_>>()
    };
    let (plain, none) = ((false, false, Some(1.0)), Rules::default());
    let query = || Query::of(3, Seen::Allow);
    assert_eq!(explored(none.clone(), query()), [(true, true, Some(1.0)), plain, plain]);
    assert_eq!(explored(none.clone(), Query { exclude: vec![new], ..query() }), [plain; 3]);
    let buries = vec![Bury { items: Arc::new(ItemSet::new(9, |item| item == new)), during: ALWAYS }];
    assert_eq!(explored(Rules { buries, ..none.clone() }, query()), [plain; 3], "what is buried is not explored");
    // A slate of the whole catalogue has it anyway.
    assert!(explored(none, Query::of(9, Seen::Allow)).iter().all(|&(_, explored, _)| !explored));
}

#[test]
fn bought_items_come_back_after_the_days_of_their_kind() {
    const DAY: i64 = 24 * 3600 * 1000;
    let snapshot = snapshot();
    let rule = |text: &str| SeenRule::of(&text.parse().expect("a policy"), &snapshot.params().kinds);
    let event =
        |item: u32, kind, day: i64| Interaction { item: ItemIdx(item), kind, timestamp_ms: day * DAY, event_key: 0 };
    let (view, bought) = (KindIdx::VIEW, KindIdx::TRANSACTION);
    let state = UserState {
        history: vec![event(0, bought, 60), event(1, view, 99), event(2, bought, 99)],
        seen: vec![SeenItem { item: ItemIdx(3), kind: bought }, SeenItem { item: ItemIdx(4), kind: view }],
        seen_until_ms: Some(60 * DAY),
        ..UserState::default()
    };
    let left_out = |seen: SeenRule, state: &UserState| {
        let query = Query { seen, ..Query::of(9, Seen::Allow) };
        let slate = recommend(&snapshot, state, &query, 100 * DAY, &mut Scratch::default());
        (0..9).filter(|&item| slate.picks.iter().all(|pick| pick.item.0 != item)).collect::<Vec<u32>>()
    };
    assert_eq!(left_out(rule("transaction:30"), &state), [2]);
    assert_eq!(left_out(rule("transaction:41"), &state), [0, 2, 3], "what is not in the history was before it");
    assert_eq!(left_out(rule("transaction:30,view:2"), &state), [1, 2]);
    let unknown = UserState { seen_until_ms: None, ..state };
    assert_eq!(left_out(rule("transaction:30"), &unknown), [2, 3], "of an unknown time it may have been just now");
    assert_eq!(left_out(SeenRule::Word(Seen::ExcludeAll), &unknown), [0, 1, 2, 3, 4]);
}
