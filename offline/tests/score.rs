//! Models of rows, from files to versions and to scored files.

use std::fs;

use crate::support::loans::{Bank, drawn, loans, write_config};
use crate::support::{self, contents, offline_fails, text};
use offline::score::registry;
use offline::score::table::Table;
use serde_json::Value;
use shared::engine::tabular::column::Column;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn what_is_known_of_the_rows_is_learnt_and_told() {
    let bank = Bank::new(&loans(3000), "");
    let told = bank.train(&[]);
    for expected in [
        "id      id",
        "income  number        0  0 to 100",
        "colour  category      0  3 levels:",
        "note    category",
        "champion: loans v000001-",
    ] {
        assert!(told.contains(expected), "{expected:?} in {told}");
    }
    let list = bank.score("list", &[]);
    assert!(list.contains("roc_auc 0.") && list.contains("champion"), "{list}");
    let built = bank.build();
    let auc = built.metrics["roc_auc"];
    // By the log-odds themselves it is 0.88.
    assert!(auc.value > 0.85 && auc.interval.low < auc.value && auc.value < auc.interval.high, "{auc:?}");
    let combined = built.model.manifest().parameters.encoded.iter().filter(|columns| columns.len() == 2);
    let names: Vec<String> = combined.map(|columns| built.model.manifest().name_of(columns)).collect();
    assert!(names.contains(&"month and day".to_owned()), "{names:?}");
}

#[test]
fn files_of_every_format_say_the_same_for_every_row() {
    let bank = Bank::new(&loans(2000), "");
    bank.train(&[]);
    // Rows that are refused or can't be read keep their place.
    let rows = bank.path("new.csv");
    let new = "id,income,colour,month,day,note\na,50,red,m1,2,short\nb,much,red,m1,2,short\nc,50,mauve,m9,2,\nd,,red,m1,2,short\n";
    fs::write(&rows, new).expect("writes");
    let lines = fs::read_to_string(bank.predict(&rows, "out.jsonl")).expect("reads");
    let lines: Vec<Value> = lines.lines().map(json).collect();
    let ids: Vec<&str> = lines.iter().map(|line| line["id"].as_str().expect("an id")).collect();
    assert_eq!(ids, ["a", "b", "c", "d"]);
    assert!(lines[0]["probability"].is_f64() && lines[2]["probability"].is_f64(), "unseen levels are scored");
    assert_eq!((&lines[0]["unseen"], &lines[2]["unseen"]), (&Value::Null, &serde_json::json!(["colour", "month"])));
    assert_eq!(lines[1]["error"], "income: \"much\"; expected a number");
    assert_eq!(lines[3]["error"], "income: null; expected a number");
    let csv = fs::read_to_string(bank.predict(&rows, "out.csv")).expect("reads");
    for (line, expected) in csv.lines().skip(1).zip(&lines) {
        let probability = line.split(',').nth(2).expect("a probability");
        assert_eq!(probability.parse::<f64>().ok(), expected["probability"].as_f64(), "{line}");
    }
    // A Parquet file of probabilities is read back as rows.
    let parquet = Table::read(&[bank.predict(&rows, "out.parquet")], &bank.config()).expect("reads");
    assert_eq!(parquet.names, ["row", "id", "probability", "prediction", "unseen", "error"]);
    for (row, expected) in lines.iter().enumerate() {
        let probability = parquet.column("probability").expect("is there").get(row);
        assert_eq!(probability.map(|text| text.parse::<f64>().expect("a number")), expected["probability"].as_f64());
    }
    let refused = bank.path("other.txt");
    let told = bank.predict_fails(&rows, &refused);
    assert!(told.contains("must end in .csv, .jsonl or .parquet") && !refused.exists(), "{told}");
}

#[test]
fn a_model_is_the_same_whatever_the_number_of_threads() {
    let bank = Bank::new(&loans(1500), "");
    let versions = ["1", "3"].map(|threads| {
        let [config, rows, _] = bank.paths();
        let artifacts = bank.path(&format!("artifacts{threads}"));
        let paths = [config, rows, artifacts.clone()];
        let output = support::command().args(bank.arguments(&paths, &[])).env("RAYON_NUM_THREADS", threads).output();
        assert!(output.expect("runs").status.success());
        let model = artifacts.join("models/loans");
        let version = fs::read_to_string(model.join("champion")).expect("a champion");
        let mut tables = contents(&model.join(version.trim()));
        tables.retain(|name, _| name.ends_with(".safetensors"));
        tables
    });
    assert_eq!(versions[0].len(), 2);
    assert!(versions[0] == versions[1]);
}

