//! Statistics of items, such as counters and rates: one column each, under the name that the batch gives it.
//!
//! Each statistic is a feature of the ranker, `item_<name>`, so that a new one needs no new engine. The few that the
//! engine itself reads by name are [`Habit`]s.

use super::{Misfit, Table, check_length};
use crate::contract::artifact::ArtifactError;
use crate::contract::artifact::columns::{Column, TableFile, TableWriter};
use crate::contract::id::ItemIdx;

/// A statistic that the engine itself reads: how users behave with an item. Missing if a version does not have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// ln(1 + events).
    Events,
    /// The share of its occurrences in sessions that repeat it.
    RepeatShare,
    /// The share of its occurrences that are directly followed by itself.
    StayShare,
    /// The share of its occurrences that end a session.
    ExitShare,
    /// The share of its occurrences that begin a session.
    EntryShare,
}

impl Habit {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Events, Self::RepeatShare, Self::StayShare, Self::ExitShare, Self::EntryShare];

    /// The name of its column.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::RepeatShare => "repeat_share",
            Self::StayShare => "stay_share",
            Self::ExitShare => "exit_share",
            Self::EntryShare => "entry_share",
        }
    }
}

/// Columns with a value per item, by name.
#[derive(Debug, Clone, Default)]
pub struct Statistics {
    columns: Vec<(String, Column<f32>)>,
    /// The column of each [`Habit`].
    habits: [Option<Column<f32>>; Habit::ALL.len()],
}

impl FromIterator<(String, Column<f32>)> for Statistics {
    fn from_iter<I: IntoIterator<Item = (String, Column<f32>)>>(columns: I) -> Self {
        let columns: Vec<(String, Column<f32>)> = columns.into_iter().collect();
        let column = |habit: Habit| columns.iter().find(|(name, _)| name == habit.name());
        let habits = Habit::ALL.map(|habit| column(habit).map(|(_, values)| values.clone()));
        Self { columns, habits }
    }
}

impl Table for Statistics {
    fn read(file: &TableFile) -> Result<Self, ArtifactError> {
        file.names()?.into_iter().map(|name| file.column(&name).map(|values| (name, values))).collect()
    }

    fn add_to<'a>(&'a self, writer: &mut TableWriter<'a>) {
        for (name, values) in &self.columns {
            writer.add(name, values);
        }
    }
}

impl Statistics {
    pub(super) fn check(&self, items: usize) -> Result<(), Misfit> {
        self.columns.iter().try_for_each(|(name, values)| check_length(name, values, items))
    }

    /// All columns with their names.
    #[must_use]
    pub fn columns(&self) -> &[(String, Column<f32>)] {
        &self.columns
    }

    /// A [`Habit`] of all items, if the version has it.
    #[must_use]
    pub fn of_all(&self, habit: Habit) -> Option<&[f32]> {
        self.habits[habit as usize].as_deref()
    }

    /// A [`Habit`] of an item; missing (NaN) if the version does not have it, or the item came after the version.
    #[must_use]
    pub fn habit(&self, habit: Habit, item: ItemIdx) -> f32 {
        self.of_all(habit).and_then(|values| values.get(item.at())).copied().unwrap_or(f32::NAN)
    }
}
