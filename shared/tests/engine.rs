//! The engine's promises: a full slate, nothing that was ruled out, a reason for what is there.

#[path = "engine/filters.rs"]
mod filters;
#[path = "engine/home.rs"]
mod home;
#[path = "engine/list.rs"]
mod list;
#[path = "engine/patch.rs"]
mod patch;

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use shared::contract::api::Seen;
use shared::contract::expression::Expression;
use shared::contract::id::ItemIdx;
use shared::contract::kind::KindIdx;
use shared::contract::params::Weights;
use shared::contract::source::Source;
use shared::engine::item_set::ItemSet;
use shared::engine::rank::features;
use shared::engine::recommend::{
    Personal, Pick, Query, Scratch, Shortlist, by_blend, candidates, describe, popular, recommend, recommend_with,
    similar,
};
use shared::engine::select::{check, select};
use shared::engine::snapshot::Snapshot;
use shared::engine::state::{Interaction, SeenItem, UserState};
use shared::tables::Values;

#[path = "engine/rules.rs"]
mod rules;
#[path = "engine/together.rs"]
mod together;
#[path = "engine/why.rs"]
mod why;

fn snapshot() -> Snapshot {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/format_2");
    Snapshot::load(&folder).expect("loads")
}

fn state(history: &[(u32, KindIdx)], seen: &[(u32, KindIdx)]) -> UserState {
    let interaction = |(at, &(item, kind)): (usize, &(u32, KindIdx))| Interaction {
        item: ItemIdx(item),
        kind,
        timestamp_ms: at as i64,
        event_key: at as u64 + 1,
    };
    UserState {
        cached: Vec::new(),
        history: history.iter().enumerate().map(interaction).collect(),
        seen: seen.iter().map(|&(item, kind)| SeenItem { item: ItemIdx(item), kind }).collect(),
        ..UserState::default()
    }
}

proptest! {
    #[test]
    fn slates_are_full_distinct_and_without_what_was_ruled_out(
        history in prop::collection::vec((0u32..9, 0u8..3), 0..12),
        seen in prop::collection::vec((0u32..9, 0u8..5), 0..6),
        exclude in prop::collection::vec(0u32..9, 0..4),
        context in prop::collection::vec(0u32..9, 0..3),
        policy in 0usize..3,
        k in 1usize..12,
    ) {
        let snapshot = snapshot();
        let history: Vec<(u32, KindIdx)> = history.into_iter().map(|(item, kind)| (item, KindIdx(kind))).collect();
        // The fourth and the fifth built-in kind block.
        let seen: Vec<(u32, KindIdx)> = seen.into_iter().map(|(item, kind)| (item, KindIdx(kind))).collect();
        let state = state(&history, &seen);
        let seen_policy = [Seen::Allow, Seen::ExcludePurchased, Seen::ExcludeAll][policy];
        let query = Query {
            context: context.iter().copied().map(ItemIdx).collect(),
            exclude: exclude.iter().copied().map(ItemIdx).collect(),
            ..Query::of(k, seen_policy)
        };
        let slate = recommend(&snapshot, &state, &query, 100, &mut Scratch::default());
        let mut ruled_out: Vec<u32> = history
            .iter()
            .copied()
            .chain(seen)
            .filter(|(_, KindIdx(kind))| *kind > 2 || policy == 2 || policy == 1 && *kind == 2)
            .map(|(item, _)| item)
            .chain(exclude)
            .chain(context)
            .collect();
        ruled_out.sort_unstable();
        ruled_out.dedup();
        let items: Vec<u32> = slate.picks.iter().map(|pick| pick.item.0).collect();
        let mut distinct = items.clone();
        distinct.sort_unstable();
        distinct.dedup();
        prop_assert_eq!(distinct.len(), items.len());
        prop_assert!(items.iter().all(|item| !ruled_out.contains(item)));
        prop_assert_eq!(items.len(), k.min(9 - ruled_out.len()));
        prop_assert!(slate.picks.windows(2).all(|pair| pair[0].score >= pair[1].score));
    }
}

