//! Reports and comparisons of models of rows.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::loans::{Bank, drawn, loans, write_config};
use crate::support::{self, offline, offline_fails, text};
use serde_json::Value;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The report of a bank on a file of it, and the page.
fn report(bank: &Bank, rows: &str, more: &[&str]) -> (Value, String) {
    let rows = bank.path(rows);
    let given = [&["--data", text(&rows)][..], more].concat();
    let found = json(&bank.score("report", &[&given[..], &["--format", "json"]].concat()));
    let page = bank.path("report.html");
    bank.score("report", &[&given[..], &["--out", text(&page)]].concat());
    (found, fs::read_to_string(page).expect("a page"))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

/// The manifest of the champion of a model.
fn manifest(folder: &Path) -> Value {
    let version = fs::read_to_string(folder.join("champion")).expect("a champion");
    json(&fs::read_to_string(folder.join(version.trim()).join("manifest.json")).expect("a manifest"))
}

/// What holds for every report.
fn hold_together(found: &Value, page: &str) {
    let rows = number(&found["measured"][0]);
    for model in found["models"].as_array().expect("models") {
        let tenths = model["curves"]["calibration"].as_array().expect("tenths");
        assert_eq!(tenths.iter().map(|tenth| number(&tenth["rows"])).sum::<f64>(), rows);
        let confusion = model["curves"]["confusion"].as_object().expect("counts");
        assert_eq!(confusion.values().map(number).sum::<f64>(), rows);
    }
    for column in found["data"]["columns"].as_array().expect("columns") {
        let bins = column["bins"].as_array().expect("bins");
        let sum: f64 = bins.iter().map(|bin| number(&bin["rows"])).sum();
        assert!(bins.is_empty() || sum == number(&found["data"]["rows"]), "{column}");
    }
    for forbidden in ["http://", "https://", "<script", "<link", "<img", "@import", "url("] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("prefers-color-scheme: dark"));
    assert!(!page.contains("NaN") && !page.contains(">inf"), "figures that are none");
}

#[test]
fn a_report_says_what_training_said_and_what_the_columns_are_worth() {
    let bank = Bank::new(&with_chance(&loans(3000)), "");
    bank.train(&[]);
    let (found, page) = report(&bank, "rows.csv", &[]);
    hold_together(&found, &page);
    let version = &found["models"][0];
    let trained = manifest(&bank.path("artifacts/models/loans"));
    assert_eq!(version["metrics"], trained["metrics"]["test"]);
    assert_eq!(found["rows"]["trained_on"]["rows"], "same");
    assert_eq!((&found["rows"]["parts"], number(&found["measured"][0])), (&trained["rows"], 600.0));
    let permuted = found["permutation"]["fields"].as_array().expect("fields");
    let of = |name: &str| permuted.iter().find(|own| own["field"] == name).map(|own| number(&own["log_loss"]));
    assert!(of("income") > Some(0.1), "{permuted:?}");
    assert!(of("chance").is_some_and(|loss| loss.abs() < 0.01), "{permuted:?}");
    // The trees know of month and day together, the regression does not.
    let baseline = &found["models"][1];
    assert_eq!(baseline["who"], "baseline");
    assert!(number(&baseline["metrics"]["roc_auc"]["value"]) > 0.7);
    assert!(number(&baseline["version_minus_this"]["roc_auc"]["interval"]["low"]) > 0.0, "{baseline}");
    let slices = found["slices"].as_array().expect("slices");
    let of_colours = slices.iter().filter(|slice| slice["field"] == "colour");
    assert_eq!(of_colours.map(|slice| number(&slice["rows"])).sum::<f64>(), 600.0);
    let [high, middle, low] = [0, 1, 2].map(|at| number(&found["explained"][at]["probability"]));
    assert!(high > middle && middle > low, "{high} {middle} {low}");
    for own in found["explained"].as_array().expect("rows") {
        let added: f64 = own["fields"].as_array().expect("fields").iter().map(|own| number(&own["log_odds"])).sum();
        assert!((number(&own["base"]) + added - number(&own["log_odds"])).abs() < 1e-4, "{own}");
    }
    assert!(found["drift"].as_array().is_some_and(|fields| fields.iter().all(|own| number(&own["psi"]) < 0.1)));
    assert_eq!(found["data"]["ids"], serde_json::json!(["id"]));
}

/// Loans with a column that says nothing.
fn with_chance(loans: &str) -> String {
    let line = |(row, line): (usize, &str)| match row {
        0 => format!("chance,{line}\n"),
        row => format!("{:.3},{line}\n", drawn(row as u64 * 16 + 9)),
    };
    loans.lines().enumerate().map(line).collect()
}

#[test]
fn a_report_is_the_same_whatever_the_number_of_threads() {
    let bank = Bank::new(&loans(1000), "");
    bank.train(&[]);
    let (rows, artifacts) = (bank.path("rows.csv"), bank.path("artifacts"));
    let pages = ["1", "3"].map(|threads| {
        let given = [
            "score",
            "report",
            "--model",
            "loans",
            "--format",
            "json",
            "--data",
            text(&rows),
            "--artifacts",
            text(&artifacts),
        ];
        let output = support::command().args(given).env("RAYON_NUM_THREADS", threads).output().expect("runs");
        assert!(output.status.success());
        output.stdout
    });
    assert!(pages[0] == pages[1]);
}

