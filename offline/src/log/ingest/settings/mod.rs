//! The settings of reading: for all files (`[ingest]`), for the files of a pattern (`[[ingest.files]]`), and of a schema.
//!
//! What decides how one file is read is a [`Reading`], in which any part may be absent; a schema of this build, the
//! settings for all files and those of a pattern are laid over each other.

mod columns;
mod reading;

use serde::{Deserialize, Serialize};

pub use columns::{Alternatives, Columns, Role};
pub use reading::{OtherKinds, Reading, Unit, Words};

use super::bots::Limit;
use super::read::{Encoding, Header, Quoting};
use super::users::UsersTableConfig;

/// Where sessions come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionsFrom {
    /// A pause ends a session.
    Gap,
    /// A column names the session; of a row without a name, a pause ends it.
    Column,
}

/// How a row without a timestamp is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MissingTimestamps {
    /// A bad row.
    Reject,
    /// A row at time 0.
    Allow,
}

/// Which rows that are equal in user, item, kind and time count once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", from = "EqualRowsSetting")]
pub enum EqualRows {
    /// Those of different files, as in exports that overlap.
    AcrossFiles,
    /// All.
    All,
    /// None: each row counts.
    None,
}

/// The setting as it may be written: a word, or as in older releases a boolean.
#[derive(Deserialize)]
#[serde(untagged)]
enum EqualRowsSetting {
    All(bool),
    Word(EqualRowsWord),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum EqualRowsWord {
    AcrossFiles,
    All,
    None,
}

impl From<EqualRowsSetting> for EqualRows {
    fn from(setting: EqualRowsSetting) -> Self {
        match setting {
            EqualRowsSetting::All(true) | EqualRowsSetting::Word(EqualRowsWord::All) => Self::All,
            EqualRowsSetting::All(false) | EqualRowsSetting::Word(EqualRowsWord::None) => Self::None,
            EqualRowsSetting::Word(EqualRowsWord::AcrossFiles) => Self::AcrossFiles,
        }
    }
}

/// How users with a share of the log that no person has are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bots {
    /// They count as much as the busiest of the others: their last events.
    Cap,
    /// They do not count.
    Drop,
    /// They count like everybody.
    Keep,
}

/// A rule for rows that are no interactions; it has exactly one of the four conditions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkipRule {
    /// The column that the condition is about; files that do not have it keep their rows.
    pub column: String,
    /// The kind of the rows that it is about; all if it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Skips values that begin with this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_with: Option<String>,
    /// Skips numbers below this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// Skips values in which this regular expression is found; an absent value is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matching: Option<String>,
    /// Takes values out of `matching` in which this regular expression is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unless: Option<String>,
    /// Skips values that do not match this regular expression; an absent value counts as empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_matching: Option<String>,
    /// The reason under which the rows are counted.
    pub reason: String,
}

impl SkipRule {
    /// Whether it matches nothing, which takes the rules of the schema about its column away.
    #[must_use]
    pub fn keeps_all(&self) -> bool {
        self.matching.as_deref() == Some("^$")
    }
}

/// How logs are read. See `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct IngestConfig {
    pub preset: String,
    #[serde(with = "auto")]
    pub encoding: Option<Encoding>,
    pub separator: String,
    pub quoting: Quoting,
    pub header: Header,
    pub timestamp_unit: Unit,
    pub timestamp_format: Alternatives,
    pub time_zone: String,
    pub earliest: String,
    pub latest: String,
    pub no_user: Vec<String>,
    pub default_event: String,
    pub other_kinds: OtherKinds,
    pub sessions: SessionsFrom,
    pub session_gap_minutes: i64,
    pub missing_timestamps: MissingTimestamps,
    pub drop_equal_rows: EqualRows,
    pub bots: Bots,
    pub max_user_share: f64,
    pub max_reject_share: f64,
    pub max_duplicate_share: f64,
    pub skip: Vec<SkipRule>,
    pub columns: Columns,
    pub kinds: Words,
    pub users: UsersTableConfig,
    pub files: Vec<Reading>,
}

impl IngestConfig {
    /// How implausible users are told, and what becomes of them.
    #[must_use]
    pub fn bots(&self) -> Limit {
        Limit { setting: self.bots, max_share: self.max_user_share }
    }
}

#[cfg(test)]
impl IngestConfig {
    /// The settings as they are shipped.
    pub fn of_tests() -> Self {
        use figment::Figment;
        use figment::providers::{Format, Toml};
        let defaults = Toml::string(include_str!("../../../../config.default.toml"));
        Figment::from(defaults).extract_inner("ingest").expect("defaults")
    }
}

/// Writes an absent encoding as `auto`.
mod auto {
    use serde::de::IntoDeserializer;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    use super::Encoding;

    pub fn serialize<S: Serializer>(encoding: &Option<Encoding>, serializer: S) -> Result<S::Ok, S::Error> {
        match encoding {
            Some(encoding) => encoding.serialize(serializer),
            None => serializer.serialize_str("auto"),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Encoding>, D::Error> {
        let name = String::deserialize(deserializer)?;
        if name == "auto" {
            return Ok(None);
        }
        Encoding::deserialize(name.into_deserializer())
            .map(Some)
            .map_err(|error: de::value::Error| de::Error::custom(error))
    }
}
