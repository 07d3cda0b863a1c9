//! Settings of a config by their paths: read, replaced, and written as TOML.

use std::collections::BTreeMap;

use anyhow::Context;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::knobs::Knob;

/// Values by path, such as `trees.depth`.
pub type Settings = BTreeMap<String, Value>;

/// The current values of some knobs.
///
/// # Errors
/// When the config can't be written as JSON.
pub fn current<C: Serialize>(config: &C, knobs: &[Knob]) -> anyhow::Result<Settings> {
    let json = serde_json::to_value(config)?;
    let of = |knob: &Knob| Some((knob.path.to_owned(), json.pointer(&pointer(knob.path))?.clone()));
    Ok(knobs.iter().filter_map(of).collect())
}

/// The config with these settings replaced; not validated.
///
/// # Errors
/// When it has no such setting, or not of this type.
pub fn with<C: Serialize + DeserializeOwned>(config: &C, settings: &Settings) -> anyhow::Result<C> {
    let mut json = serde_json::to_value(config)?;
    for (path, value) in settings {
        *json.pointer_mut(&pointer(path)).with_context(|| format!("the config has no {path}"))? = value.clone();
    }
    Ok(serde_json::from_value(json)?)
}

/// Settings that differ from others, by section, as TOML.
///
/// # Errors
/// When one is in no section.
pub fn toml<'a>(found: impl Iterator<Item = (&'a Settings, &'a Settings)>) -> anyhow::Result<String> {
    let mut sections: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (before, best) in found {
        for (path, value) in best.iter().filter(|(path, value)| before.get(*path) != Some(value)) {
            let (section, key) = path.split_once('.').with_context(|| path.clone())?;
            sections.entry(section).or_default().push(format!("{key} = {value}"));
        }
    }
    let sections = sections.into_iter().map(|(section, settings)| format!("\n[{section}]\n{}\n", settings.join("\n")));
    Ok(sections.collect())
}

fn pointer(path: &str) -> String {
    format!("/{}", path.replace('.', "/"))
}