proptest! {
    #[test]
    fn a_shorter_slate_is_the_beginning_of_a_longer_one(
        history in prop::collection::vec((0u32..9, 0u8..3), 0..12),
        context in prop::collection::vec(0u32..9, 0..3),
        policy in 0usize..3,
        (per_source, ranked) in (1usize..6, 1usize..6),
        with_ranker in any::<bool>(),
    ) {
        let mut snapshot = snapshot();
        snapshot.params_mut().per_source = per_source;
        match &mut snapshot.params_mut().ranker {
            Some(ranker) if with_ranker => ranker.candidates = ranked,
            ranker => *ranker = None,
        }
        let history: Vec<(u32, KindIdx)> = history.into_iter().map(|(item, kind)| (item, KindIdx(kind))).collect();
        let (state, seen) = (state(&history, &[]), [Seen::Allow, Seen::ExcludePurchased, Seen::ExcludeAll][policy]);
        let slate = |k: usize| {
            let query = Query { context: context.iter().copied().map(ItemIdx).collect(), ..Query::of(k, seen) };
            recommend(&snapshot, &state, &query, 100, &mut Scratch::default()).picks
        };
        let longest = slate(9);
        prop_assert!(longest.windows(2).all(|pair| pair[0].score >= pair[1].score));
        prop_assert!(longest.iter().all(|pick| pick.score.is_finite()));
        for k in 1..9 {
            prop_assert_eq!(&slate(k)[..], &longest[..k.min(longest.len())], "k = {}", k);
        }
    }
}

/// What one source proposes for a history, best first.
fn alone(snapshot: &Snapshot, source: Source, history: &[u32]) -> Vec<u32> {
    let history: Vec<(u32, KindIdx)> = history.iter().map(|&item| (item, KindIdx::VIEW)).collect();
    let query = Query::of(9, Seen::Allow);
    let (weights, state) = (Weights::only(source), state(&history, &[]));
    let slate = recommend_with(snapshot, &weights, &state, &query, 100, &mut Scratch::default());
    slate.picks.iter().filter(|pick| pick.sources.contains(source)).map(|pick| pick.item.0).collect()
}

/// The distinct items of a history, the last one first, each with what it weighs in its session.
fn weighed(snapshot: &Snapshot, history: &[u32]) -> Vec<(u32, f32)> {
    let mut distinct: Vec<u32> = Vec::new();
    history.iter().rev().for_each(|item| {
        if !distinct.contains(item) {
            distinct.push(*item)
        }
    });
    let weight = |place: usize| (-(place as f32) / snapshot.params().position_decay).exp();
    distinct.into_iter().enumerate().map(|(place, item)| (item, weight(place))).collect()
}

proptest! {
    #[test]
    fn repeat_is_the_distinct_items_of_the_history_the_last_one_first(history in prop::collection::vec(0u32..9, 0..9)) {
        let snapshot = snapshot();
        let expected: Vec<u32> = weighed(&snapshot, &history).into_iter().map(|(item, _)| item).collect();
        prop_assert_eq!(alone(&snapshot, Source::Repeat, &history), expected);
    }

    #[test]
    fn category_popularity_is_the_items_popularity_times_what_the_category_weighs(
        history in prop::collection::vec(0u32..9, 0..9),
    ) {
        let snapshot = snapshot();
        let own = weighed(&snapshot, &history);
        let score = |item: u32| {
            let alike = own.iter().filter(|(own, _)| snapshot.items().kinship(ItemIdx(item), ItemIdx(*own)) == 1.0);
            let weight: f32 = alike.map(|(_, weight)| weight).sum();
            weight * snapshot.popularity().score(ItemIdx(item))
        };
        let mut expected: Vec<(u32, f32)> = (0..9).map(|item| (item, score(item))).filter(|(_, score)| *score > 0.0).collect();
        expected.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let expected: Vec<u32> = expected.into_iter().map(|(item, _)| item).collect();
        prop_assert_eq!(alone(&snapshot, Source::CategoryPopularity, &history), expected);
    }

    #[test]
    fn popularity_and_trending_are_all_items_by_their_scores_whatever_the_history(
        history in prop::collection::vec(0u32..9, 0..9),
    ) {
        let snapshot = snapshot();
        let table = snapshot.popularity();
        let by = |score: &dyn Fn(ItemIdx) -> f32| {
            let mut items: Vec<u32> = (0..9).collect();
            items.sort_by(|&a, &b| score(ItemIdx(b)).total_cmp(&score(ItemIdx(a))).then(a.cmp(&b)));
            items
        };
        prop_assert_eq!(alone(&snapshot, Source::Popularity, &history), by(&|item| table.score(item)));
        prop_assert_eq!(alone(&snapshot, Source::Trending, &history), by(&|item| table.trend(item)));
    }
}

