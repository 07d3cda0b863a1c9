//! A list that the shop gives: all of it, in the order in which the engine would recommend its items.

use super::*;
use shared::engine::recommend::{rank, rank_with};
use shared::engine::seen::SeenRule;

fn given(k: usize) -> Query {
    Query { seen: SeenRule::Nothing, ..Query::of(k, Seen::Allow) }
}

fn items(picks: &[Pick]) -> Vec<u32> {
    picks.iter().map(|pick| pick.item.0).collect()
}

/// Items in their order, each once.
fn distinct(items: &[u32]) -> Vec<u32> {
    let mut distinct = Vec::new();
    items.iter().for_each(|item| {
        if !distinct.contains(item) {
            distinct.push(*item);
        }
    });
    distinct
}

fn listed(items: &[u32]) -> Vec<ItemIdx> {
    items.iter().copied().map(ItemIdx).collect()
}

proptest! {
    #[test]
    fn a_list_is_in_the_order_of_the_slate_that_a_filter_leaves_to_it(
        history in prop::collection::vec((0u32..9, 0u8..3), 0..12),
        context in prop::collection::vec(0u32..9, 0..3),
        list in prop::collection::vec(0u32..9, 1..12),
        (per_source, with_ranker) in (9usize..40, any::<bool>()),
    ) {
        let mut snapshot = snapshot();
        // Limits of a slate that cut nothing of nine items either; a fourth of it is the limit of what is popular.
        snapshot.params_mut().per_source = 4 * per_source;
        match &mut snapshot.params_mut().ranker {
            Some(ranker) if with_ranker => ranker.candidates = 9,
            ranker => *ranker = None,
        }
        let history: Vec<(u32, KindIdx)> = history.into_iter().map(|(item, kind)| (item, KindIdx(kind))).collect();
        let list: Vec<u32> = list.into_iter().filter(|item| !context.contains(item)).collect();
        let (state, mut scratch) = (state(&history, &[]), Scratch::default());
        let query = Query { context: listed(&context), ..given(9) };
        let ranked = rank(&snapshot, &state, &query, &listed(&list), 100, &mut scratch);
        // As a filter lists few items: most popular first.
        let order = snapshot.popularity().order(None).iter().copied();
        let set = ItemSet::of_list(&order.filter(|item| list.contains(&item.0)).collect::<Vec<_>>(), 9);
        let restricted = Query { only: Some(Arc::new(set)), ..query };
        let slate = recommend(&snapshot, &state, &restricted, 100, &mut scratch);
        // The slate has what no source proposed at its end, by popularity.
        let proposed: Vec<&Pick> = ranked.picks.iter().filter(|pick| !pick.sources.is_empty()).collect();
        prop_assert_eq!(ranked.candidates, slate.candidates);
        prop_assert_eq!((&ranked.history, ranked.personal), (&slate.history, slate.personal));
        for (own, other) in proposed.iter().zip(&slate.picks) {
            prop_assert_eq!((own.item, own.sources, own.because), (other.item, other.sources, other.because));
        }
        prop_assert!(slate.picks.iter().skip(proposed.len()).all(|pick| pick.score <= 0.0));
    }

    #[test]
    fn a_list_comes_back_whole_each_item_once_and_a_shorter_answer_is_its_beginning(
        history in prop::collection::vec((0u32..9, 0u8..5), 0..12),
        context in prop::collection::vec(0u32..9, 0..3),
        list in prop::collection::vec(0u32..9, 0..12),
        source in 0usize..Source::COUNT,
        with_ranker in any::<bool>(),
    ) {
        let mut snapshot = snapshot();
        if !with_ranker {
            snapshot.params_mut().ranker = None;
        }
        let history: Vec<(u32, KindIdx)> = history.into_iter().map(|(item, kind)| (item, KindIdx(kind))).collect();
        // Blocked items and those of the page are in no slate, but in a list.
        let (state, mut scratch) = (state(&history, &history), Scratch::default());
        let query = |k| Query { context: listed(&context), ..given(k) };
        let whole = rank(&snapshot, &state, &query(12), &listed(&list), 100, &mut scratch).picks;
        let mut sorted = items(&whole);
        sorted.sort_unstable();
        let mut expected = distinct(&list);
        expected.sort_unstable();
        prop_assert_eq!(sorted, expected);
        prop_assert!(whole.iter().all(|pick| pick.score.is_finite()));
        prop_assert!(whole.windows(2).all(|pair| pair[0].score >= pair[1].score));
        for k in 1..12 {
            let shorter = rank(&snapshot, &state, &query(k), &listed(&list), 100, &mut scratch).picks;
            prop_assert_eq!(&shorter[..], &whole[..k.min(whole.len())]);
        }
        // Alone, a source orders what it proposes; the others stay in the order of the list.
        let only = Weights::only(Source::ALL[source]);
        let alone = rank_with(&snapshot, &only, &state, &query(12), &listed(&list), 100, &mut scratch).picks;
        let others: Vec<u32> =
            items(&alone.iter().copied().filter(|pick| pick.sources.is_empty()).collect::<Vec<_>>());
        prop_assert!(items(&alone).ends_with(&others));
        let in_order: Vec<u32> = distinct(&list).into_iter().filter(|item| others.contains(item)).collect();
        prop_assert_eq!(others, in_order);
    }
}

#[test]
fn a_list_loses_what_the_seen_policy_of_the_query_rules_out_and_nothing_that_is_not_available() {
    let base = snapshot();
    let mut tables = base.tables().clone();
    tables.items.available_from = vec![i64::MAX; 9].into();
    tables.items.available_until = vec![i64::MAX; 9].into();
    let snapshot = Snapshot::new(base.manifest().clone(), tables).expect("consistent");
    let (bought, blocked) = ((1, KindIdx(2)), (2, KindIdx(4)));
    let state = state(&[(0, KindIdx::VIEW), bought], &[blocked]);
    let left = |seen| {
        let query = Query { seen, ..given(9) };
        let mut left =
            items(&rank(&snapshot, &state, &query, &listed(&[3, 2, 1, 0]), 100, &mut Scratch::default()).picks);
        left.sort_unstable();
        left
    };
    assert_eq!(left(SeenRule::Nothing), [0, 1, 2, 3]);
    assert_eq!(left(SeenRule::Word(Seen::Allow)), [0, 1, 3]);
    assert_eq!(left(SeenRule::Word(Seen::ExcludePurchased)), [0, 3]);
    assert_eq!(left(SeenRule::Word(Seen::ExcludeAll)), [3]);
}

#[test]
fn nobody_known_has_a_list_by_popularity() {
    let snapshot = snapshot();
    let list: Vec<ItemIdx> = (0..9).map(ItemIdx).collect();
    let slate = rank(&snapshot, &UserState::default(), &given(9), &list, 9, &mut Scratch::default());
    assert_eq!(slate.personal, Personal::No);
    assert_eq!(items(&slate.picks), snapshot.popularity().order(None).iter().map(|item| item.0).collect::<Vec<_>>());
}
