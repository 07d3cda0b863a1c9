//! Typed columns: mapped from a safetensors file, which costs no parsing and no copy, or made in memory.
//!
//! Values are little-endian, as is every machine this runs on.

use std::borrow::Cow;
use std::fs::File;
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytemuck::Pod;
use memmap2::Mmap;
use safetensors::tensor::{Dtype, SafeTensors, View, serialize_to_file};

use super::ArtifactError;
use crate::contract::id::ItemIdx;

/// A type that a column can hold.
pub trait Element: Pod {
    /// Its name in the file.
    const DTYPE: Dtype;
}

impl Element for u8 {
    const DTYPE: Dtype = Dtype::U8;
}
impl Element for u16 {
    const DTYPE: Dtype = Dtype::U16;
}
impl Element for u32 {
    const DTYPE: Dtype = Dtype::U32;
}
impl Element for u64 {
    const DTYPE: Dtype = Dtype::U64;
}
impl Element for i64 {
    const DTYPE: Dtype = Dtype::I64;
}
impl Element for f32 {
    const DTYPE: Dtype = Dtype::F32;
}
impl Element for f64 {
    const DTYPE: Dtype = Dtype::F64;
}
impl Element for ItemIdx {
    const DTYPE: Dtype = Dtype::U32;
}

/// A column of values. A clone is cheap, since it shares the values.
#[derive(Debug, Clone)]
pub struct Column<T> {
    values: Values<T>,
    /// Values per row: more than 1 if the column is a row-major matrix.
    width: usize,
}

#[derive(Debug, Clone)]
enum Values<T> {
    /// A range of bytes of a file; its length and alignment were checked when it was opened.
    Mapped(Arc<Mmap>, Range<usize>),
    InMemory(Arc<Vec<T>>),
}

impl<T> Column<T> {
    /// A row-major matrix with `width` values per row.
    #[must_use]
    pub fn matrix(values: Vec<T>, width: usize) -> Self {
        Self { values: Values::InMemory(Arc::new(values)), width }
    }

    /// Values per row; 1 if the column is no matrix.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }
}

impl<T> From<Vec<T>> for Column<T> {
    fn from(values: Vec<T>) -> Self {
        Self::matrix(values, 1)
    }
}

impl<T> FromIterator<T> for Column<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Vec::from_iter(values).into()
    }
}

impl<T> Default for Column<T> {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl<T: Element> Deref for Column<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.values {
            Values::Mapped(map, range) => bytemuck::cast_slice(&map[range.clone()]),
            Values::InMemory(values) => values,
        }
    }
}

/// A memory-mapped safetensors file, from which a table is read.
pub struct TableFile {
    path: PathBuf,
    map: Arc<Mmap>,
}

impl TableFile {
    /// Maps the file `name` of a version's folder.
    ///
    /// # Errors
    /// [`ArtifactError`] when it can't be read or is no safetensors file.
    #[allow(unsafe_code)]
    pub fn open(folder: &Path, name: &str) -> Result<Self, ArtifactError> {
        let path = folder.join(name);
        let file = File::open(&path).map_err(ArtifactError::io(&path))?;
        // SAFETY: a written file is never written again, only renamed or unlinked, which leaves a mapping intact.
        let map = unsafe { Mmap::map(&file) }.map_err(ArtifactError::io(&path))?;
        SafeTensors::deserialize(&map).map_err(|error| ArtifactError::shape(&path, error.to_string()))?;
        Ok(Self { path, map: Arc::new(map) })
    }

