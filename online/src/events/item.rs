//! Checks what a client says of an item and turns it into fields of the log, or names the wrong one.
//!
//! | field | what it may be |
//! |---|---|
//! | `name` | a text of at most 1000 bytes |
//! | `price` | a number, at least 0 |
//! | `available` | true or false |
//! | `category`, `categories` | a text, or a list of at most 100; one of the two fields |
//! | `timestamp` | since when it is so, as in events |
//! | any other | a property: a text of at most 255 bytes, a list of at most 100, a number, true or false; not by a name that is nearly one of the above, such as `in_stock` or `Price`, unless the served version has it |
//!
//! `null` says that nothing is known any more; an empty list too.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use shared::contract::api::GivenTime;
use shared::contract::id::{self, ItemId, MAX_ID_BYTES, present};
use shared::contract::item_change::{AVAILABLE, CATEGORY, FieldValue, NAME, PRICE};
use shared::tables::PropertyKind;

use super::check;

/// The other name of the categories.
const CATEGORIES: &str = "categories";
/// The field of the time.
const TIMESTAMP: &str = "timestamp";
/// The names of what nobody can say.
const TAKEN: [&str; 3] = ["id", "item_id", "events"];
/// Names that a property may be given by mistake, and what is meant: the batch reads columns of these names as that.
const MISTAKEN: [(&str, &str); 8] = [
    ("availability", AVAILABLE),
    ("in_stock", AVAILABLE),
    ("is_available", AVAILABLE),
    ("active", AVAILABLE),
    ("hidden", AVAILABLE),
    ("title", NAME),
    ("product_name", NAME),
    ("sale_price", PRICE),
];
/// The most fields of a change.
const MOST_FIELDS: usize = 64;
/// The length of the longest name of an item, in bytes.
const LONGEST_NAME: usize = 1000;
/// The length of the longest text and of the longest name of a property, in bytes.
const LONGEST_TEXT: usize = MAX_ID_BYTES;
/// The most texts of a list.
const MOST_TEXTS: usize = 100;
/// So many properties are in service at most: each costs memory for every item.
const MOST_PROPERTIES: usize = 128;

/// What is said of an item, or of a user.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// The fields with their values; none for a field of which nothing is known any more.
    pub set: BTreeMap<Box<str>, Option<FieldValue>>,
    /// Since when it is so, milliseconds since the epoch; as of now if absent.
    pub timestamp_ms: Option<i64>,
}

/// Why a field is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct BadField {
    /// The field.
    pub field: String,
    /// What is wrong, and what would be right.
    pub detail: String,
}

/// Checks what is said of an item.
///
/// * `fields`: names with their values.
/// * `known`: the properties of the served version.
///
/// # Errors
/// [`BadField`] names the first wrong one; it is empty where there is none.
pub fn check(
    fields: Vec<(String, Value)>,
    known: &BTreeMap<&str, PropertyKind>,
    now_ms: i64,
) -> Result<Said, BadField> {
    let mut said = Said { set: BTreeMap::new(), timestamp_ms: None };
    for (field, value) in fields {
        let bad = |detail: String| BadField { field: field.clone(), detail };
        if field == TIMESTAMP {
            said.timestamp_ms = time(value, now_ms).map_err(bad)?;
            continue;
        }
        let name = if field == CATEGORIES { CATEGORY } else { field.as_str() };
        let value = match name {
            NAME => text(value, LONGEST_NAME),
            PRICE => price(value),
            AVAILABLE => match value {
                Value::Null => Ok(None),
                Value::Bool(flag) => Ok(Some(FieldValue::Flag(flag))),
                _ => Err("is true or false".to_owned()),
            },
            CATEGORY => texts(value),
            _ => property(name, value, known),
        };
        let value = value.map_err(|detail| bad(format!("{field} {detail}")))?;
        if said.set.insert(name.into(), value).is_some() {
            return Err(bad(format!("{CATEGORY} and {CATEGORIES} are the same; give one of them")));
        }
        if said.set.len() > MOST_FIELDS {
            return Err(bad(format!("a change has at most {MOST_FIELDS} fields; send the others in another request")));
        }
    }
    if said.set.is_empty() {
        let detail =
            "nothing is said of the item; give name, price, available, categories, or any property by its name";
        return Err(BadField { field: String::new(), detail: detail.to_owned() });
    }
    Ok(said)
}

