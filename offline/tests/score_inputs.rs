//! Odd tables and settings of models of rows, each as somebody had it.

use std::fs;
use std::path::Path;

use crate::support::loans::{Bank, drawn, loans, rows_as_json, write_config};
use crate::support::{self, text};
use offline::log::parquet::write;
use polars_arrow::array::{ListArray, PrimitiveArray};
use polars_arrow::datatypes::ArrowDataType;
use polars_arrow::offset::OffsetsBuffer;
use serde_json::{Value, json};

/// Rows as JSON, with their labels.
fn rows_with_labels(csv: &str) -> Vec<Value> {
    let labels = csv.lines().skip(1).map(|line| line.rsplit(',').next().expect("a label") == "1");
    let mut rows = rows_as_json(csv);
    rows.iter_mut().zip(labels).for_each(|(row, label)| row["default"] = json!(label));
    rows
}

/// Writes a Parquet file with a column of lists.
fn write_lists(path: &Path) {
    let rows = 600;
    let income: Vec<f64> = (0..rows as u64).map(drawn).collect();
    let label: Vec<i64> = income.iter().map(|income| i64::from(*income > 0.5)).collect();
    let offsets = OffsetsBuffer::try_from((0..=rows).collect::<Vec<i64>>()).expect("offsets in order");
    let tags = PrimitiveArray::from_vec((0..rows).collect::<Vec<i64>>()).boxed();
    let tags = ListArray::<i64>::new(ListArray::<i64>::default_datatype(ArrowDataType::Int64), offsets, tags, None);
    let columns = vec![
        ("income", PrimitiveArray::from_vec(income).boxed()),
        ("tags", tags.boxed()),
        ("default", PrimitiveArray::from_vec(label).boxed()),
    ];
    write(path, columns).expect("writes");
}

