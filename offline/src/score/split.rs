//! Which rows are trained on, which say when to stop, and which are measured.

use jiff::tz::TimeZone;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use shared::engine::tabular::value::time;

use super::DataError;
use super::config::{ModelConfig, SplitBy, SplitConfig};
use super::table::Table;
use super::targets::Targets;

/// The rows of each part.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parts {
    /// Trained on.
    pub train: Vec<usize>,
    /// Say when to stop, calibrate and choose the threshold.
    pub valid: Vec<usize>,
    /// Measured.
    pub test: Vec<usize>,
    /// The time of every row of the table, if the config names a column of times: each part is in its order then, and not
    /// as its rows stand in the files.
    pub times: Vec<f64>,
}

impl Parts {
    /// The parts with their names.
    #[must_use]
    pub fn named(&self) -> [(&'static str, &[usize]); 3] {
        [("train", &self.train), ("valid", &self.valid), ("test", &self.test)]
    }
}

/// Splits rows as the config says. If it names a column of times, the rows of each part are in the order of time.
///
/// # Errors
/// [`DataError`] when a column that is needed is not there or has other values, and when a part lacks one of the labels.
pub fn split(table: &Table, targets: &Targets, config: &ModelConfig) -> Result<Parts, DataError> {
    let labels = &targets.any();
    let format = config.columns.get(&config.time).and_then(|column| column.declared().format);
    let times = (!config.time.is_empty()).then(|| times(table, config, format.as_deref())).transpose()?;
    let mut parts = match (config.split.by, &times) {
        (SplitBy::Column, _) => by_column(table, &config.split.column)?,
        (SplitBy::Time, Some(times)) => by_time(times, &config.split),
        _ => at_random(labels, &config.split),
    };
    for part in [&mut parts.train, &mut parts.valid, &mut parts.test] {
        part.retain(|&row| targets.known[row]);
    }
    if let Some(times) = times {
        for part in [&mut parts.train, &mut parts.valid, &mut parts.test] {
            part.sort_by(|&a, &b| times[a].total_cmp(&times[b]));
        }
        parts.times = times;
    }
    for (name, rows) in parts.named() {
        let positives = rows.iter().filter(|&&row| labels[row] > 0.0).count();
        // Of several labels each row may have one.
        if positives == 0 || positives == rows.len() && targets.names.len() == 1 {
            let (all, what) = (rows.len(), if positives == 0 { "positive" } else { "negative" });
            return Err(DataError::Split(format!(
                "none of the {all} rows of `{name}` is a {what}; more rows are needed, or another split"
            )));
        }
    }
    Ok(parts)
}

fn times(table: &Table, config: &ModelConfig, format: Option<&str>) -> Result<Vec<f64>, DataError> {
    let (name, zone) = (&config.time, TimeZone::get(&config.time_zone).unwrap_or(TimeZone::UTC));
    let column = table.column(name).ok_or_else(|| DataError::no_column("time", name, table))?;
    let distinct: Vec<Option<f64>> = column.values.iter().map(|text| time(text, format, &zone)).collect();
    let of = |row: usize| {
        let found = distinct.get(column.rows[row] as usize).copied().flatten();
        let shown = column.get(row).unwrap_or("nothing");
        found.ok_or_else(|| DataError::Split(format!("time: row {} has {shown:?} in `{name}`, no time; say how it is written: {name} = {{ role = \"time\", format = ... }} in [columns]", row + 1)))
    };
    (0..table.rows).map(of).collect()
}

/// At most so many rows, evenly spread over all of them.
#[must_use]
pub fn sample(rows: &[usize], most: usize) -> Vec<usize> {
    if rows.len() <= most {
        return rows.to_vec();
    }
    (0..most).map(|at| rows[at * rows.len() / most]).collect()
}

fn at_random(labels: &[f32], config: &SplitConfig) -> Parts {
    let mut parts = Parts::default();
    let mut random = ChaCha8Rng::seed_from_u64(config.seed);
    for positive in [false, true] {
        let mut rows: Vec<usize> = (0..labels.len()).filter(|&row| (labels[row] > 0.0) == positive).collect();
        rows.shuffle(&mut random);
        // One of each label in each part, if there are three.
        let share = |share: f64| ((share * rows.len() as f64).round() as usize).max(1);
        let (test, rest) = rows.split_at(share(config.test).min(rows.len()));
        let (valid, train) = rest.split_at(share(config.valid).min(rest.len()));
        parts.test.extend_from_slice(test);
        parts.valid.extend_from_slice(valid);
        parts.train.extend_from_slice(train);
    }
    [&mut parts.train, &mut parts.valid, &mut parts.test].into_iter().for_each(|rows| rows.sort_unstable());
    parts
}

/// The latest rows are measured, those before say when to stop; rows of one time stay together.
fn by_time(times: &[f64], config: &SplitConfig) -> Parts {
    let mut rows: Vec<usize> = (0..times.len()).collect();
    rows.sort_by(|&a, &b| times[a].total_cmp(&times[b]));
    let cut = |share: f64| {
        let at = ((1.0 - share) * rows.len() as f64).round() as usize;
        rows.get(at).map_or(rows.len(), |&row| rows.partition_point(|&other| times[other] < times[row]))
    };
    let (test, valid) = (cut(config.test), cut(config.test + config.valid));
    let (test, rest) = (rows.split_off(test), rows);
    let (train, valid) = rest.split_at(valid);
    Parts { train: train.to_vec(), valid: valid.to_vec(), test, times: Vec::new() }
}

fn by_column(table: &Table, name: &str) -> Result<Parts, DataError> {
    let column = table.column(name).ok_or_else(|| DataError::no_column("split.column", name, table))?;
    let mut parts = Parts::default();
    for row in 0..table.rows {
        match column.get(row) {
            Some("train") => parts.train.push(row),
            Some("valid") => parts.valid.push(row),
            Some("test") => parts.test.push(row),
            other => {
                let found = other.unwrap_or("nothing");
                let row = row + 1;
                return Err(DataError::Split(format!(
                    "`{name}` has {found:?} in row {row}; expected train, valid or test"
                )));
            }
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: SplitConfig =
        SplitConfig { by: SplitBy::Random, column: String::new(), valid: 0.2, test: 0.2, seed: 1 };

    #[test]
    fn each_part_has_its_share_of_each_label() {
        let labels: Vec<f32> = (0..100).map(|row| f32::from(u8::from(row % 5 == 0))).collect();
        let parts = at_random(&labels, &CONFIG);
        let counts = parts.named().map(|(_, rows)| (rows.len(), rows.iter().filter(|&&row| labels[row] > 0.0).count()));
        assert_eq!(counts, [(60, 12), (20, 4), (20, 4)]);
        let mut all = [parts.train, parts.valid, parts.test].concat();
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn rows_of_one_time_are_in_one_part() {
        let times = [3.0, 1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 1.0, 1.0];
        let parts = by_time(&times, &CONFIG);
        assert_eq!(parts.test, [0, 3, 6], "a fifth would cut the time 3 apart");
        assert_eq!(parts.valid, [2, 5]);
        assert_eq!(parts.train.len(), 5);
    }

    #[test]
    fn ten_rows_are_enough_to_split() {
        let labels = [1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let parts = at_random(&labels, &CONFIG);
        assert!(parts.named().iter().all(|(_, rows)| rows.iter().any(|&row| labels[row] > 0.0)));
    }
}
