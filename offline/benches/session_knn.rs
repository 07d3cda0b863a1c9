//! `session_knn` alone on real sessions: the retrieval of the best 21 items for every prefix of the test sessions, on one
//! thread. `compare/session_knn_vs_serenade.py` runs it beside Serenade.

use std::hint::black_box;
use std::path::{Path, PathBuf};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use offline::config::Config;
use offline::log::ingest::{Catalogue, Log, ingest};
use offline::log::interactions::sessions;
use offline::sources::session_knn;
use shared::contract::id::ItemIdx;
use shared::contract::params::Weights;
use shared::contract::source::Source;
use shared::engine::dense::Marks;
use shared::engine::history::recent::recent;
use shared::engine::recommend::by_blend;
use shared::engine::retrieve::candidates::{Candidates, Places};
use shared::engine::retrieve::session_knn::{Matches, accumulate};
use shared::engine::state::Interaction;

const WANTED: usize = 21;

fn read(file: PathBuf, config: &Config) -> Log {
    ingest(&[file], Catalogue::default(), &config.ingest, &config.kinds, Path::new("/dev/null"), &|_| ())
        .expect("reads")
}

/// The history before every event of the test sessions but the first, in items that train has.
fn prefixes(train: &Log, test: &Log, gap_ms: i64, max_history: usize) -> Vec<Vec<Interaction>> {
    let item = |item: u32| {
        let id = &test.items.ids[item as usize];
        train.items.ids.binary_search(id).ok().map(|row| ItemIdx(row as u32))
    };
    let mut prefixes = Vec::new();
    for session in sessions(test, gap_ms).items.outer_iterator() {
        let events: Vec<Option<Interaction>> = session
            .data()
            .iter()
            .map(|&own| {
                let kind = shared::contract::kind::KindIdx::VIEW;
                Some(Interaction { item: item(own)?, kind, timestamp_ms: 0, event_key: 0 })
            })
            .collect();
        for end in 1..events.len() {
            let known: Vec<Interaction> = events[..end].iter().flatten().copied().collect();
            prefixes.push(known[known.len().saturating_sub(max_history)..].to_vec());
        }
    }
    prefixes
}

fn retrieval(criterion: &mut Criterion) {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/datasets");
    let folder = std::env::var_os("TANDEM_DATASETS").map_or(beside, PathBuf::from).join("retailrocket");
    if !folder.is_dir() {
        eprintln!("skipped: no sessions at {}; set TANDEM_DATASETS", folder.display());
        return;
    }
    let config = Config::load(None, Some("retailrocket-sessions")).expect("a preset");
    let (gap_ms, params) = (config.ingest.session_gap_minutes * 60_000, config.engine_params());
    let train = read(folder.join("sessions_train.parquet"), &config);
    let test = read(folder.join("sessions_test.parquet"), &config);
    let items = train.items.len();
    let index = session_knn::fit(&sessions(&train, gap_ms), items, &config.sources.session_knn);
    let prefixes = prefixes(&train, &test, gap_ms, params.max_history);
    let (mut own, mut places) = (Marks::default(), Places::default());
    let (mut matches, mut found) = (Matches::default(), Candidates::default());
    let weights = Weights::only(Source::SessionKnn);
    let mut group = criterion.benchmark_group("session_knn_best_21");
    group.sample_size(10).throughput(Throughput::Elements(prefixes.len() as u64));
    group.bench_function("all_prefixes", |bench| {
        bench.iter(|| {
            for history in &prefixes {
                own.reset(items);
                places.reset(items, &[]);
                found.clear();
                let recent = recent(history, &params, 0, &mut own);
                let (mut pool, sums) = found.pool(Source::SessionKnn, &mut places, |_| true);
                accumulate(&index, &params.session_knn, &recent, &mut matches, &mut pool, sums);
                found.close(&weights);
                black_box(by_blend(&found, &weights, WANTED));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, retrieval);
criterion_main!(benches);
