//! Reads the settings that a version was built with, as its manifest has them, whichever release wrote it.

use figment::Figment;
use figment::providers::Serialized;
use serde_json::Value;
use shared::contract::settings;

use super::{Config, ConfigError, refuse_unknown_sections};

/// Keys of manifests of older releases that are gone because they had no effect: section, subsection, key.
const GONE: [[&str; 3]; 1] = [["ingest", "columns", "received"]];
/// Sections of older releases that have another name now.
pub(super) const RENAMED: [[&str; 2]; 1] = [["interactions", "kinds"]];

impl Config {
    /// The settings that a version was built with. A key that its release did not have takes the value of `base`; sections
    /// of [`super::RunConfig`], which older releases also wrote, are ignored, and so are keys that had no effect and are gone.
    ///
    /// * `built_with`: the config of its manifest.
    ///
    /// # Errors
    /// [`ConfigError`] for a key that this release no longer has, or a value out of range.
    pub fn of_version(built_with: &Value, base: &Self) -> Result<Self, ConfigError> {
        let mut built_with = built_with.clone();
        for [section, part, key] in GONE {
            if let Some(part) = built_with.pointer_mut(&format!("/{section}/{part}")).and_then(Value::as_object_mut) {
                part.remove(key);
            }
        }
        for [old, new] in RENAMED {
            if let Some(sections) = built_with.as_object_mut()
                && let Some(section) = sections.remove(old)
            {
                sections.entry(new).or_insert(section);
            }
        }
        let base = Figment::from(Serialized::defaults(base));
        let over = base.clone().merge(Serialized::defaults(&built_with));
        refuse_unknown_sections(&over)?;
        let config: Self = settings::extract(&over, &base)?;
        config.validate()?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use shared::contract::kind::Kinds;

    use super::*;

    #[test]
    fn a_version_of_an_older_release_has_the_default_of_a_key_that_it_did_not_know() {
        let config = Config::load(None, None).expect("defaults");
        let mut built_with = serde_json::to_value(&config).expect("serialises");
        built_with["als"]["factors"] = 7.into();
        built_with.as_object_mut().expect("sections").remove("embedding");
        let read = Config::of_version(&built_with, &config).expect("reads");
        assert_eq!((read.sources.als.factors, read.sources.embedding.factors), (7, config.sources.embedding.factors));
    }

    #[test]
    fn the_config_of_a_version_that_an_older_release_built_is_read() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tests/golden/format_2/manifest.json");
        let manifest: Value = serde_json::from_slice(&std::fs::read(golden).expect("reads")).expect("JSON");
        assert!(manifest["config"]["ingest"]["columns"]["received"].is_string());
        let read = Config::of_version(&manifest["config"], &Config::shipped().expect("defaults")).expect("reads");
        assert_eq!(manifest["config"]["als"]["factors"], read.sources.als.factors);
        assert!(manifest["config"]["interactions"]["view"].is_number());
        let mut older = manifest["config"].clone();
        older["interactions"]["addtocart"] = 4.5.into();
        let read = Config::of_version(&older, &Config::shipped().expect("defaults")).expect("reads");
        assert_eq!(read.kinds, Kinds::of_weights([1.0, 4.5, 5.0]));
    }
}
