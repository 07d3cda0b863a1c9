//! A request through the engine, stage by stage: the users of a published version ask for a slate, on one thread.
//!
//! `TANDEM_VERSION=$PWD/artifacts/<version> cargo bench -p shared --bench request`

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use shared::contract::api::Seen;
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
    let snapshot = Snapshot::load(Path::new(&version)).expect("loads");
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

criterion_group!(benches, requests);
criterion_main!(benches);
