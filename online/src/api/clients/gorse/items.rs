//! Items: told, shown, listed, hidden, and their categories.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{Request, StatusCode};
use serde::Serialize;
use serde_json::Value;
use shared::contract::id::ItemId;
use shared::contract::item_change::{AVAILABLE, CATEGORY};
use shared::contract::known::KnownItem;

use super::error::Answer;
use super::item::{GivenItem, ItemBody, theirs};
use super::{InPath, Parts, Wanted, affected, last_of_each};
use crate::api::body::Object;
use crate::api::error::ApiError;
use crate::api::fields::Of;
use crate::api::{App, body, catalogue, json, query};
use crate::events::now_ms;
use crate::lookup::{Cursor, Wanted as WantedItems, describe, page};

/// Says something of one item.
pub async fn post_item(State(app): State<Arc<App>>, request: Request<Body>) -> Answer {
    let bytes = body::read(request, app.settings.max_body_bytes).await?;
    let Object(given): Object<GivenItem> = body::parse(&bytes)?;
    let _turn = if given.has_labels() { Some(app.retold.lock().await) } else { None };
    change(&app, vec![inserted(&app, given)?]).await.map_err(|(_, error)| error)?;
    Ok(affected(1))
}

/// Says something of many items: all of it, or nothing; of one that is in the list twice what comes last.
pub async fn post_items(State(app): State<Arc<App>>, request: Request<Body>) -> Answer {
    let bytes = body::read(request, app.settings.max_body_bytes).await?;
    let given: Vec<Object<GivenItem>> = body::parse(&bytes)?;
    let count = given.len();
    let given = last_of_each(given, |Object(given)| key(&given.item_id));
    let has_labels = given.iter().any(|(_, Object(given))| given.has_labels());
    let _turn = if has_labels { Some(app.retold.lock().await) } else { None };
    let (places, list): (Vec<usize>, Vec<Of<ItemId>>) = given
        .into_iter()
        .map(|(place, Object(given))| Ok((place, inserted(&app, given).map_err(|error| error.at(place))?)))
        .collect::<Result<Vec<_>, ApiError>>()?
        .into_iter()
        .unzip();
    if count > 0 {
        change(&app, list).await.map_err(|(at, error)| error.at(places[at]))?;
    }
    Ok(affected(count))
}

/// Says something of an item, and leaves what is null.
pub async fn patch_item(State(app): State<Arc<App>>, path: InPath, request: Request<Body>) -> Answer {
    let item = id_of(&Parts::of(path)?)?;
    let bytes = body::read(request, app.settings.max_body_bytes).await?;
    let Object(given) = body::parse::<Object<GivenItem>>(&bytes)?;
    let _turn = if given.has_labels() { Some(app.retold.lock().await) } else { None };
    let fields = given.fields(known(&app, &item)?.as_ref())?;
    if !fields.is_empty() {
        change(&app, vec![(item, fields)]).await.map_err(|(_, error)| error)?;
    }
    Ok(affected(1))
}

/// Withdraws an item.
pub async fn delete_item(State(app): State<Arc<App>>, path: InPath) -> Answer {
    let item = id_of(&Parts::of(path)?)?;
    let withdrawn = vec![(AVAILABLE.to_owned(), Value::Bool(false))];
    change(&app, vec![(item, withdrawn)]).await.map_err(|(_, error)| error)?;
    Ok(affected(1))
}

/// Shows what is known of an item.
pub async fn get_item(State(app): State<Arc<App>>, path: InPath) -> Answer {
    let item = id_of(&Parts::of(path)?)?;
    let known = known(&app, &item)?.ok_or_else(|| unknown(&item))?;
    Ok(json(StatusCode::OK, &ItemBody::from(known)))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ItemPage {
    /// Empty on the last page.
    cursor: String,
    items: Vec<ItemBody>,
}

/// Lists items, or those that words are of.
pub async fn get_items(State(app): State<Arc<App>>, RawQuery(text): RawQuery) -> Answer {
    let wanted: Wanted = query::read(text.as_deref())?;
    let (after, words) = (query::page_cursor(wanted.cursor())?, query::words(wanted.q.clone())?);
    let snapshot = app.recommender.snapshot()?;
    let limit = wanted.page()?;
    let (found, next) =
        page(&snapshot, WantedItems { after: after.as_ref(), limit, only: None, words: words.as_ref() });
    let now_ms = now_ms();
    let items = found.into_iter().map(|item| describe(&snapshot, item, now_ms).into()).collect();
    let cursor = next.as_ref().map(Cursor::to_string).unwrap_or_default();
    Ok(json(StatusCode::OK, &ItemPage { cursor, items }))
}

/// Adds a category to those of an item.
pub async fn put_category(state: State<Arc<App>>, path: InPath) -> Answer {
    change_categories(&state, path, |categories, category| {
        if !categories.contains(&category) {
            categories.push(category);
        }
    })
    .await
}

/// Takes a category from those of an item.
pub async fn delete_category(state: State<Arc<App>>, path: InPath) -> Answer {
    change_categories(&state, path, |categories, category| categories.retain(|own| *own != category)).await
}

async fn change_categories(app: &App, path: InPath, change_them: impl FnOnce(&mut Vec<String>, String)) -> Answer {
    let parts = Parts::of(path)?;
    let item = id_of(&parts)?;
    let _turn = app.retold.lock().await;
    let KnownItem { mut categories, .. } = known(app, &item)?.ok_or_else(|| unknown(&item))?;
    change_them(&mut categories, parts.get("category").to_owned());
    change(app, vec![(item, vec![(CATEGORY.to_owned(), categories.into())])]).await.map_err(|(_, error)| error)?;
    Ok(affected(1))
}

/// The id as it is known, by which a list is looked through; what is none is refused later.
fn key(id: &str) -> String {
    ItemId::from_outside(id).map_or_else(|_| id.to_owned(), |id| id.as_str().to_owned())
}

/// What is said of an item that is told anew: it is shown, unless it is hidden.
fn inserted(app: &App, mut given: GivenItem) -> Result<Of<ItemId>, ApiError> {
    let item = query::id("ItemId", &given.item_id, ItemId::from_outside)?;
    given.is_hidden = Some(given.is_hidden.unwrap_or_default());
    let known = known(app, &item).ok().flatten();
    Ok((item, given.fields(known.as_ref())?))
}

async fn change(app: &App, list: Vec<Of<ItemId>>) -> Result<(), (usize, ApiError)> {
    catalogue::change(app, list).await.map(|_| ()).map_err(|(place, error)| (place, theirs(error)))
}

fn id_of(parts: &Parts) -> Result<ItemId, ApiError> {
    query::id("item-id", parts.get("id"), ItemId::from_outside)
}

fn known(app: &App, item: &ItemId) -> Result<Option<KnownItem>, ApiError> {
    let snapshot = app.recommender.snapshot()?;
    Ok(snapshot.items().index(item.as_str()).map(|item| describe(&snapshot, item, now_ms())))
}

fn unknown(item: &ItemId) -> ApiError {
    let detail = format!("nothing is known of the item {:?}", item.as_str());
    ApiError::NotFound { field: None, detail }
}