/// Checks what is said of several items, and returns it with them.
///
/// # Errors
/// The place in the list and the field that is the first wrong one. A list that names more new properties than there can be
/// is refused where it does.
pub fn check_list(
    list: Vec<(ItemId, Vec<(String, Value)>)>,
    known: &BTreeMap<&str, PropertyKind>,
    now_ms: i64,
) -> Result<Vec<(ItemId, Said)>, (usize, BadField)> {
    let mut new: BTreeSet<Box<str>> = BTreeSet::new();
    let checked = |(place, (item, fields)): (usize, (ItemId, Vec<(String, Value)>))| {
        let said = check(fields, known, now_ms).map_err(|bad| (place, bad))?;
        for name in said.set.keys() {
            if is_built_in(name) || known.contains_key(&**name) {
                continue;
            }
            new.insert(name.clone());
            if known.len() + new.len() > MOST_PROPERTIES {
                let detail = format!("{name} {}", too_many());
                return Err((place, BadField { field: name.to_string(), detail }));
            }
        }
        Ok((item, said))
    };
    list.into_iter().enumerate().map(checked).collect()
}

/// Whether a field is no property.
fn is_built_in(name: &str) -> bool {
    [NAME, PRICE, AVAILABLE, CATEGORY].contains(&name)
}

fn too_many() -> String {
    format!("would be one more than {MOST_PROPERTIES} properties, which is the most that there can be")
}

/// Reads since when something is so; `None` for null.
pub(super) fn time(value: Value, now_ms: i64) -> Result<Option<i64>, String> {
    if value.is_null() {
        return Ok(None);
    }
    let given: GivenTime = serde_json::from_value(value).map_err(|error| error.to_string())?;
    // A clock that is ahead would hold off all changes until then.
    let time_ms = check::time_ms(given, now_ms).map_err(|refusal| refusal.to_string())?;
    Ok(Some(time_ms.min(now_ms)))
}

fn price(value: Value) -> Result<Option<FieldValue>, String> {
    match value {
        Value::Null => Ok(None),
        Value::Number(number) => match number.as_f64().filter(|price| *price >= 0.0 && *price <= f64::from(f32::MAX)) {
            Some(price) => Ok(Some(FieldValue::Number(price))),
            None => Err("is a number from 0 on".to_owned()),
        },
        _ => Err("is a number from 0 on, without quotes and currency".to_owned()),
    }
}

/// A text of at most `longest` bytes.
fn text(value: Value, longest: usize) -> Result<Option<FieldValue>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => checked(&text, longest).map(|text| Some(FieldValue::Text(text))),
        _ => Err("is a text".to_owned()),
    }
}

fn checked(text: &str, longest: usize) -> Result<Box<str>, String> {
    let text = present(text).ok_or_else(|| "has a text that stands for a missing value; give null".to_owned())?;
    if text.len() > longest || text.chars().any(char::is_control) {
        return Err(format!("has texts of at most {longest} bytes, without control characters"));
    }
    Ok(text.into())
}

/// One text or several, each once and in their order; numbers as they are written.
fn texts(value: Value) -> Result<Option<FieldValue>, String> {
    let one = |value: &Value| match value {
        Value::String(text) => checked(text, LONGEST_TEXT),
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(decimal) => {
                id::of_decimal(decimal).map(Into::into).ok_or_else(|| "has a number that is too long".into())
            }
            None => Ok(number.to_string().into()),
        },
        _ => Err("is a text, or a list of texts".to_owned()),
    };
    let mut texts: Vec<Box<str>> = match &value {
        Value::Null => return Ok(None),
        Value::Array(values) if values.len() > MOST_TEXTS => return Err(format!("has at most {MOST_TEXTS} texts")),
        Value::Array(values) => values.iter().map(one).collect::<Result<_, _>>()?,
        value => vec![one(value)?],
    };
    texts.sort_unstable();
    texts.dedup();
    Ok((!texts.is_empty()).then_some(FieldValue::Texts(texts)))
}