#[test]
fn hostile_names_and_levels_are_text() {
    let hostile =
        loans(800).replace("colour", "<script>alert(1)</script>").replace("red", "\"<img src=x onerror=alert(2)>&\"");
    let bank = Bank::new(&hostile, "");
    bank.train(&[]);
    let (found, page) = report(&bank, "rows.csv", &[]);
    hold_together(&found, &page);
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && page.contains("&lt;img src=x"));
}

#[test]
fn other_rows_are_told_and_those_of_one_class_have_no_curve() {
    let config = "[split]\nby = \"column\"\ncolumn = \"part\"\n";
    let parted = |text: &str, of: &dyn Fn(usize) -> &'static str| -> String {
        text.lines()
            .enumerate()
            .map(|(row, line)| format!("{line},{}\n", if row == 0 { "part" } else { of(row) }))
            .collect()
    };
    let rows = parted(&loans(1000), &|row| ["train", "train", "valid", "test"][row % 4]);
    let bank = Bank::new(&rows, config);
    bank.train(&[]);
    fs::write(bank.path("more.csv"), parted(&loans(1200), &|row| ["train", "valid", "test"][row % 3])).expect("writes");
    let (found, page) = report(&bank, "more.csv", &[]);
    hold_together(&found, &page);
    assert_eq!(found["rows"]["trained_on"]["rows"], "other");
    assert!(page.contains("here 1200 rows") && page.contains("in the training 500 train"), "{}", found["notes"]);
    // Rows of one part and one class: all are measured, by what needs one class alone.
    let negatives: Vec<String> = parted(&loans(600), &|_| "test").lines().map(str::to_owned).collect();
    let kept: Vec<&str> = negatives.iter().map(String::as_str).filter(|line| !line.ends_with(",1,test")).collect();
    fs::write(bank.path("negatives.csv"), kept.join("\n")).expect("writes");
    let (found, page) = report(&bank, "negatives.csv", &[]);
    hold_together(&found, &page);
    let version = &found["models"][0];
    assert_eq!(found["rows"]["trained_on"]["rows"], "unsplit");
    assert!(version["metrics"]["roc_auc"].is_null() && version["metrics"]["log_loss"].is_object());
    assert!(page.contains("Every measured row is a negative") && !page.contains("ROC curve</h3>"));
}

#[test]
fn a_report_refuses_what_it_can_not_show() {
    let bank = Bank::new(&loans(500), "");
    bank.train(&[]);
    let (rows, artifacts, page) = (bank.path("rows.csv"), bank.path("artifacts"), bank.path("r.html"));
    let refused = |more: &[&str]| {
        let given = ["score", "report", "--artifacts", text(&artifacts), "--out", text(&page)];
        offline_fails(&[&given[..], more].concat())
    };
    let data = ["--data", text(&rows)];
    let told = refused(&[&["--model", "x"][..], &data].concat());
    assert!(told.contains("no model x; there are: loans"), "{told}");
    let told = refused(&[&["--model", "loans", "--version", "v9"][..], &data].concat());
    assert!(told.contains("no version v9; there are: v000001-"), "{told}");
    let told = refused(&[&["--model", "loans", "--label", "other"][..], &data].concat());
    assert!(told.contains("the model predicts: default"), "{told}");
    let without = bank.path("without.csv");
    fs::write(&without, loans(500).replacen("income", "wage", 1)).expect("writes");
    let told = refused(&["--model", "loans", "--data", text(&without)]);
    assert!(told.contains("no column `income`; there are: id, wage"), "{told}");
    let unlabelled = bank.path("unlabelled.csv");
    fs::write(&unlabelled, loans(500).replacen("default", "outcome", 1)).expect("writes");
    let told = refused(&["--model", "loans", "--data", text(&unlabelled)]);
    assert!(told.contains("no column `default`"), "{told}");
    assert!(!page.exists());
}

#[test]
fn a_page_without_a_place_lies_where_the_service_finds_it() {
    let bank = Bank::new(&loans(500), "");
    bank.train(&[]);
    let rows = bank.path("rows.csv");
    let printed = bank.score("report", &["--data", text(&rows)]);
    let reports = fs::read_dir(bank.path("artifacts/reports")).expect("a folder");
    let names: Vec<String> =
        reports.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    let [name] = &names[..] else { panic!("one page: {names:?}") };
    assert!(
        name.starts_with("loans.v000001-") && name.ends_with(".html") && printed.contains(name),
        "{name} {printed}"
    );
}

