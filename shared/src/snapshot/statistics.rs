//! Counters and rates of each item, as the ranker sees them.

use std::path::Path;

use super::STATISTICS;
use crate::artifact::ArtifactError;
use crate::artifact::tables::{Column, Table};
use crate::id::ItemIdx;
use crate::schema::Statistic;

/// One column per [`Statistic`].
pub struct Statistics(Vec<Column<f32>>);

impl Statistics {
    pub(super) fn open(folder: &Path, item_count: usize) -> Result<Self, ArtifactError> {
        let table = Table::open(folder, STATISTICS)?;
        let columns = Statistic::ALL.iter().map(|(_, name)| table.column_of(name, item_count));
        Ok(Self(columns.collect::<Result<_, _>>()?))
    }

    /// The values of all items.
    #[must_use]
    pub fn column(&self, statistic: Statistic) -> &[f32] {
        &self.0[statistic as usize]
    }

    /// The value of an item.
    #[must_use]
    pub fn get(&self, statistic: Statistic, item: ItemIdx) -> f32 {
        self.0[statistic as usize][item.at()]
    }
}
