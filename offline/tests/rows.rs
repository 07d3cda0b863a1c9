//! Labelled rows as Parquet files: what `offline rows` writes, and what `offline trees` makes of them and of others.

use std::fs;
use std::path::Path;

use offline::log::parquet::{self, Parquet};
use polars_arrow::array::{Array, PrimitiveArray, Utf8ViewArray};
use polars_arrow::datatypes::ArrowDataType;
use polars_compute::cast::cast_default;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use shared::engine::rank::features;
use shared::tables::Statistics;

use crate::support::{offline_fails, offline_with, text};

const ITEMS: usize = 24;
/// The blend ranks by popularity, with too few cases to fit anything else: what comes next is left to the trees.
const RANKING: [(&str, &str); 6] = [
    ("TANDEM_ALS__FACTORS", "4"),
    ("TANDEM_EMBEDDING__FACTORS", "8"),
    ("TANDEM_BLEND__MAX_CASES", "20"),
    ("TANDEM_BLEND__WEIGHTS__POPULARITY", "100.0"),
    ("TANDEM_TREES__TREES", "20"),
    ("TANDEM_TREES__DEPTH", "4"),
];
const BINARY: [(&str, &str); 5] = [
    ("TANDEM_TREES__OBJECTIVE", "binary"),
    ("TANDEM_TREES__TREES", "30"),
    ("TANDEM_TREES__DEPTH", "3"),
    ("TANDEM_TREES__LEARNING_RATE", "0.2"),
    ("TANDEM_TREES__L2", "1.0"),
];

fn run(arguments: &[&str], settings: &[(&str, &str)]) -> String {
    let output = offline_with(arguments, settings);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// 360 visits of 60 users, an hour apart: somewhere on a ring of items, and on to the next one every minute.
fn ring() -> String {
    let mut csv = "timestamp,visitorid,event,itemid\n".to_owned();
    for visit in 0..360 {
        let (user, first) = (visit % 60, visit * 7 + visit / 60 * 5);
        for (place, kind) in ["view", "view", "view", "addtocart", "transaction"].iter().enumerate() {
            let (minute, item) = (visit * 60 + place, (first + place) % ITEMS);
            csv.push_str(&format!("{},u{user},{kind},i{item}\n", 1_767_225_600_000 + minute * 60_000));
        }
    }
    csv
}

/// What a run without a ranker complains of.
fn run_fails(arguments: &[&str]) -> String {
    let output = offline_with(arguments, &[("TANDEM_RANKER__KIND", "none")]);
    assert!(!output.status.success(), "should have failed");
    String::from_utf8(output.stderr).expect("UTF-8")
}

fn read(path: &Path) -> Parquet {
    Parquet::open(path).expect("Parquet")
}

type Column = (&'static str, Box<dyn Array>);

fn numbers(path: &Path, name: &str) -> Vec<f32> {
    let mut file = read(path);
    let place = file.columns().position(|column| column == name).expect(name);
    let column = cast_default(&*file.column(place).expect(name), &ArrowDataType::Float32).expect("numbers");
    let column: &PrimitiveArray<f32> = column.as_any().downcast_ref().expect("numbers");
    column.iter().map(|value| *value.expect("a value")).collect()
}

/// A column, cut where the group changes.
fn by_group(path: &Path, name: &str) -> Vec<Vec<f32>> {
    let rows: Vec<(f32, f32)> = numbers(path, "group").into_iter().zip(numbers(path, name)).collect();
    rows.chunk_by(|a, b| a.0 == b.0).map(|group| group.iter().map(|row| row.1).collect()).collect()
}

/// Checks the rows of a file; returns the label of each question's target.
fn targets(path: &Path) -> Vec<f32> {
    let (file, features) = (read(path), features::names(&Statistics::default(), None));
    let names: Vec<&str> = file.columns().collect();
    let (fixed, others) = names.split_at(features.len());
    assert_eq!(fixed, features);
    let (of_items, last) = others.split_at(others.len() - 2);
    assert!(of_items.contains(&"item_events") && of_items.iter().all(|name| name.starts_with("item_")), "{of_items:?}");
    assert_eq!(last, ["label", "group"]);
    let mut groups = numbers(path, "group");
    groups.dedup();
    assert!((0u16..).zip(&groups).all(|(at, &group)| group == f32::from(at)), "{groups:?}");
    for places in by_group(path, "blend_rank") {
        let in_order = (0u16..).zip(&places).all(|(at, &place)| place == f32::from(at));
        assert!(in_order && places.len() == ITEMS, "{places:?}");
    }
    let target = |labels: Vec<f32>| {
        let hits: Vec<f32> = labels.iter().copied().filter(|&label| label > 0.0).collect();
        assert_eq!(hits.len(), 1, "{labels:?}");
        hits[0]
    };
    by_group(path, "label").into_iter().map(target).collect()
}

#[test]
fn every_question_is_a_group_of_rows_and_trees_learn_from_them_what_comes_next() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (log, out) = (folder.path().join("log.csv"), folder.path().join("rows"));
    fs::write(&log, ring()).expect("writes");
    run(&["rows", "--events", text(&log), "--out", text(&out)], &RANKING);
    let files = ["learn.parquet", "stop.parquet", "test.parquet"].map(|name| out.join(name));
    let [learned, stopping, asked] = files.each_ref().map(|file| targets(file));
    assert!(learned.len() > stopping.len() && stopping.len() > 10, "{} {}", learned.len(), stopping.len());
    // The last tenth are 36 visits with four questions each: after two views, a cart and a purchase are asked for.
    let with = |label: f32| asked.iter().filter(|&&own| own == label).count();
    assert_eq!([1.0, 3.0, 5.0].map(with), [72, 36, 36]);

    let [learn, stop, test] = files.each_ref().map(|file| text(file));
    let printed = run(&["trees", "--learn", learn, "--stop", stop, "--test", test], &RANKING);
    let figures: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(figures["rows"], read(&files[0]).groups().sum::<usize>());
    assert!(figures["trees"].as_u64().is_some_and(|trees| (1..=20).contains(&trees)), "{figures}");
    // In the order of the blend it would be 0.43.
    assert!(figures["metric"].as_f64().is_some_and(|ndcg| (0.8..=1.0).contains(&ndcg)), "{figures}");
    let importance = figures["importance"].as_object().expect("importances");
    assert!(
        features::names(&Statistics::default(), None).iter().all(|name| importance.contains_key(name)),
        "{figures}"
    );
    let sum: f64 = importance.values().map(|share| share.as_f64().expect("a share")).sum();
    assert!((sum - 1.0).abs() < 1e-6, "{figures}");
    assert!(figures.get("auc").is_none(), "{figures}");
}

/// Rows whose label is 1 from an `x` on that their kind decides, and never where they have none; `noise` says nothing.
fn labelled(seed: u64, rows: usize) -> Vec<Column> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let kinds = [Some("often"), Some("seldom"), None];
    let kinds: Vec<Option<&str>> = (0..rows).map(|_| kinds[random.random_range(0..kinds.len())]).collect();
    let mut draw = || (0..rows).map(|_| random.random()).collect::<Vec<f32>>();
    let (x, noise) = (draw(), draw());
    let label = |(kind, x): (Option<&str>, f32)| match kind {
        Some("often") => f32::from(u8::from(x > 0.25)),
        Some(_) => f32::from(u8::from(x > 0.75)),
        None => 0.0,
    };
    let labels: Vec<f32> = kinds.iter().copied().zip(x.iter().copied()).map(label).collect();
    vec![
        ("x", PrimitiveArray::from_vec(x).boxed()),
        ("kind", Utf8ViewArray::from_slice(&kinds).boxed()),
        ("noise", PrimitiveArray::from_vec(noise).boxed()),
        ("label", PrimitiveArray::from_vec(labels).boxed()),
    ]
}

