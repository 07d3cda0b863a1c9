//! The sets of items that filters leave, remembered while a version is served.
//!
//! In: an expression and a snapshot. Out: the set. Evaluating one takes a pass over a column for each test, so that those that were
//! asked for lately are kept by their one form: at most 128 of them, a bit for each item of the catalogue.

use std::collections::HashMap;
use std::sync::Arc;

use shared::contract::expression::Expression;
use shared::engine::item_set::ItemSet;
use shared::engine::select::select;
use shared::engine::snapshot::Snapshot;

use crate::per_snapshot::PerSnapshot;

/// So many different expressions make those before them old; the old ones that are not asked for meanwhile are forgotten.
const YOUNG: usize = 64;

type Sets = HashMap<String, Arc<ItemSet>>;

/// The sets of one version.
#[derive(Default)]
struct Kept {
    young: Sets,
    old: Sets,
}

impl Kept {
    fn get(&mut self, text: &str) -> Option<Arc<ItemSet>> {
        if let Some(set) = self.young.get(text) {
            return Some(set.clone());
        }
        let set = self.old.remove(text)?;
        self.keep(text.to_owned(), set.clone());
        Some(set)
    }

    fn keep(&mut self, text: String, set: Arc<ItemSet>) {
        if self.young.len() >= YOUNG {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(text, set);
    }
}

/// The sets of the served version.
#[derive(Default)]
pub struct Filters(PerSnapshot<Kept>);

impl Filters {
    /// The items of a snapshot that an expression holds for.
    pub fn set(&self, expression: &Expression, snapshot: &Arc<Snapshot>) -> Arc<ItemSet> {
        let text = expression.to_string();
        if let Some(set) = self.0.with(snapshot, |kept| kept.get(&text)) {
            return set;
        }
        // Two requests may both evaluate it: cheaper than that one waits.
        let set = Arc::new(select(expression, snapshot));
        self.0.with(snapshot, |kept| kept.keep(text, set.clone()));
        set
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn snapshot() -> Arc<Snapshot> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tests/golden/format_2");
        Arc::new(Snapshot::load(&folder).expect("loads"))
    }

    #[test]
    fn an_expression_is_evaluated_once_for_each_version_and_in_whatever_form_it_is_written() {
        let (filters, one, other) = (Filters::default(), snapshot(), snapshot());
        let [plain, clumsy] = ["price < 3", "((price<3.0))"].map(|text| Expression::parse(text).expect(text));
        let set = filters.set(&plain, &one);
        assert_eq!(set.len(), 3);
        assert!(Arc::ptr_eq(&set, &filters.set(&clumsy, &one)));
        assert!(!Arc::ptr_eq(&set, &filters.set(&plain, &other)));
        assert!(!Arc::ptr_eq(&set, &filters.set(&plain, &one)), "the sets of one version are kept");
    }

    #[test]
    fn what_was_not_asked_for_lately_is_forgotten() {
        let (filters, snapshot) = (Filters::default(), snapshot());
        let price = |bound: usize| Expression::parse(&format!("price < {bound}")).expect("valid");
        let (asked, left) = (filters.set(&price(1000), &snapshot), filters.set(&price(1001), &snapshot));
        for bound in 0..3 * YOUNG {
            filters.set(&price(bound), &snapshot);
            assert!(Arc::ptr_eq(&asked, &filters.set(&price(1000), &snapshot)));
        }
        assert!(!Arc::ptr_eq(&left, &filters.set(&price(1001), &snapshot)));
        assert!(filters.0.with(&snapshot, |kept| kept.young.len() + kept.old.len()) <= 2 * YOUNG);
    }
}
