//! The further columns of an item table, kept for filters and rules: which of them, and what their values are.
//!
//! ```text
//! column ─▶ every row's text, each different text once ─▶ all numbers │ all yes or no │ texts, cut into lists ─▶ kept, or why not
//! ```
//!
//! A column is left out if a text is longer than 255 bytes, or if its texts are no groups of items: more than 50,000
//! different ones, or more than 100 of which most are of one item alone. Descriptions and addresses of pictures go so; what `items.properties` names is bound by the first two alone. Numbers are always kept. Memory: 4 bytes
//! a row and column, and each text once.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest, Sha256};
use shared::contract::id::present;
use shared::tables::Values;

use super::availability::is_true;
use super::property::{self, Described, Kind};

/// The length of the longest text that is kept, in bytes.
const LONGEST: usize = 255;
/// The most different texts of a column.
const MOST: usize = 50_000;
/// So many different texts are kept whoever has them.
const ALWAYS: usize = 100;
/// The most bytes of different values that are gathered of a column, lists uncut.
const MOST_BYTES: usize = 64 << 20;
/// The most different values that are gathered as texts where all are numbers.
const MOST_NUMBERS: usize = 100_000;
/// The most columns.
const COLUMNS: usize = 64;
/// The names of what every version knows of items, which no column can have.
const TAKEN: [&str; 6] = ["id", "name", "category", "price", "available", "events"];

/// A column that is gathered.
#[derive(Debug, Clone)]
pub struct FactColumn {
    /// The name of the property.
    pub name: Box<str>,
    /// Its type, where the settings or its name say one.
    pub kind: Option<Kind>,
    /// Whether the settings name it.
    pub asked: Asked,
    /// Stand between the values of a list.
    pub separators: Vec<String>,
}

/// Whether the settings or the schema name a column as a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// They do.
    Yes,
    /// It is there.
    No,
}

#[derive(Debug)]
enum Gathered {
    /// The number of each row's text among the different ones.
    Texts { rows: Vec<u32>, numbers: HashMap<Box<str>, u32>, bytes: usize },
    /// The number of each row.
    Numbers(Vec<f64>),
    /// Why it is left out.
    LeftOut(&'static str),
}

/// The columns of all files, as their rows are read.
#[derive(Debug, Default)]
pub struct Gatherer {
    columns: BTreeMap<Box<str>, (FactColumn, Gathered)>,
    rows: u32,
}

impl Gatherer {
    /// Begins the next row; returns its number.
    pub fn next_row(&mut self) -> u32 {
        self.rows += 1;
        self.rows - 1
    }

    /// Notes the text that the current row has in a column.
    pub fn note(&mut self, column: &FactColumn, text: &str) {
        let Some(text) = present(text) else { return };
        if !self.columns.contains_key(&column.name) {
            let gathered = match () {
                () if TAKEN.contains(&&*column.name) => Gathered::LeftOut("its name has another meaning in filters"),
                () if self.columns.len() >= COLUMNS && column.asked == Asked::No => {
                    Gathered::LeftOut("the table has many columns; items.properties names those that count")
                }
                () => Gathered::Texts { rows: Vec::new(), numbers: HashMap::new(), bytes: 0 },
            };
            self.columns.insert(column.name.clone(), (column.clone(), gathered));
        }
        if let Some((_, gathered)) = self.columns.get_mut(&column.name) {
            gathered.note(self.rows as usize - 1, text);
        }
    }