proptest! {
    #[test]
    fn what_is_not_available_is_in_no_answer_and_all_else_is_in_the_longest(
        history in prop::collection::vec((0u32..9, 0u8..3), 0..12),
        times in prop::collection::vec((0i64..200, 0i64..200), 9),
    ) {
        let base = snapshot();
        let mut tables = base.tables().clone();
        tables.items.available_from = times.iter().map(|times| times.0).collect();
        tables.items.available_until = times.iter().map(|times| times.1).collect();
        let snapshot = Snapshot::new(base.manifest().clone(), tables).expect("consistent");
        let history: Vec<(u32, KindIdx)> =
            history.into_iter().map(|(item, kind)| (item, KindIdx(kind))).collect();
        let (state, mut scratch) = (state(&history, &[]), Scratch::default());
        let open: Vec<u32> = (0..9).filter(|&item| times[item as usize].0 <= 100 && 100 < times[item as usize].1).collect();
        let slate = recommend(&snapshot, &state, &Query::of(20, Seen::Allow), 100, &mut scratch);
        let mut items: Vec<u32> = slate.picks.iter().map(|pick| pick.item.0).collect();
        items.sort_unstable();
        prop_assert_eq!(&items, &open);
        prop_assert_eq!(slate.history.len(), history.len());
        let mut items: Vec<u32> = popular(&snapshot, None, None, 20, 100).iter().map(|pick| pick.item.0).collect();
        items.sort_unstable();
        prop_assert_eq!(&items, &open);
        let near = similar(&snapshot, ItemIdx(0), None, 20, 100, &mut scratch);
        prop_assert!(near.iter().all(|pick| open.contains(&pick.item.0)));
    }
}

/// The items that an expression holds for.
fn selected(snapshot: &Snapshot, text: &str) -> ItemSet {
    let expression = Expression::parse(text).expect(text);
    assert_eq!(check(&expression, snapshot), Ok(()), "{text}");
    select(&expression, snapshot)
}

/// The golden version with properties of its nine items: apple, hook, ink, knot, new, pear, pen, plum, rope.
fn with_properties() -> Snapshot {
    let base = snapshot();
    let mut tables = base.tables().clone();
    let texts = |of_items: [&str; 9]| {
        let list = |own: &&str| own.split('|').filter(|text| !text.is_empty()).map(Into::into).collect();
        Values::of_texts(&of_items.iter().map(list).collect::<Vec<_>>())
    };
    tables.properties = [
        ("brand".into(), texts(["Acme", "Bo", "", "Acme", "Bo", "Acme", "42", "Acme", ""])),
        ("tags".into(), texts(["red|green", "blue", "", "", "white", "green", "blue|red", "blue", ""])),
        ("rating".into(), Values::Numbers(vec![4.5, 3.0, f64::NAN, 5.0, 0.0, 4.0, 3.0, 4.5, 2.0])),
        ("fragile".into(), Values::Flags(vec![0.0, 1.0, f64::NAN, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0])),
    ]
    .into_iter()
    .collect();
    Snapshot::new(base.manifest().clone(), tables).expect("consistent")
}

#[test]
fn a_category_gives_all_of_its_items_and_no_other() {
    let snapshot = snapshot();
    let fruit = snapshot.items().category("fruit");
    let query = Query { category: fruit, ..Query::of(50, Seen::Allow) };
    let rope = snapshot.items().index("rope").expect("known").0;
    let slate = recommend(&snapshot, &state(&[(rope, KindIdx::VIEW)], &[]), &query, 9, &mut Scratch::default());
    let mut ids: Vec<&str> = slate.picks.iter().map(|pick| snapshot.items().id(pick.item)).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["apple", "pear", "plum"]);
}