#[test]
fn several_labels_have_a_table_and_the_curves_are_of_one() {
    let mut rows = "a,b,day,y1,y2\n".to_owned();
    for row in 0..1500u64 {
        let own = |place: u64| drawn(row * 8 + place);
        let (a, b) = (own(0), ["x", "y", "z"][(own(1) * 3.0) as usize]);
        let (one, other) = (u8::from(own(2) < a), u8::from(own(3) < if b == "x" { 0.4 } else { 0.1 }));
        // Writing to a string can't fail.
        let _ = writeln!(rows, "{a:.3},{b},2026-0{}-1{},{one},{other}", 1 + row % 6, row % 9);
    }
    let bank = Bank::new(&rows, "");
    let config = "name = \"loans\"\nlabels = [\"y*\"]\nmembers = 2\ntime = \"day\"\n[trees]\ntrees = 40\n[split]\nby = \"time\"\n";
    fs::write(bank.path("model.toml"), config).expect("writes");
    bank.train(&[]);
    let (found, page) = report(&bank, "rows.csv", &[]);
    hold_together(&found, &page);
    let trained = manifest(&bank.path("artifacts/models/loans"));
    assert_eq!((&found["joint"], &found["label"]), (&trained["metrics"]["test"], &Value::from("y1")));
    assert_eq!(found["labels"].as_array().map(Vec::len), Some(2));
    let other = report(&bank, "rows.csv", &["--label", "y2"]).0;
    assert_eq!(other["models"][0]["metrics"], trained["metrics"]["labels"]["y2"]);
    let over = &found["data"]["over_time"];
    assert_eq!((&over["by"], over["periods"].as_array().map(|all| all.len() > 10)), (&Value::from("week"), Some(true)));
    assert!(page.contains("y2") && page.contains("micro F1"));
}

#[test]
fn a_version_does_not_differ_from_itself_and_a_worse_one_is_worse() {
    let bank = Bank::new(&loans(3000), "");
    bank.train(&[]);
    let first = bank.champion();
    write_config(&bank.path("model.toml"), "[trees]\ntrees = 1\n");
    let second = json(&bank.train(&["--json"]))["version"].as_str().expect("a version").to_owned();
    let rows = bank.path("rows.csv");
    let compared = |second: &str, more: &[&str]| {
        bank.score("compare", &[&["--versions", &first, second, "--data", text(&rows)][..], more].concat())
    };
    let same = json(&compared(&first, &["--format", "json"]));
    assert_eq!((&same["rows"], &same["notes"]), (&Value::from(600), &serde_json::json!([])));
    for (name, both) in same["metrics"].as_object().expect("metrics") {
        let difference = &both["difference"];
        let found = [&difference["mean"], &difference["interval"]["low"], &difference["interval"]["high"]].map(number);
        assert_eq!(found, [0.0; 3], "{name}");
    }
    let worse = json(&compared(&second, &["--format", "json"]));
    assert!(number(&worse["metrics"]["log_loss"]["difference"]["interval"]["low"]) > 0.0, "{worse}");
    let told = compared(&second, &[]);
    assert!(told.contains("on 600 rows") && told.contains("roc_auc"), "{told}");
    // The champion stands beside a version that is not.
    let found = report(&bank, "rows.csv", &["--version", &second]).0;
    assert_eq!(found["models"][2]["who"], "champion");
    let difference = &found["models"][2]["version_minus_this"]["log_loss"];
    assert_eq!(difference["mean"], worse["metrics"]["log_loss"]["difference"]["mean"]);
    // Rows that neither knows.
    fs::write(bank.path("rows.csv"), loans(700)).expect("writes");
    let told = compared(&second, &[]);
    assert!(told.contains("on 700 rows") && told.contains("can't be told"), "{told}");
}

#[test]
fn a_real_table_has_a_page() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/datasets");
    let datasets = std::env::var_os("TANDEM_DATASETS").map_or(beside, PathBuf::from);
    let rows = datasets.join("tabular/bank_marketing/bank_small.parquet");
    if !rows.is_file() {
        eprintln!("skipped: no {}; set TANDEM_DATASETS", rows.display());
        return;
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    let [config, artifacts, page] = ["m.toml", "artifacts", "report.html"].map(|name| folder.path().join(name));
    let split = "[columns]\nrow = \"ignored\"\n[split]\nby = \"column\"\ncolumn = \"split\"\n";
    fs::write(&config, format!("name = \"bank\"\nlabel = \"y\"\nmembers = 2\n{split}[trees]\ntrees = 100\n"))
        .expect("writes");
    let places = ["--data", text(&rows), "--artifacts", text(&artifacts)];
    offline(&[&["score", "train", "--config", text(&config)][..], &places].concat());
    let of = |more: &[&str]| offline(&[&["score", "report", "--model", "bank"][..], &places, more].concat());
    let found = json(&of(&["--format", "json"]));
    of(&["--out", text(&page)]);
    hold_together(&found, &fs::read_to_string(&page).expect("a page"));
    let trained = manifest(&artifacts.join("models/bank"));
    assert_eq!(found["models"][0]["metrics"], trained["metrics"]["test"]);
    assert!(number(&found["models"][1]["metrics"]["roc_auc"]["value"]) > 0.8, "{}", found["models"][1]["metrics"]);
}