    /// The properties of items, given the row of each, and why other columns are left out.
    #[must_use]
    pub fn finish(self, rows: &[u32]) -> (Vec<Fact>, Vec<String>) {
        let (mut facts, mut left_out) = (Vec::new(), Vec::new());
        for (name, (column, gathered)) in self.columns {
            match gathered.finish(&column, rows) {
                Ok(values) => facts.push(Fact { name, values }),
                Err(reason) => left_out.push(format!("{name} ({reason})")),
            }
        }
        (facts, left_out)
    }
}

impl Gathered {
    fn note(&mut self, row: usize, text: &str) {
        match self {
            Self::LeftOut(_) => {}
            Self::Numbers(values) => match number(text) {
                Some(value) => {
                    values.resize(row + 1, f64::NAN);
                    values[row] = value;
                }
                None => *self = Self::LeftOut("too many different texts"),
            },
            Self::Texts { .. } if text.starts_with('{') => *self = Self::LeftOut("objects"),
            Self::Texts { .. } if text.len() > LONGEST && !text.starts_with('[') => *self = Self::LeftOut("long texts"),
            Self::Texts { rows, numbers, bytes } => {
                rows.resize(row + 1, Values::NONE);
                rows[row] = numbers.get(text).copied().unwrap_or_else(|| {
                    *bytes += text.len();
                    let number = numbers.len() as u32;
                    numbers.insert(text.into(), number);
                    number
                });
                if numbers.len() > MOST_NUMBERS || *bytes > MOST_BYTES {
                    self.narrow();
                }
            }
        }
    }

    /// Goes on with numbers alone where all are numbers so far.
    fn narrow(&mut self) {
        let Self::Texts { rows, numbers, bytes } = self else { return };
        let mut values = vec![f64::NAN; numbers.len()];
        let all = numbers.iter().all(|(text, &at)| {
            number(text).is_some_and(|value| {
                values[at as usize] = value;
                true
            })
        });
        if all {
            *self =
                Self::Numbers(rows.iter().map(|&at| values.get(at as usize).copied().unwrap_or(f64::NAN)).collect());
        } else if *bytes > MOST_BYTES {
            *self = Self::LeftOut("too many different texts");
        }
    }

    fn finish(self, column: &FactColumn, rows: &[u32]) -> Result<Values, &'static str> {
        let (of_rows, numbers) = match self {
            Self::LeftOut(reason) => return Err(reason),
            Self::Numbers(values) => {
                let value = |&row: &u32| values.get(row as usize).copied().unwrap_or(f64::NAN);
                return Ok(Values::Numbers(rows.iter().map(value).collect()));
            }
            Self::Texts { rows, numbers, .. } => (rows, numbers),
        };
        let of_items: Vec<u32> =
            rows.iter().map(|&row| of_rows.get(row as usize).copied().unwrap_or(Values::NONE)).collect();
        let mut texts: Vec<Option<Box<str>>> = vec![None; numbers.len()];
        let mut used = vec![false; numbers.len()];
        of_items.iter().filter(|&&at| at != Values::NONE).for_each(|&at| used[at as usize] = true);
        numbers.into_iter().filter(|(_, at)| used[*at as usize]).for_each(|(text, at)| texts[at as usize] = Some(text));
        let each = |value: &dyn Fn(&str) -> Option<f64>| -> Option<Vec<f64>> {
            let of_text = |text: &Option<Box<str>>| text.as_deref().map_or(Some(f64::NAN), value);
            let values: Vec<f64> = texts.iter().map(of_text).collect::<Option<_>>()?;
            Some(of_items.iter().map(|&at| values.get(at as usize).copied().unwrap_or(f64::NAN)).collect())
        };
        if texts.iter().all(Option::is_none) {
            return Err("no value");
        }
        let flag = |text: &str| number(text).is_none().then(|| is_true(text)).flatten().map(f64::from);
        let any_flag = |text: &str| is_true(text).map(f64::from);
        match column.kind {
            Some(Kind::Bool) => return each(&any_flag).map(Values::Flags).ok_or("neither true nor false"),
            Some(Kind::Number) => return each(&number).map(Values::Numbers).ok_or("not a number"),
            Some(Kind::Text | Kind::List) => {}
            None => {
                if let Some(values) = each(&number).map(Values::Numbers).or_else(|| each(&flag).map(Values::Flags)) {
                    return Ok(values);
                }
            }
        }
        lists(column, &texts, of_items)
    }
}

