//! An item as Gorse has it, and what it is to us.
//!
//! | theirs | ours |
//! |---|---|
//! | `IsHidden` | `available`: the opposite |
//! | `Categories` | `categories` |
//! | `Comment` | `name` |
//! | `Timestamp` | the property [`ADDED`], milliseconds since the epoch |
//! | `Labels` | all other properties, and `price`, see [`labels`] |
//!
//! What is absent or null stays as it is; an empty text or list says that nothing is known any more.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::contract::item_change::{AVAILABLE, CATEGORY, FieldValue, NAME, PRICE};
use shared::contract::known::KnownItem;

use super::{labels, time};
use crate::api::clients::ADDED;
use crate::api::error::ApiError;
use crate::events::item::may_be_property;

/// What is told of an item.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GivenItem {
    /// Its id; absent where the path has it.
    pub item_id: String,
    /// Whether it is not to be recommended.
    pub is_hidden: Option<bool>,
    categories: Option<Vec<String>>,
    labels: Option<Value>,
    timestamp: Option<String>,
    comment: Option<String>,
}

impl GivenItem {
    /// Whether what is known of the item before matters: labels take its place.
    #[must_use]
    pub fn has_labels(&self) -> bool {
        self.labels.is_some()
    }

    /// The fields that are said of it. Labels take the place of all that the item has.
    ///
    /// * `known`: what is known of the item so far.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] names the field of theirs.
    pub fn fields(self, known: Option<&KnownItem>) -> Result<labels::Fields, ApiError> {
        let mut fields = Vec::new();
        let mut say = |name: &str, value: Value| fields.push((name.to_owned(), value));
        if let Some(is_hidden) = self.is_hidden {
            say(AVAILABLE, (!is_hidden).into());
        }
        if let Some(categories) = self.categories {
            say(CATEGORY, categories.into());
        }
        if let Some(comment) = self.comment {
            say(NAME, if comment.trim().is_empty() { Value::Null } else { comment.into() });
        }
        let added = self.timestamp.as_deref().map_or(Ok(None), time::read);
        if let Some(added) = added.map_err(|why| ApiError::invalid("Timestamp", why))? {
            say(ADDED, added.into());
        }
        if let Some(given) = self.labels {
            let is_free = |name: &str| name == PRICE || name != ADDED && may_be_property(name);
            let given = labels::of_item(given, is_free)?;
            let named: BTreeSet<String> = given.iter().map(|(name, _)| name.clone()).collect();
            fields.extend(given);
            let properties = known.into_iter().flat_map(|known| known.properties.keys().map(String::as_str));
            let before = properties.chain(known.and_then(|known| known.price).map(|_| PRICE));
            let gone = before.filter(|name| *name != ADDED && !named.contains(*name));
            fields.extend(gone.map(|name| (name.to_owned(), Value::Null)));
        }
        Ok(fields)
    }
}

/// What is known of an item.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ItemBody {
    item_id: String,
    is_hidden: bool,
    categories: Vec<String>,
    timestamp: String,
    labels: Value,
    comment: String,
}

impl From<KnownItem> for ItemBody {
    fn from(mut known: KnownItem) -> Self {
        let added = known.properties.remove(ADDED).and_then(|added| match added {
            FieldValue::Number(added) => Some(added as i64),
            _ => None,
        });
        Self {
            labels: labels::to_item(&known.properties, known.price),
            item_id: known.item_id,
            is_hidden: !known.available,
            categories: known.categories,
            timestamp: time::write(added),
            comment: known.name.unwrap_or_default(),
        }
    }
}

/// An error that names a field of ours, with theirs.
pub fn theirs(error: ApiError) -> ApiError {
    match error {
        ApiError::Invalid { field: Some(field), detail } => {
            let theirs = match field.as_str() {
                AVAILABLE => "IsHidden".to_owned(),
                CATEGORY => "Categories".to_owned(),
                NAME => "Comment".to_owned(),
                ADDED => "Timestamp".to_owned(),
                label => format!("{}.{label}", labels::FIELD),
            };
            ApiError::invalid(theirs, detail)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn known() -> KnownItem {
        let known = json!({"item_id": "i", "name": "Rope", "price": 2.5, "available": true, "withdrawn": false,
            "categories": ["a"], "properties": {"brand": ["Acme"], "added": 1_706_702_400_000_i64}, "popularity": 0.0,
            "popularity_rank": 1});
        serde_json::from_value(known).expect("an item")
    }

    fn fields(given: Value) -> Result<Value, ApiError> {
        let given: GivenItem = serde_json::from_value(given).expect("an item");
        Ok(Value::Object(given.fields(Some(&known()))?.into_iter().collect()))
    }

    #[test]
    fn what_is_told_of_an_item_becomes_our_fields() {
        let given = json!({"ItemId": "i", "IsHidden": true, "Categories": [], "Comment": "", "Timestamp": "2024-01-31",
            "Labels": {"colour": "red", "title": "T", "price": 3}, "Subscribe": null});
        let expected = json!({"available": false, "category": [], "name": null, "added": 1_706_659_200_000_i64,
            "colour": "red", "label_title": "T", "price": 3, "brand": null});
        assert_eq!(fields(given).expect("valid"), expected);
        let nothing = json!({"IsHidden": null, "Labels": null, "Timestamp": "0001-01-01T00:00:00Z", "Comment": null});
        assert_eq!(fields(nothing).expect("valid"), json!({}));
        let fewer = json!({"Labels": {"colour": "red"}});
        assert_eq!(fields(fewer).expect("valid"), json!({"colour": "red", "brand": null, "price": null}));
        assert!(fields(json!({"Timestamp": "soon"})).is_err());
    }

    #[test]
    fn what_is_known_reads_back_as_it_was_told() {
        let body = serde_json::to_value(ItemBody::from(known())).expect("JSON");
        let expected = json!({"ItemId": "i", "IsHidden": false, "Categories": ["a"], "Comment": "Rope",
            "Timestamp": "2024-01-31T12:00:00Z", "Labels": {"brand": "Acme", "price": 2.5}});
        assert_eq!(body, expected);
        let again = fields(body).expect("valid");
        assert_eq!(again["brand"], "Acme");
    }
}
