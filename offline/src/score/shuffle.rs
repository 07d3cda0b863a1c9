//! Shuffles one column over the rows, so that it says nothing of the row that it stands in.
//!
//! Source: Breiman, "Random Forests", 2001, section 10 (permutation importance).

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use shared::engine::tabular::column::Column;

/// The columns, one of them shuffled; the order depends on the seed and the number of rows alone.
#[must_use]
pub fn shuffled(columns: &[Column], column: usize, seed: u64) -> Vec<Column> {
    let mut order: Vec<usize> = (0..columns[column].len()).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let mut columns = columns.to_vec();
    columns[column] = columns[column].rows(&order);
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_column_is_shuffled_and_its_values_stay_the_same_ones() {
        let numbers = |rows: std::ops::Range<u32>| Column::Numbers(rows.map(f64::from).collect());
        let columns = [numbers(0..50), numbers(100..150)];
        let found = shuffled(&columns, 1, 7);
        assert_eq!(found[0], columns[0]);
        assert_ne!(found[1], columns[1]);
        let Column::Numbers(mut values) = found[1].clone() else { panic!("numbers stay numbers") };
        values.sort_by(f64::total_cmp);
        assert_eq!(Column::Numbers(values), columns[1]);
        assert_eq!(shuffled(&columns, 1, 7), found);
    }
}
