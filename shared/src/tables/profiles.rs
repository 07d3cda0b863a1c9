//! The profile table: what is known of users beside their events, cut into cells, and which items the users of a cell take
//! more, or less, than users at large.
//!
//! ```text
//! column ─▶ cells: missing │ other levels, or the first bin │ a cell a level, or a bin each
//! user   ─▶ a cell of each column
//! cell   ─▶ items with their lifts: ln(share of the item among what its users took / share among what all took)
//! ```
//!
//! Of a user no value is stored: a number is the number of its bin, a level its place among the frequent ones.

use super::{Misfit, check_items, check_length, check_starts, table};
use crate::contract::artifact::columns::Column;
use crate::contract::artifact::strings::Strings;
use crate::contract::id::ItemIdx;
use crate::engine::tabular::column::{self, Level};

table! {
    /// Users' columns, their cells, and the lifts of items in cells.
    pub struct ProfileTable {
        /// What each column is: the JSON of a [`crate::engine::tabular::schema::Field`].
        fields: Strings = "field",
        /// The weight of each column's lift in the sum of all.
        weights: Column<f32> = "weight",
        /// Where the levels of each column begin, and the end of the last; numbers have none.
        level_starts: Column<u64> = "level.starts",
        /// The levels with a cell of their own, ascending within a column.
        levels: Column<Level> = "level",
        /// Where the edges of each column begin, and the end of the last; categories have none.
        edge_starts: Column<u64> = "edge.starts",
        /// The edges between the bins of numbers, ascending within a column: a bin begins at its edge.
        edges: Column<f32> = "edge",
        /// Each item's share of all that users with a profile took, at least 0.
        shares: Column<f32> = "share",
        /// Where the items of each cell begin, and the end of the last: cells + 1.
        lift_starts: Column<u64> = "lift.starts",
        /// The items of each cell, ascending.
        lift_items: Column<ItemIdx> = "lift.item",
        /// Their lifts.
        lifts: Column<f32> = "lift",
        /// Of each cell, the lift of the items that it does not list.
        other_lifts: Column<f32> = "lift.other",
        /// The ids of the users, ascending.
        ids: Strings = "user",
        /// Their cells, numbered within each column: users × columns.
        cells: Column<u16> = "user.cells",
    }
}

/// The cells that every column has: of a missing value, and of levels without a cell; numbers begin with the latter.
const FIXED: usize = 2;

/// The cells of one user, one for each column, among those of all columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile(Vec<u32>);

impl ProfileTable {
    /// Whether the version knows no profiles.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// How many users have a profile.
    #[must_use]
    pub fn users(&self) -> usize {
        self.ids.len()
    }

    fn range(starts: &[u64], column: usize) -> std::ops::Range<usize> {
        starts[column] as usize..starts[column + 1] as usize
    }

    /// How many cells a column has.
    #[must_use]
    pub fn width(&self, column: usize) -> usize {
        FIXED + Self::range(&self.level_starts, column).len() + Self::range(&self.edge_starts, column).len()
    }

    /// The cell of a value, numbered within its column.
    ///
    /// * `values`, `row`: where the value stands.
    #[must_use]
    pub fn cell(&self, column: usize, values: &column::Column, row: usize) -> u16 {
        let cell = match values {
            column::Column::Numbers(numbers) if numbers[row].is_nan() => 0,
            column::Column::Numbers(numbers) => {
                let edges = &self.edges[Self::range(&self.edge_starts, column)];
                1 + edges.partition_point(|edge| *edge <= numbers[row] as f32)
            }
            column::Column::Levels(levels) if levels[row] == Level::MISSING => 0,
            column::Column::Levels(levels) => {
                let known = &self.levels[Self::range(&self.level_starts, column)];
                known.binary_search(&levels[row]).map_or(1, |place| FIXED + place)
            }
        };
        cell as u16
    }

