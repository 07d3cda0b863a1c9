//! Labels, which are whatever JSON a shop has of an item or a user, as fields of ours.
//!
//! ```text
//! of an item:  ["red", "new"]                                ─▶ labels: ["red", "new"]
//!              {"brand": "Acme", "size": {"cm": 20}}         ─▶ brand: "Acme", size.cm: 20
//! of a user:   ["vip", "news"]                               ─▶ vip: true, news: true
//!              {"city": "Bern", "likes": ["tea", "chess"]}   ─▶ city: "Bern", likes.tea: true, likes.chess: true
//! ```
//!
//! A label whose name is a field of ours already has `label_` before it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use shared::contract::item_change::FieldValue;

use crate::api::error::ApiError;

/// The field in which labels are.
pub const FIELD: &str = "Labels";
/// The property of an item's labels that have no names.
const NAMELESS: &str = "labels";
/// What stands before a name that is taken.
const BEFORE_TAKEN: &str = "label_";

/// Fields with their values.
pub type Fields = Vec<(String, Value)>;

/// The properties that labels of an item are.
///
/// * `is_free`: whether a property may have a name.
///
/// # Errors
/// [`ApiError::Invalid`] for what can be no property.
pub fn of_item(labels: Value, is_free: impl Fn(&str) -> bool) -> Result<Fields, ApiError> {
    let mut fields = Vec::new();
    match labels {
        Value::Object(labels) => flatten("", labels, &mut |name, value| match value {
            Value::Array(texts) if !texts.iter().all(Value::is_string) => Err(no_texts(&name)),
            value => {
                fields.push((free(name, &is_free), value));
                Ok(())
            }
        })?,
        Value::Array(texts) if !texts.iter().all(Value::is_string) => return Err(no_texts("")),
        labels => fields.push((NAMELESS.to_owned(), labels)),
    }
    Ok(fields)
}

/// The fields that labels of a user are.
///
/// * `is_free`: whether a field may have a name.
///
/// # Errors
/// [`ApiError::Invalid`] for what can be no field.
pub fn of_user(labels: Value, is_free: impl Fn(&str) -> bool) -> Result<Fields, ApiError> {
    let mut fields = Vec::new();
    let mut add = |name: String, value: Value| {
        let flags = match value {
            Value::Array(names) => names,
            value => {
                fields.push((free(name, &is_free), value));
                return Ok(());
            }
        };
        for flag in flags {
            let Value::String(flag) = flag else { return Err(no_texts(&name)) };
            fields.push((free(below(&name, &flag), &is_free), Value::Bool(true)));
        }
        Ok(())
    };
    match labels {
        Value::Object(labels) => flatten("", labels, &mut add)?,
        Value::String(flag) => add(String::new(), Value::Array(vec![flag.into()]))?,
        labels @ Value::Array(_) => add(String::new(), labels)?,
        _ => return Err(ApiError::invalid(FIELD, "a user's labels are texts, or values by their names")),
    }
    // A flag that is named twice is named once.
    let mut known = std::collections::BTreeSet::new();
    fields.retain(|(name, _)| known.insert(name.clone()));
    Ok(fields)
}

/// The labels of an item that has these properties.
#[must_use]
pub fn to_item(properties: &BTreeMap<String, FieldValue>, price: Option<f32>) -> Value {
    if let (1, Some(FieldValue::Texts(texts)), None) = (properties.len(), properties.get(NAMELESS), price) {
        return texts.iter().map(|text| Value::from(text.as_ref())).collect();
    }
    let all = properties.iter().map(|(name, value)| (named(name), json(value)));
    let all: Map<String, Value> = all.chain(price.map(|price| ("price".to_owned(), decimal(price)))).collect();
    if all.is_empty() { Value::Null } else { Value::Object(all) }
}

/// The labels of a user of whom these fields are known.
#[must_use]
pub fn to_user(fields: &BTreeMap<String, FieldValue>) -> Value {
    match fields.values().all(|value| *value == FieldValue::Flag(true)) {
        true if fields.is_empty() => Value::Null,
        true => fields.keys().map(|name| Value::from(named(name))).collect(),
        false => Value::Object(fields.iter().map(|(name, value)| (named(name), json(value))).collect()),
    }
}

