//! A set of items of a catalogue, a bit for each: what a filter admits. Where it has few items, also the list of them.

use crate::contract::id::ItemIdx;

/// A set is listed if it has at most one item in so many: whatever looks for the best of it looks at these alone then.
const LISTED_BELOW: usize = 8;
const BITS: usize = u64::BITS as usize;

/// A set of items. Memory: a bit for each item of the catalogue, and 4 bytes for each that is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemSet {
    words: Box<[u64]>,
    of: usize,
    len: usize,
    /// The items in the order in which they were listed, if they are few.
    few: Option<Box<[ItemIdx]>>,
}

impl ItemSet {
    /// The items of a catalogue of `of` of which something holds.
    #[must_use]
    pub fn new(of: usize, holds: impl Fn(ItemIdx) -> bool) -> Self {
        let word = |first: usize| {
            let items = first..(first + BITS).min(of);
            items.fold(0, |word, item| word | u64::from(holds(ItemIdx(item as u32))) << (item - first))
        };
        Self::of_words((0..of).step_by(BITS).map(word).collect(), of)
    }

    /// The items of a list, each listed where it is first, however many they are.
    ///
    /// * `of`: how many items the catalogue has.
    #[must_use]
    pub fn of_list(items: &[ItemIdx], of: usize) -> Self {
        let (mut words, mut few) = (vec![0u64; of.div_ceil(BITS)], Vec::with_capacity(items.len()));
        for &item in items {
            let (word, bit) = (&mut words[item.at() / BITS], 1 << (item.at() % BITS));
            if *word & bit == 0 {
                *word |= bit;
                few.push(item);
            }
        }
        Self { words: words.into(), of, len: few.len(), few: Some(few.into()) }
    }

    fn of_words(words: Box<[u64]>, of: usize) -> Self {
        let len = words.iter().map(|word| word.count_ones() as usize).sum();
        Self { words, of, len, few: None }
    }

    /// The items that are in both sets of one catalogue.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self::of_words(self.words.iter().zip(&other.words).map(|(one, other)| one & other).collect(), self.of)
    }

    /// The items that are in one of two sets of one catalogue.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        Self::of_words(self.words.iter().zip(&other.words).map(|(one, other)| one | other).collect(), self.of)
    }

    /// All other items.
    #[must_use]
    pub fn complement(&self) -> Self {
        let mut words: Box<[u64]> = self.words.iter().map(|word| !word).collect();
        if let Some(last) = words.last_mut().filter(|_| !self.of.is_multiple_of(BITS)) {
            *last &= (1 << (self.of % BITS)) - 1;
        }
        Self::of_words(words, self.of)
    }

    /// The same set, its items listed in an order of the whole catalogue if they are few.
    #[must_use]
    pub fn listed(mut self, order: &[ItemIdx]) -> Self {
        if self.len * LISTED_BELOW <= self.of {
            self.few = Some(order.iter().copied().filter(|&item| self.contains(item)).collect());
        }
        self
    }

    /// Whether an item is in the set.
    #[must_use]
    #[inline]
    pub fn contains(&self, item: ItemIdx) -> bool {
        self.words[item.at() / BITS] >> (item.at() % BITS) & 1 == 1
    }

    /// How many items are in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many items of the catalogue are not in the set.
    #[must_use]
    pub fn others(&self) -> usize {
        self.of - self.len
    }

    /// The items, if they are few and listed.
    #[must_use]
    pub fn few(&self) -> Option<&[ItemIdx]> {
        self.few.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sets_are_those_of_the_conditions(of in 1usize..200, a in any::<u64>(), b in any::<u64>()) {
            let bit = |word: u64| move |item: ItemIdx| word.rotate_left(item.0 * 7) & 1 == 1;
            let (one, other) = (ItemSet::new(of, bit(a)), ItemSet::new(of, bit(b)));
            let (and, or, not) = (one.and(&other), one.or(&other), one.complement());
            for item in (0..of as u32).map(ItemIdx) {
                let (in_one, in_other) = (bit(a)(item), bit(b)(item));
                prop_assert_eq!(one.contains(item), in_one);
                prop_assert_eq!(and.contains(item), in_one && in_other);
                prop_assert_eq!(or.contains(item), in_one || in_other);
                prop_assert_eq!(not.contains(item), !in_one);
            }
            prop_assert_eq!((not.len(), not.others()), (of - one.len(), one.len()));
        }
    }

    #[test]
    fn few_items_are_listed_in_the_order_that_is_given() {
        let order: Vec<ItemIdx> = (0..16).rev().map(ItemIdx).collect();
        let below = |bound: u32| ItemSet::new(16, |item| item.0 < bound).listed(&order);
        assert_eq!(below(2).few(), Some(&[ItemIdx(1), ItemIdx(0)][..]));
        assert_eq!(below(3).few(), None);
    }

    #[test]
    fn a_list_is_listed_in_its_order_and_what_is_there_twice_once() {
        let list = [9, 70, 9, 3].map(ItemIdx);
        let set = ItemSet::of_list(&list, 71);
        assert_eq!(set.few(), Some(&[9, 70, 3].map(ItemIdx)[..]));
        assert_eq!((set.len(), set.others()), (3, 68));
        assert!((0..71).map(ItemIdx).all(|item| set.contains(item) == list.contains(&item)));
    }
}
