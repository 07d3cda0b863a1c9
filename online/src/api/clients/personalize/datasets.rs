//! `PutItems` and `PutUsers`.
//!
//! ```text
//! {"datasetArn":"…/ITEMS","items":[{"itemId":"i7","properties":"{\"price\":\"12.5\",\"categoryL1\":\"Fruit|Apples\",\"brand\":\"Acme\"}"}]}
//!     ─▶ price: 12.5, categories: Fruit, Apples, brand: "Acme"
//! ```
//!
//! | property of an item | is |
//! |---|---|
//! | `categoryL1` … `categoryL9`, `category`, `categories`, `genres`, `genre` | a category |
//! | `name`, `title`, `productName` | the name |
//! | `creationTimestamp`, seconds | the property [`ADDED`] |
//! | `productDescription`, `itemDescription` | nothing: no property is as long |
//! | any other | a property; of a text with `\|` each part |
//!
//! Values are often texts where they mean numbers: what is a number to the served version is read as one.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value};
use shared::contract::id::{ItemId, UserId};
use shared::contract::item_change::{AVAILABLE, CATEGORY, FieldValue, NAME, PRICE};
use shared::contract::known::MAX_CHANGES_PER_REQUEST;
use shared::engine::profiles::Profiles;
use shared::engine::snapshot::Snapshot;
use shared::tables::PropertyKind;

use super::error;
use crate::api::clients::ADDED;
use crate::api::error::ApiError;
use crate::api::fields::Of;
use crate::api::{App, body, catalogue, people, query};

