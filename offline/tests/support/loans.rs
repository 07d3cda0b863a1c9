//! Made-up loans: rows with a label, whose log-odds are known.
#![allow(dead_code)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use offline::progress::Progress;
use offline::score::build::{Built, build};
use offline::score::config::ModelConfig;
use offline::score::table::Table;
use serde_json::{Value, json};

use super::{offline, offline_fails, text};

/// The columns of [`loans`], but for the label.
pub const HEADER: &str = "id,income,colour,month,day,note";

/// A number from 0 to 1, another one for each place.
pub fn drawn(place: u64) -> f64 {
    let mut state = place.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((state ^ (state >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// Rows of a header and loans: income and colour matter, month and day only together; some notes are missing.
pub fn loans(rows: u64) -> String {
    let mut text = format!("{HEADER},default\n");
    for row in 0..rows {
        let own = |column: u64| drawn(row * 16 + column);
        let (income, colour) = ((own(0) * 1000.0).round() / 10.0, ["red", "green", "blue"][(own(1) * 3.0) as usize]);
        let (month, day) = ((own(2) * 6.0) as u32, (own(3) * 6.0) as u32);
        let note = if own(4) < 0.1 { "" } else { ["short", "long"][usize::from(own(5) < 0.5)] };
        let together = if (month + day) % 3 == 0 { 1.5 } else { -1.0 };
        let log_odds = 2.0 - income / 20.0 + if colour == "red" { 1.0 } else { 0.0 } + together;
        let default = u8::from(own(6) < 1.0 / (1.0 + (-log_odds).exp()));
        // Writing to a string can't fail.
        let _ = writeln!(text, "c{row},{income},{colour},m{month},{day},{note},{default}");
    }
    text
}

/// Rows as JSON, as the service is given them.
pub fn rows_as_json(csv: &str) -> Vec<Value> {
    let names: Vec<&str> = HEADER.split(',').collect();
    let row = |line: &str| {
        let value = |(name, text): (&&str, &str)| match text.parse::<f64>() {
            _ if text.is_empty() => ((*name).to_owned(), Value::Null),
            Ok(number) => ((*name).to_owned(), json!(number)),
            Err(_) => ((*name).to_owned(), json!(text)),
        };
        Value::Object(names.iter().zip(line.split(',')).map(value).collect())
    };
    csv.lines().skip(1).map(row).collect()
}

/// A config under which a model is learnt in a moment; `more` is added to it.
pub fn write_config(path: &Path, more: &str) {
    let config = format!("name = \"loans\"\nlabel = \"default\"\nmembers = 2\n{more}\n");
    let config = if more.contains("[trees]") { config } else { config + "[trees]\ntrees = 60\npatience = 20\n" };
    fs::write(path, config).expect("writes");
}

/// A folder with rows and a config.
pub struct Bank {
    /// The folder.
    pub folder: tempfile::TempDir,
}

impl Bank {
    pub fn new(rows: &str, config: &str) -> Self {
        let bank = Self { folder: tempfile::tempdir().expect("temporary folder") };
        fs::write(bank.path("rows.csv"), rows).expect("writes");
        write_config(&bank.path("model.toml"), config);
        bank
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn arguments<'a>(&self, paths: &'a [PathBuf; 3], more: &[&'a str]) -> Vec<&'a str> {
        let [config, rows, artifacts] = paths;
        let given = ["score", "train", "--config", text(config), "--data", text(rows), "--artifacts", text(artifacts)];
        [&given[..], more].concat()
    }

    pub fn paths(&self) -> [PathBuf; 3] {
        ["model.toml", "rows.csv", "artifacts"].map(|name| self.path(name))
    }

    pub fn train(&self, more: &[&str]) -> String {
        offline(&self.arguments(&self.paths(), more))
    }

    pub fn train_fails(&self) -> String {
        offline_fails(&self.arguments(&self.paths(), &[]))
    }

    pub fn config(&self) -> ModelConfig {
        ModelConfig::load(&[self.path("model.toml")], None).expect("a config")
    }

    pub fn build(&self) -> Built {
        let config = self.config();
        let table = Table::read(&[self.path("rows.csv")], &config).expect("rows");
        build(&table, &config, &mut Progress::default()).expect("a model")
    }

    pub fn score(&self, command: &str, more: &[&str]) -> String {
        let artifacts = self.path("artifacts");
        offline(&[&["score", command, "--artifacts", text(&artifacts), "--model", "loans"][..], more].concat())
    }

    pub fn predict(&self, rows: &Path, out: &str) -> PathBuf {
        let out = self.path(out);
        self.score("predict", &["--data", text(rows), "--out", text(&out)]);
        out
    }

    pub fn predict_fails(&self, rows: &Path, out: &Path) -> String {
        let artifacts = self.path("artifacts");
        let given = ["score", "predict", "--model", "loans", "--artifacts", text(&artifacts)];
        offline_fails(&[&given[..], &["--data", text(rows), "--out", text(out)]].concat())
    }

    pub fn champion(&self) -> String {
        fs::read_to_string(self.path("artifacts/models/loans/champion")).expect("a champion").trim().to_owned()
    }
}
