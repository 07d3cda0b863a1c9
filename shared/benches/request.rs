//! A request through the engine, stage by stage: the users of a published version ask for a slate, on one thread. And what
//! it takes to say something of items: a snapshot with changes of a field of some items, and with new ones.
//!
//! `TANDEM_VERSION=$PWD/artifacts/<version> cargo bench -p shared --bench request`

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use shared::contract::api::Seen;
use shared::contract::event_log::{FileId, Place};
use shared::contract::id::{ItemId, ItemIdx};
use shared::contract::item_change::{Changes, FieldValue, ItemChange};
use shared::engine::item_set::ItemSet;
use shared::engine::packed::unpack_user;
use shared::engine::recommend::{Query, Scratch, by_blend, candidates, recommend};
use shared::engine::rerank::explore;
use shared::engine::rules::{Boost, Cap, Explore, Rules};
use shared::engine::snapshot::Snapshot;
use shared::engine::stages::Stage;
use shared::engine::state::{LiveHistory, UserState};

/// The length of a slate.
const K: usize = 20;
/// How many users ask.
const USERS: usize = 2_000;

/// The states of users that are spread over all, each at the time of the last event.
fn states(snapshot: &Snapshot) -> Vec<(UserState, i64)> {
    let every = (snapshot.users().len() / USERS).max(1);
    let records = snapshot.users().iter().step_by(every);
    let state = |(_, record): (&str, &[u8])| {
        let record = unpack_user(record).expect("a record");
        UserState::join(snapshot, record, &LiveHistory::default())
    };
    let states = records.map(state).filter(|state| !state.history.is_empty());
    states
        .map(|state| (state.history[state.history.len() - 1].timestamp_ms, state))
        .map(|(at, state)| (state, at))
        .collect()
}

/// Rules of every kind that looks at all ranked items: half of the catalogue is boosted, and a tenth of the slate new.
fn rules(snapshot: &Snapshot) -> Rules {
    let half = Arc::new(ItemSet::new(snapshot.items().len(), |item| item.0 % 2 == 0));
    Rules {
        boosts: vec![Boost { items: half, factor: 1.5, add: 0.0, during: i64::MIN..i64::MAX }],
        caps: vec![Cap { property: "category".into(), most: 4 }],
        explore: Some(Explore { share: 0.1, items: explore::new_items(snapshot, 10).into() }),
        ..Rules::default()
    }
}

fn requests(criterion: &mut Criterion) {
    let Some(version) = std::env::var_os("TANDEM_VERSION") else {
        eprintln!("skipped: needs TANDEM_VERSION, the folder of a published version");
        return;
    };
    let snapshot = Arc::new(Snapshot::load(Path::new(&version)).expect("loads"));
    let states = states(&snapshot);
    let weights = &snapshot.params().weights;
    let (query, mut scratch) = (Query::of(K, Seen::Allow), Scratch::default());
    let mut spent = [Duration::ZERO; Stage::COUNT];
    const ROUNDS: usize = 3;
    for (state, now_ms) in (0..=ROUNDS).flat_map(|_| &states) {
        scratch.stopwatch.start();
        black_box(recommend(&snapshot, state, &query, *now_ms, &mut scratch));
        let stages = scratch.stopwatch.stop().expect("it ran");
        spent.iter_mut().zip(stages).for_each(|(sum, stage)| *sum += stage);
    }
    let count = |(state, now_ms): &(UserState, i64)| {
        candidates(&snapshot, weights, state, &query, *now_ms, &mut Scratch::default()).1.count()
    };
    let found: usize = states.iter().take(200).map(count).sum();
    let events: usize = states.iter().take(200).map(|(state, _)| state.history.len()).sum();
    println!("a request has {} events and {} candidates", events / 200, found / 200);
    let requests = (ROUNDS + 1) * states.len();
    println!("microseconds by stage, mean of {requests} requests of {} users:", states.len());
    for (&(_, name), spent) in Stage::ALL.iter().zip(spent) {
        println!("  {name:<10} {:8.2}", spent.as_secs_f64() * 1e6 / requests as f64);
    }
    let mut group = criterion.benchmark_group("request");
    group.sample_size(10).throughput(Throughput::Elements(states.len() as u64));
    group.bench_function("whole", |bench| {
        bench.iter(|| {
            for (state, now_ms) in &states {
                black_box(recommend(&snapshot, state, &query, *now_ms, &mut scratch));
            }
        });
    });
    let ruled = Query { rules: Some(Arc::new(rules(&snapshot))), ..query.clone() };
    group.bench_function("ruled", |bench| {
        bench.iter(|| {
            for (state, now_ms) in &states {
                black_box(recommend(&snapshot, state, &ruled, *now_ms, &mut scratch));
            }
        });
    });
    let changed = snapshot.with_changes(&changes(&snapshot, "price", CHANGED, CHANGED));
    group.bench_function("whole_changed", |bench| {
        bench.iter(|| {
            for (state, now_ms) in &states {
                black_box(recommend(&changed, state, &query, *now_ms, &mut scratch));
            }
        });
    });
    group.bench_function("candidates", |bench| {
        bench.iter(|| {
            for (state, now_ms) in &states {
                let (_, found) = candidates(&snapshot, weights, state, &query, *now_ms, &mut scratch);
                black_box(by_blend(&found, weights, K));
            }
        });
    });
    group.finish();
}

