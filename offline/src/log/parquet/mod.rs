//! Reads and writes Parquet files with parts of polars: a column of a row group becomes an arrow array, and the other
//! way round.
//!
//! Only the requested columns are read, one row group at a time, so that a file may hold columns of any other kind.
//! Memory: the compressed bytes of a column in a row group, and the array that they become.

mod kind;
mod nested;

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

pub use nested::{Leaf, LeafValues};
use polars_arrow::array::{Array, new_empty_array};
use polars_arrow::compute::concatenate::concatenate;
use polars_arrow::datatypes::{ArrowDataType, ArrowSchema, Field};
use polars_arrow::record_batch::RecordBatchT;
use polars_buffer::Buffer;
use polars_error::PolarsError;
use polars_parquet::parquet::schema::types::PrimitiveType;
use polars_parquet::read::{
    BasicDecompressor, FileMetadata, PageReader, column_iter_to_arrays, n_columns, read_metadata,
};
use polars_parquet::write::{
    CompressionOptions, Encoding, FileWriter, StatisticsOptions, Version, WriteOptions, row_group_iter,
};

/// The number of rows per row group that is written.
const GROUP_ROWS: usize = 1 << 18;

/// Why a Parquet file can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ParquetError {
    /// The file can't be opened, read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file is not Parquet, or damaged.
    #[error(transparent)]
    Format(#[from] PolarsError),
    /// A column does not hold single values of a readable kind.
    #[error("column `{column}` is {kind}: expected text, numbers, booleans, dates or timestamps")]
    Kind {
        /// Its name.
        column: String,
        /// The kind of its values.
        kind: String,
    },
}

/// An open file.
pub struct Parquet {
    file: File,
    metadata: FileMetadata,
}

impl Parquet {
    /// Opens a file and reads its metadata.
    ///
    /// # Errors
    /// [`ParquetError`] when the file can't be opened or is no Parquet.
    pub fn open(path: &Path) -> Result<Self, ParquetError> {
        let mut file = File::open(path)?;
        let metadata = read_metadata(&mut file)?;
        Ok(Self { file, metadata })
    }

    /// The names of the columns.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.metadata.schema().fields().iter().map(|field| field.name())
    }

    /// The kind of the values that [`Parquet::read`] gives for a column.
    ///
    /// # Errors
    /// [`ParquetError::Kind`] for nested values and others that can't be read.
    pub fn kind(&self, column: usize) -> Result<ArrowDataType, ParquetError> {
        let field = &self.metadata.schema().fields()[column];
        kind::of(field).map_err(|kind| ParquetError::Kind { column: field.name().to_owned(), kind })
    }

    /// How many rows each row group has.
    pub fn groups(&self) -> impl Iterator<Item = usize> {
        self.metadata.row_groups.iter().map(|group| group.num_rows())
    }

    /// Reads a column of a row group.
    ///
    /// # Errors
    /// [`ParquetError`] when the column's kind can't be read, or the file is damaged.
    pub fn read(&self, group: usize, column: usize) -> Result<Box<dyn Array>, ParquetError> {
        let field = &self.metadata.schema().fields()[column];
        let name = field.name();
        let kind = kind::stored(field).map_err(|kind| ParquetError::Kind { column: name.to_owned(), kind })?;
        let array = self.array(group, name, 0, Field::new(name.into(), kind, true))?;
        let rows = self.metadata.row_groups[group].num_rows();
        if array.len() != rows {
            return Err(damaged(name, array.len(), rows));
        }
        Ok(kind::converted(array, kind::logical_type(field)))
    }

    /// The columns of single values within a column; none if it is not nested.
    pub fn leaves(&self, column: usize) -> Vec<Leaf> {
        let schema = self.metadata.schema();
        let field = &schema.fields()[column];
        let under_root =
            schema.columns().iter().filter(|leaf| leaf.path_in_schema.first() == Some(&field.get_field_info().name));
        let types: Vec<&PrimitiveType> = under_root.map(|leaf| &leaf.descriptor.primitive_type).collect();
        nested::leaves(column, field, &types)
    }

    /// Reads a leaf of a nested column in a row group.
    ///
    /// # Errors
    /// [`ParquetError`] when the file is damaged.
    pub fn read_leaf(&self, group: usize, leaf: &Leaf) -> Result<LeafValues, ParquetError> {
        let name = self.metadata.schema().fields()[leaf.root].name();
        let array = self.array(group, name, leaf.number, leaf.field.clone())?;
        let rows = self.metadata.row_groups[group].num_rows();
        if array.len() != rows {
            return Err(damaged(&leaf.path, array.len(), rows));
        }
        let LeafValues { offsets, values } = nested::unwrapped(&*array);
        Ok(LeafValues { offsets, values: kind::converted(values, leaf.logical_type) })
    }

    /// Reads a leaf of a column in a row group.
    ///
    /// * `field`: the column with this leaf alone.
    fn array(&self, group: usize, name: &str, leaf: usize, field: Field) -> Result<Box<dyn Array>, ParquetError> {
        let mut chunks = self.metadata.row_groups[group].columns_under_root_iter(name).into_iter().flatten();
        let chunk = (chunks.nth(leaf)).ok_or_else(|| io::Error::other(format!("no values of column `{name}`")))?;
        let range = chunk.byte_range();
        let mut bytes = Vec::new();
        bytes.try_reserve_exact((range.end - range.start) as usize).map_err(io::Error::other)?;
        (&self.file).seek(SeekFrom::Start(range.start))?;
        (&self.file).take(range.end - range.start).read_to_end(&mut bytes)?;
        let pages = PageReader::new(Cursor::new(Buffer::from_vec(bytes)), chunk, Vec::new(), usize::MAX);
        let leaf = &chunk.descriptor().descriptor.primitive_type;
        let decompressor = BasicDecompressor::new(pages, Vec::new());
        let (arrays, _) = column_iter_to_arrays(vec![decompressor], vec![leaf], field, None)?;
        Ok(joined(&arrays)?)
    }

    /// Reads a column of all row groups.
    ///
    /// # Errors
    /// As [`Parquet::read`].
    pub fn column(&mut self, column: usize) -> Result<Box<dyn Array>, ParquetError> {
        let mut arrays = vec![new_empty_array(self.kind(column)?)];
        for group in 0..self.metadata.row_groups.len() {
            arrays.push(self.read(group, column)?);
        }
        Ok(joined(&arrays)?)
    }
}

