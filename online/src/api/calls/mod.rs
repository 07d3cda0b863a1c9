//! The calls of systems that people know, at the paths that a model's config declares: their clients go on working.
//!
//! A path of the service itself comes first. If two models declare one path, the first by name answers.

mod bank_products;
mod click_through;
mod credit_score;
mod loan_default;

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::http::{Method, Request};
use axum::response::Response;
use shared::contract::api::FieldProblem;
use shared::engine::tabular::manifest::{Call, Serve};

use super::App;
use super::error::ApiError;
use super::models::predict::{count, score};
use crate::models::rows::{self, Rows};
use crate::models::{Explain, Models, Served};

/// What a path of a known system asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A prediction.
    Prediction(Call),
    /// Something about the model.
    About(&'static str),
}

/// The model that a path of a known system leads to.
pub fn find(models: &Models, path: &str) -> Option<(Arc<Served>, Asked)> {
    let asked = |serve: &Serve| {
        let about = loan_default::ABOUT.into_iter().find(|about| serve.call == Call::LoanDefault && *about == path);
        if serve.path() == path { Some(Asked::Prediction(serve.call)) } else { about.map(Asked::About) }
    };
    let models = models.all();
    models.values().find_map(|served| Some((served.clone(), asked(served.manifest().serve.as_ref()?)?)))
}

/// Answers a request to a path that the service itself does not have.
///
/// # Errors
/// [`ApiError::NotFound`] if no model declares the path either.
pub async fn answer(app: &Arc<App>, request: Request<Body>) -> Result<Response, ApiError> {
    let path = request.uri().path().to_owned();
    let Some((served, asked)) = find(&app.models, &path) else {
        let detail = format!("there is nothing at {path}; /docs lists what there is");
        return Err(ApiError::NotFound { field: None, detail });
    };
    match (asked, request.method()) {
        (Asked::About(about), &Method::GET) => Ok(loan_default::about(&served, about)),
        (Asked::Prediction(call), &Method::POST) => {
            let begin = Instant::now();
            let answered = match call {
                Call::CreditScore => credit_score::answer(app, &served, request).await,
                Call::LoanDefault => loan_default::answer(app, &served, request).await,
                Call::BankProducts => bank_products::answer(app, &served, request).await,
                Call::ClickThrough => click_through::answer(app, &served, request).await,
            };
            count(app, &served, &answered, begin);
            answered
        }
        _ => Err(ApiError::Method),
    }
}

/// Reads the one row of a body; what is wrong with it is a 422, as in the systems that these calls come from.
async fn one_row(app: &App, served: &Served, request: Request<Body>) -> Result<Rows, ApiError> {
    let bytes = super::body::read(request, app.settings.max_body_bytes).await?;
    let rows = rows::read(served, &bytes, 1).map_err(|error| unprocessable("body", error.to_string()))?;
    if rows.listed {
        return Err(unprocessable("body", "a list; expected an object with a value for each field".to_owned()));
    }
    Ok(rows)
}

fn unprocessable(field: &str, detail: String) -> ApiError {
    ApiError::Rows { refusals: 1, errors: vec![FieldProblem { field: field.to_owned(), detail }] }
}
