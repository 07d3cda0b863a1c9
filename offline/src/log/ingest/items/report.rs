//! What reading an item table found: counts, reasons with an example each, and what is worth a warning.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::role::Role;
use crate::log::ingest::report::LeftOut;

/// Rows that were rejected for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// How many.
    pub count: u64,
    /// The number of the first one in its file, and its value.
    pub example: String,
}

/// A file of the item table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ItemFile {
    /// Its path.
    pub path: PathBuf,
    /// Its compression, encoding and layout, in words.
    pub form: String,
    /// The name of its schema.
    pub schema: String,
    /// The schema in words.
    pub title: String,
}

/// The most files of which a line is printed.
const FILES: usize = 20;

/// How an item table was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ItemsReport {
    /// Its files.
    pub files: Vec<ItemFile>,
    /// Rows read.
    pub rows: u64,
    /// Items: rows that were not rejected, the last one of each id.
    pub items: u64,
    /// Rows of an item that a later row is also about.
    pub repeated: u64,
    /// Bad rows, by reason.
    pub rejected: BTreeMap<String, Rejected>,
    /// The columns of each part of `[items]` that were found.
    pub columns: BTreeMap<String, String>,
    /// What items can be filtered by beside the former: names, with what they are.
    pub properties: Vec<String>,
    /// Columns that they can't be filtered by, with the reasons.
    pub no_properties: Vec<String>,
    /// Items of the log.
    pub of_log: u64,
    /// Those of them that are in the item table.
    pub matched: u64,
    /// Items that are not recommended, since the table says so or, being complete, does not have them.
    pub withdrawn: u64,
    /// Rows that say neither that their item is available nor that it is not, by column: their items count as available.
    pub doubted: BTreeMap<&'static str, Rejected>,
    /// Files of a folder that were not read.
    pub left_out: Vec<LeftOut>,
    /// What is worth a look.
    pub warnings: Vec<String>,
}

/// The share of the log's items below which a table that has no more of them is suspected of other ids.
const FEW: f64 = 0.5;

impl ItemsReport {
    /// How many rows were bad.
    #[must_use]
    pub fn rejected_rows(&self) -> u64 {
        self.rejected.values().map(|rejected| rejected.count).sum()
    }

    /// Counts a bad row.
    pub fn reject(&mut self, reason: &str, row: u64, value: Option<&str>) {
        let new = || Rejected {
            count: 0,
            example: match value {
                Some(value) => format!("row {row}: `{value}`"),
                None => format!("row {row}"),
            },
        };
        self.rejected.entry(reason.to_owned()).or_insert_with(new).count += 1;
    }

    /// Counts a row that says neither that its item is available nor that it is not.
    pub fn doubt(&mut self, role: Role, row: u64, value: &str) {
        let new = || Rejected { count: 0, example: format!("row {row}: `{value}`") };
        self.doubted.entry(role.as_str()).or_insert_with(new).count += 1;
    }

    /// What is to be said of rows that leave the availability of their item open.
    #[must_use]
    pub fn doubts(&self) -> Vec<String> {
        let said = |(role, Rejected { count, example }): (&&str, &Rejected)| {
            format!(
                "items.{role}: {count} rows have a word that nobody knows ({example}), and their items count as available; \
                 items.available_words or items.withdrawn_words tells it, items.{role} = \"\" leaves the column out"
            )
        };
        self.doubted.iter().map(said).collect()
    }

    /// Whether the table has few of the log's items.
    #[must_use]
    pub fn matches_few(&self) -> bool {
        self.rows > 0 && (self.matched as f64) < FEW * self.of_log as f64
    }

    /// The report in lines; none if there was no table. Warnings are not among them.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        if self.rows == 0 {
            return Vec::new();
        }
        let file =
            |file: &ItemFile| format!("{}: {}; {} ({})", file.path.display(), file.form, file.schema, file.title);
        let mut lines: Vec<String> = self.files.iter().take(FILES).map(file).collect();
        if self.files.len() > FILES {
            lines.push(format!("… and {} more files", self.files.len() - FILES));
        }
        lines.extend(
            self.left_out.iter().map(|left_out| format!("left out: {}: {}", left_out.path.display(), left_out.reason)),
        );
        lines.push(format!("{} rows of the item table: {} items", self.rows, self.items));
        let columns: Vec<String> = self.columns.iter().map(|(key, column)| format!("{key} from `{column}`")).collect();
        lines.push(format!("  {}", columns.join(", ")));
        if !self.properties.is_empty() {
            lines.push(format!("  properties to filter by: {}", self.properties.join(", ")));
        }
        if !self.no_properties.is_empty() {
            lines.push(format!("  columns left out: {}", self.no_properties.join(", ")));
        }
        if self.repeated > 0 {
            lines.push(format!(
                "  {} rows are about an item that stands more than once: the last one counts",
                self.repeated
            ));
        }
        for (reason, Rejected { count, example }) in &self.rejected {
            lines.push(format!("  rejected {count}: {reason} ({example})"));
        }
        lines.push(format!("  {} of the {} items of the log are in the table", self.matched, self.of_log));
        if self.withdrawn > 0 {
            lines.push(format!("  {} items are withdrawn: not recommended", self.withdrawn));
        }
        lines
    }
}
