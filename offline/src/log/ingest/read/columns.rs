//! Rows whose values are columns of text, with more than one column for a value that has alternatives.

use polars_arrow::array::Utf8ViewArray;

/// The values of a batch of rows.
#[derive(Debug)]
pub struct ColumnRows {
    /// The record of each row, from 0, where records have several rows.
    pub records: Option<Vec<u32>>,
    /// For each wanted column its alternatives: the first that has a value counts.
    pub columns: Vec<Vec<Column>>,
}

/// A column of text.
#[derive(Debug, Clone)]
pub enum Column {
    /// A value per record.
    OfRecords(Utf8ViewArray),
    /// A value per row.
    OfRows(Utf8ViewArray),
}

impl ColumnRows {
    /// Puts the values of a row into `values`.
    pub fn row<'a>(&'a self, row: usize, values: &mut Vec<Option<&'a str>>) {
        let record = self.records.as_ref().map_or(row, |records| records[row] as usize);
        let value = |column: &'a Column| match column {
            Column::OfRecords(texts) => texts.get(record),
            Column::OfRows(texts) => texts.get(row),
        };
        let value = |column: &'a Column| value(column).filter(|text| !text.is_empty());
        values.clear();
        values.extend(self.columns.iter().map(|alternatives| alternatives.iter().find_map(value)));
    }
}