#[test]
fn nobody_known_gets_what_is_popular() {
    let snapshot = snapshot();
    let query = Query::of(3, Seen::Allow);
    let slate = recommend(&snapshot, &UserState::default(), &query, 9, &mut Scratch::default());
    assert_eq!(slate.personal, Personal::No);
    let popular: Vec<ItemIdx> = snapshot.popularity().order(None)[..3].to_vec();
    assert_eq!(slate.picks.iter().map(|pick| pick.item).collect::<Vec<_>>(), popular);
}

#[test]
fn a_neighbour_is_there_because_of_the_item_it_is_a_neighbour_of() {
    let snapshot = snapshot();
    let rope = snapshot.items().index("rope").expect("known");
    let picks = similar(&snapshot, rope, None, 3, 9, &mut Scratch::default());
    assert_eq!(picks.len(), 3);
    assert!(picks.iter().all(|pick| pick.item != rope));
    assert_eq!(picks[0].because, Some(rope));
}

#[test]
fn prices_stand_beside_that_of_the_last_item_and_the_mean_of_the_history() {
    let snapshot = snapshot();
    let item = |id| snapshot.items().index(id).expect("an item");
    let viewed = ["apple", "pear"].map(|id| (item(id).0, KindIdx::VIEW));
    let (state, mut scratch) = (state(&viewed, &[]), Scratch::default());
    let query = Query::of(9, Seen::Allow);
    let weights = Weights::only(Source::Popularity);
    let (question, found) = candidates(&snapshot, &weights, &state, &query, 100, &mut scratch);
    let ranked = by_blend(&found, &weights, 9);
    let matrix = describe(&Shortlist { question: &question, candidates: &found, ranked: &ranked }, &mut scratch);
    let names = features::names(snapshot.statistics(), snapshot.profiles());
    let prices = |id| {
        let row = ranked.iter().position(|ranked| ranked.item == item(id)).expect("a row");
        ["price", "price_of_last", "price_of_history"].map(|name| {
            let column = names.iter().position(|known| known == name).expect("a feature");
            matrix.column(column)[row]
        })
    };
    // ln(1 + price), one of rope being 8, of apple 2, of pear 4 and of plum, which is free, 1.
    let halves = |prices: [f32; 3]| prices.map(|price| (price / 2f32.ln() * 2.0).round());
    assert_eq!(halves(prices("rope")), [6.0, 2.0, 3.0]);
    assert_eq!(halves(prices("plum")), [0.0, -4.0, -3.0]);
    assert!(prices("new").iter().all(|price| price.is_nan()), "it has no price");
}

#[test]
fn a_source_without_a_weight_says_nothing_in_the_rows_of_the_ranker() {
    let mut snapshot = snapshot();
    let viewed = [(0, KindIdx::VIEW), (1, KindIdx::VIEW)];
    let query = Query::of(9, Seen::Allow);
    let pairs = ["last_walk_score", "second_slim_rank", "last_cosine", "norm"];
    for (source, spoken) in [(Source::ItemKnnWalk, "last_walk_score"), (Source::Als, "last_cosine")] {
        snapshot.params_mut().weights = Weights::only(source).with(Source::Popularity, 1.0);
        let (weights, mut scratch) = (snapshot.params().weights, Scratch::default());
        let state = state(&viewed, &[]);
        let (question, found) = candidates(&snapshot, &weights, &state, &query, 100, &mut scratch);
        let ranked = by_blend(&found, &weights, 9);
        let matrix = describe(&Shortlist { question: &question, candidates: &found, ranked: &ranked }, &mut scratch);
        let names = features::names(snapshot.statistics(), snapshot.profiles());
        for name in pairs {
            let column = names.iter().position(|known| known == name).expect("a feature");
            let speaks = matrix.column(column).iter().any(|value| !value.is_nan());
            assert_eq!(speaks, name == spoken || name == "norm" && source == Source::Als, "{name} beside {source:?}");
        }
    }
}
