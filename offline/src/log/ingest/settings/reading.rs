//! How one file is read, as far as a layer of the settings says.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use shared::contract::time::TimeUnit;

use super::{Alternatives, Columns, IngestConfig, MissingTimestamps, SkipRule};
use crate::log::ingest::IngestError;
use crate::log::ingest::read::{Encoding, Header, Quoting, ReadOptions};

/// What the log's words for kinds of events mean: the name of a kind, or `skip`. A word such as `>= 4` or `< 2.5` is
/// about the number of the rating column.
pub type Words = BTreeMap<String, String>;

/// The unit of times that are numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// By the size of the numbers.
    Auto,
    /// Days since the epoch.
    Days,
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
    /// Nanoseconds.
    Ns,
}

impl Unit {
    /// The unit, unless it is told by size.
    #[must_use]
    pub fn fixed(self) -> Option<TimeUnit> {
        match self {
            Self::Auto => None,
            Self::Days => Some(TimeUnit::D),
            Self::S => Some(TimeUnit::S),
            Self::Ms => Some(TimeUnit::Ms),
            Self::Us => Some(TimeUnit::Us),
            Self::Ns => Some(TimeUnit::Ns),
        }
    }
}

/// What happens to rows with a word for the kind that nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OtherKinds {
    /// They are bad rows.
    Reject,
    /// They are no interactions.
    Skip,
}

/// How one file is read, as far as this layer says. An entry of `[[ingest.files]]`, and the body of a schema.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct Reading {
    /// A pattern for the names or paths of files, such as `orders-*.csv`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pattern: String,
    /// The name of the schema, instead of the one that is recognised.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub schema: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quoting: Option<Quoting>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<Header>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp_unit: Option<Unit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp_format: Option<Alternatives>,
    /// Formats that are tried before any other.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub timestamp_formats: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_timestamps: Option<MissingTimestamps>,
    /// What happens to rows without a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without_user: Option<OtherKinds>,
    /// Texts that stand for no user, such as the number of guests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub no_user: Vec<String>,
    /// Columns about an order that only its first row has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub in_first_row: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skip: Vec<SkipRule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_event: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_kinds: Option<OtherKinds>,
    /// Texts that stand for a missing value, beside the usual ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Words of events whose rows are skipped, not rejected, if they name no item.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub may_lack_item: Vec<String>,
    #[serde(skip_serializing_if = "no_columns")]
    pub columns: Columns,
    #[serde(skip_serializing_if = "Words::is_empty")]
    pub kinds: Words,
}

fn no_columns(columns: &Columns) -> bool {
    columns.0.is_empty()
}

impl Reading {
    /// What is known of a file before it is looked at.
    #[must_use]
    pub fn options(&self) -> ReadOptions {
        ReadOptions {
            encoding: self.encoding,
            separator: self.separator.clone(),
            quoting: self.quoting.unwrap_or_default(),
            header: self.header.unwrap_or_default(),
        }
    }

    /// Lays another layer over this one.
    #[must_use]
    pub fn under(mut self, over: &Self) -> Self {
        fn lay<T: Clone>(below: &mut Option<T>, over: &Option<T>) {
            if over.is_some() {
                below.clone_from(over);
            }
        }
        if !over.schema.is_empty() {
            self.schema.clone_from(&over.schema);
        }
        lay(&mut self.encoding, &over.encoding);
        lay(&mut self.separator, &over.separator);
        lay(&mut self.quoting, &over.quoting);
        lay(&mut self.header, &over.header);
        lay(&mut self.timestamp_unit, &over.timestamp_unit);
        lay(&mut self.timestamp_format, &over.timestamp_format);
        lay(&mut self.time_zone, &over.time_zone);
        lay(&mut self.missing_timestamps, &over.missing_timestamps);
        lay(&mut self.without_user, &over.without_user);
        self.no_user.extend(over.no_user.iter().cloned());
        self.in_first_row.extend(over.in_first_row.iter().cloned());
        self.skip.extend(over.skip.iter().cloned());
        self.timestamp_formats.extend(over.timestamp_formats.iter().cloned());
        lay(&mut self.default_event, &over.default_event);
        lay(&mut self.other_kinds, &over.other_kinds);
        self.missing.extend(over.missing.iter().cloned());
        self.may_lack_item.extend(over.may_lack_item.iter().cloned());
        self.columns.lay_over(&over.columns);
        self.kinds.extend(over.kinds.iter().map(|(word, kind)| (word.clone(), kind.clone())));
        self
    }
}

impl IngestConfig {
    /// What the settings say about one file: those for all files, under those of each pattern that fits.
    ///
    /// # Errors
    /// [`IngestError::Setting`] for a pattern that is none.
    pub fn of_file(&self, path: &Path) -> Result<Reading, IngestError> {
        let mut reading = self.reading();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        for files in &self.files {
            let pattern = glob::Pattern::new(&files.pattern)
                .map_err(|error| IngestError::Setting(format!("files: pattern {:?}: {error}", files.pattern)))?;
            if pattern.matches(&name) || pattern.matches_path(path) {
                reading = reading.under(files);
            }
        }
        Ok(reading)
    }

    /// What the settings for all files say about one file.
    fn reading(&self) -> Reading {
        let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        Reading {
            encoding: self.encoding,
            separator: given(&self.separator),
            quoting: Some(self.quoting).filter(|quoting| *quoting != Quoting::Double),
            header: Some(self.header).filter(|header| *header != Header::Auto),
            timestamp_unit: Some(self.timestamp_unit).filter(|unit| *unit != Unit::Auto),
            timestamp_format: Some(self.timestamp_format.clone()).filter(|formats| !formats.is_unset()),
            time_zone: Some(self.time_zone.clone()).filter(|zone| zone != "UTC"),
            missing_timestamps: Some(self.missing_timestamps).filter(|missing| *missing != MissingTimestamps::Reject),
            no_user: self.no_user.clone(),
            skip: self.skip.clone(),
            default_event: given(&self.default_event),
            other_kinds: Some(self.other_kinds).filter(|other| *other != OtherKinds::Reject),
            columns: self.columns.clone(),
            kinds: self.kinds.clone(),
            ..Reading::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_layer_does_not_say_is_as_the_layers_below_have_it() {
        let named =
            Reading { schema: "ga4".to_owned(), time_zone: Some("Asia/Tokyo".to_owned()), ..Reading::default() };
        let over = Reading { separator: Some(";".to_owned()), ..Reading::default() };
        let laid = named.clone().under(&over);
        assert_eq!((laid.schema.as_str(), laid.separator.as_deref()), ("ga4", Some(";")));
        assert_eq!(laid.time_zone, named.time_zone);
        let over = Reading { schema: "segment".to_owned(), ..Reading::default() };
        assert_eq!(laid.under(&over).schema, "segment");
    }
}
