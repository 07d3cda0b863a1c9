//! The vectors of items: a column of the item table, such as an embedding of the picture or of the text.
//!
//! ```text
//! [0.1, 0.2]   {0.1,0.2}   [0.1 0.2]   0.1 0.2   0.1,0.2   0.1;0.2   0,1;0,2   0.1|0.2      all the same vector
//! ```
//!
//! Brackets may be there or not. Numbers are separated by `;` or `|` if the text has one of them (a comma is a decimal
//! point then), else by commas, else by white space. Vectors are compared by their direction alone, so each is scaled to
//! length 1. The vectors of a table have as many numbers as most of them have; a vector that is not as it should be is
//! left out and counted by its reason, and its item stays without one. Memory: 4 bytes per number, once however many
//! parts of a log there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use shared::contract::id::present;

/// The row of an item without a vector.
const NONE: u32 = u32::MAX;
/// The maximum count of numbers.
const MOST_NUMBERS: usize = 4096;

/// The vectors of items, all of the same count of numbers, each of length 1.
#[derive(Debug, Clone, Default)]
pub struct Vectors {
    width: usize,
    /// The row of each item among the vectors, or [`NONE`]; empty if no item has a vector.
    rows: Vec<u32>,
    values: Arc<[f32]>,
    rejected: Arc<BTreeMap<String, u64>>,
}

impl Vectors {
    /// The vectors of items, in their order, given what the item table says: nothing, a vector, or what is wrong with
    /// it.
    #[must_use]
    pub fn of_items(told: impl IntoIterator<Item = Option<Result<Vec<f32>, String>>>) -> Self {
        let mut told: Vec<Option<Result<Vec<f32>, String>>> = told.into_iter().collect();
        let mut widths: BTreeMap<usize, u64> = BTreeMap::new();
        for vector in told.iter().flatten().flatten() {
            *widths.entry(vector.len()).or_default() += 1;
        }
        // Of equally frequent widths the largest.
        let width = widths.iter().max_by_key(|(_, count)| **count).map_or(0, |(width, _)| *width);
        let (mut rows, mut values, mut rejected) = (vec![NONE; told.len()], Vec::new(), BTreeMap::new());
        let mut next = 0;
        for (row, vector) in rows.iter_mut().zip(&mut told) {
            let reason = match vector.take() {
                None => continue,
                Some(Err(reason)) => reason,
                Some(Ok(vector)) if vector.len() != width => {
                    format!("a vector of {} numbers where most have {width}", vector.len())
                }
                Some(Ok(vector)) => {
                    let norm = vector.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
                    values.extend(vector.iter().map(|&value| (f64::from(value) / norm) as f32));
                    *row = next;
                    next += 1;
                    continue;
                }
            };
            *rejected.entry(reason).or_default() += 1;
        }
        if next == 0 {
            rows.clear();
        }
        Self { width, rows, values: values.into(), rejected: rejected.into() }
    }

    /// How many items have a vector.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.iter().filter(|&&row| row != NONE).count()
    }

    /// Whether no item has a vector.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.iter().all(|&row| row == NONE)
    }

    /// How many numbers a vector has.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The vectors of the item table that were left out, by reason.
    #[must_use]
    pub fn rejected(&self) -> &BTreeMap<String, u64> {
        &self.rejected
    }

    /// The vector of an item, of length 1.
    #[must_use]
    pub fn of(&self, item: usize) -> Option<&[f32]> {
        let row = *self.rows.get(item).filter(|&&row| row != NONE)? as usize;
        Some(&self.values[row * self.width..][..self.width])
    }

    /// The vectors of other rows of items, each of which was a row of these or is new.
    #[must_use]
    pub fn joined(&self, rows: impl Iterator<Item = Option<usize>>) -> Self {
        let of = |row: Option<usize>| row.and_then(|row| self.rows.get(row)).copied().unwrap_or(NONE);
        let rows = if self.rows.is_empty() { Vec::new() } else { rows.map(of).collect() };
        Self { rows, ..self.clone() }
    }

    /// The vectors of the items with a set flag.
    #[must_use]
    pub fn part(&self, keep: &[bool]) -> Self {
        let kept = self.rows.iter().zip(keep).filter(|(_, keep)| **keep);
        Self { rows: kept.map(|(row, _)| *row).collect(), ..self.clone() }
    }

    /// Adds the vectors to a digest; nothing if there are none.
    pub fn digest(&self, digest: &mut Sha256) {
        for item in 0..self.rows.len() {
            let Some(vector) = self.of(item) else { continue };
            digest.update((item as u64).to_le_bytes());
            vector.iter().for_each(|value| digest.update(value.to_le_bytes()));
        }
    }
}

