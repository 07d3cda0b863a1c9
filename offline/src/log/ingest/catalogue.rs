//! The item table: ids, names, categories and prices, from a file, from the log, or from both.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use shared::contract::id::{ItemId, ItemIdx};
use shared::tables::NO_CATEGORY;

use super::IngestError;
use super::read::{Needed, RowAt, Wanted, for_each_row};
use super::vectors::{self, Vectors};

/// The names of the item table's columns.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ItemColumns {
    pub id: String,
    pub name: String,
    pub category: String,
    pub price: String,
    pub embedding: String,
    pub properties: Vec<String>,
}

/// Items in the order of their external ids.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// External ids, sorted.
    pub ids: Vec<Box<str>>,
    /// Names; empty where there is none.
    pub names: Vec<Box<str>>,
    /// Rows of `categories`, or [`NO_CATEGORY`].
    pub category_of: Vec<u32>,
    /// Prices; NaN where there is none.
    pub prices: Vec<f32>,
    /// The properties of each item, such as `brand=oak & co`.
    pub properties: Vec<Vec<Box<str>>>,
    /// The vectors of items.
    pub vectors: Vectors,
    /// Whether each item is in the item table.
    pub listed: Vec<bool>,
    /// Names of categories, sorted.
    pub categories: Vec<Box<str>>,
}

impl Catalogue {
    /// How many items there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Adds the items of a log, with the names that the log gives them; a name of the item table takes precedence.
    ///
    /// Returns the catalogue and the row of each item of `seen`.
    #[must_use]
    pub fn with_seen(self, seen: Vec<(Box<str>, Option<Box<str>>)>) -> (Self, Vec<ItemIdx>) {
        let mut rows: BTreeMap<&str, (&str, Option<usize>)> = BTreeMap::new();
        for (id, name) in &seen {
            rows.insert(id, (name.as_deref().unwrap_or_default(), None));
        }
        for (row, id) in self.ids.iter().enumerate() {
            let entry = rows.entry(id).or_insert(("", None));
            let name = Some(&*self.names[row]).filter(|name| !name.is_empty()).unwrap_or(entry.0);
            *entry = (name, Some(row));
        }
        let mut joined = Self { categories: self.categories.clone(), ..Self::default() };
        for (&id, &(name, row)) in &rows {
            joined.ids.push(id.into());
            joined.names.push(name.into());
            joined.category_of.push(row.map_or(NO_CATEGORY, |row| self.category_of[row]));
            joined.prices.push(row.map_or(f32::NAN, |row| self.prices[row]));
            joined.properties.push(row.map(|row| self.properties[row].clone()).unwrap_or_default());
            joined.listed.push(row.is_some());
        }
        joined.vectors = self.vectors.joined(rows.values().map(|&(_, row)| row));
        let row_of = |id: &str| joined.ids.binary_search_by(|known| (**known).cmp(id));
        let seen_rows =
            seen.iter().map(|(id, _)| ItemIdx(row_of(id).expect("every seen item was joined") as u32)).collect();
        (joined, seen_rows)
    }

    /// The catalogue of the items with a set flag; all categories are kept.
    #[must_use]
    pub fn part(&self, keep: &[bool]) -> Self {
        fn kept<T: Clone>(values: &[T], keep: &[bool]) -> Vec<T> {
            values.iter().zip(keep).filter(|(_, keep)| **keep).map(|(value, _)| value.clone()).collect()
        }
        Self {
            ids: kept(&self.ids, keep),
            names: kept(&self.names, keep),
            category_of: kept(&self.category_of, keep),
            prices: kept(&self.prices, keep),
            properties: kept(&self.properties, keep),
            vectors: self.vectors.part(keep),
            listed: kept(&self.listed, keep),
            categories: self.categories.clone(),
        }
    }

    /// Adds all fields to a digest.
    pub fn digest(&self, digest: &mut Sha256) {
        let properties = self.properties.iter().flatten();
        for text in self.ids.iter().chain(&self.names).chain(&self.categories).chain(properties) {
            digest.update(text.as_bytes());
            digest.update([0]);
        }
        for category in &self.category_of {
            digest.update(category.to_le_bytes());
        }
        for price in &self.prices {
            digest.update(price.to_le_bytes());
        }
        self.vectors.digest(digest);
    }
}

/// A row of the item table.
struct ItemRow {
    name: Box<str>,
    category: Box<str>,
    price: f32,
    vector: Option<Result<Vec<f32>, String>>,
    properties: Vec<Box<str>>,
}