/// Cuts texts into lists, unless there are too many different values.
fn lists(column: &FactColumn, texts: &[Option<Box<str>>], of_items: Vec<u32>) -> Result<Values, &'static str> {
    let kind = column.kind.unwrap_or(Kind::List);
    let cut = |text: &Option<Box<str>>| -> Vec<String> {
        let text = text.as_deref().unwrap_or_default();
        match property::read("", kind, &column.separators, text) {
            // Words of a property without a name: `=red`.
            Ok(Described::Words(words)) => words.into_iter().map(|word| word[1..].to_owned()).collect(),
            _ => Vec::new(),
        }
    };
    let cut: Vec<Vec<String>> = texts.iter().map(cut).collect();
    let mut different: Vec<Box<str>> = cut.iter().flatten().map(|text| text.as_str().into()).collect();
    different.sort_unstable();
    different.dedup();
    if different.iter().any(|text| text.len() > LONGEST) {
        return Err("long texts");
    }
    if different.len() > MOST {
        return Err("too many different texts");
    }
    let lists: Vec<Box<[u32]>> = cut
        .iter()
        .map(|own| {
            let row = |text: &String| different.binary_search_by(|known| (**known).cmp(text)).ok();
            let mut rows: Vec<u32> = own.iter().filter_map(row).map(|row| row as u32).collect();
            rows.sort_unstable();
            rows.dedup();
            rows.into()
        })
        .collect();
    let mut items = vec![0u32; different.len()];
    for list in of_items.iter().filter_map(|&at| lists.get(at as usize)) {
        list.iter().for_each(|&row| items[row as usize] += 1);
    }
    let single = items.iter().filter(|&&items| items == 1).count();
    if column.asked == Asked::No && different.len() > ALWAYS && 2 * single > different.len() {
        return Err("most texts are of one item alone");
    }
    Ok(Values::Texts { texts: different.into(), lists: lists.into(), of_items })
}

fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

/// A property of items, in their order.
#[derive(Debug, Clone)]
pub struct Fact {
    /// Its name.
    pub name: Box<str>,
    /// The value of each item.
    pub values: Values,
}

impl Fact {
    /// The values of other rows of items, each of which was a row of these or is new.
    #[must_use]
    pub fn joined(&self, rows: impl Iterator<Item = Option<usize>>) -> Self {
        let number =
            |numbers: &[f64], row: Option<usize>| row.and_then(|row| numbers.get(row)).copied().unwrap_or(f64::NAN);
        let values = match &self.values {
            Values::Texts { texts, lists, of_items } => {
                let of = |row: Option<usize>| row.and_then(|row| of_items.get(row)).copied().unwrap_or(Values::NONE);
                Values::Texts { texts: texts.clone(), lists: lists.clone(), of_items: rows.map(of).collect() }
            }
            Values::Numbers(numbers) => Values::Numbers(rows.map(|row| number(numbers, row)).collect()),
            Values::Flags(flags) => Values::Flags(rows.map(|row| number(flags, row)).collect()),
        };
        Self { name: self.name.clone(), values }
    }

    /// Adds the property to a digest.
    pub fn digest(&self, digest: &mut Sha256) {
        digest.update(self.name.as_bytes());
        digest.update([0, self.values.kind() as u8]);
        match &self.values {
            Values::Texts { texts, lists, of_items } => {
                for text in texts.iter() {
                    digest.update(text.as_bytes());
                    digest.update([0]);
                }
                for list in of_items {
                    let rows = lists.get(*list as usize).map_or(&[][..], |list| list);
                    rows.iter().for_each(|row| digest.update(row.to_le_bytes()));
                    digest.update([0]);
                }
            }
            Values::Numbers(values) | Values::Flags(values) => {
                values.iter().for_each(|value| digest.update(value.to_le_bytes()));
            }
        }
    }

