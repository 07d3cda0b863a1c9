//! `GET /ui/tables`: the models of rows that are served; `GET /ui/table`: a form of one's fields, the score of what it holds,
//! what each field adds to it, and what if one of them changed.
//!
//! Looking at a row is not scoring a customer: nothing here counts in drift, metrics or what a model remembers.

mod fields;
mod result;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use maud::{Markup, html};
use shared::engine::tabular::live::Live;

use self::fields::Row;
use super::asked::encoded;
use super::frame::{Tab, page};
use super::parts::words::{count, named, plain, time};
use super::visit::Visit;
use crate::api::App;
use crate::api::error::ApiError;
use crate::api::query;
use crate::events::now_ms;
use crate::models::rows::{self, Rows};
use crate::models::{Explain, Served};

/// Lists the models.
pub async fn get_tables(State(app): State<Arc<App>>, request: Request<Body>) -> Response {
    let visit = Visit::of(&request, app.settings.scheme);
    let models = app.models.all();
    let main = html! {
        h1 { "Tables" }
        p.lead { "Models that score rows: of customers, applications, impressions." }
        @if models.is_empty() { (first_model()) }
        ul.rows.wide { @for served in models.values() { li { div.text { (overview(served)) } } } }
    };
    page(StatusCode::OK, &visit, Tab::Tables, "Tables", &main)
}

/// Before there is a model.
fn first_model() -> Markup {
    html! {
        section.narrow {
            p { "There is none yet. A table with a column of what became of each row is all it takes:" }
            pre { code { "offline score train --name credit --data loans.csv --label default" } }
            p.hint { "The service finds it within a second." }
        }
    }
}

fn overview(served: &Served) -> Markup {
    let manifest = served.manifest();
    let rows: u64 = manifest.rows.values().sum();
    html! {
        h2 { a href=(url(&manifest.name)) { (named(&manifest.name)) } }
        p.hint {
            "Version " (named(&manifest.version)) ", learnt from " (count(rows)) " rows, " (time(manifest.built_ms, now_ms()))
        }
    }
}

/// The page of a model.
fn url(name: &str) -> String {
    format!("/ui/table?{}", encoded([("model", name)]))
}

/// Shows a model's form, and what it says of the row that the URL has.
///
/// # Errors
/// [`ApiError`] for a query that can't be read. What is wrong with the row is told on the page.
pub async fn get_table(State(app): State<Arc<App>>, request: Request<Body>) -> Result<Response, ApiError> {
    let visit = Visit::of(&request, app.settings.scheme);
    let asked: Vec<(String, String)> = query::read(request.uri().query())?;
    let name = asked.iter().find(|(name, _)| name == "model").map_or("", |(_, value)| value.as_str());
    let served = match app.models.get(name) {
        Ok(served) => served,
        Err(unknown) => {
            let main = html! {
                section.narrow { h1 { "No such model" } p.lead { (unknown.to_string()) } p { a href="/ui/tables" { "All models" } } }
            };
            return Ok(page(StatusCode::NOT_FOUND, &visit, Tab::Tables, "No such model", &main));
        }
    };
    let manifest = served.manifest();
    let row = Row::of(manifest, &asked);
    let read = rows::of_row(&served, row.values(manifest));
    let body = if read.refused.is_empty() {
        let live = app.memory.of(&served, &read).await;
        scored(&app, served.clone(), row, read, live).await?
    } else {
        sides(&fields::form(manifest, &row), &result::refused(&read.refused))
    };
    let main = html! {
        h1 { (named(&manifest.name)) }
        p.lead { "What the model says of a row, why, and what if it were otherwise." }
        (body)
    };
    Ok(page(StatusCode::OK, &visit, Tab::Tables, &plain(&manifest.name), &main))
}

/// A row, and beside it what the model says of it.
fn sides(form: &Markup, said: &Markup) -> Markup {
    html! {
        div.split.even {
            section aria-labelledby="row" { h2 #row { "Row" } (form) }
            section aria-labelledby="score" { h2 #score { "Score" } (said) }
        }
    }
}

/// The form beside what the model says of its row, where that may take its time.
async fn scored(app: &App, served: Arc<Served>, row: Row, read: Rows, live: Live) -> Result<Markup, ApiError> {
    let internal = |error: &dyn std::fmt::Display| ApiError::Internal(error.to_string());
    // Held by the thread: it goes on when the reader has gone.
    let turn = app.long_work.clone().acquire_owned().await.map_err(|error| internal(&error))?;
    let work = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let manifest = served.manifest();
        let answer = served.try_out(&read, &live, Explain::Yes);
        let varied = row.varied(manifest).map(|varied| {
            let answers = varied.rows.iter().map(|values| {
                let read = rows::of_row(&served, values.clone());
                served.try_out(&read, &live, Explain::No)
            });
            (varied.field, varied.values.iter().cloned().zip(answers.collect::<Vec<_>>()).collect())
        });
        sides(&fields::form(manifest, &row), &result::result(manifest, &row, &answer, varied))
    });
    work.await.map_err(|panic| internal(&panic))
}
