//! A shop of twelve items, published as an artifact: small enough to know every answer by heart.
//!
//! Items `i00` to `i11`, each next to the two that follow it; even ones are of the category `even`. Popularity falls
//! with the number. One user, `known`, bought `i03` and has `i09` as cached candidate.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use shared::artifact::Manifest;
use shared::artifact::manifest::{FORMAT_VERSION, write_champion};
use shared::artifact::strings::StringColumn;
use shared::artifact::tables::TableWriter;
use shared::event::EventKind;
use shared::event_log::CoveredFile;
use shared::id::ItemIdx;
use shared::keys::pack_user;
use shared::params::Relation;
use shared::params::{AlsParams, EngineParams, SessionKnnParams, SessionRule, Weights};
use shared::schema::Statistic;
use shared::snapshot::{ALS, ITEMS, POPULARITY, REPEAT, SESSION_KNN, STATISTICS, USERS};
use shared::state::{BatchUser, Interaction, SeenItem};
use shared::topk::Scored;

/// How many items there are.
pub const ITEM_COUNT: u32 = 12;

/// Writes a version; `artifacts/<version>` must not be there.
pub fn write(artifacts: &Path, version: &str) {
    write_covering(artifacts, version, Vec::new());
}

/// Writes a version that covers what these files of the event log have up to a place.
pub fn write_covering(artifacts: &Path, version: &str, covered: Vec<CoveredFile>) {
    let folder = artifacts.join(version);
    fs::create_dir_all(&folder).expect("a folder");
    write_items(&folder);
    write_popularity(&folder);
    Relation::ALL.into_iter().for_each(|relation| write_neighbours(&folder, &relation.file()));
    write_past_sessions(&folder);
    write_statistics(&folder);
    write_repeat(&folder);
    let (gram, factors) = ([1.0f32, 0.0, 0.0, 1.0], vec![0.0f32; 2 * ITEM_COUNT as usize]);
    TableWriter::default().rows("item_factors", &factors, 2).rows("gram", &gram, 2).write(&folder, ALS).expect("als");
    write_users(&folder);
    manifest(version, covered).seal(&folder).expect("sealed");
}

/// Writes a version and makes it the champion.
pub fn publish(artifacts: &Path, version: &str) {
    write(artifacts, version);
    write_champion(artifacts, version).expect("pointer");
}

fn write_items(folder: &Path) {
    let ids: StringColumn = (0..ITEM_COUNT).map(|item| format!("i{item:02}")).collect();
    let names: StringColumn = (0..ITEM_COUNT).map(|item| format!("Item {item}")).collect();
    let category: Vec<u32> = (0..ITEM_COUNT).map(|item| item % 2).collect();
    let prices: Vec<f32> = (0..ITEM_COUNT).map(|item| item as f32).collect();
    let categories: StringColumn = ["even", "odd"].into_iter().collect();
    let table = categories.add_to(names.add_to(ids.add_to(TableWriter::default(), "id"), "name"), "category_name");
    table.column("category", &category).column("price", &prices).write(folder, ITEMS).expect("items");
}

fn write_popularity(folder: &Path) {
    let scores: Vec<f32> = (0..ITEM_COUNT).map(|item| (ITEM_COUNT - item) as f32).collect();
    let order: Vec<ItemIdx> = (0..ITEM_COUNT).map(ItemIdx).collect();
    let half = u64::from(ITEM_COUNT / 2);
    let by_category: Vec<ItemIdx> = (0..ITEM_COUNT).step_by(2).chain((1..ITEM_COUNT).step_by(2)).map(ItemIdx).collect();
    TableWriter::default()
        .column("scores", &scores)
        .column("order", &order)
        .column("category.starts", &[0, half, 2 * half])
        .column("category.order", &by_category)
        .column("trend.scores", &scores)
        .column("trend.order", &order)
        .write(folder, POPULARITY)
        .expect("popularity");
}

