//! How models of rows are learnt: weights, bound directions, chosen columns, searched settings.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::support::loans::{Bank, drawn, loans};
use crate::support::{offline, offline_fails, text};
use offline::score::build::Built;
use offline::score::unused::Unused;
use serde_json::Value;
use shared::engine::tabular::column::Column;

fn log_loss(built: &Built) -> f64 {
    built.metrics["log_loss"].value
}

/// The probabilities of rows of a model of one or two numbers.
fn scored(built: &Built, rows: &[Vec<f64>]) -> Vec<f64> {
    let column = |at: usize| Column::Numbers(rows.iter().map(|row| row[at]).collect());
    let columns: Vec<Column> = (0..rows[0].len()).map(column).collect();
    built.model.score(&columns).into_iter().map(|scored| scored.probability).collect()
}

/// Rows of a signal that rises, falls in the middle, and rises again, beside one of chance.
fn waves(rows: u64) -> String {
    let mut text = "x,z,y\n".to_owned();
    for row in 0..rows {
        let (x, z) = ((drawn(row * 3) * 100.0).round(), (drawn(row * 3 + 1) * 100.0).round());
        let rate = if (40.0..60.0).contains(&x) { 0.1 } else { x / 100.0 };
        let y = u8::from(drawn(row * 3 + 2) < rate);
        // Writing to a string can't fail.
        let _ = writeln!(text, "{x},{z},{y}");
    }
    text
}

#[test]
fn a_column_that_is_bound_never_lowers_the_prediction_and_a_free_one_does() {
    let trees = "[trees]\ntrees = 200\nlearning_rate = 0.1\npatience = 20\n";
    let config = |x: &str| format!("[columns]\nx = {x}\nz = \"number\"\n{trees}");
    let built = |x: &str| {
        let bank = Bank::new(&waves(4000), &config(x));
        let path = bank.path("model.toml");
        let text = fs::read_to_string(&path).expect("reads").replace("label = \"default\"", "label = \"y\"");
        fs::write(&path, text).expect("writes");
        bank.build()
    };
    let falls = |built: &Built| {
        let along = |z: f64| scored(built, &(0..=100).map(|x| vec![f64::from(x), z]).collect::<Vec<_>>());
        let pairs = |z: f64| along(z).windows(2).filter(|pair| pair[1] < pair[0]).count();
        [5.0, 50.0, 95.0].map(pairs).iter().sum::<usize>()
    };
    let free = built("\"number\"");
    let rising = built("{ role = \"number\", monotone = \"increasing\" }");
    assert!(falls(&free) > 0, "the rate falls at 40");
    assert_eq!(falls(&rising), 0);
    let falling = built("{ role = \"number\", monotone = \"decreasing\" }");
    let along = scored(&falling, &(0..=100).map(|x| vec![f64::from(x), 50.0]).collect::<Vec<_>>());
    assert!(along.windows(2).all(|pair| pair[1] <= pair[0]), "{along:?}");
    let losses = [&free, &rising, &falling].map(log_loss);
    assert!(losses[0] < losses[1] && losses[1] < losses[2], "{losses:?}");
}

#[test]
fn what_may_be_bound_is_said() {
    let refused = |config: &str| Bank::new(&loans(300), config).train_fails();
    let words = refused("[columns]\ncolour = { role = \"category\", monotone = \"increasing\" }\n");
    assert!(words.contains("\"colour\": is neither number nor ordinal"), "{words}");
    let words = refused("[columns]\nincome = { role = \"number\", monotone = \"up\" }\n");
    assert!(words.contains("columns.income"), "{words}");
}

/// Rows of which a weight of 0 marks those with turned labels.
fn with_turned(rows: u64) -> String {
    let mut lines = loans(rows).lines().map(str::to_owned).collect::<Vec<_>>();
    lines[0].push_str(",counts");
    for (row, line) in lines.iter_mut().skip(1).enumerate() {
        let turned = row < rows as usize / 2;
        let (values, label) = line.rsplit_once(',').expect("a label");
        let label = if turned { 1 - label.parse::<u8>().expect("0 or 1") } else { label.parse().expect("0 or 1") };
        *line = format!("{values},{label},{}", if turned { "0" } else { "2.5" });
    }
    lines.join("\n") + "\n"
}

#[test]
fn rows_of_weight_0_teach_nothing() {
    let rows = with_turned(4000);
    let built = |config: &str| Bank::new(&rows, config).build();
    let (with, without) = (built("[weights]\ncolumn = \"counts\"\n"), built("[columns]\ncounts = \"ignored\"\n"));
    let rising = |built: &Built| {
        let at = |income: f64| {
            let mut columns = built.model.columns(0);
            for (field, column) in built.model.manifest().schema.iter().zip(&mut columns) {
                let value = if field.name == "income" { income.into() } else { field.example.clone() };
                field.read_json(Some(&value), column).expect("a value");
            }
            built.model.score(&columns)[0].log_odds
        };
        at(90.0) - at(10.0)
    };
    // The rows of weight 0 say the opposite of the others.
    assert!(rising(&with) < -1.0, "{}", rising(&with));
    assert!(rising(&without).abs() < 1.0, "{}", rising(&without));
    assert!(with.ignored.contains(&("counts".to_owned(), Unused::Weights)));
    let words = Bank::new(&rows.replace(",2.5\n", ",-1\n"), "[weights]\ncolumn = \"counts\"\n").train_fails();
    assert!(words.contains("counts") && words.contains("a weight is a number of at least 0"), "{words}");
    let blank = rows.lines().enumerate().map(|(at, line)| match at {
        3 | 5 => format!("{},\n", line.rsplit_once(',').expect("a weight").0),
        _ => format!("{line}\n"),
    });
    let words = Bank::new(&blank.collect::<String>(), "[weights]\ncolumn = \"counts\"\n").train_fails();
    let told =
        format!("[columns] counts: 2 of {} rows have no weight, row 3 first, which has none", rows.lines().count() - 1);
    assert!(words.contains(&told) && words.contains("leave them out"), "{words}");
    let words = Bank::new(&rows, "[weights]\ncolumn = \"count\"\n").train_fails();
    assert!(words.contains("weights.column: no column `count`"), "{words}");
}

