//! What `offline ingest` made of files: events, report, rejects, and what it printed.

use serde_json::Value;

/// An event that was read: time, user, kind, item.
pub type Event = (i64, String, String, String);

/// What `offline ingest` made of files.
pub struct Reading {
    /// All that it printed.
    pub said: String,
    /// Its report.
    pub report: Value,
    /// The events that it wrote, in their order.
    pub events: Vec<Event>,
    /// The rows that it rejected.
    pub rejects: Vec<Value>,
}

impl Reading {
    /// Rows, events, rejected and skipped rows.
    pub fn counts(&self) -> (u64, u64, u64, u64) {
        let total = |part: &str| {
            let reasons = self.report[part].as_object().map(|reasons| reasons.values());
            reasons.into_iter().flatten().map(count).sum()
        };
        let number = |field: &str| self.report[field].as_u64().expect("a number");
        (number("rows"), number("events"), total("rejected"), total("skipped"))
    }

    /// Whether one of the reasons for rejects has one of the words.
    pub fn rejected_for(&self, words: &[&str]) -> bool {
        let reasons = self.report["rejected"].as_object().expect("reasons");
        reasons.keys().any(|reason| words.iter().any(|word| reason.to_lowercase().contains(word)))
    }

    /// Whether one of the warnings has the words.
    pub fn warns_of(&self, words: &[&str]) -> bool {
        let warnings = self.report["warnings"].as_array().expect("warnings");
        warnings.iter().any(|warning| words.iter().all(|word| warning.to_string().contains(word)))
    }

    /// What the report says of the first file.
    pub fn of_file(&self, field: &str) -> &str {
        self.report["files"][0][field].as_str().expect("text")
    }

    /// The rows whose words were read as a kind.
    pub fn rows_of(&self, kind: &str) -> u64 {
        let files = self.report["files"].as_array().expect("files");
        let words = files.iter().filter_map(|file| file["kinds"].as_object()).flat_map(|words| words.values());
        words.filter(|word| word["kind"] == kind).filter_map(|word| word["rows"].as_u64()).sum()
    }

    pub fn times(&self) -> Vec<i64> {
        self.events.iter().map(|event| event.0).collect()
    }

    pub fn users(&self) -> Vec<&str> {
        self.events.iter().map(|event| event.1.as_str()).collect()
    }

    pub fn kinds(&self) -> Vec<&str> {
        self.events.iter().map(|event| event.2.as_str()).collect()
    }

    pub fn items(&self) -> Vec<&str> {
        self.events.iter().map(|event| event.3.as_str()).collect()
    }
}

/// The count of a reason, with an example beside it or without.
fn count(reason: &Value) -> u64 {
    reason.as_u64().or_else(|| reason["count"].as_u64()).expect("a count")
}
