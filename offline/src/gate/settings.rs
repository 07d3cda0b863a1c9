//! The champion's settings as this build understands them, and what differs between two.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::config::{Config, ConfigError};

/// Settings that differ, by key: the champion's and the new one's; null where a side does not have it.
pub type Changes = BTreeMap<String, [Value; 2]>;

/// Sections that say how the log is read; both sides of a contest have one log.
const OF_READING: [&str; 2] = ["ingest", "items"];
/// Sections that say what becomes of a version.
const OF_THE_RUN: [&str; 2] = ["publish", "gate"];
/// The key that says what is measured beside a version.
const OF_EVALUATION: &str = "popularity.windows_days";
/// The key among those of reading that the models follow.
const SESSION_GAP: &str = "session_gap_minutes";
/// The key of every section that says which of many equally good models is drawn.
const SEED: &str = "seed";
/// Keys of reading that change no event.
const WITHOUT_EFFECT: [&str; 2] = ["ingest.preset", "ingest.max_reject_share"];

/// The settings that the champion was built with, over the new ones: how the log is read, what becomes of a version and
/// all seeds are the new ones'. A key that the champion's release did not have is as it is shipped: what the new config
/// makes of it is contested.
///
/// * `built_with`: the config of the champion's manifest.
///
/// # Errors
/// [`ConfigError`] for a key that this release no longer has, or a value out of range.
pub fn of_champion(built_with: &Value, new: &Config) -> Result<Config, ConfigError> {
    let mut champion = built_with.clone();
    if let Some(sections) = champion.as_object_mut() {
        let gap = sections.get("ingest").and_then(|ingest| ingest.get(SESSION_GAP)).cloned();
        sections.retain(|name, _| !OF_READING.contains(&name.as_str()) && !OF_THE_RUN.contains(&name.as_str()));
        for section in sections.values_mut().filter_map(Value::as_object_mut) {
            section.remove(SEED);
        }
        if let Some(gap) = gap {
            sections.insert("ingest".to_owned(), serde_json::json!({ SESSION_GAP: gap }));
        }
    }
    Config::of_version(&champion, &shipped_but_for_reading(new)?)
}

/// The shipped settings, with what [`of_champion`] takes from the new ones.
fn shipped_but_for_reading(new: &Config) -> Result<Config, ConfigError> {
    let shipped = Config::shipped()?;
    let mut of_new = serde_json::to_value(new).unwrap_or_default();
    for (name, section) in of_new.as_object_mut().into_iter().flatten() {
        if let Some(keys) = section.as_object_mut()
            && !OF_READING.contains(&name.as_str())
            && !OF_THE_RUN.contains(&name.as_str())
        {
            keys.retain(|key, _| key == SEED);
        }
    }
    Config::of_version(&of_new, &shipped)
}

/// The settings in which two sides of a contest differ.
#[must_use]
pub fn changes(champion: &Config, new: &Config) -> Changes {
    differing(&by_key(champion), &by_key(new))
}

/// The settings of how the log is read in which a champion differs: they are not contested.
#[must_use]
pub fn reading_changes(built_with: &Value, new: &Config) -> Changes {
    let reading = |keys: BTreeMap<String, Value>| {
        let of_reading = |key: &str| OF_READING.iter().any(|section| key.starts_with(&format!("{section}.")));
        let gap = format!("ingest.{SESSION_GAP}");
        keys.into_iter()
            .filter(|(key, _)| of_reading(key) && *key != gap && !WITHOUT_EFFECT.contains(&key.as_str()))
            .collect::<BTreeMap<String, Value>>()
    };
    let mut champion = BTreeMap::new();
    flatten("", built_with, &mut champion);
    differing(&reading(champion), &reading(by_key(new)))
}

fn by_key(config: &Config) -> BTreeMap<String, Value> {
    let mut keys = BTreeMap::new();
    flatten("", &serde_json::to_value(config).unwrap_or_default(), &mut keys);
    keys.remove(OF_EVALUATION);
    keys
}

