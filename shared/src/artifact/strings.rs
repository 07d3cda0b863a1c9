//! A column of strings: one byte column with all of them in a row, one with where each begins.

use super::ArtifactError;
use super::tables::{Column, Table, TableWriter};

/// Strings to be written as two columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StringColumn {
    starts: Vec<u64>,
    bytes: Vec<u8>,
}

impl<S: AsRef<str>> FromIterator<S> for StringColumn {
    fn from_iter<I: IntoIterator<Item = S>>(strings: I) -> Self {
        let mut column = Self { starts: vec![0], bytes: Vec::new() };
        for string in strings {
            column.bytes.extend_from_slice(string.as_ref().as_bytes());
            column.starts.push(column.bytes.len() as u64);
        }
        column
    }
}

impl StringColumn {
    /// Adds the two columns to a table.
    #[must_use]
    pub fn add_to<'a>(&'a self, table: TableWriter<'a>, name: &str) -> TableWriter<'a> {
        table.column(&format!("{name}.starts"), &self.starts).column(&format!("{name}.bytes"), &self.bytes)
    }
}

/// Mapped strings.
#[derive(Debug, Clone)]
pub struct Strings {
    starts: Column<u64>,
    bytes: Column<u8>,
}

impl Strings {
    /// Takes a string column from a table and checks it once, so that [`Strings::get`] can't fail.
    ///
    /// # Errors
    /// [`ArtifactError::Shape`] when a column is absent, not UTF-8 or out of order.
    pub fn open(table: &Table, name: &str) -> Result<Self, ArtifactError> {
        let starts = table.column::<u64>(&format!("{name}.starts"))?;
        let bytes = table.column::<u8>(&format!("{name}.bytes"))?;
        let text = std::str::from_utf8(&bytes).map_err(|error| table.wrong(format!("`{name}`: {error}")))?;
        let whole = starts.first() == Some(&0)
            && starts.last() == Some(&(bytes.len() as u64))
            && starts.windows(2).all(|pair| pair[0] <= pair[1])
            && starts.iter().all(|&start| text.is_char_boundary(start as usize));
        if !whole {
            return Err(table.wrong(format!("`{name}` has starts outside its bytes")));
        }
        Ok(Self { starts, bytes })
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

    /// The row of a string in a sorted column, by binary search.
    #[must_use]
    pub fn position(&self, string: &str) -> Option<usize> {
        let mut rows = 0..self.len();
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
        let column: StringColumn = ["", "b", "ä"].into_iter().collect();
        column.add_to(TableWriter::default(), "id").write(folder.path(), "s").expect("writes");
        let table = Table::open(folder.path(), "s").expect("opens");
        let strings = Strings::open(&table, "id").expect("reads");
        assert_eq!((0..3).map(|row| strings.get(row)).collect::<Vec<_>>(), ["", "b", "ä"]);
        assert_eq!(strings.position("ä"), Some(2));
        assert_eq!(strings.position("c"), None);
    }
}
