//! The figures of a run on each bootstrap replicate of its questions: what a paired test of two runs takes.
//!
//! Replicates are drawn by the questions alone (`measure/evaluate/bootstrap.rs`, `score/measure.rs`), so that two runs with
//! the same questions have the same ones, however far apart they ran.

use std::collections::BTreeMap;
use std::path::Path;

use shared::contract::artifact::ArtifactError;
use shared::contract::artifact::columns::{Column, TableFile, TableWriter};

use super::RunId;
use crate::measure::evaluate::bootstrap::Difference;

/// Figures by name: the value on each replicate.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Replicates(pub BTreeMap<String, Vec<f32>>);

impl Replicates {
    fn file(id: &RunId) -> String {
        format!("{id}.replicates.safetensors")
    }

    /// Writes the file of a run.
    ///
    /// # Errors
    /// [`ArtifactError`] when it can't be written.
    pub fn write(&self, folder: &Path, id: &RunId) -> Result<(), ArtifactError> {
        let columns: BTreeMap<&String, Column<f32>> =
            self.0.iter().map(|(name, values)| (name, values.clone().into())).collect();
        let mut writer = TableWriter::default();
        columns.iter().for_each(|(name, column)| writer.add(name, column));
        writer.write(folder, &Self::file(id))
    }

    /// Reads the file of a run; `None` if it has none.
    ///
    /// # Errors
    /// [`ArtifactError`] when it can't be read.
    pub fn read(folder: &Path, id: &RunId) -> Result<Option<Self>, ArtifactError> {
        let name = Self::file(id);
        if !folder.join(&name).is_file() {
            return Ok(None);
        }
        let file = TableFile::open(folder, &name)?;
        let values = |name: String| file.column::<f32>(&name).map(|column| (name, column.to_vec()));
        Ok(Some(Self(file.names()?.into_iter().map(values).collect::<Result<_, _>>()?)))
    }

    /// How much higher a figure of `other` is; `None` where one of both lacks it.
    ///
    /// * `means`: the figures themselves.
    #[must_use]
    pub fn difference(&self, other: &Self, figure: &str, means: [f64; 2]) -> Option<Difference> {
        let (first, second) = (self.0.get(figure)?, other.0.get(figure)?);
        if first.len() != second.len() || first.is_empty() {
            return None;
        }
        let each = first.iter().zip(second).map(|(first, second)| f64::from(*second) - f64::from(*first)).collect();
        Some(Difference::of(means[1] - means[0], each))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicates_read_back_and_differ_in_pairs() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let of = |values: &[f32]| Replicates([("ndcg@20".to_owned(), values.to_vec())].into());
        let (first, second) = (of(&[0.1, 0.2, 0.3]), of(&[0.2, 0.3, 0.4]));
        let id: RunId = "r1".parse().expect("a name");
        assert_eq!(Replicates::read(folder.path(), &id).expect("reads"), None);
        first.write(folder.path(), &id).expect("writes");
        let read = Replicates::read(folder.path(), &id).expect("reads").expect("is there");
        assert_eq!(read, first);
        let difference = read.difference(&second, "ndcg@20", [0.2, 0.3]).expect("both have it");
        assert!((difference.interval.low - 0.1).abs() < 1e-6 && difference.p == 0.0, "{difference:?}");
        assert!(read.difference(&second, "hr@20", [0.0, 0.0]).is_none());
    }
}
