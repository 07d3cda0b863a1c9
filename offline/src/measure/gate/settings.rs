//! The champion's settings as this build reads them, and their differences from the new ones.

use serde_json::Value;

use crate::config::changes::{self, Changes, OF_READING, SESSION_GAP};
use crate::config::{Config, ConfigError};

/// The key that only chooses the baselines of an evaluation.
const OF_EVALUATION: &str = "popularity.windows_days";
/// The key of a seed, in any section.
const SEED: &str = "seed";

/// The settings that the champion was built with, except that the log is read as the new settings say and all seeds are
/// the new ones: both sides of a contest have one log, and so one table of kinds, in which the champion has weights of
/// its own. A key that the champion's release did not have takes its shipped
/// default, so that a new value for it is contested.
///
/// * `built_with`: the config of the champion's manifest.
///
/// # Errors
/// [`ConfigError`] for a key that this release no longer has, or a value out of range.
pub fn of_champion(built_with: &Value, new: &Config) -> Result<Config, ConfigError> {
    let mut champion = built_with.clone();
    if let Some(sections) = champion.as_object_mut() {
        let gap = sections.get("ingest").and_then(|ingest| ingest.get(SESSION_GAP)).cloned();
        sections.retain(|name, _| !OF_READING.contains(&name.as_str()));
        for section in sections.values_mut().filter_map(Value::as_object_mut) {
            section.remove(SEED);
        }
        if let Some(gap) = gap {
            sections.insert("ingest".to_owned(), serde_json::json!({ SESSION_GAP: gap }));
        }
    }
    let mut champion = Config::of_version(&champion, &shipped_but_for_reading(new)?)?;
    champion.kinds = new.kinds.clone().weighted_as(&Config::shipped()?.kinds).weighted_as(&champion.kinds);
    Ok(champion)
}

/// The shipped settings, with the settings of reading and the seeds of the new ones.
fn shipped_but_for_reading(new: &Config) -> Result<Config, ConfigError> {
    let shipped = Config::shipped()?;
    let mut of_new = to_json(new);
    for (name, section) in of_new.as_object_mut().into_iter().flatten() {
        if let Some(keys) = section.as_object_mut()
            && !OF_READING.contains(&name.as_str())
        {
            keys.retain(|key, _| key == SEED);
        }
    }
    Config::of_version(&of_new, &shipped)
}

/// The settings in which two sides of a contest differ.
#[must_use]
pub fn changes(champion: &Config, new: &Config) -> Changes {
    let mut changes = changes::changes(&to_json(champion), &to_json(new));
    changes.remove(OF_EVALUATION);
    changes
}

/// The settings of reading the log in which a champion differs from the new ones: they are not contested.
///
/// * `built_with`: the config of its manifest.
#[must_use]
pub fn reading_changes(built_with: &Value, new: &Config) -> Changes {
    changes::reading_changes(built_with, &to_json(new))
}

fn to_json(config: &Config) -> Value {
    serde_json::to_value(config).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::log::ingest::settings::{Alternatives, Role};
    use serde_json::json;

    use shared::contract::source::Source;

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
        new.blend.off = vec![shared::contract::source::Source::Als];
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
    fn both_sides_have_the_new_kinds_and_the_weights_are_contested() {
        let with = |kinds: Value| {
            let mut built_with = in_manifest(&config());
            built_with["kinds"] = kinds;
            Config::of_version(&built_with, &config()).expect("reads")
        };
        let old = with(json!({"addtocart": 4.0, "like": 3.0, "of_old": 9.0, "share": 1.0}));
        let new = with(json!({"addtocart": 6.0, "share": -1.0, "of_new": 7.0}));
        let champion = of_champion(&in_manifest(&old), &new).expect("reads");
        let names = |config: &Config| config.kinds.iter().map(|(_, kind)| kind.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&champion), names(&new));
        let weight = |name| champion.kinds.weight(champion.kinds.index(name).expect("there"));
        assert_eq!(["addtocart", "like", "share", "of_new"].map(weight), [4.0, 3.0, -1.0, 7.0]);
        assert_eq!(changes(&champion, &new).into_keys().collect::<Vec<_>>(), ["kinds.addtocart", "kinds.like"]);
        assert_eq!(reading_changes(&in_manifest(&old), &new).into_keys().collect::<Vec<_>>(), ["kinds.share"]);
        // The champion of a release with three kinds.
        let mut older = in_manifest(&old);
        older.as_object_mut().expect("sections").remove("kinds");
        older["interactions"] = json!({"view": 1.0, "addtocart": 4.0, "transaction": 5.0});
        let champion = of_champion(&older, &new).expect("reads");
        assert_eq!(changes(&champion, &new).into_keys().collect::<Vec<_>>(), ["kinds.addtocart"]);
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
    fn reading_is_the_new_ones_but_the_session_gap_is_contested() {
        let (mut old, mut new) = (config(), config());
        old.ingest.session_gap_minutes = 10;
        new.ingest.columns.0.insert(Role::Item, Alternatives::One("sku".to_owned()));
        let champion = of_champion(&in_manifest(&old), &new).expect("reads");
        assert_eq!(champion.ingest.columns.of(Role::Item), ["sku"]);
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
        // Sections of the run, which older releases wrote down too.
        older["gate"] = json!({"tolerance": 0.5});
        let champion = of_champion(&older, &new).expect("reads");
        assert_eq!(champion.sources.als.sweeps, shipped.sources.als.sweeps);
        assert_eq!(changes(&champion, &new).into_keys().collect::<Vec<_>>(), ["als.sweeps"]);
        older["als"]["tempo"] = json!(3);
        let error = of_champion(&older, &new).expect_err("`tempo` is no key");
        assert!(error.to_string().contains("tempo"), "{error}");
    }
}