/// A field of some known items and of some new ones.
fn changes(snapshot: &Snapshot, field: &str, known: usize, new: usize) -> Changes {
    let items = snapshot.items();
    let every = (items.len() / known.max(1)).max(1);
    let known = (0..items.len()).step_by(every).take(known).map(|item| items.id(ItemIdx(item as u32)).to_owned());
    let new = (0..new).map(|item| format!("new {item}"));
    let category = items.categories().next().unwrap_or("category").to_owned();
    let mut changes = Changes::default();
    for (at, id) in (1..).zip(known.chain(new)) {
        let value = match field {
            "category" | "colour" => FieldValue::Texts(vec![category.as_str().into()]),
            "name" => FieldValue::Text(id.as_str().into()),
            "available" => FieldValue::Flag(at % 2 == 0),
            _ => FieldValue::Number(at as f64),
        };
        let set = [("category".into(), Some(FieldValue::Texts(vec![category.as_str().into()])))];
        let mut set: std::collections::BTreeMap<_, _> = set.into_iter().filter(|_| id.starts_with("new ")).collect();
        set.insert(field.into(), Some(value));
        let item = ItemId::new(id).expect("an id");
        let place = Place { file: FileId::new(1).expect("not 0"), end: at };
        changes.add(ItemChange { item, set, timestamp_ms: 1, received_ms: 1 }, place);
    }
    changes
}

/// How many items are changed, and how many are new, where many are.
const CHANGED: usize = 1000;

fn patches(criterion: &mut Criterion) {
    let Some(version) = std::env::var_os("TANDEM_VERSION") else { return };
    let snapshot = Arc::new(Snapshot::load(Path::new(&version)).expect("loads"));
    let mut group = criterion.benchmark_group(format!("patch/{}_items", snapshot.items().len()));
    group.sample_size(10);
    for (field, known, new) in [
        ("price", 1, 0),
        ("price", CHANGED, 0),
        ("available", 1, 0),
        ("name", 1, 0),
        ("category", 1, 0),
        ("colour", 1, 0),
        ("price", 0, 1),
        ("price", CHANGED, CHANGED),
    ] {
        let changes = changes(&snapshot, field, known, new);
        group.bench_function(format!("{field}_of_{known}_and_{new}_new"), |bench| {
            bench.iter(|| black_box(snapshot.with_changes(&changes)));
        });
    }
    group.finish();
}

criterion_group!(benches, requests, patches);
criterion_main!(benches);