    /// The property in words, for the report.
    #[must_use]
    pub fn in_words(&self) -> String {
        match &self.values {
            Values::Texts { texts, .. } => format!("{} ({} texts)", self.name, texts.len()),
            values => format!("{} ({})", self.name, values.kind().in_words()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The property of a column with the text of each item.
    fn of(texts: &[&str], kind: Option<Kind>, asked: Asked) -> Result<Values, String> {
        let column = FactColumn { name: "c".into(), kind, asked, separators: vec!["|".to_owned()] };
        let mut gatherer = Gatherer::default();
        for text in texts {
            gatherer.next_row();
            gatherer.note(&column, text);
        }
        let rows: Vec<u32> = (0..texts.len() as u32).collect();
        let (mut facts, left_out) = gatherer.finish(&rows);
        facts.pop().map(|fact| fact.values).ok_or_else(|| left_out.join(", "))
    }

    fn is_missing(values: &[f64]) -> Vec<bool> {
        values.iter().map(|value| value.is_nan()).collect()
    }

    #[test]
    fn values_tell_what_a_column_is() {
        assert!(matches!(of(&["1", "2.5", ""], None, Asked::No), Ok(Values::Numbers(values))
            if values[..2] == [1.0, 2.5] && is_missing(&values) == [false, false, true]));
        assert!(matches!(of(&["yes", "No", "NULL"], None, Asked::No), Ok(Values::Flags(values))
            if values[..2] == [1.0, 0.0] && is_missing(&values) == [false, false, true]));
        assert!(matches!(of(&["0", "1"], None, Asked::No), Ok(Values::Numbers(_))));
        assert!(matches!(of(&["0", "1"], Some(Kind::Bool), Asked::Yes), Ok(Values::Flags(_))));
        let Ok(Values::Texts { texts, lists, of_items }) = of(&["red|blue", "red", "", "red"], None, Asked::No) else {
            panic!("texts")
        };
        assert_eq!(*texts, ["blue", "red"].map(Box::from));
        let own: Vec<&[u32]> = of_items.iter().map(|&at| lists.get(at as usize).map_or(&[][..], |list| list)).collect();
        assert_eq!(own, [&[0, 1][..], &[1], &[], &[1]]);
        let Ok(Values::Texts { texts, .. }) = of(&["S", "42"], None, Asked::No) else { panic!("texts") };
        assert_eq!(*texts, ["42", "S"].map(Box::from));
    }

    #[test]
    fn descriptions_and_addresses_are_left_out_and_groups_are_kept() {
        let addresses: Vec<String> = (0..150).map(|item| format!("https://shop/{item}.png")).collect();
        let texts: Vec<&str> = addresses.iter().map(String::as_str).collect();
        assert_eq!(of(&texts, None, Asked::No).err().as_deref(), Some("c (most texts are of one item alone)"));
        assert!(of(&texts, None, Asked::Yes).is_ok(), "the settings name it");
        assert!(of(&texts[..100], None, Asked::No).is_ok(), "few are always kept");
        assert!(of(&[&texts[..], &texts[..]].concat(), None, Asked::No).is_ok(), "two items have each");
        let long = "x".repeat(256);
        assert_eq!(of(&["a", &long], None, Asked::Yes).err().as_deref(), Some("c (long texts)"));
        assert_eq!(of(&["{}"], None, Asked::No).err().as_deref(), Some("c (objects)"));
    }

    #[test]
    fn numbers_are_kept_however_many_there_are() {
        let numbers: Vec<String> = (0..MOST_NUMBERS + 10).map(|number| number.to_string()).collect();
        let texts: Vec<&str> = numbers.iter().map(String::as_str).collect();
        assert!(matches!(of(&texts, None, Asked::No), Ok(Values::Numbers(values))
            if (0..).zip(&values).all(|(number, value)| *value == f64::from(number))));
    }

    #[test]
    fn the_last_row_of_an_item_is_the_one_that_counts() {
        let column = FactColumn { name: "c".into(), kind: None, asked: Asked::No, separators: Vec::new() };
        let mut gatherer = Gatherer::default();
        for text in ["many", "7", "8"] {
            gatherer.next_row();
            gatherer.note(&column, text);
        }
        let (facts, _) = gatherer.finish(&[2, 1]);
        assert!(matches!(&facts[0].values, Values::Numbers(values) if values[..] == [8.0, 7.0]));
    }
}
