//! What calls may be answered: what any of them may be, and what each status means.

use axum::http::Method;
use serde_json::{Value, json};
use utoipa::openapi::{Content, PathItem, Ref, RefOr, Response, ResponseBuilder};

use crate::api::access::{self, Need};

/// What every call that needs a key may be answered.
pub const REFUSALS: [(&str, &str); 3] = [
    ("401", "The service has API keys, and this call needs one"),
    ("403", "The key lacks the scope"),
    ("429", "The key has sent more than it may"),
];
/// What every call may be answered.
pub const OVERLOAD: (&str, &str) =
    ("503", "There is more to do than can be done in time, or what is asked for is away");
/// What every call with a body may be answered.
pub const BODIES: [(&str, &str); 2] =
    [("413", "The body is larger than the settings allow"), ("415", "The body is not declared as application/json")];
/// What a status means where a handler does not say more of it.
const MEANINGS: [(&str, &str); 5] = [
    ("202", "It is on disk, and takes effect once the store is back"),
    ("400", "A parameter or a field is refused: `field` names it"),
    ("404", "There is none of this name"),
    ("422", "Values are refused; all of them are listed"),
    ("507", "There is no room on the disk: nothing of the request was taken"),
];
/// The refusals that pass.
const PASSING: [&str; 3] = ["429", "503", "507"];

/// Adds what any call may be answered, where a handler does not say more of it.
pub fn add(route: &str, path: &mut PathItem) {
    let PathItem { get, post, put, delete, .. } = path;
    let methods = [(Method::GET, get), (Method::POST, post), (Method::PUT, put), (Method::DELETE, delete)];
    for (method, operation) in methods {
        let Some(operation) = operation else { continue };
        let needs_key = access::of(&method, Some(route)).need != Need::Nothing;
        let refusals = REFUSALS.iter().filter(|_| needs_key);
        let bodies = BODIES.iter().filter(|_| operation.request_body.is_some());
        for (status, what) in refusals.chain(bodies).chain([&OVERLOAD]) {
            let answers = &mut operation.responses.responses;
            answers.entry((*status).to_owned()).or_insert_with(|| RefOr::T(problem(what)));
        }
    }
}

fn problem(what: &str) -> Response {
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new().description(what).content("application/problem+json", content).build()
}

/// Says of every answer what it is, and of refusals that pass that they say when to come back.
pub fn describe(description: &mut Value) {
    let schemas = description["components"]["schemas"].clone();
    let paths = description["paths"].as_object_mut();
    let calls = paths.into_iter().flatten().filter_map(|(_, calls)| calls.as_object_mut()).flatten();
    for (status, answer) in calls.filter_map(|(_, call)| call["responses"].as_object_mut()).flatten() {
        if answer.get("description").is_none() {
            answer["description"] = meaning(status, answer, &schemas).into();
        }
        if PASSING.contains(&status.as_str()) && answer["content"].get("application/problem+json").is_some() {
            answer["headers"] = json!({ "Retry-After": {
                "description": "After how many seconds to come back", "schema": { "type": "integer", "minimum": 1 },
            } });
        }
    }
}

/// What an answer is: by its status, or else by its body.
fn meaning(status: &str, answer: &Value, schemas: &Value) -> String {
    let known = MEANINGS.iter().chain(&BODIES).chain([&OVERLOAD]).find(|(of, _)| *of == status);
    let of_body = || {
        let schema = answer["content"]["application/json"]["schema"]["$ref"].as_str()?;
        schemas[schema.rsplit('/').next()?]["description"].as_str()
    };
    known.map(|(_, what)| *what).or_else(of_body).unwrap_or("What was asked for").to_owned()
}