#[test]
fn a_worse_version_stays_a_challenger_until_it_is_promoted() {
    let bank = Bank::new(&loans(3000), "");
    bank.train(&[]);
    let first = bank.champion();
    write_config(&bank.path("model.toml"), "[trees]\ntrees = 1\n");
    let told = json(&bank.train(&["--json"]));
    let second = told["version"].as_str().expect("a version").to_owned();
    assert_eq!((told["champion"].as_bool(), told["contest"]["verdict"].as_str()), (Some(false), Some("challenger")));
    assert_eq!(bank.champion(), first);
    assert!(bank.score("list", &[]).lines().any(|line| line.contains(&second) && line.ends_with("challenger")));
    bank.score("promote", &["--version", &second]);
    assert_eq!(bank.champion(), second);
    bank.score("rollback", &[]);
    assert_eq!(bank.champion(), first);
}

#[test]
fn a_version_that_would_refuse_the_clients_is_not_promoted_by_itself() {
    let bank = Bank::new(&loans(1500), "");
    bank.train(&[]);
    let first = bank.champion();
    write_config(&bank.path("model.toml"), "[columns]\ncolour = \"ignored\"\n");
    let told = bank.train(&[]);
    assert!(told.contains("`colour` is no longer a field") && told.contains("challenger: loans"), "{told}");
    assert_eq!(bank.champion(), first);
    let artifacts = bank.path("artifacts");
    let told = offline_fails(&["score", "promote", "--model", "loans", "--artifacts", text(&artifacts)]);
    assert!(told.contains("--allow-schema-change"), "{told}");
    bank.train(&["--allow-schema-change"]);
    assert_ne!(bank.champion(), first);
}

#[test]
fn a_torn_version_is_refused() {
    let bank = Bank::new(&loans(500), "");
    bank.train(&[]);
    let trees = bank.path("artifacts/models/loans").join(bank.champion()).join("trees.safetensors");
    let mut bytes = fs::read(&trees).expect("reads");
    *bytes.last_mut().expect("bytes") ^= 1;
    fs::write(&trees, bytes).expect("writes");
    assert!(registry::load(&bank.path("artifacts"), "loans", None).expect_err("torn").to_string().contains("SHA-256"));
}

#[test]
fn contributions_add_up_to_the_score_of_each_of_a_thousand_rows() {
    let built = Bank::new(&loans(1500), "").build();
    let mut columns = built.model.columns(1000);
    for row in 0..1000 {
        let number = |column: u64| drawn(90_000 + row * 8 + column);
        for (column, values) in columns.iter_mut().enumerate() {
            match values {
                Column::Numbers(values) => values.push(number(column as u64) * 100.0),
                Column::Levels(values) => values.push(shared::engine::tabular::column::Level::of(
                    ["red", "m1", "short", "other"][(number(column as u64) * 4.0) as usize],
                )),
            }
        }
    }
    let (matrix, scored) = (built.model.matrix(&columns), built.model.score(&columns));
    for (row, scored) in scored.iter().enumerate() {
        let contributions = built.model.contributions(&matrix, row, 0);
        let sum = contributions.base + contributions.fields.iter().map(|(_, value)| value).sum::<f64>();
        assert!((sum - f64::from(scored.log_odds)).abs() < 1e-4, "{row}: {sum} {scored:?}");
    }
}

#[test]
fn rows_that_can_not_be_learnt_from_are_refused_with_a_reason() {
    let refused = |rows: &str, config: &str| Bank::new(rows, config).train_fails();
    let head = "a,default\n";
    assert!(refused("", "").contains("no rows"));
    assert!(refused("a,default\n", "").contains("no rows"));
    assert!(refused("a,b\n1,2\n", "").contains("label: no column `default`; there are: a, b"));
    assert!(
        refused(&format!("{head}{}", "1,0\n".repeat(9)), "").contains("every row is a negative; a model needs both")
    );
    assert!(refused(&format!("{head}1,0\n2,\n3,1\n"), "").contains("1 of 3 rows have none, row 2 first"));
    assert!(refused(&format!("{head}1,0\n2,maybe\n"), "").contains("\"maybe\" is neither 0 nor 1"));
    let constant: String = (0..30).map(|row| format!("7,{}\n", row % 2)).collect();
    assert!(
        refused(&format!("{head}{constant}"), "")
            .contains("no column is left to learn from: `a` (every row has the same)")
    );
    assert!(
        refused(&loans(30), "[columns]\nage = \"number\"\n")
            .contains("columns: no column `age`; there are: id, income")
    );
    let told = refused(&loans(30), "[columns]\ncolour = \"number\"\n");
    assert!(told.contains("column `colour`: \"") && told.contains("\"; expected a number"), "{told}");
    let derived = refused(&loans(30), "[derived]\nhour = { hour = \"colour\" }\n");
    assert!(derived.contains("derived `hour`") || derived.contains("column `colour`"), "{derived}");
}