#[test]
fn probabilities_stay_those_of_the_rows_whatever_positives_count() {
    let rows = loans(4000);
    for positive in ["8.0", "\"balanced\""] {
        let built = Bank::new(&rows, &format!("[weights]\npositive = {positive}\n")).build();
        let mean = built.probabilities.iter().sum::<f64>() / built.probabilities.len() as f64;
        let rate = built.labels[0].iter().map(|label| f64::from(*label)).sum::<f64>() / built.labels[0].len() as f64;
        assert!((mean - rate).abs() < 0.04, "{positive}: {mean} {rate}");
        assert!(built.metrics["roc_auc"].value > 0.84, "{positive}");
    }
    let words = Bank::new(&rows, "[weights]\npositive = 0\n").train_fails();
    assert!(words.contains("weights.positive = 0: must be above 0, or \"balanced\""), "{words}");
    let words = Bank::new(&rows, "[weights]\npositive = \"even\"\n").train_fails();
    assert!(words.contains("a number above 0, or \"balanced\""), "{words}");
}

/// Loans with columns of chance.
fn with_chance(rows: u64, columns: u64) -> String {
    let mut text = String::new();
    for (row, line) in loans(rows).lines().enumerate() {
        let (values, label) = line.rsplit_once(',').expect("a label");
        let chance = (0..columns).map(|column| match row {
            0 => format!("chance_{column}"),
            _ => format!("{:.3}", drawn(1_000_000 + row as u64 * columns + column)),
        });
        let _ = writeln!(text, "{values},{},{label}", chance.collect::<Vec<_>>().join(","));
    }
    text
}

#[test]
fn columns_of_chance_leave_and_what_is_derived_keeps_its_own() {
    let rows = with_chance(3000, 12);
    let derived = "[derived]\ntwice = { ratio = [\"income\", \"chance_0\"] }\n";
    let config = format!("{derived}[features]\nselect = \"validation\"\n");
    let bank = Bank::new(&rows, &config);
    let built = bank.build();
    let names: Vec<&str> = built.model.manifest().schema.iter().map(|field| field.name.as_str()).collect();
    let chance = names.iter().filter(|name| name.starts_with("chance")).count();
    assert!(chance <= 6, "{names:?}");
    for needed in ["income", "colour", "month", "day"] {
        assert!(names.contains(&needed), "{names:?}");
    }
    let all = Bank::new(&rows, derived).build();
    assert!(log_loss(&built) < log_loss(&all) + 0.005, "{} {}", log_loss(&built), log_loss(&all));
    let told = bank.train(&[]);
    assert!(told.contains("the validation rows don't need it"), "{told}");
    // What left may still be sent.
    assert!(built.model.manifest().ignored.iter().any(|name| name.starts_with("chance")));
}

fn tune(bank: &Bank, out: &Path, more: &[&str]) -> String {
    let (config, rows) = (bank.path("model.toml"), bank.path("rows.csv"));
    let given = ["score", "tune", "--config", text(&config), "--data", text(&rows), "--out", text(out)];
    offline(&[&given[..], more].concat())
}

#[test]
fn settings_are_searched_on_rows_that_are_not_measured_and_found_again() {
    let bank = Bank::new(&with_chance(600, 4), "[trees]\ntrees = 30\npatience = 10\nl2 = 0.1\ndepth = 8\n");
    let out = bank.path("tuned");
    let told: Value = serde_json::from_str(&tune(&bank, &out, &["--budget", "0.2", "--json"])).expect("JSON");
    let (trials, start, best) = (&told["trials"], &told["log_loss"]["start"], &told["log_loss"]["best"]);
    assert!(trials.as_u64() > Some(1), "{told}");
    assert!(best.as_f64() <= start.as_f64(), "{told}");
    let tuned = out.join("tuned.toml");
    let lines = fs::read_to_string(out.join("trials.jsonl")).expect("trials");
    assert_eq!(lines.lines().count() as u64 - 1, trials.as_u64().expect("a number"));
    // Again without time: the same trials, and the same end.
    let again: Value = serde_json::from_str(&tune(&bank, &out, &["--budget", "0.0001", "--json"])).expect("JSON");
    assert_eq!(again, told);
    // A second config lies over the first.
    let (config, found) = (bank.path("model.toml"), fs::read_to_string(&tuned).expect("settings"));
    let trained = bank.train(&["--config", text(&tuned)]);
    assert!(trained.contains("champion: loans"), "{trained}");
    assert!(found.contains("--config"), "{found}");
    let other = bank.path("other");
    fs::write(&config, fs::read_to_string(&config).expect("reads") + "[split]\nseed = 7\n").expect("writes");
    let rows = bank.path("rows.csv");
    let words = offline_fails(&[
        "score",
        "tune",
        "--config",
        text(&config),
        "--data",
        text(&rows),
        "--budget",
        "1",
        "--out",
        text(&out),
    ]);
    assert!(words.contains("other data or from other settings"), "{words}");
    let words = offline_fails(&["score", "tune", "--data", text(&rows), "--budget", "0", "--out", text(&other)]);
    assert!(words.contains("minutes greater than 0"), "{words}");
}
