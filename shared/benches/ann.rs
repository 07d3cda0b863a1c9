//! Ways to find the 100 items whose factors have the largest inner products with a user's: seconds to build and to load,
//! memory, recall, and queries per second of one thread.
//!
//! `TANDEM_VERSION=$PWD/artifacts/<version> cargo bench -p shared --bench ann [-- ITEMS]`
//!
//! Items are those of the version, or ITEMS made of them by scaling and jitter; queries are its users, folded in.
//! `TANDEM_ANN_OUT=<folder>` keeps factors, queries and the exact answers, for `offline/compare/ann.py`.

use std::fmt::Display;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use shared::contract::id::ItemIdx;
use shared::engine::ann::graph::{GraphIndex, build_graph};
use shared::engine::ann::nearest_exact;
use shared::engine::ann::scan::Scan;
use shared::engine::factors::dot;
use shared::engine::packed::unpack_user;
use shared::engine::retrieve::als::FoldIn;
use shared::engine::snapshot::Snapshot;
use shared::engine::state::{LiveHistory, UserState};

/// How many items are asked for.
const WANTED: usize = 100;
/// How many users ask.
const USERS: usize = 500;
/// The widths of a search in the graph that are tried for a recall.
const WIDTHS: [usize; 7] = [100, 200, 400, 800, 1600, 3200, 6400];
/// The recalls that are looked for.
const RECALLS: [f64; 2] = [0.95, 0.99];

fn main() {
    let Some(version) = std::env::var_os("TANDEM_VERSION") else {
        eprintln!("skipped: needs TANDEM_VERSION, the folder of a published version");
        return;
    };
    let snapshot = Snapshot::load(Path::new(&version)).expect("loads");
    let factors = snapshot.als().factors;
    let real: &[f32] = &snapshot.als().item_factors;
    let wanted = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let made = wanted.map(|items| made(real, factors, items));
    let items = made.as_deref().unwrap_or(real);
    let queries = users(&snapshot);
    let count = items.len() / factors;
    println!("{count} items × {factors} factors, the best {WANTED}, {} queries", queries.len());
    println!("| | build s | load s | MiB | recall | queries/s |\n|---|---|---|---|---|---|");

    let exact = |query: &[f32]| nearest_exact(items, query, WANTED, |_| true).iter().map(|near| near.item).collect();
    let truth: Vec<Vec<ItemIdx>> = queries.iter().map(|query| exact(query)).collect();
    let row = |name: &dyn Display, cost: [f64; 3], search: &dyn Fn(&[f32]) -> Vec<ItemIdx>| {
        let (recall, rate) = measure(&queries, &truth, search);
        println!("| {name} | {:.2} | {:.2} | {:.1} | {recall:.4} | {rate:.0} |", cost[0], cost[1], cost[2]);
        recall
    };
    row(&"exact, 32 bits", [0.0, 0.0, mib(4 * items.len())], &exact);

    let start = Instant::now();
    let before = resident();
    let scan = Scan::new(items, factors);
    let cost = [start.elapsed().as_secs_f64(), start.elapsed().as_secs_f64(), resident() - before];
    row(&"scan, 7 bits", cost, &|query| {
        scan.nearest(items, query, WANTED, |_| true).iter().map(|near| near.item).collect()
    });

    let folder = tempfile::tempdir().expect("temporary folder");
    let start = Instant::now();
    build_graph(items, factors, folder.path()).expect("builds");
    let built = start.elapsed().as_secs_f64();
    let (start, before) = (Instant::now(), resident());
    let graph = GraphIndex::load(folder.path()).expect("loads");
    let cost = [built, start.elapsed().as_secs_f64(), resident() - before];
    let mut aims = RECALLS.into_iter().peekable();
    for ef in WIDTHS {
        let Some(&aim) = aims.peek() else { break };
        let recall = row(&format!("hnsw_rs, ef {ef}"), cost, &|query| graph.nearest(query, WANTED, ef));
        while recall >= aim && aims.next_if_eq(&aim).is_some() {}
        if recall < aim && ef == WIDTHS[WIDTHS.len() - 1] {
            println!("no width reaches a recall of {aim}");
        }
    }
    if let Some(out) = std::env::var_os("TANDEM_ANN_OUT") {
        keep(Path::new(&out), items, &queries, &truth);
    }
}

/// The share of the nearest items that a search finds, and queries per second.
fn measure(queries: &[Vec<f32>], truth: &[Vec<ItemIdx>], search: &dyn Fn(&[f32]) -> Vec<ItemIdx>) -> (f64, f64) {
    let start = Instant::now();
    let found: Vec<Vec<ItemIdx>> = queries.iter().map(|query| black_box(search(query))).collect();
    let rate = queries.len() as f64 / start.elapsed().as_secs_f64();
    let hits =
        |(truth, found): (&Vec<ItemIdx>, &Vec<ItemIdx>)| truth.iter().filter(|item| found.contains(item)).count();
    let all: usize = truth.iter().map(Vec::len).sum();
    (truth.iter().zip(&found).map(hits).sum::<usize>() as f64 / all as f64, rate)
}

/// The factors of users that are spread over all.
fn users(snapshot: &Snapshot) -> Vec<Vec<f32>> {
    let every = (snapshot.users().len() / USERS).max(1);
    let fold = |(_, record): (&str, &[u8])| {
        let state = UserState::join(snapshot, unpack_user(record).expect("a record"), &LiveHistory::default());
        let mut fold_in = FoldIn::default();
        fold_in.fold(snapshot.als(), snapshot.params(), &state.history).then(|| fold_in.user().to_vec())
    };
    snapshot.users().iter().step_by(every).filter_map(fold).collect()
}

/// Items made of others: each in turn, scaled by .8 to 1.2, with a jitter of a third of its length.
fn made(real: &[f32], factors: usize, items: usize) -> Vec<f32> {
    let mut state = 7u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    let rows = real.chunks_exact(factors).cycle().take(items);
    let scatter = (12.0 / factors as f32).sqrt() / 3.0;
    rows.flat_map(|row| {
        let (scale, jitter) = (1.0 + 0.4 * next(), scatter * dot(row, row).sqrt());
        row.iter().map(|value| value * scale + jitter * next()).collect::<Vec<f32>>()
    })
    .collect()
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// The memory of this process, MiB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = status.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    mib(4096 * pages)
}

/// Writes what another library needs to be measured on the same.
fn keep(out: &Path, items: &[f32], queries: &[Vec<f32>], truth: &[Vec<ItemIdx>]) {
    let bytes = |values: &mut dyn Iterator<Item = [u8; 4]>| values.flatten().collect::<Vec<u8>>();
    std::fs::create_dir_all(out).expect("a folder");
    let write = |name: &str, bytes: Vec<u8>| std::fs::write(out.join(name), bytes).expect("writes");
    write("items.f32", bytes(&mut items.iter().map(|value| value.to_le_bytes())));
    write("queries.f32", bytes(&mut queries.iter().flatten().map(|value| value.to_le_bytes())));
    write("truth.u32", bytes(&mut truth.iter().flatten().map(|item| item.0.to_le_bytes())));
}
