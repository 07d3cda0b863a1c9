//! A column of strings, stored as two columns: their concatenated UTF-8 bytes, and the offset where each string begins.

use std::ops::Range;

use super::ArtifactError;
use super::columns::{Column, TableFile, TableWriter};

/// A string per row.
#[derive(Debug, Clone)]
pub struct Strings {
    starts: Column<u64>,
    bytes: Column<u8>,
}

impl<S: AsRef<str>> FromIterator<S> for Strings {
    fn from_iter<I: IntoIterator<Item = S>>(strings: I) -> Self {
        let (mut starts, mut bytes) = (vec![0], Vec::new());
        for string in strings {
            bytes.extend_from_slice(string.as_ref().as_bytes());
            starts.push(bytes.len() as u64);
        }
        Self { starts: starts.into(), bytes: bytes.into() }
    }
}

impl Default for Strings {
    fn default() -> Self {
        Self::from_iter([""; 0])
    }
}

impl Strings {
    /// Takes a string column from a file and checks it once, so that [`Strings::get`] can't fail.
    ///
    /// # Errors
    /// [`ArtifactError::Shape`] when a column is absent, not UTF-8 or out of order.
    pub fn open(file: &TableFile, name: &str) -> Result<Self, ArtifactError> {
        let starts = file.column::<u64>(&format!("{name}.starts"))?;
        let bytes = file.column::<u8>(&format!("{name}.bytes"))?;
        let text = std::str::from_utf8(&bytes).map_err(|error| file.wrong(format!("`{name}`: {error}")))?;
        let whole = starts.first() == Some(&0)
            && starts.last() == Some(&(bytes.len() as u64))
            && starts.windows(2).all(|pair| pair[0] <= pair[1])
            && starts.iter().all(|&start| text.is_char_boundary(start as usize));
        if !whole {
            return Err(file.wrong(format!("`{name}` has starts outside its bytes")));
        }
        Ok(Self { starts, bytes })
    }

    /// Adds the two columns to a table that is being written.
    pub fn add_to<'a>(&'a self, writer: &mut TableWriter<'a>, name: &str) {
        writer.add(&format!("{name}.starts"), &self.starts);
        writer.add(&format!("{name}.bytes"), &self.bytes);
    }

    /// The column with other strings in some rows, and of `len` rows: new ones are empty unless they are given. What stays
    /// is copied in stretches.
    ///
    /// * `edits`: rows with their strings, ascending.
    #[must_use]
    pub fn edited(&self, edits: &[(usize, &str)], len: usize) -> Self {
        let (mut starts, mut bytes) = (Vec::with_capacity(len + 1), Vec::with_capacity(self.bytes.len()));
        let mut next = 0;
        for &(row, string) in edits.iter().chain(&[(len, "")]) {
            let kept = next.min(self.len())..row.min(self.len());
            let from = self.starts[kept.start];
            let shift = |start: &u64| start - from + bytes.len() as u64;
            starts.extend(self.starts[kept.clone()].iter().map(shift));
            bytes.extend_from_slice(&self.bytes[from as usize..self.starts[kept.end] as usize]);
            starts.resize(row + 1, bytes.len() as u64);
            bytes.extend_from_slice(string.as_bytes());
            next = row + 1;
        }
        Self { starts: starts.into(), bytes: bytes.into() }
    }

    /// How many strings there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The string in row `row`.
    #[must_use]
    pub fn get(&self, row: usize) -> &str {
        let (start, end) = (self.starts[row] as usize, self.starts[row + 1] as usize);
        std::str::from_utf8(&self.bytes[start..end]).expect("checked when the column was opened")
    }

    /// The first row of a sorted column whose string is not before one, by binary search.
    #[must_use]
    pub fn first_from(&self, string: &str) -> usize {
        let mut rows = 0..self.len();
        while !rows.is_empty() {
            let middle = rows.start + rows.len() / 2;
            if self.get(middle) < string { rows.start = middle + 1 } else { rows.end = middle }
        }
        rows.start
    }

    /// The row of a string in a sorted column, by binary search.
    #[must_use]
    pub fn position(&self, string: &str) -> Option<usize> {
        self.position_in(0..self.len(), string)
    }

    /// The row of a string among some rows that are sorted, by binary search.
    #[must_use]
    pub fn position_in(&self, mut rows: Range<usize>, string: &str) -> Option<usize> {
        while !rows.is_empty() {
            let middle = rows.start + rows.len() / 2;
            match self.get(middle).cmp(string) {
                std::cmp::Ordering::Less => rows.start = middle + 1,
                std::cmp::Ordering::Greater => rows.end = middle,
                std::cmp::Ordering::Equal => return Some(middle),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_read_back_and_are_found() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let written: Strings = ["", "b", "ä"].into_iter().collect();
        let mut writer = TableWriter::default();
        written.add_to(&mut writer, "id");
        writer.write(folder.path(), "s").expect("writes");
        let file = TableFile::open(folder.path(), "s").expect("opens");
        let strings = Strings::open(&file, "id").expect("reads");
        assert_eq!((0..3).map(|row| strings.get(row)).collect::<Vec<_>>(), ["", "b", "ä"]);
        assert_eq!(strings.position("ä"), Some(2));
        assert_eq!(strings.position("c"), None);
        assert_eq!(["", "a", "b", "c", "ö"].map(|string| strings.first_from(string)), [0, 1, 1, 2, 3]);
    }

    #[test]
    fn an_edited_column_has_the_other_rows_as_they_were() {
        let strings: Strings = ["a", "", "ä", "d"].into_iter().collect();
        let all = |strings: &Strings| (0..strings.len()).map(|row| strings.get(row).to_owned()).collect::<Vec<_>>();
        assert_eq!(all(&strings.edited(&[], 4)), all(&strings));
        assert_eq!(all(&strings.edited(&[(0, "long"), (3, "")], 4)), ["long", "", "ä", ""]);
        assert_eq!(all(&strings.edited(&[(1, "b"), (5, "f")], 7)), ["a", "b", "ä", "d", "", "f", ""]);
        assert_eq!(all(&Strings::default().edited(&[(0, "x")], 2)), ["x", ""]);
    }
}
