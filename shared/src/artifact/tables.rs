//! Typed columns in a safetensors file, mapped into memory: opening costs no parsing and no copy.
//!
//! Values are little-endian, as is every machine this runs on.

use std::borrow::Cow;
use std::fs::File;
use std::marker::PhantomData;
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytemuck::Pod;
use memmap2::Mmap;
use safetensors::tensor::{Dtype, SafeTensors, View, serialize_to_file};

use super::ArtifactError;
use crate::id::ItemIdx;

/// A type that a column can hold.
pub trait Element: Pod {
    /// Its name in the file.
    const DTYPE: Dtype;
}

impl Element for u8 {
    const DTYPE: Dtype = Dtype::U8;
}
impl Element for u32 {
    const DTYPE: Dtype = Dtype::U32;
}
impl Element for u64 {
    const DTYPE: Dtype = Dtype::U64;
}
impl Element for f32 {
    const DTYPE: Dtype = Dtype::F32;
}
impl Element for ItemIdx {
    const DTYPE: Dtype = Dtype::U32;
}

/// A column of a mapped file; it keeps the mapping alive.
#[derive(Debug, Clone)]
pub struct Column<T> {
    map: Arc<Mmap>,
    range: Range<usize>,
    element: PhantomData<T>,
}

impl<T: Element> Deref for Column<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // Length and alignment were checked when the column was taken from its table.
        bytemuck::cast_slice(&self.map[self.range.clone()])
    }
}

/// A mapped safetensors file.
pub struct Table {
    path: PathBuf,
    map: Arc<Mmap>,
}

impl Table {
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

    /// The column `name`, as one dimension.
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
        Ok(Column { map: self.map.clone(), range: start..start + bytes.len(), element: PhantomData })
    }

    /// The column `name`, which must have `length` values.
    ///
    /// # Errors
    /// [`ArtifactError::Shape`] when it has not, is absent or of another type.
    pub fn column_of<T: Element>(&self, name: &str, length: usize) -> Result<Column<T>, ArtifactError> {
        let column = self.column::<T>(name)?;
        if column.len() != length {
            let reason = format!("`{name}` has {} values, not {length}", column.len());
            return Err(ArtifactError::shape(&self.path, reason));
        }
        Ok(column)
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
    #[must_use]
    pub fn column<T: Element>(self, name: &str, values: &'a [T]) -> Self {
        self.matrix(name, values, vec![values.len()])
    }

    /// Adds a row-major matrix with `columns` values a row.
    #[must_use]
    pub fn rows<T: Element>(self, name: &str, values: &'a [T], columns: usize) -> Self {
        let rows = values.len().checked_div(columns).unwrap_or(0);
        self.matrix(name, values, vec![rows, columns])
    }

    fn matrix<T: Element>(mut self, name: &str, values: &'a [T], shape: Vec<usize>) -> Self {
        let bytes = bytemuck::cast_slice(values);
        self.columns.push((name.to_owned(), NewColumn { dtype: T::DTYPE, shape, bytes }));
        self
    }

    /// Writes the file `name` into a folder; one that is there is unlinked first, so that its mappings stay whole.
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
        let (items, scores) = ([ItemIdx(3), ItemIdx(1)], [0.5f32, 0.25, 1.0]);
        TableWriter::default()
            .column("items", &items)
            .column("scores", &scores)
            .write(folder.path(), "t.safetensors")
            .expect("writes");
        let table = Table::open(folder.path(), "t.safetensors").expect("opens");
        assert_eq!(&*table.column::<ItemIdx>("items").expect("items"), items);
        assert_eq!(&*table.column_of::<f32>("scores", 3).expect("scores"), scores);
        assert!(table.column::<f32>("items").is_err());
        assert!(table.column_of::<f32>("scores", 2).is_err());
        assert!(table.column::<f32>("absent").is_err());
    }
}
