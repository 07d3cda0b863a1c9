//! Baskets: what is bought with them comes first, and none of it is what is in them.

use super::*;
use shared::engine::recommend::{Placed, together};
use shared::engine::topk::Scored;
use shared::tables::Neighbours;

/// The golden version, which has no such table, with one: by item what it is bought with.
fn with_table(lists: &[Vec<(u32, f32)>]) -> Snapshot {
    let base = snapshot();
    let mut tables = base.tables().clone();
    let list =
        |list: &Vec<(u32, f32)>| list.iter().map(|&(item, score)| Scored { item: ItemIdx(item), score }).collect();
    tables.together = lists.iter().map(list).collect::<Neighbours>();
    Snapshot::new(base.manifest().clone(), tables).expect("consistent")
}

fn basket(items: &[u32], k: usize) -> Query {
    Query { basket: items.iter().copied().map(ItemIdx).collect(), ..Query::of(k, Seen::Allow) }
}

proptest! {
    #[test]
    fn complements_are_first_by_their_sums_and_the_rest_is_the_slate_that_goes_on_from_the_basket(
        lists in prop::collection::vec(prop::collection::vec((0u32..9, 1u32..50), 0..6), 9),
        own in prop::collection::vec(0u32..9, 0..5),
        history in prop::collection::vec((0u32..9, 0u8..3), 0..6),
        (page, k) in (prop::option::of(0u32..9), 1usize..12),
    ) {
        let mut lists: Vec<Vec<(u32, f32)>> =
            lists.into_iter().map(|list| list.into_iter().map(|(item, score)| (item, score as f32)).collect()).collect();
        for (item, list) in lists.iter_mut().enumerate() {
            list.sort_by_key(|(item, _)| *item);
            list.dedup_by_key(|(item, _)| *item);
            list.retain(|(other, _)| *other as usize != item);
        }
        let snapshot = with_table(&lists);
        let history: Vec<(u32, KindIdx)> = history.into_iter().map(|(item, kind)| (item, KindIdx(kind))).collect();
        let (state, mut scratch) = (state(&history, &[]), Scratch::default());
        let query = Query { context: page.map(ItemIdx).into_iter().collect(), ..basket(&own, k) };
        let slate = recommend(&snapshot, &state, &query, 100, &mut scratch);
        let mut sums = [0.0f32; 9];
        let mut distinct = own.clone();
        distinct.sort_unstable();
        distinct.dedup();
        distinct.iter().flat_map(|&item| &lists[item as usize]).for_each(|&(item, score)| sums[item as usize] += score);
        let is_refused = |item: u32| own.contains(&item) || page == Some(item);
        let mut first: Vec<u32> = (0..9).filter(|&item| sums[item as usize] > 0.0 && !is_refused(item)).collect();
        first.sort_by(|&a, &b| sums[b as usize].total_cmp(&sums[a as usize]).then(a.cmp(&b)));
        // Without the table, the basket is a context.
        let context = own.iter().copied().chain(page).map(ItemIdx).collect();
        let plain = Query { context, ..Query::of(12, Seen::Allow) };
        let rest = recommend(&snapshot, &state, &plain, 100, &mut scratch).picks;
        let count = first.len().min(k);
        let rest = rest.iter().map(|pick| pick.item.0).filter(|item| !first.contains(item));
        let expected: Vec<u32> = first.iter().copied().chain(rest).take(k).collect();
        prop_assert_eq!(slate.picks.iter().map(|pick| pick.item.0).collect::<Vec<_>>(), expected);
        for (place, pick) in slate.picks.iter().enumerate() {
            prop_assert_eq!(pick.placed == Placed::Together, place < count);
            if place < count {
                let from = pick.because.expect("an item of the basket").0;
                prop_assert!(own.contains(&from) && lists[from as usize].iter().any(|(item, _)| *item == pick.item.0));
            }
        }
        prop_assert!(slate.picks.windows(2).all(|pair| pair[0].score >= pair[1].score));
    }
}

#[test]
fn a_version_without_the_table_goes_on_from_the_basket_as_from_pages() {
    let (snapshot, mut scratch) = (snapshot(), Scratch::default());
    let (nobody, pages) = (UserState::default(), vec![ItemIdx(3), ItemIdx(5)]);
    let by_basket = recommend(&snapshot, &nobody, &basket(&[3, 5], 9), 9, &mut scratch);
    let by_pages =
        recommend(&snapshot, &nobody, &Query { context: pages, ..Query::of(9, Seen::Allow) }, 9, &mut scratch);
    assert_eq!((by_basket.picks, by_basket.history), (by_pages.picks, by_pages.history));
    let near = similar(&snapshot, ItemIdx(3), None, 5, 9, &mut scratch);
    assert_eq!(together(&snapshot, ItemIdx(3), None, 5, 9, &mut scratch), near);
}
