//! A patched version beside the one that it was made of, over a golden artifact.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use shared::contract::api::Seen;
use shared::contract::artifact::Manifest;
use shared::contract::event_log::{CoveredFile, FileId, Place};
use shared::contract::expression::Expression;
use shared::contract::id::{ItemId, ItemIdx};
use shared::contract::item_change::{AVAILABLE, Changes, FieldValue, ItemChange};
use shared::contract::kind::KindIdx;
use shared::contract::params::Weights;
use shared::contract::source::Source;
use shared::engine::recommend::{Query, Scratch, popular, recommend, recommend_with, similar};
use shared::engine::select::{check, select};
use shared::engine::snapshot::Snapshot;
use shared::engine::state::{Interaction, UserState};

fn snapshot() -> Arc<Snapshot> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/format_2");
    Arc::new(Snapshot::load(&folder).expect("loads"))
}

fn place(end: u64) -> Place {
    Place { file: FileId::new(9).expect("not 0"), end }
}

/// What was said of items, each in JSON.
fn changes(said: &[(&str, &str)]) -> Changes {
    let mut changes = Changes::default();
    for (end, (item, set)) in (1..).zip(said) {
        let set = serde_json::from_str(set).expect("fields");
        let item = ItemId::new(*item).expect("an id");
        changes.add(ItemChange { item, set, timestamp_ms: 1, received_ms: 1 }, place(end));
    }
    changes
}

/// The same tables, in a version that covers so much of the log.
fn covering(snapshot: &Snapshot, bytes: u64) -> Arc<Snapshot> {
    let file = CoveredFile { replica: "0".to_owned(), number: 1, id: place(0).file, bytes };
    let manifest = Manifest { covered: vec![file], ..snapshot.manifest().clone() };
    Arc::new(Snapshot::new(manifest, snapshot.tables().clone()).expect("fits"))
}

fn ids(snapshot: &Snapshot, filter: &str) -> Vec<String> {
    let expression = Expression::parse(filter).expect("valid");
    assert_eq!(check(&expression, snapshot), Ok(()), "{filter}");
    let set = select(&expression, snapshot);
    let all = (0..snapshot.items().len()).map(|item| ItemIdx(item as u32));
    let mut ids: Vec<String> =
        all.filter(|item| set.contains(*item)).map(|item| snapshot.items().id(item).to_owned()).collect();
    ids.sort();
    ids
}

