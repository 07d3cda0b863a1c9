//! A shop of twelve items, published as an artifact: small enough to know every answer by heart.
//!
//! Items `i00` to `i11`, each next to the two that follow it; even ones are of the category `even`. Popularity falls
//! with the number. One user, `known`, bought `i03` and has `i09` as cached candidate.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use shared::contract::artifact::Manifest;
use shared::contract::artifact::columns::Column;
use shared::contract::artifact::manifest::{FORMAT_VERSION, write_champion};
use shared::contract::event_log::CoveredFile;
use shared::contract::id::ItemIdx;
use shared::contract::kind::{KindIdx, Kinds};
use shared::contract::params::{AlsParams, EngineParams, SessionKnnParams, SessionRule, Weights};
use shared::engine::packed::pack_user;
use shared::engine::state::{BatchUser, Interaction, SeenItem};
use shared::engine::topk::Scored;
use shared::tables::{AlsTable, ItemTable, Neighbours, Popularity, RepeatTable, Sessions, Tables};

/// How many items there are.
pub const ITEM_COUNT: u32 = 12;

/// Writes a version; `artifacts/<version>` must not be there.
pub fn write(artifacts: &Path, version: &str) {
    write_covering(artifacts, version, Vec::new());
}

/// Writes a version that covers what these files of the event log have up to a place.
pub fn write_covering(artifacts: &Path, version: &str, covered: Vec<CoveredFile>) {
    write_of(ITEM_COUNT, artifacts, version, covered);
}

fn write_of(count: u32, artifacts: &Path, version: &str, covered: Vec<CoveredFile>) {
    let folder = artifacts.join(version);
    fs::create_dir_all(&folder).expect("a folder");
    tables(count).write(&folder).expect("tables");
    manifest(version, covered).seal(&folder).expect("sealed");
}

fn tables(count: u32) -> Tables {
    Tables {
        items: items(count),
        popularity: popularity(count),
        neighbours: std::array::from_fn(|_| neighbours(count)),
        together: together(count),
        sessions: past_sessions(count),
        statistics: [("events".to_owned(), vec![0.0; count as usize].into())].into_iter().collect(),
        // No model: the last items come first.
        repeat: RepeatTable::default(),
        als: AlsTable {
            item_factors: Column::matrix(vec![0.0; 2 * count as usize], 2),
            gram: Column::matrix(vec![1.0, 0.0, 0.0, 1.0], 2),
        },
        ranker: None,
        users: [("known", pack_user(&known()))].into_iter().collect(),
        ..Tables::default()
    }
}

/// Writes a version and makes it the champion.
pub fn publish(artifacts: &Path, version: &str) {
    write(artifacts, version);
    write_champion(artifacts, version).expect("pointer");
}

/// The same shop with another number of items, which is even.
pub fn publish_of(count: u32, artifacts: &Path, version: &str) {
    write_of(count, artifacts, version, Vec::new());
    write_champion(artifacts, version).expect("pointer");
}

fn items(count: u32) -> ItemTable {
    ItemTable {
        id: (0..count).map(|item| format!("i{item:02}")).collect(),
        name: (0..count).map(|item| format!("Item {item}")).collect(),
        category_name: ["even", "odd"].into_iter().collect(),
        category: (0..count).map(|item| item % 2).collect(),
        price: (0..count).map(|item| item as f32).collect(),
        ..ItemTable::default()
    }
}

fn popularity(count: u32) -> Popularity {
    let half = u64::from(count / 2);
    let scores = || (0..count).map(|item| (count - item) as f32).collect();
    let order = || (0..count).map(ItemIdx).collect();
    Popularity {
        scores: scores(),
        order: order(),
        category_starts: vec![0, half, 2 * half].into(),
        category_order: (0..count).step_by(2).chain((1..count).step_by(2)).map(ItemIdx).collect(),
        trends: scores(),
        trending: order(),
    }
}

fn neighbours(count: u32) -> Neighbours {
    let near = |item: u32, score: f32| Scored { item: ItemIdx(item % count), score };
    (0..count).map(|item| vec![near(item + 1, 1.0), near(item + 2, 0.5)]).collect()
}

/// Each item is bought with the one six further on, and with the one after that half as often.
fn together(count: u32) -> Neighbours {
    let with = |item: u32, score: f32| Scored { item: ItemIdx(item % count), score };
    (0..count).map(|item| vec![with(item + 6, 1.0), with(item + 7, 0.5)]).collect()
}

/// One session: `i00` to `i02`.
fn past_sessions(count: u32) -> Sessions {
    let ones = || vec![1.0; count as usize].into();
    Sessions {
        starts: vec![0, 3].into(),
        items: vec![ItemIdx(0), ItemIdx(1), ItemIdx(2)].into(),
        weights: vec![1.0].into(),
        posting_starts: (0..=u64::from(count)).map(|item| item.min(3)).collect(),
        posting_sessions: vec![0; 3].into(),
        posting_places: vec![0, 1, 2].into(),
        rarity: ones(),
        damping: ones(),
    }
}

/// What the batch knows of `known`.
pub fn known() -> BatchUser {
    let (kind, event_key) = (KindIdx::TRANSACTION, 0);
    BatchUser {
        cached: vec![Scored { item: ItemIdx(9), score: 1.0 }],
        history: vec![Interaction { item: ItemIdx(3), kind, timestamp_ms: 1, event_key }],
        seen: vec![SeenItem { item: ItemIdx(3), kind }],
    }
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
            kinds: Kinds::of_weights([1.0, 2.0, 3.0]),
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
