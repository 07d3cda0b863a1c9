//! Writes a row for each item that was shown, as Parquet: into a file that has its name only when it is complete.
//!
//! | column | what |
//! |---|---|
//! | `recommendation_id`, `user_id`, `item_id`, `version`, `scenario` | texts; no scenario where the query named none |
//! | `served_at`, `shown_at` | when the slate was answered, and when the item counts as shown; UTC |
//! | `position` | from 1 |
//! | `page_item_id`, `category` | texts; missing where the query named none |
//! | `fallback` | whether the slate was made without the user's state, or after the deadline |
//! | `score`, `sources`, `propensity` | as they were logged; the sources as one text with commas |
//! | `clicked`, `carted`, `purchased` | whether it was |
//! | `clicked_at`, `carted_at`, `purchased_at` | when; UTC |

use std::fs;
use std::path::{Path, PathBuf};

use polars_arrow::array::{Array, BooleanArray, PrimitiveArray, Utf8ViewArray};
use polars_arrow::datatypes::{ArrowDataType, TimeUnit};
use shared::contract::slate_log::{LoggedItem, LoggedSlate};
use shared::engine::attribution::{Fate, Outcome, Settled};

use super::OutcomesError;
use crate::log::parquet::{ParquetError, Writer};

/// Rows of a row group.
const GROUP_ROWS: usize = 1 << 16;

/// The columns of a row group.
#[derive(Default)]
struct Columns {
    slates: Vec<Box<str>>,
    users: Vec<Box<str>>,
    items: Vec<Box<str>>,
    versions: Vec<Box<str>>,
    scenarios: Vec<Option<Box<str>>>,
    pages: Vec<Option<Box<str>>>,
    categories: Vec<Option<Box<str>>>,
    fallbacks: Vec<bool>,
    served_ms: Vec<i64>,
    shown_ms: Vec<Option<i64>>,
    positions: Vec<u32>,
    scores: Vec<f32>,
    sources: Vec<String>,
    propensities: Vec<Option<f32>>,
    outcomes_ms: [Vec<Option<i64>>; Outcome::ALL.len()],
}

impl Columns {
    fn add(&mut self, slate: &LoggedSlate, position: usize, placed: &LoggedItem, fate: &Fate) {
        self.slates.push(slate.recommendation_id.clone());
        self.users.push(slate.user.as_str().into());
        self.items.push(placed.item.as_str().into());
        self.versions.push(slate.version.clone());
        self.scenarios.push(slate.scenario.clone());
        self.pages.push(slate.page.as_ref().map(|page| page.as_str().into()));
        self.categories.push(slate.category.clone());
        self.fallbacks.push(slate.fallback);
        self.served_ms.push(slate.timestamp_ms);
        self.shown_ms.push(fate.shown_ms);
        self.positions.push(position as u32 + 1);
        self.scores.push(placed.score);
        self.sources.push(placed.sources.join(","));
        self.propensities.push(placed.propensity);
        for (column, at_ms) in self.outcomes_ms.iter_mut().zip(fate.outcomes_ms) {
            column.push(at_ms);
        }
    }

    /// The columns by their names, in their order.
    fn arrays(&self) -> Vec<(&'static str, Box<dyn Array>)> {
        fn texts<T: AsRef<str>>(texts: &[T]) -> Box<dyn Array> {
            Utf8ViewArray::from_slice(texts.iter().map(|text| Some(text.as_ref())).collect::<Vec<_>>()).boxed()
        }
        let times = |times: PrimitiveArray<i64>| times.to(time()).boxed();
        let [clicked, carted, purchased] = &self.outcomes_ms;
        let is_there = |at_ms: &[Option<i64>]| {
            BooleanArray::from_slice(at_ms.iter().map(Option::is_some).collect::<Vec<_>>()).boxed()
        };
        vec![
            ("recommendation_id", texts(&self.slates)),
            ("served_at", times(PrimitiveArray::from_slice(&self.served_ms))),
            ("user_id", texts(&self.users)),
            ("item_id", texts(&self.items)),
            ("position", PrimitiveArray::from_slice(&self.positions).boxed()),
            ("score", PrimitiveArray::from_slice(&self.scores).boxed()),
            ("sources", texts(&self.sources)),
            ("version", texts(&self.versions)),
            ("scenario", Utf8ViewArray::from_slice(&self.scenarios).boxed()),
            ("page_item_id", Utf8ViewArray::from_slice(&self.pages).boxed()),
            ("category", Utf8ViewArray::from_slice(&self.categories).boxed()),
            ("fallback", BooleanArray::from_slice(&self.fallbacks).boxed()),
            ("propensity", PrimitiveArray::from(self.propensities.clone()).boxed()),
            ("shown_at", times(PrimitiveArray::from(self.shown_ms.clone()))),
            ("clicked", is_there(clicked)),
            ("carted", is_there(carted)),
            ("purchased", is_there(purchased)),
            ("clicked_at", times(PrimitiveArray::from(clicked.clone()))),
            ("carted_at", times(PrimitiveArray::from(carted.clone()))),
            ("purchased_at", times(PrimitiveArray::from(purchased.clone()))),
        ]
    }
}

fn time() -> ArrowDataType {
    ArrowDataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

/// A file of rows.
pub struct Rows {
    path: PathBuf,
    /// Under which it is written.
    temporary: PathBuf,
    columns: Columns,
    /// None when it has ended.
    writer: Option<Writer>,
}

impl Rows {
    /// Makes the file; what has its name is replaced when all rows are written.
    ///
    /// # Errors
    /// [`OutcomesError::Rows`] when it can't be made.
    pub fn create(path: &Path) -> Result<Self, OutcomesError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = path.with_file_name(format!(".{name}.{}.new", std::process::id()));
        let columns = Columns::default();
        let kinds: Vec<_> = columns.arrays().iter().map(|(name, array)| (*name, array.dtype().clone())).collect();
        let writer = Writer::create(&temporary, &kinds).map_err(failed(path))?;
        Ok(Self { path: path.to_owned(), temporary, columns, writer: Some(writer) })
    }

    /// Adds what was shown of a slate.
    pub(super) fn add(&mut self, Settled { slate, fates }: &Settled) -> Result<(), OutcomesError> {
        let items = slate.items.iter().zip(fates).enumerate();
        for (position, (placed, fate)) in items.filter(|(_, (_, fate))| fate.shown_ms.is_some()) {
            self.columns.add(slate, position, placed, fate);
        }
        if self.columns.slates.len() >= GROUP_ROWS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), OutcomesError> {
        let columns = std::mem::take(&mut self.columns);
        if columns.slates.is_empty() {
            return Ok(());
        }
        let arrays = columns.arrays().into_iter().map(|(_, array)| array).collect();
        self.writer.as_mut().map_or(Ok(()), |writer| writer.write(arrays)).map_err(failed(&self.path))
    }

    /// Writes the last rows and gives the file its name.
    ///
    /// # Errors
    /// [`OutcomesError::Rows`] when it can't be written to its end.
    pub fn finish(mut self) -> Result<(), OutcomesError> {
        self.flush()?;
        if let Some(writer) = self.writer.take() {
            writer.end().map_err(failed(&self.path))?;
        }
        fs::rename(&self.temporary, &self.path).map_err(ParquetError::from).map_err(failed(&self.path))
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        // After an error; when it has its name it is not there any more.
        let _ = fs::remove_file(&self.temporary);
    }
}

fn failed(path: &Path) -> impl FnOnce(ParquetError) -> OutcomesError {
    move |source| OutcomesError::Rows { path: path.to_owned(), source }
}
