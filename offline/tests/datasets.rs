//! Real logs: found by `TANDEM_DATASETS`, else beside the checkout. Where they are absent the tests say so, and fail only
//! where they must not be absent (CI=true).

use std::path::{Path, PathBuf};

use crate::support::{self, offline, offline_with, text};

fn datasets() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/datasets");
    let folder = std::env::var_os("TANDEM_DATASETS").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is absent; set TANDEM_DATASETS", folder.display());
    eprintln!("skipped: no datasets at {}; set TANDEM_DATASETS", folder.display());
    None
}

/// Settings under which a real log takes seconds in an unoptimised build.
const QUICK: [(&str, &str); 7] = [
    ("TANDEM_RANKER__MAX_CASES", "4000"),
    ("TANDEM_ALS__SWEEPS", "2"),
    ("TANDEM_ALS__FACTORS", "16"),
    ("TANDEM_EMBEDDING__FACTORS", "16"),
    ("TANDEM_EMBEDDING__ITEMS", "5000"),
    ("TANDEM_ANN__GRAPH_FROM_ITEMS", "1000000"),
    ("TANDEM_USERS__ACTIVE_DAYS", "0"),
];

#[test]
fn the_blend_finds_most_next_items_of_real_sessions() {
    let Some(datasets) = datasets() else { return };
    let (train, test) =
        (datasets.join("retailrocket/sessions_train.parquet"), datasets.join("retailrocket/sessions_test.parquet"));
    let arguments = [
        "evaluate",
        "--preset",
        "retailrocket-sessions",
        "--task",
        "next-item",
        "--k",
        "20",
        "--format",
        "json",
        "--train",
        text(&train),
        "--test",
        text(&test),
    ];
    let output = offline_with(&arguments, &QUICK);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let figures: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let served = &figures["results"][0];
    assert_eq!((&served["model"], &served["cases"]), (&"tandem".into(), &19_907.into()));
    assert!(served["hr@20"].as_f64() > Some(0.59), "{served}");
}

#[test]
fn the_raw_log_and_its_categories_are_read() {
    let Some(datasets) = datasets() else { return };
    let folder = tempfile::tempdir().expect("temporary folder");
    let (events, items) = (datasets.join("retailrocket/events.csv"), folder.path().join("items.toml"));
    std::fs::write(&items, "[items]\ncategory = \"categoryid\"\n").expect("writes");
    let out = folder.path().join("out.jsonl");
    let table = datasets.join("retailrocket/item_categories.parquet");
    offline(&[
        "ingest",
        "--config",
        text(&items),
        "--events",
        text(&events),
        "--items",
        text(&table),
        "--out",
        text(&out),
        "--rejects",
        text(&folder.path().join("rejects.jsonl")),
    ]);
    let lines = std::fs::read_to_string(&out).expect("reads").lines().count();
    assert_eq!(lines, 35_101);
}

#[test]
fn returns_and_fees_of_the_gift_shop_are_no_purchases_and_items_have_names() {
    let Some(datasets) = datasets() else { return };
    let folder = tempfile::tempdir().expect("temporary folder");
    let log = datasets.join("online_retail/online_retail_2009_2010.parquet");
    let arguments = ["run", "--preset", "online-retail", "--events", text(&log), "--artifacts", text(folder.path())];
    let output = offline_with(&arguments, &QUICK);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    for reason in ["cancelled invoice", "not a product", "no customer"] {
        assert!(told.contains(reason), "{reason} is not counted: {told}");
    }
    let items = offline(&["export", "--artifacts", text(folder.path()), "--table", "items"]);
    assert!(items.contains("WHITE HANGING HEART T-LIGHT HOLDER"), "items have the names of their descriptions");
    assert!(!items.contains("POSTAGE"), "postage is no product");
}

/// Every sixtieth user's ratings in their order, without times.
fn some_films(datasets: &Path, folder: &Path) -> PathBuf {
    let (all, some) = (folder.join("all.jsonl"), folder.join("some.csv"));
    let ratings = datasets.join("movielens_1m/ratings.parquet");
    let rejects = folder.join("rejects.jsonl");
    let out = ["--out", text(&all), "--rejects", text(&rejects)];
    offline(&[&["ingest", "--preset", "movielens-next", "--events", text(&ratings)][..], &out].concat());
    let mut csv = "visitorid,event,itemid\n".to_owned();
    for line in std::fs::read_to_string(&all).expect("reads").lines() {
        let event: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let [user, item] = ["visitorid", "itemid"].map(|key| event[key].as_str().expect("an id"));
        if user.parse::<u32>().is_ok_and(|user| user % 60 == 0) {
            csv.push_str(&format!("{user},view,{item}\n"));
        }
    }
    std::fs::write(&some, csv).expect("writes");
    some
}

#[test]
fn films_without_times_have_weights_and_a_ranker_and_do_better_than_what_is_popular() {
    let Some(datasets) = datasets() else { return };
    let folder = tempfile::tempdir().expect("temporary folder");
    let films = some_films(&datasets, folder.path());
    let arguments = ["evaluate", "--task", "next-item", "--k", "20", "--format", "json", "--events", text(&films)];
    let kept = ["--artifacts", text(folder.path())];
    let timeless = [("TANDEM_INGEST__MISSING_TIMESTAMPS", "allow"), ("TANDEM_INGEST__COLUMNS__TIMESTAMP", "")];
    let output = offline_with(&[&arguments[..], &kept].concat(), &[&QUICK[..], &timeless].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let figures: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let results = figures["results"].as_array().expect("results");
    let ndcg = |model: &str| {
        results.iter().find(|result| result["model"] == model).and_then(|result| result["ndcg@20"].as_f64())
    };
    assert!(ndcg("tandem") > ndcg("popularity").map(|popular| 1.5 * popular), "{results:?}");
    let manifest = std::fs::read_to_string(support::evaluated(folder.path()).join("manifest.json")).expect("reads");
    let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("JSON");
    let fit = &manifest["metrics"]["fit"];
    assert_eq!(fit["windows"], "users");
    assert!(fit["blend"]["questions"].as_u64() > Some(500) && fit["ranker"].is_object(), "{fit}");
}
