//! Filters: read, written in their one form, checked and evaluated.

use shared::contract::expression::{Asks, Expression, MAX_BYTES, Test};
use shared::contract::id::ItemIdx;
use shared::engine::select::{check, select};

use super::shop::SHOP;
use super::texts;

pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(expression) = Expression::parse(text) else { return };
    let written = expression.to_string();
    // In its one form a filter may be longer than what may be asked.
    if written.len() <= MAX_BYTES {
        assert_eq!(Expression::parse(&written).as_ref(), Ok(&expression), "{written} reads back as it was written");
    }
    let _ = check(&expression, &SHOP);
    let set = select(&expression, &SHOP);
    let opposite = select(&Expression::Not(Box::new(expression.clone())), &SHOP);
    for item in (0..SHOP.items().len() as u32).map(ItemIdx) {
        assert_ne!(set.contains(item), opposite.contains(item), "of {written} and its opposite one holds");
    }
    for test in expression.tests() {
        let [missing, present] = [Asks::Missing, Asks::Present]
            .map(|asks| select(&Expression::Test(Test { property: test.property.clone(), asks }), &SHOP));
        assert_eq!(missing.len() + present.len(), SHOP.items().len(), "{test}");
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    texts([
        "price < 50 and brand in (\"Acme\", \"Bo\")",
        "not (organic or rating >= 2.5) or `brand` != 'Cy'",
        "category = \"paper\" and events > 1e1 and id is not missing",
        "organic = true or rating is missing and available",
        "a in (-1, +2., .5, \"\\\"\", false)",
    ])
}