/// Fields with their values.
type Fields = Vec<(String, Value)>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutItems {
    #[serde(rename = "datasetArn")]
    _dataset: String,
    items: Vec<PutItem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutItem {
    item_id: String,
    /// JSON in a text.
    properties: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutUsers {
    #[serde(rename = "datasetArn")]
    _dataset: String,
    users: Vec<PutUser>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutUser {
    user_id: String,
    /// JSON in a text.
    properties: Option<String>,
}

/// Answers `PutItems`.
pub async fn post_items(State(app): State<Arc<App>>, request: Request<Body>) -> Response {
    put_items(&app, request).await.unwrap_or_else(error::response)
}

/// Answers `PutUsers`.
pub async fn post_users(State(app): State<Arc<App>>, request: Request<Body>) -> Response {
    put_users(&app, request).await.unwrap_or_else(error::response)
}

async fn put_items(app: &App, request: Request<Body>) -> Result<Response, ApiError> {
    let bytes = body::read(request, app.settings.max_body_bytes).await?;
    let PutItems { items, .. } = body::parse(&bytes)?;
    check_length("items", items.len())?;
    let snapshot = app.recommender.snapshot().ok();
    let known: BTreeMap<&str, PropertyKind> = snapshot.iter().flat_map(|of| of.properties().names()).collect();
    let one = |(place, PutItem { item_id, properties }): (usize, PutItem)| {
        let id = query::id(&format!("items[{place}].itemId"), &item_id, ItemId::from_outside)?;
        Ok((id, of_item(read(&format!("items[{place}]"), properties.as_deref())?, &known)))
    };
    let list = items.into_iter().enumerate().map(one).collect::<Result<Vec<Of<ItemId>>, ApiError>>()?;
    drop(known);
    drop(snapshot);
    let placed = |(place, error): (usize, ApiError)| error.below(&format!("items[{place}].properties"));
    catalogue::change(app, list).await.map_err(placed)?;
    Ok(StatusCode::OK.into_response())
}

async fn put_users(app: &App, request: Request<Body>) -> Result<Response, ApiError> {
    let bytes = body::read(request, app.settings.max_body_bytes).await?;
    let PutUsers { users, .. } = body::parse(&bytes)?;
    check_length("users", users.len())?;
    let snapshot = app.recommender.snapshot().ok();
    let profiles = snapshot.as_deref().and_then(Snapshot::profiles);
    let one = |(place, PutUser { user_id, properties }): (usize, PutUser)| {
        let id = query::id(&format!("users[{place}].userId"), &user_id, UserId::from_outside)?;
        let properties = read(&format!("users[{place}]"), properties.as_deref())?;
        Ok((id, of_user(properties, profiles)))
    };
    let list = users.into_iter().enumerate().map(one).collect::<Result<Vec<Of<UserId>>, ApiError>>()?;
    drop(snapshot);
    let (places, list): (Vec<usize>, Vec<Of<UserId>>) =
        list.into_iter().enumerate().filter(|(_, (_, fields))| !fields.is_empty()).unzip();
    if !list.is_empty() {
        let placed = |(at, error): (usize, ApiError)| error.below(&format!("users[{}].properties", places[at]));
        people::say(app, list).await.map_err(placed)?;
    }
    Ok(StatusCode::OK.into_response())
}

fn check_length(field: &str, length: usize) -> Result<(), ApiError> {
    if (1..=MAX_CHANGES_PER_REQUEST).contains(&length) {
        return Ok(());
    }
    Err(ApiError::invalid(field, format!("{length} entries; it must have 1 to {MAX_CHANGES_PER_REQUEST}")))
}

/// The properties of an entry, which are an object in a text.
fn read(entry: &str, properties: Option<&str>) -> Result<Map<String, Value>, ApiError> {
    let read = properties.map_or(Ok(Map::new()), serde_json::from_str);
    read.map_err(|error| ApiError::invalid(format!("{entry}.properties"), format!("it is no object in JSON: {error}")))
}

/// What is said of an item; of one of which nothing is said, that it is there.
fn of_item(properties: Map<String, Value>, known: &BTreeMap<&str, PropertyKind>) -> Fields {
    let (mut fields, mut categories) = (Fields::new(), Vec::new());
    for (name, value) in properties {
        if is_category(&name) {
            match parts(value) {
                Value::Array(texts) => categories.extend(texts),
                Value::Null => {}
                one => categories.push(one),
            }
            continue;
        }
        let (name, value) = match name.as_str() {
            "productDescription" | "itemDescription" => continue,
            "name" | "title" | "productName" => (NAME.to_owned(), value),
            "creationTimestamp" => {
                let seconds = number(value);
                let ms = seconds.as_f64().map(|seconds| Value::from((seconds * 1000.0) as i64));
                (ADDED.to_owned(), ms.unwrap_or(seconds))
            }
            PRICE => (name, number(value)),
            other if known.get(other) == Some(&PropertyKind::Number) => (name, number(value)),
            _ => (name, parts(value)),
        };
        fields.push((name, value));
    }
    if !categories.is_empty() {
        fields.push((CATEGORY.to_owned(), categories.into()));
    }
    if fields.is_empty() {
        fields.push((AVAILABLE.to_owned(), true.into()));
    }
    fields
}

/// What is said of a user.
fn of_user(properties: Map<String, Value>, profiles: Option<&Profiles>) -> Fields {
    let fits = |name: &str, value: &FieldValue| profiles.is_none_or(|all| all.check(name, Some(value)).is_ok());
    let value = |name: &str, value: Value| match value.as_str() {
        Some(text) if !fits(name, &FieldValue::Text(text.into())) => number(value),
        _ => value,
    };
    properties.into_iter().map(|(name, own)| (name.clone(), value(&name, own))).collect()
}

fn is_category(name: &str) -> bool {
    let level = name.strip_prefix("categoryL").is_some_and(|level| matches!(level.as_bytes(), [b'1'..=b'9']));
    level || matches!(name, "category" | "categories" | "genres" | "genre")
}

/// The parts of a text with `|`, as a list; anything else as it is.
fn parts(value: Value) -> Value {
    match value.as_str() {
        Some(text) if text.contains('|') => {
            text.split('|').map(str::trim).filter(|part| !part.is_empty()).map(Value::from).collect()
        }
        _ => value,
    }
}

/// The number that a text is; anything else as it is.
fn number(value: Value) -> Value {
    let number = value.as_str().and_then(|text| text.trim().parse::<f64>().ok());
    number.and_then(serde_json::Number::from_f64).map_or(value, Value::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(properties: &str) -> Value {
        let known = BTreeMap::from([("ratings", PropertyKind::Number)]);
        Value::Object(of_item(read("items[0]", Some(properties)).expect("an object"), &known).into_iter().collect())
    }

    #[test]
    fn properties_of_an_item_become_its_fields() {
        let given = r#"{"price": "12.5", "ratings": "12", "code": "365", "categoryL1": "Fruit|Apples", "categoryL2": "Red",
            "title": "Gala", "creationTimestamp": 1700000000, "colours": "red|green", "productDescription": "long"}"#;
        let expected = json!({"price": 12.5, "ratings": 12.0, "code": "365", "category": ["Fruit", "Apples", "Red"],
            "name": "Gala", "added": 1_700_000_000_000_i64, "colours": ["red", "green"]});
        assert_eq!(fields(given), expected);
        assert_eq!(fields("{}"), json!({"available": true}));
        assert_eq!(fields(r#"{"price": null, "brand": null}"#), json!({"price": null, "brand": null}));
    }

    #[test]
    fn properties_are_an_object_in_a_text() {
        assert!(read("items[0]", None).expect("none").is_empty());
        for wrong in ["", "[]", "price", "{\"a\":}"] {
            match read("items[3]", Some(wrong)) {
                Err(ApiError::Invalid { field: Some(field), .. }) => assert_eq!(field, "items[3].properties"),
                other => panic!("{wrong}: {other:?}"),
            }
        }
    }
}