#[test]
fn what_is_said_of_an_item_is_there_and_all_else_is_as_it_was() {
    let base = snapshot();
    let (first, second) = (base.items().id(ItemIdx(0)).to_owned(), base.items().id(ItemIdx(1)).to_owned());
    let said = [
        (first.as_str(), r#"{"price":777.5,"category":["zzz","aaa"],"name":"Other","stars":4,"tags":["b","a"]}"#),
        (second.as_str(), r#"{"available":false,"price":null}"#),
    ];
    let patched = base.with_changes(&changes(&said));
    assert_eq!(patched.tables().check(), Ok(()));
    assert_eq!(ids(&patched, "price = 777.5"), [first.as_str()]);
    assert_eq!(ids(&patched, "category = 'zzz' and stars >= 4 and tags = 'a'"), [first.as_str()]);
    assert_eq!(patched.items().name(ItemIdx(0)), Some("Other"));
    assert!(patched.items().price(ItemIdx(1)).is_nan());
    assert!(!patched.items().availability().at(ItemIdx(1), 0));
    let popular_ids = |category: &str| {
        let category = patched.items().category(category);
        popular(&patched, category, None, 50, 0).iter().map(|pick| pick.item).collect::<Vec<_>>()
    };
    assert_eq!(popular_ids("zzz"), [ItemIdx(0)]);
    let categories = |snapshot: &Snapshot, item: u32| {
        let names: Vec<String> = snapshot.items().categories().map(str::to_owned).collect();
        let own = snapshot.items().categories_of(ItemIdx(item)).iter();
        own.map(|category| names[category.0 as usize].clone()).collect::<Vec<_>>()
    };
    let first = |snapshot: &Snapshot, item: ItemIdx| {
        let category = snapshot.items().first_category(item)?;
        snapshot.items().categories().nth(category.0 as usize).map(str::to_owned)
    };
    assert_eq!(categories(&patched, 0), ["aaa", "zzz"]);
    assert_eq!(first(&patched, ItemIdx(0)).as_deref(), Some("zzz"));
    for item in 2..base.items().len() as u32 {
        let item = ItemIdx(item);
        assert_eq!(categories(&patched, item.0), categories(&base, item.0));
        assert_eq!(first(&patched, item), first(&base, item));
        assert_eq!(patched.items().name(item), base.items().name(item));
        assert_eq!(patched.items().price(item).to_bits(), base.items().price(item).to_bits());
    }
}

#[test]
fn what_a_version_covers_is_left_to_it_and_nothing_makes_nothing() {
    let base = snapshot();
    let item = base.items().id(ItemIdx(0)).to_owned();
    let said = changes(&[(&item, r#"{"price":777.5}"#)]);
    assert!(Arc::ptr_eq(&base, &base.with_changes(&Changes::default())));
    let covering = covering(&base, 1);
    assert!(Arc::ptr_eq(&covering, &covering.with_changes(&said)));
}

#[test]
fn an_item_that_comes_back_has_what_was_learnt_of_it() {
    let base = snapshot();
    let top = popular(&base, None, None, 1, 0)[0].item;
    let id = base.items().id(top).to_owned();
    let gone = base.with_changes(&changes(&[(&id, r#"{"available":false}"#)]));
    assert!(popular(&gone, None, None, 500, 0).iter().all(|pick| pick.item != top));
    let back = changes(&[(&id, r#"{"available":false}"#), (&id, r#"{"available":true}"#)]);
    assert_eq!(popular(&base.with_changes(&back), None, None, 1, 0)[0].item, top);
    assert!(back.iter().all(|(_, fields)| fields.contains_key(AVAILABLE)));
}

#[test]
fn a_new_item_is_an_empty_row_in_every_learnt_table_and_can_be_asked_for() {
    let base = snapshot();
    let known = base.items().len();
    let category = base.items().categories().next().expect("a category").to_owned();
    let said = format!(r#"{{"category":["{category}"],"price":3,"name":"Novelty","stars":5}}"#);
    let patched = base.with_changes(&changes(&[("a novelty", &said), ("zz bare", r#"{"stars":1}"#)]));
    assert_eq!(patched.items().len(), known + 2);
    let new = patched.items().index("a novelty").expect("known now");
    assert_eq!((new.at(), patched.items().id(new), patched.items().name(new)), (known, "a novelty", Some("Novelty")));
    assert_eq!(ids(&patched, "stars > 0"), ["a novelty", "zz bare"]);
    assert_eq!(ids(&patched, "events = 0 and stars > 0"), ["a novelty", "zz bare"]);
    assert_eq!(ids(&patched, &format!("category = '{category}' and id = 'a novelty'")), ["a novelty"]);
    let of_category = popular(&patched, patched.items().category(&category), None, 500, 0);
    assert!(of_category.iter().any(|pick| pick.item == new));
    let of_category_before = popular(&base, base.items().category(&category), None, 500, 0);
    assert_eq!(of_category.len(), of_category_before.len() + 1);
    // It may stand in a history, on a page, among what is excluded, and be a candidate.
    let mut scratch = Scratch::default();
    let view = |item| Interaction { item, kind: KindIdx::VIEW, timestamp_ms: 1, event_key: 0 };
    let history = vec![view(new), view(ItemIdx(0)), view(ItemIdx(known as u32 + 1))];
    let state = UserState { history, ..UserState::default() };
    for seen in [Seen::Allow, Seen::ExcludeAll] {
        for context in [vec![], vec![new], vec![ItemIdx(1), new]] {
            let query = Query { context, ..Query::of(known + 2, seen) };
            let slate = recommend(&patched, &state, &query, 10, &mut scratch);
            assert!(slate.picks.iter().all(|pick| pick.score.is_finite()));
        }
    }
    // Somebody who looked at what is like it is led to it.
    let liked = patched.likeness(Source::Content).expect("lists").list(new).0[0];
    let state = UserState { history: vec![view(liked)], ..UserState::default() };
    let only_content = Weights::only(Source::Content);
    let query = Query::of(known + 2, Seen::Allow);
    let slate = recommend_with(&patched, &only_content, &state, &query, 10, &mut scratch);
    let found = slate.picks.iter().find(|pick| pick.item == new).expect("in the slate");
    assert!(found.sources.iter().eq([Source::Content]) && found.because == Some(liked));
    let all = recommend(&patched, &UserState::default(), &Query::of(known + 2, Seen::Allow), 10, &mut scratch);
    assert_eq!(all.picks.len(), known + 2);
    assert!(similar(&patched, new, None, 5, 0, &mut scratch).len() == 5.min(known + 1));
}

#[test]
fn values_of_another_kind_than_the_property_has_are_taken_as_one_or_are_missing() {
    let base = snapshot();
    let ids_of: Vec<String> = (0..3).map(|item| base.items().id(ItemIdx(item)).to_owned()).collect();
    let numbers = changes(&[(&ids_of[0], r#"{"p":1}"#), (&ids_of[1], r#"{"p":2}"#)]);
    // As if the version had learnt it.
    let with_numbers = covering(&base.with_changes(&numbers), 2);
    let mut later = numbers.clone();
    let set = |text: &str| BTreeMap::from([("p".into(), Some(FieldValue::Text(text.into())))]);
    for (end, (id, text)) in (10..).zip([(&ids_of[1], "7"), (&ids_of[2], "seven")]) {
        let item = ItemId::new(id.as_str()).expect("an id");
        later.add(ItemChange { item, set: set(text), timestamp_ms: 2, received_ms: 2 }, place(end));
    }
    let patched = with_numbers.with_changes(&later);
    assert_eq!(patched.tables().check(), Ok(()));
    let mut expected = vec![ids_of[0].clone(), ids_of[1].clone()];
    expected.sort();
    assert_eq!(ids(&patched, "p is not missing"), expected);
    assert_eq!(ids(&patched, "p = 7"), [ids_of[1].as_str()]);
}