    /// The names of the columns, sorted.
    ///
    /// # Errors
    /// [`ArtifactError::Shape`] when the file is torn.
    pub fn names(&self) -> Result<Vec<String>, ArtifactError> {
        let file = SafeTensors::deserialize(&self.map).map_err(|error| self.wrong(error.to_string()))?;
        let mut names: Vec<String> = file.names().into_iter().map(str::to_owned).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Whether there is a column `name`.
    ///
    /// # Errors
    /// [`ArtifactError::Shape`] when the file is torn.
    pub fn has(&self, name: &str) -> Result<bool, ArtifactError> {
        let file = SafeTensors::deserialize(&self.map).map_err(|error| self.wrong(error.to_string()))?;
        Ok(file.tensor(name).is_ok())
    }

    /// The column `name`.
    ///
    /// # Errors
    /// [`ArtifactError::Shape`] when it is absent or of another type.
    pub fn column<T: Element>(&self, name: &str) -> Result<Column<T>, ArtifactError> {
        let wrong = |reason: String| ArtifactError::shape(&self.path, reason);
        let file = SafeTensors::deserialize(&self.map).map_err(|error| wrong(error.to_string()))?;
        let tensor = file.tensor(name).map_err(|error| wrong(error.to_string()))?;
        if tensor.dtype() != T::DTYPE {
            return Err(wrong(format!("`{name}` holds {:?}, not {:?}", tensor.dtype(), T::DTYPE)));
        }
        let bytes = tensor.data();
        bytemuck::try_cast_slice::<u8, T>(bytes).map_err(|error| wrong(format!("`{name}`: {error}")))?;
        let start = bytes.as_ptr().addr() - self.map.as_ptr().addr();
        let width = if tensor.shape().len() == 2 { tensor.shape()[1] } else { 1 };
        Ok(Column { values: Values::Mapped(self.map.clone(), start..start + bytes.len()), width })
    }

    /// An error about this file.
    #[must_use]
    pub fn wrong(&self, reason: impl Into<String>) -> ArtifactError {
        ArtifactError::shape(&self.path, reason)
    }
}

/// A column to be written.
struct NewColumn<'a> {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: &'a [u8],
}

impl View for NewColumn<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.bytes)
    }
    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// Collects columns and writes them as one safetensors file.
#[derive(Default)]
pub struct TableWriter<'a> {
    columns: Vec<(String, NewColumn<'a>)>,
}

impl<'a> TableWriter<'a> {
    /// Adds a column.
    pub fn add<T: Element>(&mut self, name: &str, values: &'a Column<T>) {
        let shape = match values.width() {
            1 => vec![values.len()],
            width => vec![values.len() / width, width],
        };
        let bytes = bytemuck::cast_slice(values);
        self.columns.push((name.to_owned(), NewColumn { dtype: T::DTYPE, shape, bytes }));
    }

    /// Writes the file `name` into a folder; an existing file is unlinked first, so that its mappings stay valid.
    ///
    /// # Errors
    /// [`ArtifactError`] when it can't be written.
    pub fn write(self, folder: &Path, name: &str) -> Result<(), ArtifactError> {
        let path = folder.join(name);
        if path.exists() {
            std::fs::remove_file(&path).map_err(ArtifactError::io(&path))?;
        }
        serialize_to_file(self.columns, None, &path).map_err(|error| ArtifactError::shape(&path, error.to_string()))?;
        // The library makes files for their owner only; the service may run as another user.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644))
                .map_err(ArtifactError::io(&path))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_read_back_with_their_types_checked() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let items: Column<ItemIdx> = vec![ItemIdx(3), ItemIdx(1)].into();
        let scores = Column::matrix(vec![0.5f32, 0.25, 1.0, 2.0], 2);
        let mut writer = TableWriter::default();
        writer.add("items", &items);
        writer.add("scores", &scores);
        writer.write(folder.path(), "t.safetensors").expect("writes");
        let file = TableFile::open(folder.path(), "t.safetensors").expect("opens");
        assert_eq!(file.names().expect("names"), ["items", "scores"]);
        assert_eq!(*file.column::<ItemIdx>("items").expect("items"), *items);
        let read = file.column::<f32>("scores").expect("scores");
        assert_eq!((&*read, read.width()), (&*scores, 2));
        assert!(file.column::<f32>("items").is_err());
        assert!(file.column::<f32>("absent").is_err());
        assert!(file.has("items").expect("whole") && !file.has("absent").expect("whole"));
    }
}
