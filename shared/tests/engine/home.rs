//! The rows of a front page, and properties as the recommended thing.

use shared::engine::home::{About, ENOUGH, Kind, Row, Shelf, home};
use shared::engine::segments::{SHELF, segments};
use shared::engine::values::Values;

use super::*;

const ALL: [Kind; 6] = [Kind::ForYou, Kind::Because, Kind::PopularIn, Kind::Trending, Kind::New, Kind::Again];

fn row(kind: Kind, k: usize, seen: Seen) -> Row {
    Row { kind, query: Query::of(k, seen) }
}

fn page(snapshot: &Snapshot, history: &[u32], rows: &[Row]) -> Vec<Shelf> {
    let history: Vec<(u32, KindIdx)> = history.iter().map(|&item| (item, KindIdx::VIEW)).collect();
    home(snapshot, &state(&history, &[]), rows, 100, &mut Scratch::default())
}

proptest! {
    #[test]
    fn no_item_stands_in_two_rows_and_none_is_about_what_another_is(
        history in prop::collection::vec(0u32..9, 0..8),
        kinds in prop::collection::vec((0usize..ALL.len(), 1usize..4), 1..8),
        exclude_all in any::<bool>(),
    ) {
        let snapshot = snapshot();
        let seen = if exclude_all { Seen::ExcludeAll } else { Seen::Allow };
        let rows: Vec<Row> = kinds.iter().map(|&(kind, k)| row(ALL[kind], k, seen)).collect();
        let shelves = page(&snapshot, &history, &rows);
        let mut shown: Vec<ItemIdx> = Vec::new();
        let mut about: Vec<About> = Vec::new();
        for Shelf { row, about: of, picks } in &shelves {
            let (kind, k) = (rows[*row].kind, rows[*row].query.k);
            prop_assert!(picks.len() <= k && picks.len() >= k.min(ENOUGH), "{:?}: {}", kind, picks.len());
            prop_assert!(picks.iter().all(|pick| !shown.contains(&pick.item)));
            shown.extend(picks.iter().map(|pick| pick.item));
            prop_assert!(of.is_none_or(|of| !about.contains(&of)));
            about.extend(of);
            match (kind, of) {
                (Kind::Because, Some(About::Item(item))) => {
                    prop_assert!(history.contains(&item.0));
                    prop_assert!(picks.iter().all(|pick| pick.because == Some(*item)));
                }
                (Kind::PopularIn, Some(About::Category(of))) => {
                    prop_assert!(picks.iter().all(|pick| snapshot.items().is_of(pick.item, *of)));
                }
                (Kind::Because, _) => prop_assert!(false, "because of nothing"),
                (_, of) => prop_assert!(of.is_none()),
            }
            let own = |pick: &Pick| history.contains(&pick.item.0);
            match kind {
                Kind::Again => prop_assert!(picks.iter().all(own)),
                _ => prop_assert!(!exclude_all || !picks.iter().any(own), "{:?}", kind),
            }
        }
        prop_assert!(shelves.windows(2).all(|pair| pair[0].row < pair[1].row));
    }
}

#[test]
fn a_user_with_a_past_gets_the_rows_that_it_fills() {
    let snapshot = snapshot();
    let rows = [Kind::Because, Kind::PopularIn, Kind::ForYou].map(|kind| row(kind, 1, Seen::Allow));
    let kinds =
        |history: &[u32]| page(&snapshot, history, &rows).iter().map(|shelf| rows[shelf.row].kind).collect::<Vec<_>>();
    assert_eq!(kinds(&[0, 1]), [Kind::Because, Kind::PopularIn, Kind::ForYou]);
    // Nothing is known of a stranger to be about.
    assert_eq!(kinds(&[]), [Kind::PopularIn, Kind::ForYou]);
}

#[test]
fn a_row_has_only_what_its_filter_leaves() {
    let snapshot = snapshot();
    let only = Some(Arc::new(ItemSet::new(9, |item| item.0 % 2 == 0)));
    for kind in ALL {
        let query = Query { only: only.clone(), ..Query::of(3, Seen::Allow) };
        let rows = [Row { kind, query }];
        for shelf in page(&snapshot, &[0, 1, 2, 3, 4], &rows) {
            assert!(shelf.picks.iter().all(|pick| pick.item.0 % 2 == 0), "{kind:?}");
        }
    }
}

#[test]
fn a_segment_has_the_score_of_its_best_items_whatever_their_number() {
    let snapshot = snapshot();
    let values = Values::new("category", &snapshot).expect("built in");
    let slate = recommend(
        &snapshot,
        &state(&[(0, KindIdx::VIEW)], &[]),
        &Query::of(9, Seen::Allow),
        100,
        &mut Scratch::default(),
    );
    let found = segments(values, &slate.picks, 9);
    assert!(!found.is_empty() && found.windows(2).all(|pair| pair[0].score >= pair[1].score));
    for segment in &found {
        let picks: Vec<&Pick> = segment.places.iter().map(|&place| &slate.picks[place as usize]).collect();
        let of = |pick: &Pick| snapshot.items().first_category(pick.item).map(|of| snapshot.items().category_name(of));
        assert!(picks.iter().all(|pick| of(pick) == Some(&*values.name(segment.value))));
        assert_eq!(segment.score, picks.iter().take(SHELF).map(|pick| pick.score).sum::<f32>());
        let all = slate.picks.iter().filter(|pick| of(pick) == Some(&*values.name(segment.value))).count();
        assert_eq!(picks.len(), all);
    }
    assert_eq!(segments(values, &slate.picks, 1)[0], found[0]);
    assert!(Values::new("nothing", &snapshot).is_none());
}
