//! The OpenAPI description of `/openapi.json`: the parts that the attributes of the handlers can't express.

pub mod absent;
pub mod answers;
pub mod examples;

use serde_json::Value;
use utoipa::OpenApi;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{OpenApi as Description, RefOr, Required};

/// The head of the description.
#[derive(OpenApi)]
#[openapi(info(
    title = "Tandem",
    description = "Recommendations that know the user's last click.\n\nPaths answer with and without a trailing slash. \
                   Every answer has `Cache-Control: no-store`. Errors are problem details (RFC 9457) that name the \
                   field; with 503 and 429 comes `Retry-After`; a URL of 64 KiB is too long (414, without a body). Where \
                   the service has API keys, every call but the probes needs one: 401 without, 403 if it lacks the scope, \
                   429 if it sends too much."
), servers(
    (url = "/", description = "The service that answers this")
), tags(
    (name = "recommendations", description = "What a user should see: slates, front pages, lists in their order"),
    (name = "items", description = "Items without a user, what is known of them, and what the shop says of them"),
    (name = "events", description = "What users do, and what they saw"),
    (name = "users", description = "What is known of users, their erasure, and who is the same"),
    (name = "model", description = "The served version, and the reports of the batch"),
    (name = "models", description = "Models of rows: their predictions, and what they remember"),
    (name = "operation", description = "For machines: probes and metrics")
))]
struct Head;

/// The description without routes.
pub fn head() -> Description {
    Head::openapi()
}

/// Completes a description with all routes: how a key is given, and what any call may be answered; and in the URL of a
/// POST, `user_id` is optional, since it may be in the body. An id in a body is a text or a number.
pub fn finish(mut description: Description) -> Value {
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An API key")).build();
    let header = ApiKeyValue::with_description("X-API-Key", "An API key");
    let (bearer, header) = (SecurityScheme::Http(bearer), SecurityScheme::ApiKey(ApiKey::Header(header)));
    let components = description.components.get_or_insert_default();
    components.add_security_scheme("bearer", bearer);
    components.add_security_scheme("header", header);
    let by = |scheme: &str| SecurityRequirement::new(scheme, [] as [&str; 0]);
    description.security = Some(vec![by("bearer"), by("header"), SecurityRequirement::default()]);
    description.paths.paths.iter_mut().for_each(|(route, path)| answers::add(route, path));
    let post = description.paths.paths.get_mut("/recommendations").and_then(|path| path.post.as_mut());
    for parameter in post.and_then(|post| post.parameters.as_mut()).into_iter().flatten() {
        if let RefOr::T(parameter) = parameter {
            parameter.required = Required::False;
        }
    }
    let mut description = serde_json::to_value(description).unwrap_or_default();
    // A client that sent a default in the URL would contradict what is in the body.
    let post = description["paths"]["/recommendations"]["post"]["parameters"].as_array_mut();
    for schema in post.into_iter().flatten().filter_map(|parameter| parameter["schema"].as_object_mut()) {
        schema.remove("default");
    }
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
    answers::describe(&mut description);
    examples::add(&mut description);
    absent::leave_out(&mut description);
    description
}

/// The ids in bodies.
const IDS: [(&str, &str); 20] = [
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
    ("RecommendationQuery", "item_ids/items"),
    ("RecommendationQuery", "basket/items"),
    ("RecommendationQuery", "exclude/items"),
    ("RankQuery", "user_id"),
    ("RankQuery", "items/items"),
    ("RankQuery", "item_id"),
    ("RankQuery", "item_ids/items"),
    ("HomeQuery", "user_id"),
    ("HomeQuery", "exclude/items"),
    ("MergeOf", "user_id"),
];
