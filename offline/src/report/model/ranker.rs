//! What the ranker looks at: the share of the gain that each feature's splits had when they were learnt; of a version that does
//! not say it, the share of the splits.

use std::collections::BTreeMap;

use serde::Serialize;
use shared::engine::snapshot::Snapshot;
use shared::tables::RankerTable;

/// A ranker.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ranker {
    /// `trees` or `linear`.
    pub kind: &'static str,
    /// How many trees there are, or slopes.
    pub size: usize,
    /// How many candidates it ranks.
    pub candidates: usize,
    /// What the importance is.
    pub by: By,
    /// The features, the most important first.
    pub features: Vec<Feature>,
}

/// What an importance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// A share of the gain.
    Gain,
    /// A share of the splits.
    Splits,
}

/// A feature.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Feature {
    /// Its name.
    pub name: String,
    /// Its importance; all together are 1.
    pub share: f64,
}

/// The ranker of a version; none if it has none.
///
/// * `gains`: the share of each feature, if the manifest has it.
#[must_use]
pub fn ranker(version: &Snapshot, gains: &BTreeMap<String, f64>) -> Option<Ranker> {
    let params = version.params().ranker.as_ref()?;
    let table = version.tables().ranker.as_ref()?;
    let (kind, size) = match table {
        RankerTable::Trees(depth, trees) => ("trees", trees.features.len() / (*depth).max(1)),
        RankerTable::Linear(linear) => ("linear", linear.features.len()),
    };
    let (by, shares) = match gains.is_empty() {
        false => (By::Gain, gains.clone()),
        true => (By::Splits, splits(table, &params.features)),
    };
    let mut features: Vec<Feature> = shares.into_iter().map(|(name, share)| Feature { name, share }).collect();
    features.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.name.cmp(&b.name)));
    Some(Ranker { kind, size, candidates: params.candidates, by, features })
}

fn splits(table: &RankerTable, names: &[String]) -> BTreeMap<String, f64> {
    let features = table.features();
    let mut shares = BTreeMap::new();
    for name in features.iter().filter_map(|&feature| names.get(feature as usize)) {
        *shares.entry(name.clone()).or_default() += 1.0 / features.len() as f64;
    }
    shares
}
