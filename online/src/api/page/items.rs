//! `GET /ui/items`: a search for items, and the popular ones; `GET /ui/item`: all that is known of one, and what goes with it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use shared::contract::id::ItemId;
use shared::contract::known::{EventDays, KnownItem, OneItem};
use shared::engine::recommend::{Pick, Placed};
use shared::engine::snapshot::Snapshot;

use super::asked::Asked;
use super::first_run::first_run;
use super::frame::{Tab, page};
use super::parts::item::Shown;
use super::parts::plot;
use super::parts::words::{count, day, named, plain, price, time};
use super::visit::Visit;
use crate::api::App;
use crate::api::error::ApiError;
use crate::api::query;
use crate::events::now_ms;
use crate::lookup::{self, Wanted, describe_one};
use crate::recommender::Listed;

/// So many items are listed.
const LISTED: usize = 24;
/// The milliseconds of a day.
const DAY_MS: i64 = 24 * 3600 * 1000;
/// So many items that go with one.
const BESIDE: usize = 8;

/// The parameters of the list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ItemsAsked {
    q: String,
    category: String,
}

/// The parameter of an item's page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ItemAsked {
    item_id: String,
}

/// Lists items: those that are searched for, or else the most popular ones.
///
/// # Errors
/// [`ApiError`] for parameters that are none. What there is none of is told on the page.
pub async fn get_items(State(app): State<Arc<App>>, request: Request<Body>) -> Result<Response, ApiError> {
    let visit = Visit::of(&request, app.settings.scheme);
    let asked: ItemsAsked = query::read(request.uri().query())?;
    let Ok(snapshot) = app.recommender.snapshot() else {
        let main = first_run(&app);
        return Ok(page(StatusCode::OK, &visit, Tab::Items, "First steps", &main));
    };
    let listed = if asked.q.trim().is_empty() {
        let category = Some(asked.category.as_str()).filter(|name| !name.is_empty());
        let popular = app.recommender.popular(category, None, LISTED, now_ms()).map_err(ApiError::from);
        popular.map(|Listed { snapshot, picks }| html! { h2 { "Most popular" } (rows(&snapshot, &picks)) })
    } else {
        query::words(Some(asked.q.clone())).map(|words| {
            let wanted = Wanted { after: None, limit: LISTED, only: None, words: words.as_ref() };
            found(&snapshot, wanted)
        })
    };
    let (status, body) = match listed {
        Ok(body) => (StatusCode::OK, body),
        Err(error) => (error.status(), html! { p.alert role="alert" { (error.to_string()) } }),
    };
    let main = html! {
        h1 { "Items" }
        p.lead { (count(snapshot.items().len() as u64)) " items in version " (named(&snapshot.manifest().version)) }
        (search(&asked, &snapshot))
        (body)
    };
    Ok(page(status, &visit, Tab::Items, "Items", &main))
}

fn search(asked: &ItemsAsked, snapshot: &Snapshot) -> Markup {
    html! {
        form.controls method="get" action="/ui/items" role="search" data-swap {
            div.fields {
                div.field.grow {
                    label for="q" { "Name or id" }
                    input #q type="search" name="q" value=(asked.q) autocomplete="off" spellcheck="false";
                }
                div.field {
                    label for="category" { "Popular in category" }
                    input #category name="category" value=(asked.category) list="categories" placeholder="any";
                    datalist #categories { @for name in snapshot.items().categories().take(300) { option value=(name) {} } }
                }
                button.primary type="submit" { "Show" }
            }
        }
    }
}

fn found(snapshot: &Snapshot, wanted: Wanted<'_>) -> Markup {
    let (items, more) = lookup::page(snapshot, wanted);
    html! {
        h2 { "Found" }
        @if items.is_empty() {
            p.hint { "Nothing is called so. Ids are searched from their beginning, names by the beginnings of their words." }
        }
        ul.rows.wide { @for item in &items { li { (Shown::of(snapshot, *item).row(&html! {})) } } }
        @if more.is_some() { p.hint { "There are more: search for more of the name." } }
    }
}

fn rows(snapshot: &Snapshot, picks: &[Pick]) -> Markup {
    html! {
        @if picks.is_empty() { p.hint { "None." } }
        ul.rows.wide { @for pick in picks { li { (Shown::of(snapshot, pick.item).row(&html! {})) } } }
    }
}

