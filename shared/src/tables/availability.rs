//! When items may be recommended: from a time, until a time, never, always.

use crate::contract::artifact::columns::Column;
use crate::contract::id::ItemIdx;

/// The validity of all items.
#[derive(Debug, Clone, Default)]
pub struct Availability {
    from: Column<i64>,
    until: Column<i64>,
    /// The times that lie in `from` and in `until`, each ascending, without those of items that are never or always
    /// available.
    begins: Vec<i64>,
    ends: Vec<i64>,
    never: usize,
}

impl Availability {
    /// Takes the columns of the item table; each has a time for every item, or none at all.
    #[must_use]
    pub fn new(from: Column<i64>, until: Column<i64>) -> Self {
        let never = until.iter().filter(|&&until| until == i64::MIN).count();
        let sorted = |times: &[i64], unbounded: i64| {
            let mut times: Vec<i64> =
                times.iter().copied().filter(|&time| time != unbounded && time != i64::MIN).collect();
            times.sort_unstable();
            times
        };
        let (begins, ends) = (sorted(&from, i64::MIN), sorted(&until, i64::MAX));
        Self { from, until, begins, ends, never }
    }

    /// Whether an item may be recommended at a time.
    #[must_use]
    pub fn at(&self, item: ItemIdx, now_ms: i64) -> bool {
        self.from.get(item.at()).is_none_or(|&from| from <= now_ms)
            && self.until.get(item.at()).is_none_or(|&until| now_ms < until)
    }

    /// From when on an item may be recommended, if there is such a time.
    #[must_use]
    pub fn from(&self, item: ItemIdx) -> Option<i64> {
        self.from.get(item.at()).copied().filter(|&from| from != i64::MIN)
    }

    /// From when on an item may be recommended no more, if there is such a time; the earliest of all times if it never may.
    #[must_use]
    pub fn until(&self, item: ItemIdx) -> Option<i64> {
        self.until.get(item.at()).copied().filter(|&until| until != i64::MAX)
    }

    /// How many items may not be recommended at a time.
    #[must_use]
    pub fn closed(&self, now_ms: i64) -> usize {
        let to_come = self.begins.len() - self.begins.partition_point(|&from| from <= now_ms);
        let over = self.ends.partition_point(|&until| until <= now_ms);
        self.never + to_come + over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALWAYS: (i64, i64) = (i64::MIN, i64::MAX);
    const NEVER: (i64, i64) = (i64::MIN, i64::MIN);

    fn availability(times: &[(i64, i64)]) -> Availability {
        Availability::new(times.iter().map(|times| times.0).collect(), times.iter().map(|times| times.1).collect())
    }

    #[test]
    fn an_item_is_available_from_its_first_moment_and_not_in_the_one_that_ends_it() {
        let times = availability(&[ALWAYS, NEVER, (10, 20), (15, i64::MAX)]);
        let at = |now_ms| (0..4).map(|item| times.at(ItemIdx(item), now_ms)).collect::<Vec<_>>();
        assert_eq!(at(9), [true, false, false, false]);
        assert_eq!(at(10), [true, false, true, false]);
        assert_eq!(at(19), [true, false, true, true]);
        assert_eq!(at(20), [true, false, false, true]);
        assert_eq!([9, 10, 19, 20].map(|now_ms| times.closed(now_ms)), [3, 2, 1, 2]);
    }

    #[test]
    fn the_times_of_an_item_are_told_where_there_are_any() {
        let times = availability(&[ALWAYS, NEVER, (10, 20)]);
        let told = [0, 1, 2].map(|item| (times.from(ItemIdx(item)), times.until(ItemIdx(item))));
        assert_eq!(told, [(None, None), (None, Some(i64::MIN)), (Some(10), Some(20))]);
        assert_eq!(Availability::default().until(ItemIdx(3)), None);
    }

    #[test]
    fn without_times_all_items_are_available() {
        let times = Availability::default();
        assert!(times.at(ItemIdx(7), i64::MIN) && times.at(ItemIdx(7), i64::MAX));
        assert_eq!(times.closed(0), 0);
    }
}
