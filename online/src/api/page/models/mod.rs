//! `GET /ui/models`: what is served and how good it is; the versions and runs that the batch tells of, and the orders to
//! publish and roll back, each behind a confirmation.

mod card;
mod order;
mod versions;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use futures_util::future::{join_all, join3};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::asked::encoded;
use super::first_run::first_run;
use super::frame::{Tab, page};
use super::parts::words::{named, several};
use super::visit::Visit;
use crate::api::App;
use crate::api::error::ApiError;
use crate::api::{query, reports};
use crate::batch::{Batch, Name};
use crate::events::now_ms;
use crate::models::Served;

pub use order::{get_order, post_order, told};

/// So many runs are shown.
const RUNS: usize = 12;
/// So many reports are.
const REPORTS: usize = 12;

/// Shows it.
///
/// # Errors
/// [`ApiError`] when the reports can't be listed.
pub async fn get_models(State(app): State<Arc<App>>, request: Request<Body>) -> Result<Response, ApiError> {
    let visit = Visit::of(&request, app.settings.scheme);
    let models = app.models.all();
    let snapshot = app.recommender.snapshot().ok();
    if snapshot.is_none() && models.is_empty() {
        let main = first_run(&app);
        return Ok(page(StatusCode::OK, &visit, Tab::Models, "First steps", &main));
    }
    let batch = app.settings.batch.as_ref();
    let reports = reports::listed(&app).await?;
    // Each list is a process of its own: they are waited for at once.
    let of_models = join_all(models.values().map(|served| of_rows(served, batch)));
    let versions_of = async |batch: Option<&Batch>| Some(batch?.versions(None).await);
    let runs_of = async |batch: Option<&Batch>| Some(batch?.runs(RUNS).await);
    let (of_models, of_recommender, of_runs) = join3(of_models, versions_of(batch), runs_of(batch)).await;
    let main = html! {
        div.title data-live[batch.is_some_and(Batch::is_lively)] { h1 { "Models" } }
        @if let Some(batch) = batch { (order::told(batch)) }
        @if let Some(snapshot) = &snapshot {
            section aria-labelledby="served" {
                h2 #served { "The recommender" }
                (card::card(snapshot, now_ms()))
                @if let Some(listed) = of_recommender { (versions::versions(listed, None)) }
            }
        }
        @for (served, body) in models.values().zip(of_models) {
            section { h2 { (named(&served.manifest().name)) } (body) }
        }
        @if let Some(listed) = of_runs {
            section aria-labelledby="runs" { h2 #runs { "Runs" } (versions::runs(listed)) }
        } @else {
            p.hint { "With " code { "page.batch" } " in the config the versions and runs are here too, and can be published and rolled back." }
        }
        section aria-labelledby="reports" {
            h2 #reports { "Reports" }
            @if reports.is_empty() { p.hint { "None. " code { "offline report" } " writes one." } }
            ul.chips { @for report in reports.iter().take(REPORTS) { li { a href=(format!("/ui/report?{}", encoded([("name", report.name())]))) { (named(report.name())) } } } }
        }
    };
    Ok(page(StatusCode::OK, &visit, Tab::Models, "Models", &main))
}

/// The parameter of a report.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ReportAsked {
    name: String,
}

/// Shows a report of the batch to who signed in.
///
/// # Errors
/// [`ApiError`] if there is none of this name.
pub async fn get_report(State(app): State<Arc<App>>, request: Request<Body>) -> Result<Response, ApiError> {
    let ReportAsked { name } = query::read(request.uri().query())?;
    reports::shown(&app, name).await
}

/// A model of rows: its figures on the test rows, and its versions.
async fn of_rows(served: &Served, batch: Option<&Batch>) -> Markup {
    let manifest = served.manifest();
    let name = Name::new(&manifest.name).ok();
    let listed = match (batch, &name) {
        (Some(batch), Some(name)) => Some(batch.versions(Some(name)).await),
        _ => None,
    };
    let rows: u64 = manifest.rows.values().sum();
    html! {
        p.hint {
            "A model of rows, version " (named(&manifest.version)) ", learnt from "
            (several(usize::try_from(rows).unwrap_or(usize::MAX), "row", "rows")) ". "
            a href=(format!("/ui/table?model={}", manifest.name)) { "Score a row" }
        }
        @if let Some(challenger) = &served.challenger {
            p { "Challenger: version " (named(challenger.version.version())) ", " (challenger.mode()) ", share " (challenger.share()) }
        }
        (figures(&manifest.metrics["test"]))
        @if let Some(listed) = listed { (versions::versions(listed, name.as_ref())) }
    }
}

/// Figures with their intervals.
fn figures(test: &Value) -> Markup {
    let number = |value: &Value| value.as_f64().map(|number| format!("{number:.3}"));
    html! {
        dl.tiles {
            @for (name, figure) in test.as_object().into_iter().flatten() {
                @if let Some(value) = number(&figure["value"]) {
                    div {
                        dt { (named(&name.replace('_', " "))) }
                        dd { (value) }
                        @if let (Some(low), Some(high)) = (number(&figure["interval"]["low"]), number(&figure["interval"]["high"])) {
                            dd.hint { (low) " to " (high) }
                        }
                    }
                }
            }
        }
    }
}