fn write_neighbours(folder: &Path, name: &str) {
    let starts: Vec<u64> = (0..=u64::from(ITEM_COUNT)).map(|item| 2 * item).collect();
    let near = |item: u32| [ItemIdx((item + 1) % ITEM_COUNT), ItemIdx((item + 2) % ITEM_COUNT)];
    let items: Vec<ItemIdx> = (0..ITEM_COUNT).flat_map(near).collect();
    let scores: Vec<f32> = (0..ITEM_COUNT).flat_map(|_| [1.0, 0.5]).collect();
    TableWriter::default()
        .column("starts", &starts)
        .column("items", &items)
        .column("scores", &scores)
        .write(folder, name)
        .expect("neighbours");
}

/// One session: `i00` to `i02`.
fn write_past_sessions(folder: &Path) {
    let posting_starts: Vec<u64> = (0..=u64::from(ITEM_COUNT)).map(|item| item.min(3)).collect();
    let ones = [1.0f32; ITEM_COUNT as usize];
    TableWriter::default()
        .column("starts", &[0u64, 3])
        .column("items", &[ItemIdx(0), ItemIdx(1), ItemIdx(2)])
        .column("weights", &[1.0f32])
        .column("posting.starts", &posting_starts)
        .column("posting.sessions", &[0u32; 3])
        .column("posting.places", &[0u32, 1, 2])
        .column("rarity", &ones)
        .column("damping", &ones)
        .write(folder, SESSION_KNN)
        .expect("past sessions");
}

fn write_statistics(folder: &Path) {
    let zeros = [0.0f32; ITEM_COUNT as usize];
    let columns = Statistic::ALL.iter();
    let table = columns.fold(TableWriter::default(), |table, (_, name)| table.column(name, &zeros));
    table.write(folder, STATISTICS).expect("statistics");
}

/// No model: the last items come first.
fn write_repeat(folder: &Path) {
    let (features, values): ([u32; 0], [f32; 0]) = ([], []);
    let table = TableWriter::default().column("depth", &[1u32]).column("features", &features);
    table.column("borders", &values).column("leaves", &values).write(folder, REPEAT).expect("repeat");
}

/// What the batch knows of `known`.
pub fn known() -> BatchUser {
    let (kind, event_key) = (EventKind::Transaction, 0);
    BatchUser {
        cached: vec![Scored { item: ItemIdx(9), score: 1.0 }],
        history: vec![Interaction { item: ItemIdx(3), kind, timestamp_ms: 1, event_key }],
        seen: vec![SeenItem { item: ItemIdx(3), purchased: true }],
    }
}

fn write_users(folder: &Path) {
    let record = pack_user(&known());
    let ids: StringColumn = ["known"].into_iter().collect();
    ids.add_to(TableWriter::default(), "id")
        .column("record.starts", &[0, record.len() as u64])
        .column("record.bytes", &record)
        .write(folder, USERS)
        .expect("users");
}

fn manifest(version: &str, covered: Vec<CoveredFile>) -> Manifest {
    Manifest {
        format_version: FORMAT_VERSION,
        version: version.to_owned(),
        built_ms: 1_700_000_000_000,
        data_fingerprint: "0".repeat(64),
        counts: BTreeMap::from([("events".to_owned(), 1)]),
        first_event_ms: 1,
        last_event_ms: 1,
        covered,
        engine: EngineParams {
            session: SessionRule::Gap(30 * 60 * 1000),
            max_history: 50,
            per_source: 50,
            position_decay: 5.0,
            earlier_session_weight: 0.5,
            session_knn: SessionKnnParams {
                history: 20,
                neighbours: 10,
                position_decay: 2.0,
                distance_decay: 1.0,
                before_weight: 0.5,
                own_weight: 0.5,
            },
            kind_weights: [1.0, 2.0, 3.0],
            als: AlsParams { unobserved_weight: 1.0, regularization: 1.0, regularization_power: 0.0 },
            ann_ef_search: 50,
            weights: Weights::default(),
            ranker: None,
        },
        config: serde_json::json!({"als": {"factors": 2}}),
        metrics: serde_json::json!({"ndcg@10": 0.5}),
        files: BTreeMap::new(),
    }
}