    /// The profile of cells that are numbered within their columns.
    #[must_use]
    pub fn profile(&self, cells: &[u16]) -> Profile {
        let mut first = 0;
        let cells = cells.iter().enumerate().map(|(column, &cell)| {
            let cell = first + u32::from(cell);
            first += self.width(column) as u32;
            cell
        });
        Profile(cells.collect())
    }

    /// A profile with another cell in a column.
    ///
    /// * `cell`: numbered within the column.
    #[must_use]
    pub fn with_cell(&self, mut profile: Profile, column: usize, cell: u16) -> Profile {
        let first: usize = (0..column).map(|before| self.width(before)).sum();
        if let Some(known) = profile.0.get_mut(column) {
            *known = first as u32 + u32::from(cell);
        }
        profile
    }

    /// The stored profile of a user.
    #[must_use]
    pub fn of_user(&self, user: &str) -> Option<Profile> {
        let (row, columns) = (self.ids.position(user)?, self.fields.len());
        Some(self.profile(&self.cells[row * columns..(row + 1) * columns]))
    }

    /// The items that a column's cell of a profile lists, with their lifts, and the lift of the others.
    #[must_use]
    pub fn listed(&self, profile: &Profile, column: usize) -> (&[ItemIdx], &[f32], f32) {
        let cell = profile.0[column] as usize;
        let listed = Self::range(&self.lift_starts, cell);
        (&self.lift_items[listed.clone()], &self.lifts[listed], self.other_lifts[cell])
    }

    /// The lift of an item by one column of a profile.
    #[must_use]
    pub fn lift(&self, profile: &Profile, column: usize, item: ItemIdx) -> f32 {
        let (items, lifts, other) = self.listed(profile, column);
        items.binary_search(&item).map_or(other, |place| lifts[place])
    }

    /// The weighted sum of an item's lifts by all columns.
    #[must_use]
    pub fn total(&self, profile: &Profile, item: ItemIdx) -> f32 {
        (0..self.fields.len()).map(|column| self.weights[column] * self.lift(profile, column, item)).sum()
    }

    /// The share that an item has among what users of a profile take, up to a factor that is the same for all items.
    #[must_use]
    pub fn score(&self, profile: &Profile, item: ItemIdx) -> f32 {
        let share = self.shares.get(item.at()).copied().unwrap_or(0.0);
        share * bounded_exp(self.total(profile, item))
    }

    /// The cell of a profile in a column, numbered within it.
    fn own_cell(&self, profile: &Profile, column: usize) -> usize {
        let first: usize = (0..column).map(|before| self.width(before)).sum();
        profile.0[column] as usize - first
    }

    /// The level that a profile has in a column of levels; `None` if it is missing, or has no cell of its own.
    #[must_use]
    pub fn level(&self, profile: &Profile, column: usize) -> Option<Level> {
        let place = self.own_cell(profile, column).checked_sub(FIXED)?;
        self.levels[Self::range(&self.level_starts, column)].get(place).copied()
    }

    /// The bounds of a profile's number in a column of numbers: from where on it is, and below where; `None` if it is
    /// missing.
    #[must_use]
    pub fn bounds(&self, profile: &Profile, column: usize) -> Option<(Option<f32>, Option<f32>)> {
        let bin = self.own_cell(profile, column).checked_sub(1)?;
        let edges = &self.edges[Self::range(&self.edge_starts, column)];
        Some((bin.checked_sub(1).and_then(|at| edges.get(at)).copied(), edges.get(bin).copied()))
    }

    /// The number of a profile's bin in a column of numbers, from 0; missing where the value is.
    #[must_use]
    pub fn bin(&self, profile: &Profile, column: usize) -> f32 {
        let first: usize = (0..column).map(|before| self.width(before)).sum();
        match profile.0[column] as usize - first {
            0 => f32::NAN,
            cell => (cell - 1) as f32,
        }
    }

