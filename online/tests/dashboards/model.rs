//! A model of rows that remembers those that it scores, with a shadow beside it: the golden one, and what it lacks.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use shared::contract::artifact::columns::TableWriter;
use shared::contract::artifact::manifest::{MANIFEST, checksums, write_champion};
use shared::engine::tabular::challenge::{Challenge, Mode};
use shared::tables::{HistoryTable, Table};

use super::path;

/// The name of the model.
pub const NAME: &str = "loans";

/// Publishes it in an artifacts folder.
pub fn publish(artifacts: &Path) {
    let folder = artifacts.join("models").join(NAME);
    for version in ["champion-1", "shadow-1"] {
        write(&folder.join(version), version);
    }
    write_champion(&folder, "champion-1").expect("pointer");
    let challenge = Challenge { version: "shadow-1".to_owned(), mode: Mode::Shadow, share: 1.0 };
    challenge.write(&folder).expect("a challenge");
}

/// Writes a version that counts the rows of a colour.
fn write(folder: &Path, version: &str) {
    let golden = path("../shared/tests/golden/model_1");
    fs::create_dir_all(folder).expect("a folder");
    let mut manifest: Value =
        serde_json::from_slice(&fs::read(golden.join(MANIFEST)).expect("the golden manifest")).expect("JSON");
    for file in manifest["files"].as_object().expect("files").keys() {
        fs::copy(golden.join(file), folder.join(file)).expect("copies");
    }
    let (history, mut writer) = (HistoryTable::default(), TableWriter::default());
    history.add_to(&mut writer);
    writer.write(folder, "history_0.safetensors").expect("writes");
    manifest["files"] = json!(checksums(folder).expect("files"));
    manifest["version"] = json!(version);
    let parameters = &mut manifest["parameters"];
    parameters["histories"] = json!([{"key": "colour", "values": ["rows"]}]);
    parameters["remember"] = json!("scored");
    // Of the fields `colour` and `at`; no feature looks at it.
    let count = json!({"name": "rows_of_colour", "by": "count", "columns": [1, 3], "history": 0, "value": 0});
    parameters["derived"].as_array_mut().expect("a list").push(count);
    fs::write(folder.join(MANIFEST), manifest.to_string()).expect("writes");
}

/// Rows of applicants, and one that is refused in every field.
pub fn rows(count: usize, time: usize) -> [String; 2] {
    let row = |at: usize| {
        let colour = ["red", "green", "blue"][at % 3];
        json!({"id": format!("c{at}"), "income": at % 100, "colour": colour, "grade": "low",
            "at": format!("2026-03-01T03:{:02}:00", time % 60), "note": null})
    };
    let good: Vec<Value> = (0..count).map(row).collect();
    [json!(good).to_string(), json!([{"income": 5000, "colour": 7, "at": "soon", "else": 1}]).to_string()]
}
