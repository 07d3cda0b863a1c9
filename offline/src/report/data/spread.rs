//! How numbers spread that reach from 1 to very many: bins that grow, quantiles, and what lies far above the others.
//!
//! Far above is what lies above Tukey's outer fence, `Q3 + 3 · (Q3 - Q1)`, and among the largest twentieth, which is less where
//! most have the same.
//!
//! Source: Tukey, "Exploratory Data Analysis", 1977 (the fence).

use serde::Serialize;

/// How numbers spread.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spread {
    /// How many there are.
    pub count: usize,
    /// What they are together.
    pub sum: u64,
    /// Half of them are not above.
    pub median: u64,
    /// Nine of ten are not above.
    pub p90: u64,
    /// 99 of 100 are not above.
    pub p99: u64,
    /// The largest.
    pub largest: u64,
    /// How many are how large.
    pub bins: Vec<Bin>,
    /// Above which number they are far above the others.
    pub fence: u64,
    /// Those far above.
    pub outliers: Part,
}

/// Numbers between two borders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Bin {
    /// The smallest.
    pub from: u64,
    /// The largest; none: there is no border.
    pub to: Option<u64>,
    /// How many there are.
    pub count: u64,
    /// What they are together.
    pub sum: u64,
}

/// Some of the numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Part {
    /// How many.
    pub count: usize,
    /// Their share of what all are together.
    pub share: f64,
}

/// How numbers spread; none of none.
///
/// * `borders`: the first number of each bin, ascending.
#[must_use]
pub fn spread(mut numbers: Vec<u64>, borders: &[u64]) -> Option<Spread> {
    numbers.sort_unstable();
    let (largest, sum) = (*numbers.last()?, numbers.iter().sum::<u64>());
    let quantile = |share: f64| numbers[((numbers.len() as f64 * share).ceil() as usize).clamp(1, numbers.len()) - 1];
    let (low, high) = (quantile(0.25), quantile(0.75));
    let fence = (high + 3 * (high - low)).max(quantile(0.95));
    let above = numbers.partition_point(|number| *number <= fence);
    let bin = |(at, &from): (usize, &u64)| {
        let next = borders.get(at + 1);
        let end = next.map_or(numbers.len(), |next| numbers.partition_point(|number| number < next));
        let own = &numbers[numbers.partition_point(|number| *number < from)..end];
        Bin { from, to: next.map(|next| next - 1), count: own.len() as u64, sum: own.iter().sum() }
    };
    let mut bins: Vec<Bin> = borders.iter().enumerate().map(bin).collect();
    bins.truncate(bins.iter().rposition(|bin| bin.count > 0).map_or(0, |last| last + 1));
    let share = |part: &[u64]| part.iter().sum::<u64>() as f64 / sum.max(1) as f64;
    Some(Spread {
        count: numbers.len(),
        sum,
        median: quantile(0.5),
        p90: quantile(0.9),
        p99: quantile(0.99),
        largest,
        bins,
        fence,
        outliers: Part { count: numbers.len() - above, share: share(&numbers[above..]) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_bins_and_what_is_far_above_can_be_done_by_hand() {
        let numbers: Vec<u64> = (1..=8).chain(1..=8).chain([1, 1, 1, 40]).collect();
        let found = spread(numbers, &[1, 2, 3, 5, 10, 50]).expect("numbers");
        assert_eq!((found.count, found.sum, found.median, found.p90, found.largest), (20, 115, 4, 8, 40));
        // Quartiles of 1 and 6.
        assert_eq!((found.fence, found.outliers.count), (21, 1));
        assert!((found.outliers.share - 40.0 / 115.0).abs() < 1e-12);
        let bins: Vec<_> = found.bins.iter().map(|bin| (bin.from, bin.to, bin.count, bin.sum)).collect();
        let expected =
            [(1, Some(1), 5, 5), (2, Some(2), 2, 4), (3, Some(4), 4, 14), (5, Some(9), 8, 52), (10, Some(49), 1, 40)];
        assert_eq!(bins, expected);
    }

    #[test]
    fn equal_numbers_have_nothing_far_above() {
        let found = spread(vec![1; 5], &[1, 2]).expect("numbers");
        assert_eq!((found.fence, found.outliers.count, found.bins.len()), (1, 0, 1));
        assert_eq!(spread(Vec::new(), &[1]), None);
    }
}