    pub(super) fn check(&self, items: usize) -> Result<(), Misfit> {
        if self.is_empty() {
            return Ok(());
        }
        let (columns, users) = (self.fields.len(), self.ids.len());
        check_length("weight", &self.weights, columns)?;
        check_starts("level.starts", &self.level_starts, columns, self.levels.len())?;
        check_starts("edge.starts", &self.edge_starts, columns, self.edges.len())?;
        check_length("share", &self.shares, items)?;
        let cells = (0..columns).map(|column| self.width(column)).sum();
        check_starts("lift.starts", &self.lift_starts, cells, self.lifts.len())?;
        check_length("lift.item", &self.lift_items, self.lifts.len())?;
        check_items("lift.item", &self.lift_items, items)?;
        check_length("lift.other", &self.other_lifts, cells)?;
        check_length("user.cells", &self.cells, users * columns)?;
        let fits = |(at, cell): (usize, &u16)| usize::from(*cell) < self.width(at % columns);
        if self.cells.iter().enumerate().all(fits) { Ok(()) } else { Err("`user.cells` names cells beyond".to_owned()) }
    }
}

/// e to the power of a sum of lifts; one beyond what a score can be is cut.
#[must_use]
pub fn bounded_exp(sum: f32) -> f32 {
    const MOST: f32 = 60.0;
    sum.clamp(-MOST, MOST).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two columns, ages with one edge at 30 and colours with the level `red`; two items.
    fn table() -> ProfileTable {
        ProfileTable {
            fields: ["{}", "{}"].into_iter().collect(),
            weights: vec![1.0, 0.5].into(),
            level_starts: vec![0, 0, 1].into(),
            levels: vec![Level::of("red")].into(),
            edge_starts: vec![0, 1, 1].into(),
            edges: vec![30.0].into(),
            shares: vec![0.75, 0.25].into(),
            lift_starts: vec![0, 0, 0, 1, 1, 1, 2].into(),
            lift_items: vec![ItemIdx(1), ItemIdx(0)].into(),
            lifts: vec![2.0, -1.0].into(),
            other_lifts: vec![0.0, 0.0, -0.5, 0.0, 0.0, 0.25].into(),
            ids: ["u"].into_iter().collect(),
            cells: vec![2, 2].into(),
        }
    }

    #[test]
    fn a_value_has_the_cell_of_its_bin_or_level_and_an_unseen_or_missing_one_has_a_cell_too() {
        let table = table();
        assert_eq!(table.check(2), Ok(()));
        let ages = column::Column::Numbers(vec![29.9, 30.0, f64::NAN]);
        assert_eq!([0, 1, 2].map(|row| table.cell(0, &ages, row)), [1, 2, 0]);
        let colours = column::Column::Levels(["red", "mauve"].map(Level::of).into_iter().chain([Level(0)]).collect());
        assert_eq!([0, 1, 2].map(|row| table.cell(1, &colours, row)), [2, 1, 0]);
    }

    #[test]
    fn lifts_add_up_with_the_weights_of_their_columns() {
        let table = table();
        let profile = table.of_user("u").expect("known");
        assert_eq!((table.total(&profile, ItemIdx(0)), table.total(&profile, ItemIdx(1))), (-1.0, 2.125));
        assert!((table.score(&profile, ItemIdx(0)) - 0.75 * (-1.0f32).exp()).abs() < 1e-7);
        assert_eq!(table.bin(&profile, 0), 1.0);
        assert_eq!(table.bounds(&profile, 0), Some((Some(30.0), None)));
        assert_eq!(
            (table.level(&profile, 1), table.bounds(&table.profile(&[0, 1]), 0)),
            (Some(Level::of("red")), None)
        );
        let younger = table.with_cell(profile.clone(), 0, 1);
        assert_eq!((younger, table.with_cell(profile.clone(), 1, 2)), (table.profile(&[1, 2]), profile));
        assert_eq!(table.of_user("v"), None);
    }
}
