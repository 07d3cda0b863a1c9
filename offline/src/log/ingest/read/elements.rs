//! The values of a leaf of a nested Parquet column, by record and by element.

use std::ops::Range;

use polars_arrow::array::{MutableBinaryViewArray, Utf8ViewArray};
use polars_arrow::datatypes::ArrowDataType;

use super::text::texts;
use crate::log::parquet::LeafValues;

/// The values of a leaf in a row group, as text.
#[derive(Debug)]
pub struct Elements {
    values: Utf8ViewArray,
    /// Where the elements of each record begin and end; a record is one value without.
    offsets: Option<Vec<i64>>,
    quoted: Quoted,
}

/// How a value is written in JSON.
#[derive(Debug, PartialEq)]
enum Quoted {
    Yes,
    No,
}

impl Elements {
    /// The values that were read.
    pub fn new(LeafValues { offsets, values }: LeafValues) -> Self {
        let is_text = matches!(values.dtype(), ArrowDataType::BinaryView | ArrowDataType::FixedSizeBinary(_));
        let quoted = if is_text { Quoted::Yes } else { Quoted::No };
        Self { values: texts(&*values).values, offsets, quoted }
    }

    /// The elements of a record.
    fn of(&self, record: usize) -> Range<usize> {
        match &self.offsets {
            None => record..record + 1,
            Some(offsets) => match offsets.get(record..record + 2) {
                Some(&[start, end]) => start as usize..end as usize,
                _ => 0..0,
            },
        }
    }

    /// The rows of some records: the record of each, counted from the first, and its element. A record without elements
    /// is a row without one.
    pub fn rows(&self, records: Range<usize>) -> Vec<(u32, Option<usize>)> {
        let mut rows = Vec::new();
        for (record, at) in (0..).zip(records) {
            let elements = self.of(at);
            if elements.is_empty() {
                rows.push((record, None));
            }
            rows.extend(elements.map(|element| (record, Some(element))));
        }
        rows
    }

    fn get(&self, element: usize) -> Option<&str> {
        self.values.get(element)
    }
}

fn collected<'a>(values: impl Iterator<Item = Option<&'a str>>) -> Utf8ViewArray {
    let mut texts = MutableBinaryViewArray::<str>::with_capacity(values.size_hint().0);
    values.for_each(|value| texts.push(value));
    texts.into()
}

/// A value for each record, of a leaf in no list.
pub fn of_records(leaf: &Elements, records: Range<usize>) -> Utf8ViewArray {
    collected(records.map(|record| leaf.get(record)))
}

/// A value for each row.
pub fn of_rows(leaf: &Elements, rows: &[(u32, Option<usize>)]) -> Utf8ViewArray {
    collected(rows.iter().map(|(_, element)| leaf.get((*element)?)))
}

/// The value of the first element of each record whose key has a value.
pub fn picked(keys: &Elements, value: &str, leaf: &Elements, records: Range<usize>) -> Utf8ViewArray {
    collected(records.map(|record| {
        let at = keys.of(record).position(|element| keys.get(element) == Some(value))?;
        leaf.of(record).nth(at).and_then(|element| leaf.get(element))
    }))
}

/// All elements of each record as a JSON list.
pub fn whole(leaf: &Elements, records: Range<usize>) -> Utf8ViewArray {
    let mut lists = MutableBinaryViewArray::<str>::with_capacity(records.len());
    for record in records {
        let element = |element| match leaf.get(element) {
            None => "null".to_owned(),
            Some(text) if leaf.quoted == Quoted::Yes => serde_json::Value::from(text).to_string(),
            Some(text) => text.to_owned(),
        };
        let elements: Vec<String> = leaf.of(record).map(element).collect();
        lists.push((!elements.is_empty()).then(|| format!("[{}]", elements.join(","))));
    }
    lists.into()
}