/// Hands over all that is no object, with its name.
fn flatten(
    parent: &str,
    labels: Map<String, Value>,
    take: &mut impl FnMut(String, Value) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    for (name, value) in labels {
        match value {
            Value::Object(labels) => flatten(&below(parent, &name), labels, take)?,
            value => take(below(parent, &name), value)?,
        }
    }
    Ok(())
}

fn below(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
}

/// A name that may be a field's.
fn free(name: String, is_free: impl Fn(&str) -> bool) -> String {
    if is_free(&name) && !name.starts_with(BEFORE_TAKEN) { name } else { format!("{BEFORE_TAKEN}{name}") }
}

/// The name that a label had.
fn named(field: &str) -> String {
    field.strip_prefix(BEFORE_TAKEN).unwrap_or(field).to_owned()
}

/// The value; one text alone is no list.
fn json(value: &FieldValue) -> Value {
    match value {
        FieldValue::Flag(flag) => (*flag).into(),
        FieldValue::Number(number) => (*number).into(),
        FieldValue::Text(text) => text.as_ref().into(),
        FieldValue::Texts(texts) => match texts.as_slice() {
            [text] => text.as_ref().into(),
            texts => texts.iter().map(|text| Value::from(text.as_ref())).collect(),
        },
    }
}

/// A number with no more digits than it has as an `f32`.
fn decimal(number: f32) -> Value {
    number.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

fn no_texts(name: &str) -> ApiError {
    let field = if name.is_empty() { FIELD.to_owned() } else { format!("{FIELD}.{name}") };
    ApiError::invalid(field, "a list has texts; vectors of numbers are not taken, leave them out")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn item(labels: Value) -> Result<Value, String> {
        let fields = of_item(labels, |name| name != "title").map_err(|error| error.to_string())?;
        Ok(Value::Object(fields.into_iter().collect()))
    }

    fn user(labels: Value) -> Result<Value, String> {
        let fields = of_user(labels, |name| name != "id").map_err(|error| error.to_string())?;
        Ok(Value::Object(fields.into_iter().collect()))
    }

    #[test]
    fn labels_of_an_item_are_its_properties() {
        assert_eq!(item(json!(["a", "b"])), Ok(json!({"labels": ["a", "b"]})));
        assert_eq!(item(json!("a")), Ok(json!({"labels": "a"})));
        let labels = json!({"brand": "Acme", "size": {"cm": 20, "of": ["x"]}, "title": "T", "label_x": 1});
        let fields = json!({"brand": "Acme", "size.cm": 20, "size.of": ["x"], "label_title": "T", "label_label_x": 1});
        assert_eq!(item(labels), Ok(fields));
        for vector in [json!([0.5, 1]), json!({"embedding": [0.5]})] {
            assert!(item(vector).expect_err("a vector").contains("vectors of numbers"));
        }
    }

    #[test]
    fn labels_of_a_user_are_fields_and_texts_of_a_list_flags() {
        assert_eq!(user(json!(["a", "b", "a"])), Ok(json!({"a": true, "b": true})));
        assert_eq!(user(json!("a")), Ok(json!({"a": true})));
        let labels = json!({"city": "Bern", "likes": ["tea"], "id": 7, "none": null});
        assert_eq!(user(labels), Ok(json!({"city": "Bern", "likes.tea": true, "label_id": 7, "none": null})));
        assert!(user(json!([1])).is_err() && user(json!(7)).is_err());
    }

    #[test]
    fn labels_are_read_back_as_they_were_told() {
        let texts = |texts: &[&str]| FieldValue::Texts(texts.iter().map(|text| (*text).into()).collect());
        assert_eq!(to_item(&BTreeMap::new(), None), Value::Null);
        assert_eq!(to_item(&[("labels".to_owned(), texts(&["a"]))].into(), None), json!(["a"]));
        let properties = [("brand".to_owned(), texts(&["Acme"])), ("label_title".to_owned(), texts(&["T"]))].into();
        assert_eq!(to_item(&properties, Some(3.3)), json!({"brand": "Acme", "price": 3.3, "title": "T"}));
        let flag = |name: &str| (name.to_owned(), FieldValue::Flag(true));
        assert_eq!(to_user(&[flag("b"), flag("a")].into()), json!(["a", "b"]));
        let mixed = [flag("a"), ("age".to_owned(), FieldValue::Number(3.0))].into();
        assert_eq!(to_user(&mixed), json!({"a": true, "age": 3.0}));
        assert_eq!(to_user(&BTreeMap::new()), Value::Null);
    }
}