fn damaged(column: &str, values: usize, rows: usize) -> ParquetError {
    io::Error::other(format!("damaged: column `{column}` has {values} values in {rows} rows")).into()
}

fn joined(arrays: &[Box<dyn Array>]) -> Result<Box<dyn Array>, PolarsError> {
    concatenate(&arrays.iter().map(AsRef::as_ref).collect::<Vec<_>>())
}

/// Writes columns of equal length to a file.
///
/// # Errors
/// [`ParquetError`] when the file can't be written.
pub fn write(path: &Path, columns: Vec<(&str, Box<dyn Array>)>) -> Result<(), ParquetError> {
    let rows = columns.first().map_or(0, |(_, array)| array.len());
    let kinds: Vec<(&str, ArrowDataType)> =
        columns.iter().map(|(name, array)| (*name, array.dtype().clone())).collect();
    let mut writer = Writer::create(path, &kinds)?;
    for first in (0..rows).step_by(GROUP_ROWS) {
        let length = GROUP_ROWS.min(rows - first);
        writer.write(columns.iter().map(|(_, array)| array.sliced(first, length)).collect())?;
    }
    writer.end()
}

fn options() -> WriteOptions {
    WriteOptions {
        statistics: StatisticsOptions::default(),
        version: Version::V1,
        compression: CompressionOptions::Zstd(None),
        data_page_size: None,
    }
}

/// A file that is written row group by row group.
pub struct Writer {
    file: FileWriter<File>,
    schema: ArrowSchema,
    encodings: Buffer<Vec<Encoding>>,
}

impl Writer {
    /// Makes a file with columns of these names and kinds.
    ///
    /// # Errors
    /// [`ParquetError`] when it can't be made.
    pub fn create(path: &Path, columns: &[(&str, ArrowDataType)]) -> Result<Self, ParquetError> {
        let field = |(name, kind): &(&str, ArrowDataType)| Field::new((*name).into(), kind.clone(), true);
        let schema: ArrowSchema = columns.iter().map(field).map(|field| (field.name.clone(), field)).collect();
        let encodings = columns.iter().map(|(_, kind)| vec![Encoding::Plain; n_columns(kind)]).collect();
        Ok(Self { file: FileWriter::try_new(File::create(path)?, schema.clone(), options())?, schema, encodings })
    }

    /// Writes a row group.
    ///
    /// # Errors
    /// [`ParquetError`] when it can't be written.
    pub fn write(&mut self, columns: Vec<Box<dyn Array>>) -> Result<(), ParquetError> {
        let rows = columns.first().map_or(0, |array| array.len());
        let kinds = self.file.parquet_schema().fields().to_vec();
        let group = RecordBatchT::try_new(rows, self.schema.clone().into(), columns)?;
        self.file.write(rows as u64, row_group_iter(group, self.encodings.clone(), kinds, options()))?;
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// [`ParquetError`] when it can't be written.
    pub fn end(mut self) -> Result<(), ParquetError> {
        self.file.end(None)?;
        Ok(())
    }
}
