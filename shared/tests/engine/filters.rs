//! Filters: the items that an expression holds for, and slates of these alone.

use super::*;

#[test]
fn an_expression_holds_for_the_items_whose_properties_fit() {
    let snapshot = with_properties();
    let ids = |text: &str| {
        let set = selected(&snapshot, text);
        let all = (0..9).map(ItemIdx).filter(|&item| set.contains(item));
        all.map(|item| snapshot.items().id(item)).collect::<Vec<_>>().join(" ")
    };
    for (text, items) in [
        ("brand = 'Acme'", "apple knot pear plum"),
        ("brand != 'Acme'", "hook new pen"),
        ("not brand = 'Acme'", "hook ink new pen rope"),
        ("brand is missing", "ink rope"),
        ("brand = 42 or brand in (\"Bo\", \"?\")", "hook new pen"),
        ("tags = 'red'", "apple pen"),
        ("tags != 'red'", "hook new pear plum"),
        ("tags in ('red', 'green') and not fragile", "apple pen"),
        ("rating >= 4.5", "apple knot plum"),
        ("rating < 3", "new rope"),
        ("rating = '4.50' or rating in (2, 5)", "apple knot plum rope"),
        ("rating is not missing and rating != 3", "apple knot new pear plum rope"),
        ("fragile", "hook pear"),
        ("fragile = false and rating", "apple knot pen plum rope"),
        ("category = 'fruit'", "apple pear plum"),
        ("category = 'fruit' and price > 1 and price <= 3", "pear"),
        ("id in ('rope', 'nothing')", "rope"),
        ("available and events = 0", "new"),
        ("not available", ""),
    ] {
        assert_eq!(ids(text), items, "{text}");
    }
}

#[test]
fn what_a_version_does_not_know_is_named_and_missing_for_all_items() {
    let snapshot = with_properties();
    let unfit = |text: &str| {
        let expression = Expression::parse(text).expect(text);
        let items = select(&expression, &snapshot).len();
        (check(&expression, &snapshot).expect_err(text).to_string(), items)
    };
    assert_eq!(unfit("colour = 'red'"), ("the served model has no property `colour`".to_owned(), 0));
    assert_eq!(unfit("not colour = 'red'").1, 9);
    assert_eq!(unfit("colour is missing").1, 9);
    for (text, said) in [
        ("brand < 'B'", "`brand < \"B\"`: `brand` has texts; compare it by =, != or in"),
        ("rating = 'good'", "`rating = \"good\"`: `rating` is a number; compare it with one"),
        ("tags", "`tags`: `tags` has texts; compare it by =, != or in"),
        ("fragile > 1", "`fragile > 1.0`: `fragile` is yes or no; compare it with true or false, or write it alone"),
    ] {
        assert_eq!(unfit(text), (said.to_owned(), 0), "{text}");
    }
}

proptest! {
    #[test]
    fn a_filtered_slate_is_the_whole_one_without_the_others_and_full_whenever_it_can_be(
        history in prop::collection::vec((0u32..9, 0u8..3), 0..12),
        mask in 0u32..512,
        (per_source, ranked) in (1usize..6, 1usize..6),
        k in 1usize..12,
        context in prop::option::of(0u32..9),
    ) {
        let mut snapshot = snapshot();
        let history: Vec<(u32, KindIdx)> = history.into_iter().map(|(item, kind)| (item, KindIdx(kind))).collect();
        let (state, mut scratch) = (state(&history, &[]), Scratch::default());
        let set = ItemSet::new(9, |item| mask >> item.0 & 1 == 1).listed(snapshot.popularity().order(None));
        let only = Some(Arc::new(set.clone()));
        let whole = Query { context: context.iter().copied().map(ItemIdx).collect(), ..Query::of(9, Seen::Allow) };
        let filtered = Query { only, ..whole.clone() };
        let items = |picks: &[Pick]| picks.iter().map(|pick| pick.item).collect::<Vec<_>>();
        let admitted = |picks: &[Pick]| -> Vec<ItemIdx> {
            items(picks).into_iter().filter(|&item| set.contains(item)).collect()
        };
        // Every source finds all it can, and a blend is of the scores of one. Within a filter popular items take the place of
        // trends, and what `als` searches by more bits than it scores may change places.
        for source in Source::ALL.into_iter().filter(|source| !matches!(source, Source::Trending | Source::Als)) {
            let mut slate = |query: &Query| {
                recommend_with(&snapshot, &Weights::only(source), &state, query, 100, &mut scratch).picks
            };
            prop_assert_eq!(items(&slate(&filtered)), admitted(&slate(&whole)), "{:?}", source);
        }
        snapshot.params_mut().per_source = per_source;
        if let Some(ranker) = &mut snapshot.params_mut().ranker {
            ranker.candidates = ranked;
        }
        let mut slate = |k: usize| recommend(&snapshot, &state, &Query { k, ..filtered.clone() }, 100, &mut scratch).picks;
        let (longest, shorter) = (slate(12), slate(k));
        let mut found = items(&longest);
        prop_assert_eq!(&shorter[..], &longest[..k.min(longest.len())]);
        found.sort_unstable();
        let expected: Vec<ItemIdx> =
            (0..9).map(ItemIdx).filter(|&item| set.contains(item) && Some(item.0) != context).collect();
        prop_assert_eq!(found, expected);
    }
}
