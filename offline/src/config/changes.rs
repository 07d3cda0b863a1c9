//! Finds the settings in which two configs differ, given as manifests record them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// The settings that differ, by key: the value in the first config and in the second; null if a config lacks the key.
pub type Changes = BTreeMap<String, [Value; 2]>;

/// The sections that decide how the log is read.
pub const OF_READING: [&str; 2] = ["ingest", "items"];
/// The one key of these sections that is a setting of the models, not of reading.
pub const SESSION_GAP: &str = "session_gap_minutes";
/// The table of kinds: each of its rows is compared as one value. What a kind does decides how the log is read, its
/// weight does not.
pub const KINDS: &str = "kinds";
/// Keys of these sections that change no event.
const WITHOUT_EFFECT: [&str; 2] = ["ingest.preset", "ingest.max_reject_share"];

/// The settings in which two configs differ.
#[must_use]
pub fn changes(first: &Value, second: &Value) -> Changes {
    differing(&by_key(first), &by_key(second))
}

/// The settings by which two configs read different events from the same log. The pause that ends a session is not
/// among them: it changes no event. Nor is a key that one config lacks: the releases differ there, not the settings.
#[must_use]
pub fn reading_changes(first: &Value, second: &Value) -> Changes {
    let [first, second] = [first, second].map(|config| {
        let mut keys = by_key(config);
        let gap = format!("ingest.{SESSION_GAP}");
        keys.retain(|key, _| {
            let section = key.split('.').next().unwrap_or_default();
            section == KINDS || OF_READING.contains(&section) && *key != gap && !WITHOUT_EFFECT.contains(&key.as_str())
        });
        for (_, kind) in keys.iter_mut().filter(|(key, _)| key.starts_with("kinds.")) {
            *kind = effect(kind);
        }
        keys
    });
    let in_both = |key: &String| first.contains_key(key) && second.contains_key(key);
    differing(&first, &second).into_iter().filter(|(key, _)| in_both(key)).collect()
}

/// What a kind does besides being counted: what it undoes if that is not as built in, and whether it blocks.
fn effect(kind: &Value) -> Value {
    let (weight, undoes) = match kind {
        Value::Object(table) => (table.get("weight"), table.get("undoes")),
        weight => (Some(weight), None),
    };
    let weight = weight.and_then(Value::as_f64).unwrap_or(0.0);
    json!({ "weight": if weight < 0.0 { "below 0" } else if weight > 0.0 { "above 0" } else { "0" }, "undoes": undoes })
}

/// Every setting by the path of keys that leads to it.
#[must_use]
pub fn by_key(config: &Value) -> BTreeMap<String, Value> {
    let mut keys = BTreeMap::new();
    flatten("", config, &mut keys);
    keys
}

/// Collects every value that is not a table, and every row of the table of kinds, by the path of keys that leads to it.
fn flatten(prefix: &str, value: &Value, keys: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(table) if !prefix.starts_with("kinds.") => {
            for (name, value) in table {
                let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flatten(&key, value, keys);
            }
        }
        value => {
            keys.insert(prefix.to_owned(), value.clone());
        }
    }
}

fn differing(first: &BTreeMap<String, Value>, second: &BTreeMap<String, Value>) -> Changes {
    let keys: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
    let pair = |key: &String| [first, second].map(|side| side.get(key).map(rounded).unwrap_or_default());
    keys.into_iter().map(|key| (key.clone(), pair(key))).filter(|(_, [a, b])| a != b).collect()
}

/// Rounds fractions to six digits, so that they are equal to themselves in another precision and after being written as
/// text.
fn rounded(value: &Value) -> Value {
    match value {
        Value::Object(table) => table.iter().map(|(key, value)| (key.clone(), rounded(value))).collect(),
        Value::Number(number) if number.is_f64() => {
            let text = format!("{:.5e}", number.as_f64().unwrap_or_default());
            text.parse::<f64>().map_or(Value::Null, Value::from)
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_differs_is_named_with_both_values_and_one_that_is_absent_is_null() {
        let (first, second) = (json!({"als": {"factors": 64, "seed": 1}}), json!({"als": {"factors": 8}, "fit": true}));
        let expected = [
            ("als.factors", [json!(64), json!(8)]),
            ("als.seed", [json!(1), Value::Null]),
            ("fit", [Value::Null, json!(true)]),
        ];
        assert_eq!(changes(&first, &second), expected.map(|(key, pair)| (key.to_owned(), pair)).into());
    }

    #[test]
    fn fractions_are_equal_in_either_precision() {
        let (single, double) = (json!({"w": 0.1f32}), json!({"w": 0.1f64}));
        assert_ne!(single, double);
        assert_eq!(changes(&single, &double), Changes::new());
    }

    #[test]
    fn only_what_changes_events_is_a_change_of_reading() {
        let first = json!({"ingest": {"preset": "a", "session_gap_minutes": 30, "skip": [], "of_old": 1}, "als": {"factors": 64}});
        let second = json!({"ingest": {"preset": "b", "session_gap_minutes": 10, "skip": ["x"], "of_new": 1}, "als": {"factors": 8}});
        let expected: Changes = [("ingest.skip".to_owned(), [json!([]), json!(["x"])])].into();
        assert_eq!(reading_changes(&first, &second), expected);
    }

    #[test]
    fn a_kind_is_compared_as_a_whole_and_only_what_it_does_is_a_change_of_reading() {
        let first =
            json!({"kinds": {"view": 1.0, "like": 2.0, "gift": {"weight": 0.1f32, "undoes": "", "buys": true}}});
        let second =
            json!({"kinds": {"view": 2.0, "like": -1.0, "gift": {"weight": 0.1f64, "undoes": "", "buys": true}}});
        let changed: Vec<String> = changes(&first, &second).into_keys().collect();
        assert_eq!(changed, ["kinds.like", "kinds.view"]);
        assert_eq!(reading_changes(&first, &second).into_keys().collect::<Vec<_>>(), ["kinds.like"]);
    }
}