/// Reads an item table; of an item that occurs twice, the first row is kept.
///
/// # Errors
/// [`IngestError`] when the file or its id column is missing, an id can't be one, or a price is no number.
pub fn read_catalogue(path: &Path, columns: &ItemColumns) -> Result<Catalogue, IngestError> {
    if !path.is_file() {
        return Err(IngestError::Absent { path: path.to_owned() });
    }
    let column = |name: &String, needed: Needed| Wanted { name: name.clone(), needed };
    let mut wanted = vec![
        column(&columns.id, Needed::Yes),
        column(&columns.name, Needed::No),
        column(&columns.category, Needed::No),
        column(&columns.price, Needed::No),
        column(&columns.embedding, if columns.embedding.is_empty() { Needed::No } else { Needed::YesOrLists }),
    ];
    wanted.extend(columns.properties.iter().map(|name| column(name, Needed::Yes)));
    let mut rows: BTreeMap<Box<str>, ItemRow> = BTreeMap::new();
    for_each_row(path, &wanted, "items", &mut |RowAt { number, .. }, row| {
        let values = row.map_err(|row| IngestError::read(path, format!("row {number}: {}", row.reason.as_str())))?;
        let id = values[0].unwrap_or_default();
        ItemId::new(id).map_err(|error| IngestError::read(path, format!("row {number}: {error}")))?;
        let price = price(values[3]).map_err(|reason| IngestError::read(path, format!("row {number}: {reason}")))?;
        rows.entry(id.into()).or_insert_with(|| ItemRow {
            name: values[1].unwrap_or_default().into(),
            category: values[2].unwrap_or_default().into(),
            price,
            vector: vectors::parse(values[4]),
            properties: (columns.properties.iter().zip(&values[5..]))
                .filter_map(|(name, value)| Some(format!("{name}={}", (*value)?).into()))
                .collect(),
        });
        Ok(())
    })?;
    let mut categories: Vec<Box<str>> =
        rows.values().map(|row| row.category.clone()).filter(|category| !category.is_empty()).collect();
    categories.sort_unstable();
    categories.dedup();
    let told = rows.values_mut().map(|row| row.vector.take());
    let mut catalogue = Catalogue { vectors: Vectors::of_items(told), ..Catalogue::default() };
    for (id, ItemRow { name, category, price, properties, .. }) in rows {
        catalogue.ids.push(id);
        catalogue.names.push(name);
        catalogue.category_of.push(categories.binary_search(&category).map_or(NO_CATEGORY, |row| row as u32));
        catalogue.prices.push(price);
        catalogue.properties.push(properties);
        catalogue.listed.push(true);
    }
    Ok(Catalogue { categories, ..catalogue })
}

/// Parses a price of the table; the error says why it is none.
fn price(text: Option<&str>) -> Result<f32, String> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(f32::NAN) };
    let number = text.parse().ok().filter(|price: &f32| price.is_finite() && *price >= 0.0);
    number
        .ok_or_else(|| format!("price {text:?}: must be a number such as 19.99; items.price = \"\" leaves prices out"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_item_table_and_the_log_are_joined_by_id() {
        let table = Catalogue {
            ids: vec!["b".into(), "c".into()],
            names: vec!["Bee".into(), "".into()],
            category_of: vec![0, NO_CATEGORY],
            prices: vec![2.5, f32::NAN],
            properties: vec![vec!["wings=4".into()], Vec::new()],
            vectors: Vectors::default(),
            listed: vec![true, true],
            categories: vec!["insects".into()],
        };
        let seen = vec![("c".into(), Some("Sea".into())), ("a".into(), None)];
        let (joined, rows) = table.with_seen(seen);
        let texts = |texts: &[Box<str>]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(texts(&joined.ids), ["a", "b", "c"]);
        assert_eq!(texts(&joined.names), ["", "Bee", "Sea"]);
        assert!(joined.prices[0].is_nan() && joined.prices[1] == 2.5 && joined.prices[2].is_nan());
        assert_eq!(&*joined.properties[1][0], "wings=4");
        assert_eq!(joined.listed, [false, true, true]);
        assert_eq!(rows, [ItemIdx(2), ItemIdx(0)]);
    }

    #[test]
    fn a_price_is_a_number_or_absent() {
        assert!(price(None).is_ok_and(f32::is_nan) && price(Some(" ")).is_ok_and(f32::is_nan));
        assert_eq!([price(Some("19.99")), price(Some("0"))], [Ok(19.99), Ok(0.0)]);
        for text in ["19.99 EUR", "-1", "NaN", "inf"] {
            assert!(price(Some(text)).is_err_and(|reason| reason.contains(text) && reason.contains("items.price")));
        }
    }
}
