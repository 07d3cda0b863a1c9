//! Reads the column that is learnt.

use shared::engine::tabular::value::truth;

use super::DataError;
use super::table::Table;

/// The labels of all rows: 1 for a positive, 0 for a negative.
///
/// * `positive`: the value that is one; empty: what usually says yes.
///
/// # Errors
/// [`DataError`] when the column is not there, misses a value, has others than yes and no.
pub fn labels(table: &Table, name: &str, positive: &str) -> Result<Vec<f32>, DataError> {
    let texts = table.column(name).ok_or_else(|| DataError::no_column("label", name, table))?;
    let refuse = |what: String| DataError::Label { column: name.to_owned(), what };
    let value = |text: &String| {
        if !positive.is_empty() {
            return Some(f32::from(u8::from(text == positive)));
        }
        truth(text)
    };
    let values: Vec<Option<f32>> = texts.values.iter().map(value).collect();
    if let Some(other) = values.iter().position(Option::is_none) {
        let found = &texts.values[other];
        return Err(refuse(format!(
            "{found:?} is neither 0 nor 1, yes nor no; `positive` in the config names the value that is predicted"
        )));
    }
    let missing = texts.missing();
    if missing > 0 {
        let first = (0..table.rows).find(|&row| texts.get(row).is_none()).unwrap_or_default();
        let what = format!("{missing} of {} rows have none, row {} first; leave them out", table.rows, first + 1);
        return Err(refuse(what));
    }
    Ok(texts.rows.iter().filter_map(|&place| values[place as usize]).collect())
}

/// Checks that there are positives and negatives.
///
/// # Errors
/// [`DataError::Label`] when there are not.
pub fn check_both(name: &str, labels: &[f32]) -> Result<(), DataError> {
    let same = match (labels.contains(&1.0), labels.contains(&0.0)) {
        (true, true) => return Ok(()),
        (true, false) => "a positive",
        (false, _) => "a negative",
    };
    let what = format!("every row is {same}; a model needs both");
    Err(DataError::Label { column: name.to_owned(), what })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Result<Vec<f32>, String> {
        let rows: Vec<Vec<&str>> = values.iter().map(|value| vec![*value]).collect();
        labels(&Table::of(&["y"], &rows), "y", "").map_err(|error| error.to_string())
    }

    #[test]
    fn both_classes_have_several_names() {
        assert_eq!(read(&["yes", "no", "Yes", "1", "0.0"]).expect("reads"), [1.0, 0.0, 1.0, 1.0, 0.0]);
    }

    #[test]
    fn the_positive_value_may_be_named() {
        let table = Table::of(&["y"], &[vec!["good"], vec!["bad"], vec!["good"]]);
        assert_eq!(labels(&table, "y", "bad").expect("reads"), [0.0, 1.0, 0.0]);
        assert_eq!(labels(&table, "y", "worse").expect("reads"), [0.0; 3]);
    }

    #[test]
    fn a_refusal_says_what_is_wrong() {
        let refused = |values: &[&str]| read(values).expect_err("refused");
        assert!(refused(&["1", "2"]).contains("\"2\" is neither 0 nor 1"));
        assert!(refused(&["1", "", "0", ""]).contains("2 of 4 rows have none, row 2 first"));
        let one_class = check_both("y", &[0.0, 0.0]).expect_err("refused").to_string();
        assert!(one_class.contains("every row is a negative"), "{one_class}");
        let table = Table::of(&["a", "b"], &[]);
        assert_eq!(labels(&table, "y", "").expect_err("refused").to_string(), "label: no column `y`; there are: a, b");
    }
}
