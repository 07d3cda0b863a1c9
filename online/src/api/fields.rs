//! What a body says of an item or a user: fields with their values; and a list of such objects, each with the id of what it
//! is about.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;
use shared::contract::id::Given;
use shared::contract::known::MAX_CHANGES_PER_REQUEST;

use super::body;
use super::error::ApiError;

/// The fields of an object with their values, each named once.
#[derive(Debug)]
pub struct Fields(pub Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Fields;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object with names and values")
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let (mut fields, mut names) = (Vec::new(), BTreeSet::new());
                while let Some(name) = map.next_key::<String>()? {
                    if !names.insert(name.clone()) {
                        return Err(de::Error::custom(format!("duplicate field `{name}`")));
                    }
                    fields.push((name, map.next_value()?));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// What is said of something: its id, and fields with their values.
pub type Of<T> = (T, Vec<(String, Value)>);

/// Reads a list of objects, each of which has the id of what it is about in a field of its own.
///
/// # Errors
/// [`ApiError::Invalid`] names place and field, such as `[3].item_id`.
pub fn list<T>(bytes: &[u8], id: &str) -> Result<Vec<Of<T>>, ApiError>
where
    Given<T>: de::DeserializeOwned,
{
    let objects: Vec<Fields> = body::parse(bytes)?;
    if !(1..=MAX_CHANGES_PER_REQUEST).contains(&objects.len()) {
        let detail = format!("a list has 1 to {MAX_CHANGES_PER_REQUEST} entries, this one has {}", objects.len());
        return Err(ApiError::Invalid { field: None, detail });
    }
    let one = |(place, Fields(mut fields)): (usize, Fields)| {
        let own = fields.iter().position(|(name, _)| name == id).map(|at| fields.remove(at).1);
        let own = own.ok_or_else(|| ApiError::invalid(id, format!("{id} is required")).at(place))?;
        let read = serde_json::from_value(own).map_err(|error| ApiError::invalid(id, error.to_string()).at(place));
        read.map(|Given(own)| (own, fields))
    };
    objects.into_iter().enumerate().map(one).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shared::contract::id::ItemId;

    use super::*;

    fn refused(text: &str) -> (Option<String>, String) {
        match list::<ItemId>(text.as_bytes(), "item_id") {
            Err(ApiError::Invalid { field, detail }) => (field, detail),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn each_entry_of_a_list_says_of_what_it_is() {
        let read = list::<ItemId>(br#"[{"price": 1, "item_id": 52.0}, {"item_id": "a"}]"#, "item_id").expect("valid");
        assert_eq!(read[0], (ItemId::new("52").expect("an id"), vec![("price".to_owned(), json!(1))]));
        assert_eq!((read.len(), read[1].1.len()), (2, 0));
        assert_eq!(refused(r#"[{"item_id": "a"}, {"price": 1}]"#).0.as_deref(), Some("[1].item_id"));
        assert_eq!(refused(r#"[{"item_id": ""}]"#).0.as_deref(), Some("[0].item_id"));
        assert_eq!(refused(r#"[{"item_id": "a", "price": 1, "price": 2}]"#).0.as_deref(), Some("[0].price"));
        assert!(refused("[]").1.contains("1 to 1000 entries"));
        assert!(refused(&format!("[{}]", vec![r#"{"item_id":"a"}"#; 1001].join(","))).1.contains("has 1001"));
        assert_eq!(refused(r#"{"item_id": "a"}"#).0, None);
    }
}
