//! Makes a snapshot: from a version's folder, or from tables in memory.
//!
//! The features that a version's models were fitted on are looked up by name among those of this build. A build with
//! more features than a version can serve it; a version that names a feature which this build lacks is refused.

use std::path::Path;
use std::sync::Arc;

use crate::contract::artifact::{ArtifactError, Manifest};
use crate::engine::profiles::Profiles;
use crate::engine::rank::features;
use crate::engine::retrieve::repeat;
use crate::engine::snapshot::Snapshot;
use crate::tables::{Als, Index, ItemRows, Items, Ranker, Repeat, Tables};

impl Snapshot {
    /// Loads and verifies the version in `folder`.
    ///
    /// # Errors
    /// [`ArtifactError`] when a file is missing, torn, foreign or does not fit the others.
    pub fn load(folder: &Path) -> Result<Self, ArtifactError> {
        let manifest = Manifest::read(folder)?;
        manifest.verify(folder)?;
        let tables = Tables::open(folder, &manifest)?;
        let index = Index::graph(folder, &manifest)?;
        Self::with_index(manifest, tables, index).map_err(|reason| ArtifactError::shape(folder, reason))
    }

    /// Makes a snapshot of tables that were built together.
    ///
    /// # Errors
    /// The reason when they don't fit each other.
    pub fn new(manifest: Manifest, tables: Tables) -> Result<Self, String> {
        tables.check().map_err(|(file, misfit)| format!("{file}: {misfit}"))?;
        Self::with_index(manifest, tables, None)
    }

    fn with_index(manifest: Manifest, tables: Tables, index: Option<Index>) -> Result<Self, String> {
        manifest.engine.check()?;
        let profiles = Profiles::new(tables.profiles.clone())?;
        let ranker = match (&manifest.engine.ranker, &tables.ranker) {
            (Some(params), Some(table)) => {
                let names = features::names(&tables.statistics, profiles.as_ref());
                let columns = columns(params.features.iter().map(String::as_str), &names)?;
                Some(Ranker::new(table.clone(), params.cascade, &columns, names.len())?)
            }
            _ => None,
        };
        let repeat = Repeat::new(&tables.repeat, &columns(tables.repeat.names(), &repeat::names())?);
        let (items, als) = (Arc::new(Items::new(tables.items.clone())), Arc::new(Als::new(tables.als.clone(), index)));
        let item_rows = Arc::new(ItemRows::new(tables.statistics.columns()));
        let covered = manifest.covered.iter().collect();
        let (profiles, likeness) = (profiles.map(Arc::new), None);
        Ok(Self { manifest, covered, tables, items, item_rows, als, repeat, ranker, profiles, likeness })
    }
}

/// The columns of this build for the features that a version names.
fn columns<'a>(wanted: impl IntoIterator<Item = &'a str>, names: &[String]) -> Result<Vec<usize>, String> {
    let column = |wanted: &str| {
        names.iter().position(|name| name == wanted).ok_or_else(|| {
            format!("a model looks at the feature `{wanted}`, which this build does not have; run a newer release")
        })
    };
    wanted.into_iter().map(column).collect()
}
