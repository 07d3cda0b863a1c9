//! The statistics of items, a row for each item.
//!
//! In files each statistic is a column. A slate asks for all of them of a hundred items anywhere in the catalogue: by
//! columns that is a cache line for every value, by rows two or three for an item.

use crate::contract::artifact::columns::Column;
use crate::contract::id::ItemIdx;

/// Items × statistics, row-major.
#[derive(Debug, Default)]
pub struct ItemRows {
    width: usize,
    values: Vec<f32>,
    /// The row of items that came after the version: nothing is known.
    unknown: Vec<f32>,
}

impl ItemRows {
    /// Transposes the columns, each of a value per item.
    #[must_use]
    pub fn new(columns: &[(String, Column<f32>)]) -> Self {
        let (width, items) = (columns.len(), columns.first().map_or(0, |(_, values)| values.len()));
        let mut values = vec![f32::NAN; width * items];
        for (at, (_, column)) in columns.iter().enumerate() {
            values.iter_mut().skip(at).step_by(width).zip(&**column).for_each(|(cell, value)| *cell = *value);
        }
        Self { width, values, unknown: vec![f32::NAN; width] }
    }

    /// The statistics of an item, in the order of the columns.
    #[must_use]
    pub fn row(&self, item: ItemIdx) -> &[f32] {
        self.values.get(item.at() * self.width..(item.at() + 1) * self.width).unwrap_or(&self.unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_values_of_its_item() {
        let columns = [("a".to_owned(), vec![1.0, 2.0].into()), ("b".to_owned(), vec![3.0, 4.0].into())];
        let rows = ItemRows::new(&columns);
        assert_eq!((rows.row(ItemIdx(0)), rows.row(ItemIdx(1))), (&[1.0, 3.0][..], &[2.0, 4.0][..]));
        assert!(rows.row(ItemIdx(2)).iter().all(|value| value.is_nan()) && rows.row(ItemIdx(2)).len() == 2);
        assert_eq!(ItemRows::new(&[]).row(ItemIdx(7)).len(), 0);
    }
}
