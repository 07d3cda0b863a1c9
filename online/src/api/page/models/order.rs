//! `GET /ui/order`: asks whether an order is meant; `POST /ui/order`: gives it to the batch.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

use crate::api::App;
use crate::api::error::ApiError;
use crate::api::page::event::read_form;
use crate::api::page::frame::{Tab, page};
use crate::api::page::parts::words::{named, span, whole};
use crate::api::page::upload::{ITEMS, LOG, uploaded};
use crate::api::page::visit::Visit;
use crate::api::query;
use crate::batch::{Batch, Name, Order};

/// An order, as a URL and a form have it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    #[serde(rename = "do")]
    what: String,
    version: String,
    model: String,
}

impl Asked {
    fn order(&self, app: &App) -> Result<Order, ApiError> {
        let log =
            || uploaded(app, LOG).ok_or_else(|| ApiError::Conflict("there is no log; bring one first".to_owned()));
        let name =
            |field: &str, text: &str| Name::new(text).map_err(|error| ApiError::invalid(field, error.to_string()));
        let model = Some(self.model.as_str()).filter(|model| !model.is_empty());
        let model = model.map(|model| name("model", model)).transpose()?;
        match self.what.as_str() {
            "publish" => Ok(Order::Publish { model, version: name("version", &self.version)? }),
            "explain" => Ok(Order::Explain { log: log()? }),
            "learn" => Ok(Order::Learn { log: log()?, items: uploaded(app, ITEMS) }),
            "rollback" => Ok(Order::RollBack { model }),
            _ => Err(ApiError::invalid("do", "it must be publish, rollback, explain or learn")),
        }
    }
}

/// The batch's program.
fn batch(app: &App) -> Result<&Batch, ApiError> {
    app.settings.batch.as_ref().ok_or_else(|| ApiError::NotFound {
        field: None,
        detail: "the page gives no orders: page.batch of the config names no program".to_owned(),
    })
}

/// An order in words.
fn words(order: &Order) -> Markup {
    let of =
        |model: &Option<Name>| model.as_ref().map_or("the recommender".to_owned(), |name| name.as_str().to_owned());
    html! {
        @match order {
            Order::Publish { model, version } => { "Publish version " strong { (named(version.as_str())) } " of " (named(&of(model))) },
            Order::Explain { .. } => { "Read a log" },
            Order::Learn { .. } => { "Learn from a log" },
            Order::RollBack { model } => { "Roll " (named(&of(model))) " back to the version that was served before" },
        }
    }
}

/// Asks whether it is meant.
///
/// # Errors
/// [`ApiError`] for what is no order, and where none are given.
pub async fn get_order(State(app): State<Arc<App>>, request: Request<Body>) -> Result<Response, ApiError> {
    let visit = Visit::of(&request, app.settings.scheme);
    let asked: Asked = query::read(request.uri().query())?;
    batch(&app)?;
    let order = asked.order(&app)?;
    let main = html! {
        section.narrow {
            h1 { "Is this meant?" }
            p.lead { (words(&order)) "." }
            p {
                @match order {
                    Order::Explain { .. } => "It shows how the batch reads the log. Nothing is learnt from it, and nothing changes.",
                    Order::Learn { .. } => "It takes minutes for millions of events. What passes the gates is served then, without a restart.",
                    Order::Publish { .. } | Order::RollBack { .. } => "Every replica serves it within seconds, without a restart. It can be taken back the same way.",
                }
            }
            form.stack method="post" action="/ui/order" {
                input type="hidden" name="do" value=(asked.what);
                input type="hidden" name="version" value=(asked.version);
                input type="hidden" name="model" value=(asked.model);
                button.primary type="submit" { "Do it" }
                a href="/ui/models" { "Leave it as it is" }
            }
        }
    };
    Ok(page(StatusCode::OK, &visit, Tab::Models, "Is this meant?", &main))
}

/// Gives the order.
///
/// # Errors
/// [`ApiError`] for what is no order, and one that the batch can't begin.
pub async fn post_order(State(app): State<Arc<App>>, request: Request<Body>) -> Result<Response, ApiError> {
    let visit = Visit::of(&request, app.settings.scheme);
    let batch = batch(&app)?;
    let order = read_form::<Asked>(request).await?.order(&app)?;
    if let Err(error) = batch.begin(order.clone()) {
        let main = html! {
            section.narrow {
                h1 { "Not begun" }
                p.alert role="alert" { (words(&order)) ": " (error.to_string()) }
                p { a href="/ui/models" { "Models" } }
            }
        };
        return Ok(page(StatusCode::CONFLICT, &visit, Tab::Models, "Not begun", &main));
    }
    tracing::info!(?order, "ordered at the page");
    // Before there is a version the first page has the steps.
    let back = if app.is_ready() { "/ui/models" } else { "/" };
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, HeaderValue::from_static(back))]).into_response())
}

/// What became of the last order.
pub fn told(batch: &Batch) -> Markup {
    let Some(job) = batch.job() else { return html! {} };
    html! {
        @match &job.ended {
            None => p.told role="status" { (words(&job.order)) ": under way for " (span(job.began.elapsed().as_secs_f64())) "." },
            Some(Ok(said)) => {
                p.told role="status" { (words(&job.order)) ": done." }
                details open[matches!(job.order, Order::Explain { .. })] {
                    summary { "What the batch said" }
                    pre tabindex="0" { code { (said) } }
                }
            },
            Some(Err(said)) => p.alert role="alert" { (words(&job.order)) ": the batch refused. " (whole(said)) },
        }
    }
}