#[test]
fn ten_rows_and_columns_that_say_nothing_work() {
    let mut rows = "a,empty,same,default\n".to_owned();
    (0..10).for_each(|row| rows.push_str(&format!("{row},,x,{}\n", row % 2)));
    let told = Bank::new(&rows, "").train(&[]);
    assert!(told.contains("empty  ignored          every row misses it"), "{told}");
    assert!(told.contains("same   ignored          every row has the same"), "{told}");
}

#[test]
fn a_column_that_tells_the_label_is_named() {
    let rows: String = loans(800)
        .lines()
        .enumerate()
        .map(|(at, line)| {
            let paid = if at == 0 {
                "status"
            } else if line.ends_with('1') {
                "written off"
            } else {
                "paid"
            };
            format!("{line},{paid}\n")
        })
        .collect();
    let bank = Bank::new(&rows, "");
    let paths = bank.paths();
    let output = support::offline_with(&bank.arguments(&paths, &[]), &[]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("warning: `status` alone tells the label"), "{told}");
}

#[test]
fn a_precision_that_no_threshold_reaches_is_told_with_what_is_reached() {
    let said = |goal: &str| {
        let bank = Bank::new(&loans(800), &format!("[threshold]\n{goal}\n"));
        let output = support::offline_with(&bank.arguments(&bank.paths(), &[]), &[]);
        assert!(output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    // Colours alone: the most probable rows are no more than likely.
    let by_chance = "by = \"precision\"\nat_least = 1.0\n[columns]\nincome = \"ignored\"\nmonth = \"ignored\"";
    let told = said(by_chance);
    let warning = "warning: no threshold gives `default` a precision of 1 on the validation rows: the nearest one, 0.";
    assert!(told.contains(warning) && told.contains("[threshold] may go by another goal"), "{told}");
    for reached in ["by = \"precision\"\nat_least = 0.6", "by = \"recall\"\nat_least = 1.0", "by = \"f1\""] {
        assert!(!said(reached).contains("no threshold"), "{reached}");
    }
}

#[test]
fn a_hundred_thousand_levels_are_no_trouble() {
    let mut rows = "device,amount,default\n".to_owned();
    for row in 0..100_000u64 {
        rows.push_str(&format!("d{},{:.2},{}\n", row / 2 * 7, drawn(row), u8::from(drawn(row + 500_000) < 0.3)));
    }
    let told = Bank::new(&rows, "[trees]\ntrees = 5\n").train(&[]);
    assert!(told.contains("device  category      0  50000 levels"), "{told}");
}

#[test]
fn parts_of_times_are_derived_and_rows_are_split_by_time() {
    let mut rows = "at,amount,default\n".to_owned();
    for row in 0..2400u64 {
        // Nights are bad.
        let default = u8::from(drawn(row) < if row % 24 < 6 { 0.8 } else { 0.1 });
        rows.push_str(&format!(
            "2026-01-{:02}T{:02}:00:00Z,{:.2},{default}\n",
            row / 24 % 28 + 1,
            row % 24,
            drawn(row + 9999)
        ));
    }
    let config = "time = \"at\"\n[derived]\nhour = { hour = \"at\" }\n[split]\nby = \"time\"\n";
    let built = Bank::new(&rows, config).build();
    assert!(
        built.model.manifest().outputs[0].importance[0].field == "hour",
        "{:?}",
        built.model.manifest().outputs[0].importance
    );
    assert!(built.metrics["roc_auc"].value > 0.75);
    let last = built.parts.train.last().copied().expect("rows");
    let day = |row: usize| row / 24 % 28;
    assert!(built.parts.test.iter().all(|&row| day(row) >= day(last)), "the latest days are measured");
}
