//! Warns of columns that nothing reads in a file of which every row counts as a purchase, where they look as if some came to
//! nothing: by their values, or by their names.
//!
//! Names and words are those of [`schema::looks_like_nothing`]. Cost: the first rows of the file are read once more.

use std::collections::BTreeMap;

use shared::contract::id::present;

use super::IngestError;
use super::plan::Plan;
use super::read::{Needed, Take, Wanted, first_rows};
use super::schema;

/// The number of rows that are looked at.
const ROWS: usize = 10_000;
/// The most different values of a column of words.
const FEW: usize = 20;
/// The most values that a warning has.
const SHOWN: usize = 6;
/// Values that say that nothing happened.
const NOTHING: [&str; 14] =
    ["[]", "{}", "0", "0.0", "0.00", "false", "f", "no", "n", "none", "nan", "null", "-", "nein"];

/// The values of a column, with their counts.
type Counts = BTreeMap<String, u64>;

/// What is to be said of the unread columns of a file.
///
/// # Errors
/// [`IngestError`] when the file can't be read.
pub fn warnings(plan: &Plan) -> Result<Vec<String>, IngestError> {
    if plan.kind_of_all() != Some("transaction") || plan.schema == schema::SERVICE {
        return Ok(Vec::new());
    }
    let columns = [plan.unread(), states(plan)].concat();
    let whole = |column: &String| Wanted { take: Take::Whole, ..Wanted::column(column, Needed::No) };
    let rows = first_rows(&plan.form, &columns.iter().map(whole).collect::<Vec<_>>(), ROWS)?;
    let mut counts = vec![Counts::new(); columns.len()];
    for values in rows.iter().filter_map(|row| row.values.as_ref().ok()) {
        for (counts, value) in counts.iter_mut().zip(values) {
            // Of a column that is none of words a few values are enough.
            if let Some(value) = value.as_deref().and_then(present)
                && (counts.len() <= FEW || counts.contains_key(value))
            {
                *counts.entry(value.to_owned()).or_default() += 1;
            }
        }
    }
    let is_list = |counts: &&Counts| counts.keys().any(|value| value.starts_with(['[', '{']));
    let said = columns.iter().zip(&counts).filter_map(|(column, counts)| {
        let pattern = pattern(column, counts, rows.len() as u64, plan)?;
        let remedy = match is_list(&counts) {
            true => "lists and objects are read by no rule: what was given back has to be a row of its own".to_owned(),
            false => remedy(column, &pattern, counts),
        };
        Some(warning(plan, column, counts, rows.len(), &remedy))
    });
    Ok(said.collect())
}

/// The columns of states that one rule reads, that of its words; their values may be numbers, which say nothing.
fn states(plan: &Plan) -> Vec<String> {
    let columns: Vec<&String> = plan.rules.iter().map(|rule| &rule.column).collect();
    let is_alone = |column: &&String| columns.iter().filter(|other| other == &column).count() == 1;
    columns.iter().copied().filter(|column| schema::names_state(column) && is_alone(column)).cloned().collect()
}

/// The expression for values that may say that a purchase came to nothing; `None` if none may.
fn pattern(column: &str, counts: &Counts, rows: u64, plan: &Plan) -> Option<String> {
    let one_of = |values: &[&String]| {
        let values: Vec<String> = values.iter().map(|value| regex::escape(value)).collect();
        format!("^({})$", values.join("|"))
    };
    let rules: Vec<_> = plan.rules.iter().filter(|rule| rule.column == column).collect();
    if !rules.is_empty() {
        let is_left =
            |word: &&String| !rules.iter().any(|rule| rule.skips(Some(word))) && schema::looks_like_nothing(word);
        let left: Vec<&String> = counts.keys().filter(is_left).collect();
        if !left.is_empty() && counts.len() <= FEW {
            return Some(one_of(&left));
        }
        if counts.keys().any(|value| rules.iter().any(|rule| rule.skips(Some(value)))) {
            return None;
        }
        let is_code = |value: &String| value.parse::<i64>().is_ok();
        let rarest = counts.iter().min_by_key(|(_, count)| **count).map(|(value, _)| value);
        let are_codes = (2..=FEW).contains(&counts.len()) && counts.keys().all(is_code);
        return rarest.filter(|_| are_codes).map(|value| one_of(&[value]));
    }
    let words: Vec<&String> = counts.keys().filter(|word| schema::looks_like_nothing(word)).collect();
    if !words.is_empty() && counts.len() <= FEW {
        return Some(one_of(&words));
    }
    let says = |value: &&String| !NOTHING.contains(&value.to_lowercase().as_str());
    let telling: Vec<(&String, &u64)> = counts.iter().filter(|(value, _)| says(value)).collect();
    if telling.is_empty() || !schema::names_nothing(column) {
        return None;
    }
    let has_number = |value: &str| value.contains(|digit: char| digit.is_ascii_digit());
    if telling.len() > FEW || telling.iter().any(|(value, _)| has_number(value)) {
        return Some("[1-9]".to_owned());
    }
    // Where other rows have nothing, whatever stands there tells; else the rarest of the words.
    let values: Vec<&String> = telling.iter().map(|(value, _)| *value).collect();
    let told: u64 = telling.iter().map(|(_, count)| **count).sum();
    let rarest = telling.iter().min_by_key(|(_, count)| **count).map(|(value, _)| *value);
    match told < rows {
        true => Some(one_of(&values)),
        false => rarest.map(|rarest| one_of(&[rarest])),
    }
}

/// The lines of the config that skip rows of which a column matches, or read its words as kinds.
fn remedy(column: &str, pattern: &str, counts: &Counts) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let column = quoted(column);
    let are_words = counts.len() <= FEW && counts.keys().all(|value| value.chars().any(char::is_alphabetic));
    let as_kinds = match are_words {
        true => {
            format!("\nor, with ingest.kinds for its words, reads them as refunds:\ningest.columns.event = {column}")
        }
        false => String::new(),
    };
    format!(
        "this skips such rows:\n[[ingest.skip]]\ncolumn = {column}\nmatching = {}\nkind = \"transaction\"\nreason = \"came to \
         nothing\"{as_kinds}",
        quoted(pattern)
    )
}

fn warning(plan: &Plan, column: &str, counts: &Counts, rows: usize, remedy: &str) -> String {
    let mut values: Vec<(&String, &u64)> = counts.iter().collect();
    values.sort_by_key(|(value, count)| (std::cmp::Reverse(**count), *value));
    let more = if values.len() > SHOWN { ", …" } else { "" };
    let shown = |(value, count): &(&String, &u64)| format!("`{}` {count}", value.chars().take(30).collect::<String>());
    let values: Vec<String> = values.iter().take(SHOWN).map(shown).collect();
    format!(
        "{}: every row counts as a purchase, and column `{column}`, which looks as if it said that some came to nothing, is \
         not used: of the first {rows} rows {}{more}; {remedy}",
        plan.form.path.display(),
        values.join(", ")
    )
}
