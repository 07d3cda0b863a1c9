//! Makes the features of a model, and learns the encodings of its categories.
//!
//! A training row is encoded from the rows before it in an order of the rows, so that it does not see its own label;
//! rows to be scored are encoded from all training rows. Each member of a model has an order of its own, so that what
//! the first rows of an order lack is not lacked by all members.
//!
//! Source: Prokhorenkova et al., "CatBoost", NeurIPS 2018, section 3.2 (ordered target statistics).

use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;
use shared::contract::artifact::columns::Column as Stored;
use shared::engine::rank::matrix::Matrix;
use shared::engine::tabular::column::{Column, Level};
use shared::engine::tabular::encoding::Sums;
use shared::engine::tabular::feature::{Encoded, Feature, Features, level_of};
use shared::tables::EncodingTable;

use super::config::FeaturesConfig;

/// The features of a model, and what they are computed from.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The features, in the order of the matrix.
    pub features: Vec<Feature>,
    /// The columns of each encoding.
    pub encoded: Vec<Encoded>,
    /// The columns whose levels may be combined with those of another.
    pub combinable: Vec<usize>,
}

/// Columns of numbers that are treated in another way.
#[derive(Debug, Clone, Copy, Default)]
pub struct Special<'a> {
    /// They are not looked at themselves.
    pub skipped: &'a [usize],
    /// They are levels, too: parts of times, which begin again after their end.
    pub levels: &'a [usize],
    /// They are combined with no other.
    pub alone: &'a [usize],
}

/// Rows with their labels.
#[derive(Debug, Clone, Copy)]
pub struct Labelled<'a> {
    /// The values of the rows.
    pub columns: &'a [Column],
    /// Their labels, one vector for each output.
    pub labels: &'a [Vec<f32>],
    /// How much each row counts, one vector for each output; empty where all count alike. Means and counts are of rows as
    /// they are.
    pub weights: &'a [Vec<f32>],
}

impl Labelled<'_> {
    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.first().map_or(0, Vec::len)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All rows, with the labels of each output.
    #[must_use]
    pub fn totals(&self) -> Vec<Sums> {
        self.labels.iter().map(|labels| labels.iter().fold(Sums::default(), |sum, &label| sum.with(label))).collect()
    }
}

impl Plan {
    /// Numbers as they are; of each category its mean and count, and a feature for each level where there are few.
    /// Numbers of few values may be combined like categories.
    ///
    /// * `levels`: the distinct values of each column that is a category; empty for numbers.
    #[must_use]
    pub fn of(columns: &[Column], levels: &[Vec<String>], special: Special<'_>, config: &FeaturesConfig) -> Self {
        let mut plan = Self::default();
        for (column, values) in columns.iter().enumerate().filter(|(column, _)| !special.skipped.contains(column)) {
            match values {
                Column::Numbers(numbers) => {
                    plan.features.push(Feature::Number { column });
                    if special.levels.contains(&column) {
                        plan.encode(vec![column], 1);
                    }
                    let alone = special.alone.contains(&column);
                    if !alone && (3..=config.number_levels).contains(&distinct(numbers, config.number_levels)) {
                        plan.combinable.push(column);
                    }
                }
                Column::Levels(_) => {
                    plan.encode(vec![column], 1);
                    plan.combinable.push(column);
                    if levels[column].len() <= config.one_hot {
                        let is = |level: &String| Feature::Is { column, level: level.clone().into() };
                        plan.features.extend(levels[column].iter().map(is));
                    }
                }
            }
        }
        plan
    }

    /// Adds count and means of the levels of one column, or of two.
    pub fn encode(&mut self, encoded: Encoded, outputs: usize) {
        let encoding = self.encoded.len();
        self.encoded.push(encoded);
        self.features.extend((0..outputs).map(|output| Feature::Mean { encoding, output }));
        self.features.push(Feature::Count { encoding });
    }

    /// The same with the means of so many outputs. A category that has a feature for each level needs no means of several.
    #[must_use]
    pub fn with_outputs(self, outputs: usize) -> Self {
        if outputs == 1 {
            return self;
        }
        let Self { features, encoded, combinable } = self;
        let has_levels = |column: usize| {
            features.iter().any(|feature| matches!(feature, Feature::Is { column: own, .. } if *own == column))
        };
        let of = |feature: &Feature| match feature {
            Feature::Mean { encoding, .. } | Feature::Count { encoding }
                if encoded[*encoding].iter().any(|&column| has_levels(column)) =>
            {
                Vec::new()
            }
            Feature::Mean { encoding, .. } => {
                (0..outputs).map(|output| Feature::Mean { encoding: *encoding, output }).collect()
            }
            own => vec![own.clone()],
        };
        let features = features.iter().flat_map(of).collect();
        Self { features, encoded, combinable }
    }

    /// Learns all encodings from training rows.
    #[must_use]
    pub fn learn(&self, rows: Labelled<'_>) -> EncodingTable {
        let of = |encoded| sums(rows, encoded);
        let learnt: Vec<Vec<(Level, Vec<Sums>)>> = self.encoded.par_iter().map(of).collect();
        let mut starts = vec![0u64];
        starts.extend(learnt.iter().scan(0, |end, levels| {
            *end += levels.len() as u64;
            Some(*end)
        }));
        let all = || learnt.iter().flatten();
        let labels = all().flat_map(|(_, sums)| sums).map(|sums| sums.labels as f32).collect();
        EncodingTable {
            starts: starts.into(),
            levels: all().map(|(level, _)| *level).collect(),
            rows: all().map(|(_, sums)| sums[0].rows as f32).collect(),
            labels: Stored::matrix(labels, rows.labels.len()),
        }
    }

