//! `GET /ui/compare`: two versions, scenarios or settings side by side: for one person, and over a sample of people.

mod asked;
mod shown;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use maud::{Markup, html};
use shared::contract::id::UserId;

use self::asked::{Asked, OfSide};
use super::first_run::first_run;
use super::frame::{Tab, page};
use super::visit::Visit;
use crate::api::App;
use crate::api::error::ApiError;
use crate::api::query;
use crate::compare::CompareError;
use crate::events::now_ms;

/// Shows it.
///
/// # Errors
/// [`ApiError`] for parameters that are given twice. What is wrong with the sides is told on the page.
pub async fn get_compare(State(app): State<Arc<App>>, request: Request<Body>) -> Result<Response, ApiError> {
    let visit = Visit::of(&request, app.settings.scheme);
    let asked: Asked = query::read(request.uri().query())?;
    let Ok(snapshot) = app.recommender.snapshot() else {
        let main = first_run(&app);
        return Ok(page(StatusCode::OK, &visit, Tab::Compare, "First steps", &main));
    };
    let (status, body) = match compared(&app, &asked).await {
        Ok(body) => (StatusCode::OK, body),
        Err(error) => (error.status(), html! { p.alert role="alert" { (error.to_string()) } }),
    };
    let versions = app.comparison.versions().await;
    let scenarios: Vec<&str> = app.recommender.scenarios().collect();
    let main = html! {
        h1 { "Compare" }
        p.lead { "Two versions, scenarios or settings, asked the same." }
        (asked::form(&asked, &snapshot.manifest().version, &versions, &scenarios))
        (body)
    };
    Ok(page(status, &visit, Tab::Compare, "Compare", &main))
}

async fn compared(app: &App, asked: &Asked) -> Result<Markup, ApiError> {
    let sides = [asked.side(OfSide::A, app.settings.clock)?, asked.side(OfSide::B, app.settings.clock)?];
    let (now_ms, people) = (now_ms(), asked.people()?);
    // Held while it is computed, so that slates are not kept waiting.
    let turn = || async {
        let turn = app.long_work.clone().acquire_owned().await;
        turn.map_err(|error| ApiError::Internal(error.to_string()))
    };
    let person = match asked.user_id.trim() {
        "" => None,
        id => {
            let user = query::id("user_id", id, UserId::from_outside)?;
            Some(app.comparison.person(sides.clone(), user, now_ms, turn().await?).await.map_err(refused)?)
        }
    };
    let figures = match people {
        0 => None,
        people => Some(app.comparison.sample(sides, people, now_ms, turn().await?).await.map_err(refused)?),
    };
    let snapshot = app.recommender.snapshot()?;
    Ok(html! {
        @if let Some(answers) = &person { (shown::person(answers)) }
        @if let Some(figures) = &figures { (shown::figures(figures, &snapshot)) }
        @if person.is_none() && figures.is_none() {
            p.hint { "Give a person, or a number of people, and say in what the sides differ." }
        }
    })
}

fn refused(error: CompareError) -> ApiError {
    match error {
        CompareError::NoAnswer(error) => error.into(),
        CompareError::Store(error) => error.into(),
        CompareError::Version { .. } | CompareError::Measured(_) => ApiError::invalid("version", error.to_string()),
        CompareError::Panic(error) => ApiError::Internal(error.to_string()),
    }
}
