//! How both programs read their settings: the layers, and the names of environment variables.
//!
//! ```text
//! documented defaults ◀ preset (batch only) ◀ file of --config ◀ environment     a later layer overrides key by key
//! ```
//!
//! A variable is named `TANDEM_<SECTION>__<KEY>`. Both programs may run in one environment, so each ignores the
//! sections of the other. A section that neither program has, an unknown key in a section of its own, and one
//! underscore in place of two are errors: a setting that silently does nothing is worse than a program that does not
//! start. Other variables without two underscores, such as `TANDEM_PORT` of the compose file, are no settings.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use figment::providers::{Env, Format, Toml};
use figment::value::{Dict, Value};
use figment::{Figment, Provider};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

/// The documented settings of the batch.
pub const OFFLINE: &str = include_str!("../../../offline/config.default.toml");
/// The documented settings of the service.
pub const ONLINE: &str = include_str!("../../../online/config.default.toml");

/// Tables whose keys are names that the shop chooses: every variable in them is a setting.
const FREE: [&str; 4] = ["kinds__", "ingest__kinds__", "scenarios__", "tenants__"];

/// The prefix of every variable's name.
const PREFIX: &str = "TANDEM_";

/// Why the settings can't be read.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file of `--config` is not there.
    #[error("{}: no such config file", .0.display())]
    Absent(PathBuf),
    /// A variable has the form of a setting, but there is no such setting.
    #[error("{name}: there is no setting of this name{nearest}")]
    Variable {
        /// The variable.
        name: String,
        /// The existing variable with the nearest name, in words; empty if none is near.
        nearest: String,
    },
    /// A layer is no valid TOML.
    #[error(transparent)]
    Layer(#[from] Box<figment::Error>),
}

/// Lays a file and the environment over the defaults.
///
/// * `defaults`: every key with its default, overridden by the preset if there is one.
/// * `others`: the documented settings of the other program, [`OFFLINE`] or [`ONLINE`].
///
/// # Errors
/// [`SettingsError`] names the file or the variable.
pub fn layer(defaults: Figment, file: Option<&Path>, others: &str) -> Result<Figment, SettingsError> {
    if let Some(path) = file.filter(|path| !path.is_file()) {
        return Err(SettingsError::Absent(path.to_owned()));
    }
    let known = paths_of(&defaults)?;
    let others = sections_of(others);
    for (name, _) in Env::prefixed(PREFIX).iter() {
        check(name.as_str(), &known, &others)?;
    }
    let own = move |name: &str| name.split_once("__").is_some_and(|(section, _)| !is_one_of(&others, section));
    let environment = Env::prefixed(PREFIX).filter(move |name| own(name.as_str())).split("__");
    let figment = file.into_iter().fold(defaults, |below, path| below.merge(Toml::file_exact(path)));
    Ok(figment.merge(environment))
}

/// Reads settings; an error names the key.
///
/// * `defaults`: settings that can be read; whatever differs in `figment` is merged over them alone to find the key, where
///   figment does not know it: a flattened struct hides it.
///
/// # Errors
/// [`figment::Error`] for an unknown key, and a value of the wrong type.
pub fn extract<T: DeserializeOwned>(figment: &Figment, defaults: &Figment) -> Result<T, Box<figment::Error>> {
    figment.extract().map_err(|error: figment::Error| {
        let dict = figment.extract::<Dict>().ok().filter(|_| error.path.is_empty());
        let Some((path, mut culprit)) = dict.and_then(|dict| culprit_of::<T>(&dict, "", defaults)) else {
            return Box::new(error);
        };
        culprit.metadata = figment.find_metadata(&path).cloned();
        culprit.profile = error.profile;
        culprit.path.clear();
        Box::new(culprit.with_path(&path))
    })
}

/// The path of the smallest part of `dict` with which the defaults can't be read, and why.
fn culprit_of<T: DeserializeOwned>(dict: &Dict, below: &str, defaults: &Figment) -> Option<(String, figment::Error)> {
    dict.iter().find_map(|(key, value)| {
        let path = format!("{below}{key}");
        let error = defaults.clone().merge((path.as_str(), value)).extract::<T>().err()?;
        let part = value.as_dict().and_then(|dict| culprit_of::<T>(dict, &format!("{path}."), defaults));
        Some(part.unwrap_or((path, error)))
    })
}

/// The sections of documented settings: `blend` of `[blend]` and of `[blend.weights]`.
fn sections_of(documented: &str) -> Vec<String> {
    let section = |line: &str| Some(line.strip_prefix('[')?.split([']', '.']).next()?.to_owned());
    documented.lines().filter_map(section).collect()
}

fn is_one_of(sections: &[String], section: &str) -> bool {
    sections.iter().any(|other| other.eq_ignore_ascii_case(section))
}

/// Every path of the defaults, such as `blend`, `blend__weights` and `blend__weights__als`.
fn paths_of(defaults: &Figment) -> Result<BTreeSet<String>, Box<figment::Error>> {
    fn collect(dict: &Dict, below: &str, paths: &mut BTreeSet<String>) {
        for (key, value) in dict {
            let path = format!("{below}{key}");
            if let Value::Dict(_, dict) = value {
                collect(dict, &format!("{path}__"), paths);
            }
            paths.insert(path);
        }
    }
    let mut paths = BTreeSet::new();
    for dict in defaults.data()?.values() {
        collect(dict, "", &mut paths);
    }
    Ok(paths)
}

/// Whether a path is in a table of this program whose keys are free.
fn is_free(name: &str, known: &BTreeSet<String>) -> bool {
    let is_key_of = |table: &str| name.len() > table.len() && name.starts_with(table);
    FREE.into_iter().any(|table| is_key_of(table) && known.contains(table.trim_end_matches("__")))
}

