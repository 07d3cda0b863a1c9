//! Two runs side by side: the settings in which they differ, their figures, and a paired test where both were asked the same
//! questions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;
use shared::contract::artifact::ArtifactError;

use super::record::Figure;
use super::{Replicates, Run, RunId};
use crate::config::changes::{Changes, changes};
use crate::measure::evaluate::bootstrap::Difference;

/// What tells two runs apart.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// Both runs.
    pub runs: [RunId; 2],
    /// Whether both came from the same data and settings: what differs is then chance of the machine alone.
    pub same: bool,
    /// Whether both learnt from the same data; not known of a run that ended before it had read any.
    pub same_data: Option<bool>,
    /// The settings that differ.
    pub settings: Changes,
    /// Every figure of one or both.
    pub metrics: BTreeMap<String, [Option<Figure>; 2]>,
    /// How much higher the second run's figures are, in pairs over the same questions; empty where these differ.
    pub differences: BTreeMap<String, Difference>,
    /// Why figures are not compared in pairs; none if they are.
    pub unpaired: Option<&'static str>,
}

/// Compares two runs.
///
/// * `folder`: that of the records.
///
/// # Errors
/// [`ArtifactError`] when replicates of a run are there, and can't be read.
pub fn compare(folder: &Path, first: &Run, second: &Run) -> Result<Comparison, ArtifactError> {
    let runs = [first, second];
    let names: BTreeSet<&String> = runs.iter().flat_map(|run| run.metrics.keys()).collect();
    let figures = |name: &&String| runs.map(|run| run.metrics.get(*name).copied());
    let metrics: BTreeMap<String, _> = names.iter().map(|name| ((*name).clone(), figures(name))).collect();
    let replicates = [Replicates::read(folder, &first.id)?, Replicates::read(folder, &second.id)?];
    let (differences, unpaired) = match (replicates, &first.questions, &second.questions) {
        ([Some(a), Some(b)], Some(asked), Some(other)) if asked.digest == other.digest => {
            (paired(&metrics, &a, &b), None)
        }
        (_, Some(_), Some(_)) => (BTreeMap::new(), Some("they were asked different questions")),
        _ => (BTreeMap::new(), Some("a run was not measured on questions of its own")),
    };
    let fingerprints = runs.map(|run| run.data.as_ref().map(|data| &data.fingerprint));
    Ok(Comparison {
        runs: runs.map(|run| run.id.clone()),
        same: first.identity.is_some() && first.identity == second.identity,
        same_data: fingerprints[0].zip(fingerprints[1]).map(|(a, b)| a == b),
        settings: changes(&first.config, &second.config),
        metrics,
        differences,
        unpaired,
    })
}

/// The differences of all figures that both have on the replicates.
fn paired(
    metrics: &BTreeMap<String, [Option<Figure>; 2]>,
    first: &Replicates,
    second: &Replicates,
) -> BTreeMap<String, Difference> {
    let of = |(name, figures): (&String, &[Option<Figure>; 2])| {
        let means = [figures[0]?.value, figures[1]?.value];
        Some((name.clone(), first.difference(second, name, means)?))
    };
    metrics.iter().filter_map(of).collect()
}