/// Shows what is known of an item.
///
/// # Errors
/// [`ApiError`] for a text that is no id.
pub async fn get_item(State(app): State<Arc<App>>, request: Request<Body>) -> Result<Response, ApiError> {
    let visit = Visit::of(&request, app.settings.scheme);
    let asked: ItemAsked = query::read(request.uri().query())?;
    let item_id = query::id("item_id", &asked.item_id, ItemId::from_outside)?;
    let Ok(snapshot) = app.recommender.snapshot() else {
        let main = first_run(&app);
        return Ok(page(StatusCode::OK, &visit, Tab::Items, "First steps", &main));
    };
    let Some(item) = snapshot.items().index(item_id.as_str()) else {
        let main = html! {
            section.narrow {
                h1 { "No such item" }
                p.lead { "Nothing is known of " strong { (named(item_id.as_str())) } "." }
                p { a href="/ui/items" { "All items" } }
            }
        };
        return Ok(page(StatusCode::NOT_FOUND, &visit, Tab::Items, "No such item", &main));
    };
    let now_ms = now_ms();
    let OneItem { known, days } = describe_one(&snapshot, item, now_ms);
    let similar = app.recommender.similar(&item_id, None, BESIDE, now_ms)?;
    let together = app.recommender.together(&item_id, None, BESIDE, now_ms)?;
    // Behind what is bought with it comes what is similar.
    let bought: Vec<Pick> = together.picks.iter().filter(|pick| pick.placed == Placed::Together).copied().collect();
    let shown = Shown::of(&snapshot, item);
    let on_page = Asked { item_id: item_id.as_str().to_owned(), ..Asked::default() };
    let main = html! {
        div.head {
            (shown.picture())
            div.text {
                h1 { (named(shown.name)) }
                (shown.facts())
                p { a href=(on_page.url()) { "Try it on this item's page" } }
            }
        }
        div.split.even {
            section aria-labelledby="known" { h2 #known { "What is known" } (facts(&known, now_ms)) }
            section aria-labelledby="counts" { h2 #counts { "Counters" } (counters(&known)) }
        }
        @if let Some(days) = &days {
            section aria-labelledby="days" { h2 #days { "Popularity over time" } (by_day(days)) }
        }
        section aria-labelledby="similar" { h2 #similar { "Similar" } (rows(&similar.snapshot, &similar.picks)) }
        section aria-labelledby="together" {
            h2 #together { "Bought together" }
            @if bought.is_empty() { p.hint { "Too few baskets have it to tell." } } @else { (rows(&together.snapshot, &bought)) }
        }
    };
    Ok(page(StatusCode::OK, &visit, Tab::Items, &plain(shown.name), &main))
}

/// Its fields.
fn facts(known: &KnownItem, now_ms: i64) -> Markup {
    html! {
        dl.facts-list {
            dt { "Id" } dd { code { (named(&known.item_id)) } }
            @if let Some(own) = known.price { dt { "Price" } dd { (price(own)) } }
            @if !known.categories.is_empty() { dt { "Categories" } dd { (named(&known.categories.join(", "))) } }
            dt { "Available" }
            dd {
                @if known.withdrawn { "no, it was withdrawn" } @else if known.available { "yes" } @else { "not now" }
                @if let Some(from) = known.available_from { " (from " (time(from, now_ms)) ")" }
                @if let Some(until) = known.available_until { " (until " (time(until, now_ms)) ")" }
            }
            @for (name, value) in &known.properties { dt { (named(name)) } dd { (named(&value.texts().join(", "))) } }
        }
    }
}

/// Its events by day, and the days that they begin and end with.
fn by_day(days: &EventDays) -> Markup {
    let events: Vec<f64> = days.events.iter().map(|&events| f64::from(events)).collect();
    let all: u64 = days.events.iter().map(|&events| u64::from(events)).sum();
    let most = days.events.iter().max().copied().unwrap_or_default();
    let first = days.last - (days.events.len().max(1) as i64 - 1) * DAY_MS;
    let told = format!("{} events in {} days, at most {most} a day", count(all), events.len());
    html! {
        (plot::line(&events, &told))
        p.ends { span { (day(first)) } span { (told) } span { (day(days.last)) } }
    }
}

/// What was counted of it.
fn counters(known: &KnownItem) -> Markup {
    html! {
        dl.tiles {
            div { dt { "Events learnt from" } dd { @match known.events { Some(events) => (count(events)), None => "new" } } }
            div { dt { "Place by popularity" } dd { (count(known.popularity_rank as u64)) } }
            div { dt { "Popularity" } dd { (format!("{:.1}", known.popularity)) } }
        }
    }
}
