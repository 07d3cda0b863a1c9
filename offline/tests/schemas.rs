//! Every known schema reads the file of its shape right, without any setting.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{as_shipped, command, text};
use offline::config::Config;
use offline::log::ingest::items::catalogue::BRAND;
use offline::log::ingest::{Catalogue, read_catalogue};
use serde_json::{Value, json};

/// The folders of fixtures in one that have a file of what is expected.
fn folders(root: &str, expected: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(root);
    let entries = fs::read_dir(root).expect("fixtures").map(|entry| entry.expect("an entry").path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.join(expected).is_file()).collect();
    folders.sort();
    folders
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("reads");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The fields of a line that the expected one has.
fn native(line: &Value, expected: &Value) -> Value {
    let fields = expected.as_object().expect("an object").keys();
    fields.map(|field| (field.clone(), line[field].clone())).collect::<serde_json::Map<_, _>>().into()
}

#[test]
fn a_file_of_each_schema_is_read_without_any_setting() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (out, report, rejects) =
        (folder.path().join("out"), folder.path().join("report"), folder.path().join("rejects"));
    let mut wrong = Vec::new();
    for fixture in folders("tests/schemas", "expected.jsonl") {
        let name = fixture.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let entries = fs::read_dir(&fixture).expect("a folder").map(|entry| entry.expect("an entry").path());
        let files: Vec<PathBuf> = entries.filter(|path| !path.to_string_lossy().contains("expected")).collect();
        let mut arguments = vec!["ingest", "--out", text(&out), "--report", text(&report), "--rejects", text(&rejects)];
        arguments.extend(["--events"].into_iter().chain(files.iter().map(|file| text(file))));
        // Some fixtures have a row of five that can't be read.
        let settings = [("TANDEM_INGEST__LATEST", "2026-11-26"), ("TANDEM_INGEST__MAX_REJECT_SHARE", "0.3")];
        let output = as_shipped(&arguments, &settings);
        if !output.status.success() {
            wrong.push(format!("{name}: {}", String::from_utf8_lossy(&output.stderr)));
            continue;
        }
        let expected = lines(&fixture.join("expected.jsonl"));
        let nothing = json!({});
        let fields = expected.iter().chain(std::iter::repeat(&nothing));
        let read: Vec<Value> = lines(&out).iter().zip(fields).map(|(line, expected)| native(line, expected)).collect();
        let report: Value = serde_json::from_slice(&fs::read(&report).expect("reads")).expect("JSON");
        let files = report["files"].as_array().expect("files");
        let schemas: Vec<&str> = files.iter().filter_map(|file| file["schema"].as_str()).collect();
        let of_schema = if name.starts_with("generic") { "generic" } else { &name };
        if read != expected {
            wrong.push(format!("{name} as {schemas:?}: read {read:#?}\nexpected {expected:#?}"));
        } else if schemas.iter().any(|schema| *schema != of_schema) {
            wrong.push(format!("{name}: taken for {schemas:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_settings_that_explain_writes_read_the_same() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas/rees46");
    let entries = fs::read_dir(&fixture).expect("a folder").map(|entry| entry.expect("an entry").path());
    let file = entries.into_iter().find(|path| !path.to_string_lossy().contains("expected")).expect("a file");
    let config = folder.path().join("tandem.toml");
    let explained = command().args(["ingest", "--explain", text(&file)]).output().expect("the binary runs");
    fs::write(&config, explained.stdout).expect("writes");
    let outs = ["a", "b"].map(|name| folder.path().join(name));
    let rejects = folder.path().join("rejects");
    let with: [&[&str]; 2] = [&[], &["--config", text(&config)]];
    for (out, with) in outs.iter().zip(with) {
        let arguments =
            [&["ingest", "--events", text(&file), "--out", text(out), "--rejects", text(&rejects)], with].concat();
        assert!(command().args(&arguments).status().expect("the binary runs").success());
    }
    assert_eq!(fs::read(&outs[0]).expect("reads"), fs::read(&outs[1]).expect("reads"));
}

/// What a catalogue knows of each item, as the fixtures write it. Of a path, a category is its last level.
fn described(items: &Catalogue) -> Vec<Value> {
    let item = |row: usize| {
        let categories = items.categories_of(row).map(|category| &items.categories[category as usize]);
        let mut levels: Vec<&str> = categories.filter_map(|category| category.rsplit(" > ").next()).collect();
        levels.sort_unstable();
        let brand = items.properties[row].iter().find_map(|word| word.strip_prefix(BRAND));
        let (name, price) = (&items.names[row], f64::from(items.prices[row]));
        json!({
            "itemid": items.ids[row],
            "name": Some(name).filter(|name| !name.is_empty()),
            "categories": levels,
            "price": Some((price * 100.0).round() / 100.0).filter(|price| !price.is_nan()),
            "brand": brand,
            "available": !items.withdrawn.get(row).is_some_and(|withdrawn| *withdrawn),
        })
    };
    (0..items.len()).map(item).collect()
}

/// What a fixture expects, in the order of a catalogue. An item of which nothing is said is available.
fn expected(fixture: &Path) -> Vec<Value> {
    let mut items = lines(&fixture.join("expected_items.jsonl"));
    for item in &mut items {
        item["price"] = item["price"].as_f64().into();
        item["available"] = item["available"].as_bool().unwrap_or(true).into();
        let mut categories: Vec<&str> =
            item["categories"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        categories.sort_unstable();
        item["categories"] = json!(categories);
    }
    items.sort_by(|a, b| a["itemid"].as_str().cmp(&b["itemid"].as_str()));
    items
}

#[test]
fn an_item_table_of_each_schema_is_read_without_any_setting() {
    let config = Config::load(None, None).expect("defaults");
    let mut wrong = Vec::new();
    let fixtures = folders("tests/schemas/items", "expected_items.jsonl");
    assert!(fixtures.len() > 12, "{fixtures:?}");
    for fixture in fixtures {
        let name = fixture.file_name().and_then(|name| name.to_str()).expect("a name");
        let folder = tempfile::tempdir().expect("temporary folder");
        for entry in fs::read_dir(&fixture).expect("a folder").map(|entry| entry.expect("an entry")) {
            if entry.file_name() != "expected_items.jsonl" {
                fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("copies");
            }
        }
        let rejects = folder.path().join("rejects");
        let items = match read_catalogue(folder.path(), &config.items, &config.ingest, &rejects) {
            Ok(items) => items,
            Err(error) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        let (read, expected) = (described(&items), expected(&fixture));
        let of_schema = if name.starts_with("generic") { "generic" } else { name };
        let schemas: Vec<&str> = items.report.files.iter().map(|file| file.schema.as_str()).collect();
        if read != expected {
            wrong.push(format!("{name} as {schemas:?}: read {read:#?}\nexpected {expected:#?}"));
        } else if schemas.is_empty() || schemas.iter().any(|schema| *schema != of_schema) {
            wrong.push(format!("{name}: taken for {schemas:?}"));
        }
        if items.report.rejected_rows() > 0 || !items.report.warnings.is_empty() {
            wrong.push(format!("{name}: {:?}", items.report));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