/// Checks a variable, its prefix taken off, against the paths of this program.
fn check(variable: &str, known: &BTreeSet<String>, others: &[String]) -> Result<(), SettingsError> {
    let name = variable.to_ascii_lowercase();
    let is_meant = match name.split_once("__") {
        Some((section, _)) => known.contains(&name) || is_free(&name, known) || is_one_of(others, section),
        // `TANDEM_STORE_REDIS_URL` is one that was written with too few underscores.
        None => !known.iter().any(|path| path.contains("__") && path.replace("__", "_") == name),
    };
    if is_meant {
        return Ok(());
    }
    // Of the other program only the sections are known here, so that its candidate has the key that was given.
    let (section, key) = name.split_once("__").unwrap_or((&name, ""));
    let of_others = others.iter().filter(|_| !known.contains(section)).map(|other| format!("{other}__{key}"));
    let candidates = known.iter().filter(|path| path.contains("__")).cloned().chain(of_others);
    let distances = candidates.map(|path| (strsim::osa_distance(&path, &name), path));
    // Nothing is near a name of which most letters would have to change.
    let near = distances.filter(|(distance, _)| known.contains(section) || 2 * distance <= name.len());
    let as_variable = |path: &str| format!("{PREFIX}{}", path.to_ascii_uppercase());
    let nearest = near.min().map_or(String::new(), |(_, path)| format!("; the nearest is {}", as_variable(&path)));
    Err(SettingsError::Variable { name: as_variable(&name), nearest })
}

/// Reads a text even if it looks like a number: the environment has no quotes.
///
/// # Errors
/// That of `D` for anything but a text or a whole number.
pub fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Text {
        Text(String),
        Number(i64),
    }
    Ok(match Text::deserialize(deserializer)? {
        Text::Text(text) => text,
        Text::Number(number) => number.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULTS: &str =
        "[store]\nredis_url = ''\nprefix = 'p'\n[kinds]\nview = 1\n[blend]\n[blend.weights]\nals = 1.0\n";

    fn checked(variable: &str) -> Result<(), String> {
        let known = paths_of(&Figment::from(Toml::string(DEFAULTS))).expect("valid TOML");
        check(variable, &known, &sections_of("[als]\n[publish]\n")).map_err(|error| error.to_string())
    }

    #[derive(Debug, Deserialize)]
    struct Flattened {
        #[serde(flatten)]
        #[allow(dead_code)]
        store: Sections,
    }

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Sections {
        store: Section,
        blend: Blend,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Section {
        redis_url: String,
        prefix: String,
    }

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Blend {
        weights: std::collections::BTreeMap<String, f64>,
    }

    #[test]
    fn a_value_of_the_wrong_type_is_named_with_its_key_in_a_flattened_struct_too() {
        let defaults = Figment::from(Toml::string(DEFAULTS));
        let said = |text: &str| {
            let figment = defaults.clone().merge(Toml::string(text));
            extract::<Flattened>(&figment, &defaults).expect_err(text).to_string()
        };
        for (text, key) in [
            ("[store]\nredis_url = 'x'\nprefix = 7", "store.prefix"),
            ("[store]\nprefixes = 'x'", "store.prefixes"),
            ("[blend.weights]\nals = 2.0\nslim = 'much'", "blend.weights.slim"),
            ("blend = 3", "blend"),
        ] {
            let said = said(text);
            assert!(said.contains(&format!("for key \"default.{key}\"")), "{said}");
        }
        let figment = defaults.clone().merge(Toml::string("[blend.weights]\nslim = 2"));
        extract::<Flattened>(&figment, &defaults).expect("a whole number is a number");
    }

    #[test]
    fn every_key_and_table_is_a_setting_in_any_case() {
        for variable in ["STORE__REDIS_URL", "store__prefix", "BLEND__WEIGHTS__ALS", "BLEND__WEIGHTS"] {
            assert_eq!(checked(variable), Ok(()));
        }
    }

    #[test]
    fn any_name_is_a_setting_in_a_table_of_free_names() {
        for variable in ["KINDS__WISHLIST", "KINDS__GIFT__WEIGHT", "kinds__view"] {
            assert_eq!(checked(variable), Ok(()));
        }
        // A table that the program does not have is not free.
        assert!(checked("INGEST__KINDS__PV").is_err() && checked("KINDS__").is_err());
    }

    #[test]
    fn what_is_the_other_program_s_or_no_setting_is_passed_over() {
        for variable in ["ALS__FACTORS", "PUBLISH__ANYTHING", "DATASETS", "PORT", "STORE_SERVICE_HOST", ""] {
            assert_eq!(checked(variable), Ok(()));
        }
    }

    #[test]
    fn a_misspelt_variable_is_named_with_the_nearest_setting() {
        for (wrong, nearest) in [
            ("STOER__REDIS_URL", "STORE__REDIS_URL"),
            ("STORE__REDIS_ULR", "STORE__REDIS_URL"),
            ("STORE_REDIS_URL", "STORE__REDIS_URL"),
            ("store__prefx", "STORE__PREFIX"),
            ("STORE__", "STORE__PREFIX"),
            ("BLEND__WEIGHTS__SLA", "BLEND__WEIGHTS__ALS"),
            ("ASL__FACTORS", "ALS__FACTORS"),
        ] {
            let expected = format!(
                "TANDEM_{}: there is no setting of this name; the nearest is TANDEM_{nearest}",
                wrong.to_uppercase()
            );
            assert_eq!(checked(wrong), Err(expected));
        }
        assert_eq!(checked("X__Y"), Err("TANDEM_X__Y: there is no setting of this name".to_owned()));
    }
}