#[test]
fn a_number_and_a_text_that_decide_a_label_together_are_both_learnt() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let [learn, test] = ["learn.parquet", "test.parquet"].map(|name| folder.path().join(name));
    parquet::write(&learn, labelled(1, 600)).expect("writes");
    parquet::write(&test, labelled(2, 200)).expect("writes");
    let printed = run(&["trees", "--learn", text(&learn), "--test", text(&test)], &BINARY);
    let figures: Value = serde_json::from_str(&printed).expect("JSON");
    let figure = |name: &str| figures[name].as_f64().expect("a figure");
    // By `x` alone it would be 0.78.
    assert!(figure("auc") > 0.95 && figure("log_loss") < 0.5, "{figures}");
    assert_eq!(figure("metric"), -figure("log_loss"), "without groups it is the row that counts");
    assert_eq!((&figures["rows"], &figures["trees"]), (&600.into(), &30.into()), "nothing says when to stop");
    let importance = figures["importance"].as_object().expect("importances");
    assert!(importance.keys().eq(["kind count", "kind mean", "noise", "x"]), "{figures}");
    let share = |name: &str| importance[name].as_f64().expect("a share");
    let least = (share("kind count") + share("kind mean")).min(share("x"));
    assert!(least > 2.0 * share("noise"), "{figures}");
}

#[test]
fn a_file_without_labels_or_with_other_columns_than_the_first_is_refused_by_its_name() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let without = |dropped: &str| {
        let path = folder.path().join(format!("without {dropped}.parquet"));
        let columns = labelled(1, 20).into_iter().filter(|(name, _)| *name != dropped).collect();
        parquet::write(&path, columns).expect("writes");
        path
    };
    let [whole, unlabelled] = ["nothing", "label"].map(without);
    for files in [[&unlabelled, &whole], [&whole, &unlabelled]] {
        let told = offline_fails(&["trees", "--learn", text(files[0]), "--test", text(files[1])]);
        assert!(told.contains("without label.parquet: there is no column label"), "{told}");
    }
    let words = |name: &str| {
        let path = folder.path().join(format!("{name} in words.parquet"));
        let column = |column: Column| match column.0 == name {
            true => (column.0, Utf8ViewArray::from_slice([Some("yes"); 20]).boxed()),
            false => column,
        };
        let group = ("group", PrimitiveArray::from_slice([1u32; 20]).boxed());
        let columns = labelled(1, 20).into_iter().chain([group]).map(column).collect();
        parquet::write(&path, columns).expect("writes");
        path
    };
    let told = run_fails(&["rows", "--events", text(folder.path()), "--out", text(folder.path())]);
    assert!(told.contains("ranker.kind is none"), "{told}");
    for name in ["label", "group"] {
        let told = offline_fails(&["trees", "--learn", text(&words(name)), "--test", text(&whole)]);
        assert!(told.contains(&format!("words.parquet: column {name} is no number")), "{told}");
    }
    for dropped in ["x", "kind"] {
        let told = offline_fails(&["trees", "--learn", text(&whole), "--test", text(&without(dropped))]);
        let expected = format!("without {dropped}.parquet: the columns must be those of {}", whole.display());
        assert!(told.contains(&expected), "{told}");
    }
}