/// Whether a property of this name can be said of an item; other names are fields, nearly so, or what the service itself knows.
#[must_use]
pub fn may_be_property(name: &str) -> bool {
    meant(name).is_none() && !TAKEN.contains(&name)
}

/// The field that is meant by a name that is nearly one.
fn meant(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase().replace([' ', '-'], "_");
    let exact = [NAME, PRICE, AVAILABLE, CATEGORY, CATEGORIES, TIMESTAMP].into_iter().find(|field| *field == name);
    exact.or_else(|| MISTAKEN.iter().find(|(mistaken, _)| *mistaken == name).map(|(_, meant)| *meant))
}

fn property(name: &str, value: Value, known: &BTreeMap<&str, PropertyKind>) -> Result<Option<FieldValue>, String> {
    if TAKEN.contains(&name) {
        return Err("is what the service itself knows of an item; leave it out".to_owned());
    }
    if !(1..=LONGEST_TEXT).contains(&name.len()) || name.chars().any(char::is_control) {
        return Err(format!(
            "is no name of a property: these have 1 to {LONGEST_TEXT} bytes and no control characters"
        ));
    }
    let kind = known.get(name);
    if let Some(meant) = meant(name).filter(|_| kind.is_none()) {
        return Err(format!("would be a property of its own, which no version has; {meant} is what is read as that"));
    }
    if kind.is_none() && known.len() >= MOST_PROPERTIES {
        return Err(too_many());
    }
    match (value, kind) {
        (Value::Null, _) => Ok(None),
        (Value::Bool(flag), None | Some(PropertyKind::Flag)) => Ok(Some(FieldValue::Flag(flag))),
        (Value::Number(number), None | Some(PropertyKind::Number)) => {
            let number = number.as_f64().ok_or_else(|| "has a number that is too long".to_owned())?;
            Ok(Some(FieldValue::Number(number)))
        }
        (_, Some(kind @ (PropertyKind::Number | PropertyKind::Flag))) => {
            Err(format!("is a property of the kind `{}` in the served version", kind.in_words()))
        }
        (Value::String(text), None) => checked(&text, LONGEST_TEXT).map(|text| Some(FieldValue::Text(text))),
        (Value::Object(_), _) => Err("is a text, a list of texts, a number, true or false".to_owned()),
        (value, _) => texts(value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    fn checked(body: Value) -> Result<Said, (String, String)> {
        let Value::Object(fields) = body else { panic!("an object") };
        let known = [("rating", PropertyKind::Number), ("brand", PropertyKind::Text)].into();
        check(fields.into_iter().collect(), &known, NOW).map_err(|bad| (bad.field, bad.detail))
    }

    #[test]
    fn what_is_said_is_read_by_the_kind_of_its_field() {
        let said = checked(json!({
            "name": " Rope ", "price": 3, "available": false, "categories": ["b", "a", 7, "b"], "colour": null, "rating": 4.5,
            "brand": 12, "fragile": true, "tags": [], "timestamp": "2020-09-13T12:26:40Z",
        }))
        .expect("valid");
        let texts = |texts: &[&str]| Some(FieldValue::Texts(texts.iter().map(|text| (*text).into()).collect()));
        let expected = [
            ("available", Some(FieldValue::Flag(false))),
            ("brand", texts(&["12"])),
            ("category", texts(&["7", "a", "b"])),
            ("colour", None),
            ("fragile", Some(FieldValue::Flag(true))),
            ("name", Some(FieldValue::Text("Rope".into()))),
            ("price", Some(FieldValue::Number(3.0))),
            ("rating", Some(FieldValue::Number(4.5))),
            ("tags", None),
        ];
        assert_eq!(said.set, BTreeMap::from(expected.map(|(name, value)| (Box::from(name), value))));
        assert_eq!(said.timestamp_ms, Some(1_600_000_000_000));
        assert_eq!(checked(json!({"price": 1, "timestamp": NOW + 5})).expect("valid").timestamp_ms, Some(NOW));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_field() {
        for (body, field, detail) in [
            (json!({}), "", "nothing is said"),
            (json!({"timestamp": NOW}), "", "nothing is said"),
            (json!({"price": "3.50"}), "price", "without quotes"),
            (json!({"price": -1}), "price", "from 0 on"),
            (json!({"price": 1e39}), "price", "from 0 on"),
            (json!({"available": "yes"}), "available", "true or false"),
            (json!({"category": "a", "categories": ["b"]}), "category", "the same"),
            (json!({"category": {"a": 1}}), "category", "a list of texts"),
            (json!({"name": "null"}), "name", "missing value"),
            (json!({"name": "x".repeat(1001)}), "name", "1000 bytes"),
            (json!({"rating": "good"}), "rating", "of the kind `number` in the served version"),
            (json!({"tags": vec!["x"; 101]}), "tags", "at most 100"),
            (json!({"size": {"w": 1}}), "size", "a number, true or false"),
            (json!({"events": 7}), "events", "leave it out"),
            (json!({"price": 1, "timestamp": "soon"}), "timestamp", "neither a number nor a time"),
        ] {
            let (named, told) = checked(body.clone()).expect_err(&body.to_string());
            assert!(named == field && told.contains(detail), "{body}: {named}: {told}");
        }
    }

    #[test]
    fn fields_and_properties_are_bounded() {
        let many: serde_json::Map<String, Value> = (0..65).map(|at| (format!("p{at}"), json!(at))).collect();
        assert!(checked(Value::Object(many)).expect_err("too many").1.contains("at most 64 fields"));
        let names: Vec<String> = (0..128).map(|at| format!("p{at}")).collect();
        let known = names.iter().map(|name| (name.as_str(), PropertyKind::Number)).collect();
        let one = |name: &str| check(vec![(name.to_owned(), json!(1))], &known, NOW);
        assert!(one("p7").is_ok() && one("another").is_err());
    }

    #[test]
    fn what_is_wrong_in_a_list_is_told_with_its_place_and_a_list_has_no_more_properties_than_there_can_be() {
        let known = BTreeMap::new();
        let item = |at: usize, field: &str| {
            (ItemId::new(format!("i{at}")).expect("an id"), vec![(field.to_owned(), json!(1))])
        };
        let said = check_list(vec![item(0, "price"), item(1, "watts")], &known, NOW).expect("valid");
        assert_eq!((said.len(), said[1].0.as_str()), (2, "i1"));
        let (place, bad) = check_list(vec![item(0, "price"), item(1, "name")], &known, NOW).expect_err("a number");
        assert_eq!((place, bad.field.as_str()), (1, "name"));
        let many = |count: usize| (0..count).map(|at| item(at, &format!("p{at}"))).collect();
        assert!(check_list(many(128), &known, NOW).is_ok());
        let (place, bad) = check_list(many(129), &known, NOW).expect_err("too many");
        assert!(place == 128 && bad.detail.contains("p128 would be one more than 128"), "{place}: {bad}");
    }

    #[test]
    fn a_name_that_is_nearly_a_field_is_refused_with_the_field() {
        for (wrong, meant) in
            [("in_stock", "available"), ("Availability", "available"), ("Price", "price"), ("title", "name")]
        {
            let (field, detail) = checked(json!({wrong: 1})).expect_err(wrong);
            assert!(field == wrong && detail.contains(&format!("{meant} is what is read")), "{detail}");
        }
        assert!(checked(json!({"colour": "red", "priced": true})).is_ok());
    }
}
