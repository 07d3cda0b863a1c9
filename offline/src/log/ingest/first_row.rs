//! Fields of an order that only its first row has, as order exports write them.
//!
//! A row of the same order as the row before it has the values of that row where it has none itself.

use std::borrow::Cow;

use super::plan::Plan;
use super::settings::Role;

/// The order of the row before, and what it said.
pub struct Orders<'a> {
    plan: &'a Plan,
    /// Among the columns that are read, those that only the first row of an order has.
    places: Vec<usize>,
    order: String,
    said: Vec<Option<String>>,
}

impl<'a> Orders<'a> {
    /// No row yet.
    #[must_use]
    pub fn new(plan: &'a Plan) -> Self {
        let is_carried = |column: &String| plan.reading.in_first_row.contains(column);
        let carried = |at: &usize| plan.wanted[*at].paths.iter().any(is_carried);
        let places: Vec<usize> = (0..plan.wanted.len()).filter(carried).collect();
        Self { plan, said: vec![None; places.len()], places, order: String::new() }
    }

    /// The values of the next row, with those of its order.
    pub fn filled<'v>(&'v mut self, values: &'v [Option<&'v str>]) -> Cow<'v, [Option<&'v str>]> {
        if self.places.is_empty() {
            return Cow::Borrowed(values);
        }
        let Some(order) = self.plan.value(values, Role::Transaction) else { return Cow::Borrowed(values) };
        if order != self.order {
            order.clone_into(&mut self.order);
            self.said.fill(None);
        }
        for (place, said) in self.places.iter().zip(&mut self.said) {
            if let Some(value) = values[*place] {
                *said = Some(value.to_owned());
            }
        }
        let mut filled = values.to_vec();
        for (place, said) in self.places.iter().zip(&self.said) {
            filled[*place] = said.as_deref();
        }
        Cow::Owned(filled)
    }
}
