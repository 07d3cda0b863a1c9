//! The OpenAPI description of `/openapi.json`: the parts that the attributes of the handlers can't express.

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
                   field; with 503 and 429 comes `Retry-After`. Where the service has API keys, every call but the probes \
                   needs one: 401 without, 403 if it lacks the scope, 429 if it sends too much."
))]
struct Head;

/// The description without routes.
pub fn head() -> Description {
    Head::openapi()
}

/// Completes a description with all routes: how a key is given; and in the URL of a POST, `user_id` is optional, since it
/// may be in the body.
pub fn finish(mut description: Description) -> Description {
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    let header = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Key")));
    let components = description.components.get_or_insert_default();
    components.add_security_scheme("bearer", bearer);
    components.add_security_scheme("header", header);
    let by = |scheme: &str| SecurityRequirement::new(scheme, [] as [&str; 0]);
    description.security = Some(vec![by("bearer"), by("header"), SecurityRequirement::default()]);
    let post = description.paths.paths.get_mut("/recommendations").and_then(|path| path.post.as_mut());
    for parameter in post.and_then(|post| post.parameters.as_mut()).into_iter().flatten() {
        if let RefOr::T(parameter) = parameter {
            parameter.required = Required::False;
        }
    }
    description
}
