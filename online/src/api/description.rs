//! The OpenAPI description of `/openapi.json`: the parts that the attributes of the handlers can't express.

use axum::http::Method;
use serde_json::Value;
use utoipa::OpenApi;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Content, OpenApi as Description, PathItem, Ref, RefOr, Required, Response, ResponseBuilder};

use super::access::{self, Need};

/// The head of the description.
#[derive(OpenApi)]
#[openapi(info(
    title = "Tandem",
    description = "Recommendations that know the user's last click.\n\nPaths answer with and without a trailing slash. \
                   Every answer has `Cache-Control: no-store`. Errors are problem details (RFC 9457) that name the \
                   field; with 503 and 429 comes `Retry-After`; a URL of 64 KiB is too long (414, without a body). Where \
                   the service has API keys, every call but the probes needs one: 401 without, 403 if it lacks the scope, \
                   429 if it sends too much."
))]
struct Head;

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

/// The description without routes.
pub fn head() -> Description {
    Head::openapi()
}

/// Completes a description with all routes: how a key is given, and what any call may be answered; and in the URL of a
/// POST, `user_id` is optional, since it may be in the body. An id in a body is a text or a number.
pub fn finish(mut description: Description) -> Value {
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    let header = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Key")));
    let components = description.components.get_or_insert_default();
    components.add_security_scheme("bearer", bearer);
    components.add_security_scheme("header", header);
    let by = |scheme: &str| SecurityRequirement::new(scheme, [] as [&str; 0]);
    description.security = Some(vec![by("bearer"), by("header"), SecurityRequirement::default()]);
    description.paths.paths.iter_mut().for_each(|(route, path)| add_answers(route, path));
    let post = description.paths.paths.get_mut("/recommendations").and_then(|path| path.post.as_mut());
    for parameter in post.and_then(|post| post.parameters.as_mut()).into_iter().flatten() {
        if let RefOr::T(parameter) = parameter {
            parameter.required = Required::False;
        }
    }
    let mut description = serde_json::to_value(description).unwrap_or_default();
    for (schema, id) in IDS {
        let place = format!("/components/schemas/{schema}/properties/{id}/type");
        if let Some(kind) = description.pointer_mut(&place) {
            let mut kinds = match kind.take() {
                Value::Array(kinds) => kinds,
                one => vec![one],
            };
            kinds.push("number".into());
            *kind = kinds.into();
        }
    }
    description
}

/// The ids in bodies.
const IDS: [(&str, &str); 11] = [
    ("NewEvent", "visitorid"),
    ("NewEvent", "itemid"),
    ("NewEvent", "transactionid"),
    ("NewEvent", "event_id"),
    ("NewEvent", "recommendation_id"),
    ("NewImpression", "visitorid"),
    ("NewImpression", "recommendation_id"),
    ("NewImpression", "items/items"),
    ("RecommendationQuery", "user_id"),
    ("RecommendationQuery", "item_id"),
    ("RecommendationQuery", "exclude/items"),
];

/// Adds what any call may be answered, where a handler does not say more of it.
fn add_answers(route: &str, path: &mut PathItem) {
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
