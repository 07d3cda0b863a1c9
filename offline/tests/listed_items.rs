//! What items cost that are listed in the item table and have no events: a row, and no work. Counted in bytes that the
//! batch allocates, of which the sizes of all it works on are a part.
// Counting allocations takes an allocator.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use offline::config::Config;
use offline::fit;
use offline::log::ingest::{Log, ingest, read_catalogue};
use offline::progress::Progress;
use shared::contract::id::ItemIdx;
use shared::contract::source::Source;
use shared::engine::snapshot::Snapshot;

/// The system's allocator, which counts what it is asked for.
struct Counting;

static ALLOCATED: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is handed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: the caller's promise is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const EVENTS: usize = 500;
const LISTED: usize = 50_000;
const SOLD: usize = 40;

/// Writes a log of some users who look at items of one of four shelves, and reads it beside an item table of `listed`
/// more items.
fn log(folder: &Path, listed: usize, config: &Config) -> Log {
    let mut events = "timestamp,visitorid,event,itemid,transactionid\n".to_owned();
    for at in 0..EVENTS {
        let (user, shelf) = (at / 8, at / 8 % 4);
        let item = shelf * (SOLD / 4) + (at * 3 + user / 4) % (SOLD / 4);
        let kind = ["view", "view", "addtocart", "transaction"][at % 4];
        events.push_str(&format!("{},u{user},{kind},sold{item:02},\n", 1_750_000_000_000 + at as u64 * 60_000));
    }
    let (file, table) = (folder.join("events.csv"), folder.join("items.csv"));
    std::fs::write(&file, events).expect("writes");
    let mut items = "itemid\n".to_owned();
    // Before, between and behind those that have events.
    (0..listed).for_each(|at| items.push_str(&format!("{}{at:06}\n", ["a", "sold0", "sold1", "z"][at % 4])));
    std::fs::write(&table, items).expect("writes");
    let rejects = folder.join("rejects.jsonl");
    let catalogue = read_catalogue(&table, &config.items, &config.ingest, &rejects).expect("an item table");
    ingest(&[file], catalogue, &config.ingest, &config.kinds, &rejects, &|_| ()).expect("a log")
}

/// What a function gives, and how many bytes it allocates.
fn counted<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = ALLOCATED.load(Ordering::Relaxed);
    let made = work();
    (made, ALLOCATED.load(Ordering::Relaxed) - before)
}

/// The row of an item in a snapshot.
fn row(snapshot: &Snapshot, log: &Log, item: usize) -> ItemIdx {
    assert_eq!(snapshot.items().len(), log.items.len());
    let id = format!("sold{item:02}");
    ItemIdx(log.items.ids.binary_search_by(|known| (**known).cmp(&id)).expect("an item with events") as u32)
}

#[test]
fn an_item_without_events_costs_a_row_and_changes_nothing_for_those_with_events() {
    // One thread, so that buffers per thread are made once.
    let threads = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    threads.install(|| {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut config = Config::shipped().expect("defaults");
        config.sources.item_knn_user.weighting = offline::sources::item_knn_user::Weighting::TfIdf;
        config.sources.als.regularization_power = 1.0;
        let [few, many] = [0, LISTED].map(|listed| log(folder.path(), listed, &config));
        assert_eq!(many.items.len() - few.items.len(), LISTED);

        let bytes = |source: Source| {
            let [few, many] =
                [&few, &many].map(|log| counted(|| fit::fit_alone(source, log, &config, folder.path())).1);
            many.saturating_sub(few) / LISTED as u64
        };
        // The rows of events per item, the starts of the lists, and the same once more in the file.
        assert!(bytes(Source::Embedding) < 64, "embedding: {} bytes per listed item", bytes(Source::Embedding));
        assert!(bytes(Source::Slim) < 64, "slim: {} bytes per listed item", bytes(Source::Slim));

        let fit = |log: &Log| counted(|| fit::fit_sources(log, &config, &mut Progress::default()).expect("fits"));
        let ((a, few_bytes), (b, many_bytes)) = (fit(&few), fit(&many));
        let all = (many_bytes - few_bytes) / LISTED as u64;
        assert!(all < 2048, "all sources: {all} bytes per listed item");

        same(&a, &few, &b, &many);
    });
}

/// Asserts that two versions say the same of all items with events.
fn same(a: &Snapshot, few: &Log, b: &Snapshot, many: &Log) {
    let (left, right) = (a.tables(), b.tables());
    let pairs: Vec<(ItemIdx, ItemIdx)> = (0..SOLD).map(|item| (row(a, few, item), row(b, many, item))).collect();
    let other = |item: ItemIdx| pairs.iter().find(|(own, _)| *own == item).expect("an item with events").1;
    for &(own, same) in &pairs {
        for &source in Source::NEIGHBOURS.iter().filter(|source| **source != Source::Content) {
            let (mine, theirs) =
                (left.neighbours(source).expect("a table"), right.neighbours(source).expect("a table"));
            let mine: Vec<(ItemIdx, f32)> = mine.of(own).map(|(item, score)| (other(item), score)).collect();
            assert_eq!(mine, theirs.of(same).collect::<Vec<_>>(), "{}", source.as_str());
        }
        assert_eq!(a.als().item(own), b.als().item(same));
        assert_eq!(left.popularity.score(own).to_bits(), right.popularity.score(same).to_bits());
        for ((name, mine), (_, theirs)) in left.statistics.columns().iter().zip(right.statistics.columns()) {
            assert_eq!(mine[own.at()].to_bits(), theirs[same.at()].to_bits(), "{name}");
        }
        assert_eq!(left.sessions.rarity[own.at()], right.sessions.rarity[same.at()]);
        assert_eq!(left.sessions.damping[own.at()], right.sessions.damping[same.at()]);
    }
    assert_eq!((a.als().known(), b.als().known(), a.als().gram.to_vec()), (SOLD, SOLD, b.als().gram.to_vec()));
    let order = |order: &[ItemIdx]| order[..SOLD].to_vec();
    let expected: Vec<ItemIdx> = left.popularity.order(None).iter().map(|&item| other(item)).collect();
    assert_eq!(order(right.popularity.order(None)), expected);
    let expected: Vec<ItemIdx> = left.popularity.trending().iter().map(|&item| other(item)).collect();
    assert_eq!(order(right.popularity.trending()), expected);
    assert_eq!(left.sessions.weights.to_vec(), right.sessions.weights.to_vec());
    assert_eq!(left.sessions.posting_sessions.to_vec(), right.sessions.posting_sessions.to_vec());
    let items: Vec<ItemIdx> = left.sessions.items.iter().map(|&item| other(item)).collect();
    assert_eq!(items, right.sessions.items.to_vec());
}