/// Parses the vector of an item; `None` where the table has none, the error says what is wrong with it.
#[must_use]
pub fn parse(text: Option<&str>) -> Option<Result<Vec<f32>, String>> {
    text.and_then(present).map(numbers)
}

fn numbers(text: &str) -> Result<Vec<f32>, String> {
    let inner = [('[', ']'), ('{', '}'), ('(', ')')]
        .into_iter()
        .find_map(|(open, close)| text.strip_prefix(open)?.strip_suffix(close))
        .unwrap_or(text)
        .trim();
    if inner.is_empty() {
        return Err("an empty vector".to_owned());
    }
    let separator = [';', '|', ','].into_iter().find(|&separator| inner.contains(separator));
    let vector: Vec<f32> = match separator {
        Some(',') => inner.split(',').map(|number| finite(number.trim())).collect::<Result<_, _>>(),
        Some(separator) => {
            inner.split(separator).map(|number| finite(&number.trim().replace(',', "."))).collect::<Result<_, _>>()
        }
        None => inner.split_whitespace().map(finite).collect::<Result<_, _>>(),
    }?;
    match vector.len() {
        1 => Err("a vector of a single number".to_owned()),
        count if count > MOST_NUMBERS => Err(format!("a vector of more than {MOST_NUMBERS} numbers")),
        _ if vector.iter().all(|&value| value == 0.0) => Err("a vector of zeros".to_owned()),
        _ => Ok(vector),
    }
}

fn finite(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(number) if number.is_finite() => Ok(number),
        Ok(_) => Err("a vector with a value that is not finite".to_owned()),
        Err(_) => Err("a vector with a value that is no number".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_is_read_however_it_is_written() {
        let all = [
            "[0.5, -2]",
            "[0.5 -2.0]",
            "{0.5,-2}",
            "(0.5,-2)",
            " 0.5 -2 ",
            "0.5,-2",
            "0.5; -2",
            "0,5;-2,0",
            "0.5|-2e0",
            "[ 5e-1\n  -2. ]",
        ];
        for text in all {
            assert_eq!(parse(Some(text)), Some(Ok(vec![0.5, -2.0])), "{text}");
        }
        for absent in [None, Some(""), Some("  "), Some("NULL"), Some("nan")] {
            assert_eq!(parse(absent), None);
        }
    }

    #[test]
    fn what_is_no_vector_has_its_reason() {
        for (text, reason) in [
            ("[]", "an empty vector"),
            ("[ ]", "an empty vector"),
            ("[0.5, NaN]", "a vector with a value that is not finite"),
            ("[0.5, 1e99]", "a vector with a value that is not finite"),
            ("0.5,,1", "a vector with a value that is no number"),
            ("[0.5, null]", "a vector with a value that is no number"),
            ("[0.5, 1", "a vector with a value that is no number"),
            ("19.99", "a vector of a single number"),
            ("0 0 0", "a vector of zeros"),
        ] {
            assert_eq!(parse(Some(text)), Some(Err(reason.to_owned())), "{text}");
        }
        let long = vec!["1"; MOST_NUMBERS + 1].join(" ");
        assert!(parse(Some(&long)).is_some_and(|vector| vector.is_err()));
    }

    #[test]
    fn vectors_have_length_1_and_the_width_of_most() {
        let told = ["3 4", "[]", "", "1 2 3", "0 -2", "1e30 0", "[]"].map(|text| parse(Some(text)));
        let vectors = Vectors::of_items(told);
        assert_eq!((vectors.width(), vectors.len(), vectors.is_empty()), (2, 3, false));
        assert_eq!(vectors.of(0), Some(&[0.6, 0.8][..]));
        assert_eq!((vectors.of(4), vectors.of(5)), (Some(&[0.0, -1.0][..]), Some(&[1.0, 0.0][..])));
        assert!([1, 2, 3, 6, 7].iter().all(|&item| vectors.of(item).is_none()));
        let reasons: Vec<(&str, u64)> = vectors.rejected().iter().map(|(reason, &count)| (&**reason, count)).collect();
        assert_eq!(reasons, [("a vector of 3 numbers where most have 2", 1), ("an empty vector", 2)]);
    }

    #[test]
    fn vectors_follow_their_items() {
        let vectors = Vectors::of_items(["1 0", "", "0 1"].map(|text| parse(Some(text))));
        let joined = vectors.joined([None, Some(2), Some(0), Some(1)].into_iter());
        assert_eq!((joined.of(0), joined.of(1), joined.of(3)), (None, Some(&[0.0, 1.0][..]), None));
        let part = joined.part(&[true, false, true, true]);
        assert_eq!((part.of(1), part.of(0), part.len()), (Some(&[1.0, 0.0][..]), None, 1));
        let none = Vectors::default();
        assert!(none.is_empty() && none.joined([Some(0)].into_iter()).of(0).is_none() && none.part(&[true]).is_empty());
    }
}
