//! Columns that are computed from others of the same row: the one function, for training and for a request.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::column::Column;
use super::history::Past;

/// A column that is computed from others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Derived {
    /// Its name.
    pub name: String,
    /// How it is computed.
    #[serde(flatten)]
    pub by: Derivation,
}

/// How a column is computed from others; numbers are positions of columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Derivation {
    /// A part of a time.
    Part {
        /// The part.
        part: Part,
        /// The column of times.
        column: usize,
        /// The time zone in which it is taken.
        zone: String,
    },
    /// One less another.
    Difference {
        /// The columns.
        columns: [usize; 2],
    },
    /// One over another; missing where that is 0.
    Ratio {
        /// The columns.
        columns: [usize; 2],
    },
    /// What the row of the same key had that was the last before, see [`super::history`]; missing where there was none.
    Previous {
        /// The columns of keys and of times.
        columns: [usize; 2],
        /// Which of the histories.
        history: usize,
        /// Which of the values that it remembers.
        value: usize,
    },
    /// The days since that changed; missing where it has not.
    Since {
        /// The columns of keys and of times.
        columns: [usize; 2],
        /// Which of the histories.
        history: usize,
        /// Which of the values that it remembers.
        value: usize,
    },
    /// How often it changed before; missing where there was no row.
    Changes {
        /// The columns of keys and of times.
        columns: [usize; 2],
        /// Which of the histories.
        history: usize,
        /// Which of the values that it remembers.
        value: usize,
    },
    /// How many rows of the same key there were before.
    Count {
        /// The columns of keys and of times.
        columns: [usize; 2],
        /// Which of the histories.
        history: usize,
        /// Which of the values that it remembers.
        value: usize,
    },
}

/// A part of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// 0 to 23.
    Hour,
    /// 0 (Monday) to 6.
    Weekday,
    /// 1 to 31.
    Day,
    /// 1 to 12.
    Month,
}

impl Derivation {
    /// The columns that it is computed from.
    #[must_use]
    pub fn columns(&self) -> &[usize] {
        match self {
            Self::Part { column, .. } => std::slice::from_ref(column),
            Self::Difference { columns }
            | Self::Ratio { columns }
            | Self::Previous { columns, .. }
            | Self::Since { columns, .. }
            | Self::Changes { columns, .. }
            | Self::Count { columns, .. } => columns,
        }
    }

    /// The same of columns and histories in other places.
    #[must_use]
    pub fn moved(mut self, place: impl Fn(usize) -> usize, of_history: impl Fn(usize) -> usize) -> Self {
        match &mut self {
            Self::Part { column, .. } => *column = place(*column),
            Self::Difference { columns } | Self::Ratio { columns } => *columns = columns.map(place),
            Self::Previous { columns, history, .. }
            | Self::Since { columns, history, .. }
            | Self::Changes { columns, history, .. }
            | Self::Count { columns, history, .. } => {
                (*columns, *history) = (columns.map(place), of_history(*history));
            }
        }
        self
    }

    /// Computes the column of all rows; a value is missing where one that it needs is.
    ///
    /// * `pasts`: what each row is told of its key, in the order of [`super::manifest::Parameters::histories`].
    #[must_use]
    pub fn column(&self, columns: &[Column], pasts: &[Vec<Past<'_>>]) -> Column {
        let of_both = |[one, other]: [usize; 2], of: fn(f64, f64) -> f64| {
            let (one, other) = (numbers(&columns[one]), numbers(&columns[other]));
            one.iter().zip(other).map(|(one, other)| of(*one, *other)).collect()
        };
        Column::Numbers(match self {
            Self::Part { part, column, zone } => {
                let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
                numbers(&columns[*column]).iter().map(|seconds| part.of(*seconds, &zone)).collect()
            }
            Self::Difference { columns } => of_both(*columns, |one, other| one - other),
            Self::Ratio { columns } => {
                of_both(*columns, |one, other| if other == 0.0 { f64::NAN } else { one / other })
            }
            Self::Previous { history, value, .. } => {
                pasts[*history].iter().map(|past| past.last(*value).map_or(f64::NAN, f64::from)).collect()
            }
            Self::Since { columns: [_, time], history, value } => {
                let rows = pasts[*history].iter().zip(numbers(&columns[*time]));
                rows.map(|(past, time)| past.days_since_change(*value, *time).unwrap_or(f64::NAN)).collect()
            }
            Self::Changes { history, value, .. } => {
                let changes = |past: &Past<'_>| past.changes(*value).map_or(f64::NAN, |count| count as f64);
                pasts[*history].iter().map(changes).collect()
            }
            Self::Count { history, value, .. } => {
                pasts[*history].iter().map(|past| past.last(*value).map_or(0.0, f64::from)).collect()
            }
        })
    }

    /// Which history it is told by, and which of its values.
    #[must_use]
    pub fn remembered(&self) -> Option<(usize, usize)> {
        match self {
            Self::Previous { history, value, .. }
            | Self::Since { history, value, .. }
            | Self::Changes { history, value, .. }
            | Self::Count { history, value, .. } => Some((*history, *value)),
            Self::Part { .. } | Self::Difference { .. } | Self::Ratio { .. } => None,
        }
    }
}

fn numbers(column: &Column) -> &[f64] {
    match column {
        Column::Numbers(numbers) => numbers,
        Column::Levels(_) => &[],
    }
}

impl Part {
    fn of(self, seconds: f64, zone: &TimeZone) -> f64 {
        if seconds.is_nan() {
            return f64::NAN;
        }
        let Ok(instant) = Timestamp::from_second(seconds.floor() as i64) else { return f64::NAN };
        let at = instant.to_zoned(zone.clone());
        f64::from(match self {
            Self::Hour => at.hour(),
            Self::Weekday => at.weekday().to_monday_zero_offset(),
            Self::Day => at.day(),
            Self::Month => at.month(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(by: &Derivation, columns: &[Column]) -> Vec<f64> {
        numbers(&by.column(columns, &[])).to_vec()
    }

    #[test]
    fn parts_of_a_time_are_those_of_a_place() {
        // Sunday 2014-10-26 00:30 UTC: summer time in Berlin, 02:30.
        let times = [Column::Numbers(vec![1_414_283_400.0])];
        let part = |part, zone: &str| values(&Derivation::Part { part, column: 0, zone: zone.to_owned() }, &times)[0];
        assert_eq!((part(Part::Hour, "UTC"), part(Part::Hour, "Europe/Berlin")), (0.0, 2.0));
        assert_eq!((part(Part::Weekday, "UTC"), part(Part::Weekday, "America/New_York")), (6.0, 5.0));
        assert_eq!((part(Part::Day, "UTC"), part(Part::Month, "UTC")), (26.0, 10.0));
    }

    #[test]
    fn a_ratio_over_nothing_is_missing() {
        let columns = [Column::Numbers(vec![1.0, 1.0, f64::NAN]), Column::Numbers(vec![4.0, 0.0, 1.0])];
        let ratio = values(&Derivation::Ratio { columns: [0, 1] }, &columns);
        assert!(ratio[0] == 0.25 && ratio[1].is_nan() && ratio[2].is_nan());
        assert_eq!(values(&Derivation::Difference { columns: [0, 1] }, &columns)[..2], [-3.0, 1.0]);
    }
}