/// Trains on rows; returns what was said on standard error.
fn said(bank: &Bank) -> String {
    let paths = bank.paths();
    let output = support::offline_with(&bank.arguments(&paths, &[]), &[]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    told
}

#[test]
fn words_for_a_missing_value_leave_a_column_of_numbers_one() {
    let rows: String = loans(900)
        .lines()
        .enumerate()
        .map(|(at, line)| {
            let mut fields: Vec<&str> = line.split(',').collect();
            if at > 0 && at % 10 == 0 {
                fields[1] = ["NA", "?"][at / 10 % 2];
            }
            fields.join(",") + "\n"
        })
        .collect();
    let told = Bank::new(&rows, "").train(&[]);
    assert!(told.contains("income  number       90"), "{told}");
    let bank = Bank::new(&rows.replacen(",NA,", ",unknown,", 3), "");
    let told = said(&bank);
    assert!(
        told.contains("warning: `income` is taken for a category: 3 of its values are no numbers, such as \"unknown\""),
        "{told}"
    );
    write_config(&bank.path("model.toml"), "missing = [\"NA\", \"?\", \"unknown\"]\n");
    assert!(bank.train(&[]).contains("income  number       90"));
}

#[test]
fn truth_is_the_same_in_capitals_and_dates_are_days_of_the_models_place() {
    let mut rows = "at,new,default\n".to_owned();
    for row in 0..1400u64 {
        // Sundays of New York are bad.
        let day = row % 28 + 1;
        let default = u8::from(drawn(row) < if day % 7 == 0 { 0.9 } else { 0.1 });
        rows.push_str(&format!(
            "202606{day:02},{},{default}\n",
            if drawn(row + 7777) < 0.5 { "True" } else { "False" }
        ));
    }
    let config =
        "time_zone = \"America/New_York\"\n[columns]\nat = \"time\"\n[derived]\nweekday = { weekday = \"at\" }\n";
    let bank = Bank::new(&rows, config);
    let built = bank.build();
    // Who knows the Sundays has 0.79.
    assert!(built.metrics["roc_auc"].value > 0.75, "{:?}", built.metrics["roc_auc"]);
    let answers = ["\"20260607\",\"new\":true", "\"2026-06-07\",\"new\":\"TRUE\""].map(|row| {
        let row: Value = serde_json::from_str(&format!("{{\"at\":{row}}}")).expect("JSON");
        let mut columns = built.model.columns(1);
        for (field, column) in built.model.manifest().schema.iter().zip(&mut columns) {
            field.read_json(row.get(&field.name), column).expect("reads");
        }
        assert_eq!(built.model.unseen(&columns, 0).count(), 0);
        built.model.score(&columns)[0].probability
    });
    assert_eq!(answers[0], answers[1]);
}

#[test]
fn the_value_that_is_predicted_may_be_named_and_another_label_is_another_model() {
    let rows = loans(1500).replace(",1\n", ",bad\n").replace(",0\n", ",good\n");
    assert!(Bank::new(&rows, "").train_fails().contains("`positive` in the config names the value"));
    let bank = Bank::new(&rows, "positive = \"bad\"\n");
    bank.train(&[]);
    let first = bank.champion();
    fs::write(bank.path("rows.csv"), rows.replacen("default", "late", 1)).expect("writes");
    let config = fs::read_to_string(bank.path("model.toml")).expect("reads").replace("\"default\"", "\"late\"");
    fs::write(bank.path("model.toml"), config).expect("writes");
    let told = bank.train(&[]);
    assert!(told.contains("it predicts `late`, not `default`") && bank.champion() == first, "{told}");
}

#[test]
fn every_file_is_scored_and_none_is_written_over() {
    let bank = Bank::new(&loans(900), "");
    bank.train(&[]);
    let (one, copy) = (bank.path("one.csv"), bank.path("copy.csv"));
    fs::write(&one, loans(50)).expect("writes");
    fs::copy(&one, &copy).expect("copies");
    let out = bank.path("out.csv");
    bank.score("predict", &["--data", text(&one), text(&copy), "--out", text(&out)]);
    let scored = fs::read_to_string(&out).expect("reads");
    assert_eq!(scored.lines().count(), 101);
    assert!(scored.starts_with("file,row,id,probability,prediction,unseen,error\n"), "{}", &scored[..80]);
    let of = |file: &Path| scored.lines().filter(|line| line.starts_with(text(file))).count();
    assert_eq!((of(&one), of(&copy)), (50, 50));
    let refused = |data: &Path, out: &Path| bank.predict_fails(data, out);
    for data in [&one, &bank.folder.path().join("o*.csv"), bank.folder.path()] {
        let told = refused(data, &one);
        assert!(told.contains("--out ") && told.contains("one.csv: is read; write to another file"), "{told}");
    }
    fs::write(&copy, "a,b\n1,2\n").expect("writes");
    assert!(refused(&copy, &out).contains("no column `income`; there are: a, b"));
    fs::write(&copy, "income,colour,month,day,note\nx,red,m1,1,short\n").expect("writes");
    assert!(refused(&copy, &bank.path("none.csv")).contains("all 1 rows were refused"));
    let left = fs::read_dir(bank.folder.path()).expect("a folder").flatten();
    let left: Vec<_> =
        left.map(|entry| entry.file_name()).filter(|name| name.to_string_lossy().ends_with(".new")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn settings_that_can_not_be_are_refused_before_the_training() {
    let refused = |more: &str| Bank::new(&loans(40), more).train_fails();
    assert!(
        refused("[threshold]\nby = \"costs\"\nfalse_negative = -5\nfalse_positive = 1\n")
            .contains("costs must be above 0")
    );
    assert!(
        refused("[threshold]\nby = \"recall\"\nat_least = 99\n").contains("threshold.at_least = 99: must be 0 to 1")
    );
    assert!(
        refused("[columns]\nday = { role = \"number\", default = \"abc\" }\n")
            .contains("[columns] day: default: \"abc\"; expected a number")
    );
    assert!(
        refused("[columns]\nday = { role = \"number\", range = [5, 1] }\n").contains("needs a range of the smallest")
    );
    assert!(refused("[columns]\nday = { role = \"ordinal\" }\n").contains("needs its levels, ascending"));
    assert!(refused("[columns]\ndefault = \"category\"\n").contains("is the label, which has no role"));
    assert!(
        refused("[derived]\nhour = { hour = \"income\" }\n")
            .contains("`income` is no time; if it is, say so in [columns]")
    );
    for path in ["/models", "/health", "bad path", "/users/x"] {
        assert!(
            refused(&format!("[serve]\ncall = \"credit_score\"\npath = \"{path}\"\n")).contains("serve.path"),
            "{path}"
        );
    }
    assert!(Bank::new("a,a,default\n1,2,0\n2,3,1\n", "").train_fails().contains("two columns are named `a`"));
    let torn = format!("{}{}", loans(40), "x,1,2,3,4,5,6,7,8\n".repeat(4));
    assert!(
        Bank::new(&torn, "").train_fails().contains("4 of 44 rows can't be read, more than max_reject_share = 0.01")
    );
}

#[test]
fn lists_are_ignored_by_themselves_and_objects_are_the_columns_within() {
    let bank = Bank::new(&loans(600), "");
    let rows = rows_with_labels(&loans(600)).into_iter().enumerate().map(|(at, mut row)| {
        let city = ["x", "y"][at % 2];
        (row["tags"], row["place"]) = (json!(vec!["a"; at % 3]), json!({ "city": city, "no": at % 7 }));
        row.to_string() + "\n"
    });
    let path = bank.path("rows.jsonl");
    fs::write(&path, rows.collect::<String>()).expect("writes");
    fs::remove_file(bank.path("rows.csv")).expect("removes");
    let [config, _, artifacts] = bank.paths();
    let told = support::offline(&bank.arguments(&[config, path, artifacts], &[]));
    assert!(told.contains("rows: 384 train"), "each row is one: {told}");
    assert!(told.contains("tags        ignored          its values are lists"), "{told}");
    assert!(told.contains("place.city  category") && told.contains("place.no    number"), "{told}");
}

#[test]
fn a_list_in_parquet_is_ignored_too_and_is_no_category() {
    let bank = Bank::new("", "");
    let path = bank.path("rows.parquet");
    write_lists(&path);
    let [config, _, artifacts] = bank.paths();
    let told = support::offline(&bank.arguments(&[config.clone(), path.clone(), artifacts.clone()], &[]));
    assert!(told.contains("tags    ignored          its values are lists"), "{told}");
    write_config(&config, "[columns]\ntags = \"category\"\n");
    let told = support::offline_fails(&bank.arguments(&[config, path, artifacts], &[]));
    assert!(told.contains("[columns] tags: its values are lists; write what counts"), "{told}");
}

#[test]
fn advice_is_of_settings_that_there_are_and_says_what_to_do_about_a_path() {
    let bank = Bank::new(&loans(400), "[columns]\ncolor = \"ignored\"\n");
    let told = said(&bank);
    assert!(
        told.contains("warning: [columns] ignores `color`, which the rows don't have; they have: id, income, colour")
    );
    write_config(&bank.path("model.toml"), "[trees]\nobjective = \"softmax\"\n");
    assert!(bank.train_fails().contains("trees.objective = Softmax: is of rankers; leave it out"));
    assert!(!support::offline(&["score", "defaults"]).contains("objective"));
    write_config(&bank.path("model.toml"), "");
    bank.train(&[]);
    let rows = bank.path("rows.csv");
    let told = bank.predict_fails(&rows, &bank.path("no/out.csv"));
    assert!(told.contains("no/out.csv: there is no such file or folder; make it, or name another"), "{told}");
    let told = bank.predict_fails(&rows, &bank.path("model.toml/out.csv"));
    assert!(told.contains("a part of the path is a file and no folder; name another path"), "{told}");
    let [config, rows, _] = bank.paths();
    let told = support::offline_fails(&bank.arguments(&[config.clone(), rows.clone(), rows.clone()], &[]));
    assert!(told.contains("a part of the path is a file and no folder"), "{told}");
    // Text of windows-1252, which no setting of a model names.
    let mut latin = loans(400).replace("green", "gr#n").into_bytes();
    latin.iter_mut().filter(|byte| **byte == b'#').for_each(|byte| *byte = 0xfc);
    fs::write(&rows, latin).expect("writes");
    let told = bank.train_fails();
    assert!(told.contains("not UTF-8; write the file anew, as by `iconv") && !told.contains("ingest."), "{told}");
}

#[test]
fn an_index_without_a_name_is_passed_over_and_ids_keep_out_of_the_way() {
    let rows: String = loans(400)
        .lines()
        .enumerate()
        .map(|(at, line)| if at == 0 { format!(",{line}\n") } else { format!("{at},{line}\n") })
        .collect();
    let rows = rows.replacen("id,", "row,", 1);
    let bank = Bank::new(&rows, "");
    bank.train(&[]);
    let scored = fs::read_to_string(bank.predict(&bank.path("rows.csv"), "out.csv")).expect("reads");
    assert!(scored.starts_with("row,row_,probability,prediction,unseen,error\n1,c0,0."), "{}", &scored[..80]);
}