    /// The features of rows to be scored.
    #[must_use]
    pub fn matrix(&self, columns: &[Column], encodings: &EncodingTable, totals: &[Sums], smoothing: f64) -> Matrix {
        let Self { features, encoded, .. } = self;
        let mut matrix = Matrix::default();
        Features { features, encoded, encodings, totals, smoothing }.fill(columns, &mut matrix);
        matrix
    }

    /// The features of training rows: those of rows to be scored, but for means, which are of the rows before each in
    /// `order`.
    #[must_use]
    pub fn of_training(
        &self,
        rows: Labelled<'_>,
        order: &[usize],
        encodings: &EncodingTable,
        smoothing: f64,
    ) -> Matrix {
        let mut matrix = self.matrix(rows.columns, encodings, &rows.totals(), smoothing);
        let mean = |(at, feature): (usize, &Feature)| match feature {
            Feature::Mean { encoding, output } => {
                Some((at, before(rows, *output, &self.encoded[*encoding], order, smoothing)))
            }
            _ => None,
        };
        let means: Vec<(usize, Vec<f32>)> = self.features.par_iter().enumerate().filter_map(mean).collect();
        means.into_iter().for_each(|(at, means)| matrix.column_mut(at).copy_from_slice(&means));
        matrix
    }
}

/// The sums of each level for each output, by level.
fn sums(rows: Labelled<'_>, encoded: &Encoded) -> Vec<(Level, Vec<Sums>)> {
    let mut sums: HashMap<Level, Vec<Sums>> = HashMap::new();
    for row in 0..rows.len() {
        let of_level = sums.entry(level_of(rows.columns, encoded, row));
        let of_level = of_level.or_insert_with(|| vec![Sums::default(); rows.labels.len()]);
        of_level.iter_mut().zip(rows.labels).for_each(|(sums, labels)| sums.add(labels[row]));
    }
    let mut sums: Vec<(Level, Vec<Sums>)> = sums.into_iter().collect();
    sums.sort_unstable_by_key(|(level, _)| *level);
    sums
}

/// The mean of each row's level in the rows before it in an order.
fn before(rows: Labelled<'_>, output: usize, encoded: &Encoded, order: &[usize], smoothing: f64) -> Vec<f32> {
    let (mut all, mut sums) = (Sums::default(), HashMap::<Level, Sums>::new());
    let labels = &rows.labels[output];
    let mut means = vec![f32::NAN; labels.len()];
    for &row in order {
        let own = sums.entry(level_of(rows.columns, encoded, row)).or_default();
        means[row] = own.mean(all, smoothing);
        own.add(labels[row]);
        all.add(labels[row]);
    }
    means
}

/// How many distinct values there are, counted up to `most` + 1.
fn distinct(numbers: &[f64], most: usize) -> usize {
    let mut seen = HashSet::new();
    for number in numbers.iter().filter(|number| !number.is_nan()) {
        seen.insert(number.to_bits());
        if seen.len() > most {
            break;
        }
    }
    seen.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::config::Selection;

    #[test]
    fn no_row_sees_its_own_label_or_that_of_a_row_behind_it() {
        let columns = [Column::Levels(["a", "a", "b", "a"].map(Level::of).to_vec())];
        let order = [2, 0, 3, 1];
        let means = |labels: &[f32]| {
            before(Labelled { columns: &columns, labels: &[labels.to_vec()], weights: &[] }, 0, &vec![0], &order, 1.0)
        };
        let labels = [1.0, 0.0, 1.0, 1.0];
        // Row 2 has nothing before it; row 0 has row 2 of another level; then (1 + 1) / (1 + 1), (2 + 1) / (2 + 1).
        let found = means(&labels);
        assert!(found[2].is_nan());
        assert_eq!([found[0], found[3], found[1]], [1.0, 1.0, 1.0]);
        for (at, &row) in order.iter().enumerate() {
            let mut changed = labels;
            changed[row] = 1.0 - changed[row];
            let (before, after) = (means(&labels), means(&changed));
            let bits = |means: &[f32]| order[..=at].iter().map(|&row| means[row].to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&before), bits(&after), "row {row}");
        }
    }

    #[test]
    fn numbers_of_few_values_may_be_combined() {
        let config = FeaturesConfig { one_hot: 2, number_levels: 4, pairs: 0, smoothing: 1.0, select: Selection::None };
        let few = Column::Numbers((0..9).map(|row| f64::from(row % 3)).collect());
        let many = Column::Numbers((0..9).map(f64::from).collect());
        let columns = [few.clone(), many, few];
        let special = Special { levels: &[2], ..Special::default() };
        let plan = Plan::of(&columns, &[vec![], vec![], vec![]], special, &config);
        assert_eq!((plan.combinable, plan.encoded), (vec![0, 2], vec![vec![2]]));
        assert_eq!(plan.features.len(), 5);
    }
}