/// Every value that is no table, by the keys that lead to it.
fn flatten(prefix: &str, value: &Value, keys: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(table) => {
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

/// A fraction to six digits: as it was written, whatever precision it is kept in, and equal after a way through text.
fn rounded(value: &Value) -> Value {
    match value.as_f64().filter(|_| value.is_f64()) {
        Some(number) => format!("{number:.5e}").parse::<f64>().map_or(Value::Null, Value::from),
        None => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use shared::source::Source;

    use super::*;

    fn config() -> Config {
        Config::load(None, None).expect("the defaults")
    }

    /// The config as a manifest has it: written to text and read back.
    fn in_manifest(config: &Config) -> Value {
        serde_json::from_str(&serde_json::to_string(config).expect("writes")).expect("reads")
    }

    #[test]
    fn a_config_that_went_through_a_manifest_is_the_same() {
        let mut new = config();
        new.sources.als.regularization = 0.1 + 0.2;
        *new.blend.weights.get_mut(Source::Als) = 0.123_456_79;
        let champion = of_champion(&in_manifest(&new), &new).expect("reads");
        assert_eq!(changes(&champion, &new), Changes::new());
        assert_eq!(reading_changes(&in_manifest(&new), &new), Changes::new());
    }

    #[test]
    fn what_differs_is_named_with_both_values() {
        let (old, mut new) = (config(), config());
        new.sources.als.factors = 8;
        new.blend.off = vec![shared::source::Source::Als];
        *new.blend.weights.get_mut(Source::Als) = 0.4;
        let champion = of_champion(&in_manifest(&old), &new).expect("reads");
        let expected = [
            ("als.factors", [json!(64), json!(8)]),
            ("blend.off", [json!([]), json!(["als"])]),
            ("blend.weights.als", [json!(0.2), json!(0.4)]),
        ];
        assert_eq!(changes(&champion, &new), expected.map(|(key, pair)| (key.to_owned(), pair)).into());
    }

    #[test]
    fn another_seed_is_the_same_config() {
        let (old, mut new) = (config(), config());
        (new.sources.als.seed, new.trees.seed) = (43, 44);
        let champion = of_champion(&in_manifest(&old), &new).expect("reads");
        assert_eq!((champion.sources.als.seed, champion.trees.seed), (43, 44));
        assert_eq!(changes(&champion, &new), Changes::new());
    }

    #[test]
    fn reading_and_publishing_are_the_new_ones_but_the_session_gap_is_contested() {
        let (mut old, mut new) = (config(), config());
        old.publish.keep = 9;
        old.gate.tolerance = 0.5;
        old.ingest.session_gap_minutes = 10;
        new.ingest.columns.item = "sku".to_owned();
        let champion = of_champion(&in_manifest(&old), &new).expect("reads");
        assert_eq!((champion.publish.keep, champion.ingest.columns.item.as_str()), (new.publish.keep, "sku"));
        assert_eq!(changes(&champion, &new).into_keys().collect::<Vec<_>>(), ["ingest.session_gap_minutes"]);
        let reading = reading_changes(&in_manifest(&old), &new);
        assert_eq!(reading.into_keys().collect::<Vec<_>>(), ["ingest.columns.item"]);
    }

    #[test]
    fn a_key_that_the_champions_release_lacked_is_as_shipped_and_one_that_is_gone_is_refused() {
        let (shipped, mut new) = (config(), config());
        new.sources.als.sweeps = 99;
        let mut older = in_manifest(&new);
        older["als"].as_object_mut().expect("a table").remove("sweeps");
        older.as_object_mut().expect("a table").remove("gate");
        let champion = of_champion(&older, &new).expect("reads");
        assert_eq!(champion.sources.als.sweeps, shipped.sources.als.sweeps);
        assert_eq!(changes(&champion, &new).into_keys().collect::<Vec<_>>(), ["als.sweeps"]);
        older["als"]["tempo"] = json!(3);
        let error = of_champion(&older, &new).expect_err("`tempo` is no key");
        assert!(error.to_string().contains("tempo"), "{error}");
    }
}
