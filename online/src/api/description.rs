//! The OpenAPI description of `/openapi.json`: the parts that the attributes of the handlers can't express.

use utoipa::OpenApi;
use utoipa::openapi::{OpenApi as Description, RefOr, Required};

/// The head of the description.
#[derive(OpenApi)]
#[openapi(info(
    title = "Tandem",
    description = "Recommendations that know the user's last click.\n\nPaths answer with and without a trailing slash. \
                   Every answer has `Cache-Control: no-store`. Errors are problem details (RFC 9457) that name the \
                   field; with 503 comes `Retry-After`."
))]
struct Head;

/// The description without routes.
pub fn head() -> Description {
    Head::openapi()
}

/// Completes a description with all routes: in the URL of a POST, `user_id` is optional, since it may be in the body.
pub fn finish(mut description: Description) -> Description {
    let post = description.paths.paths.get_mut("/recommendations").and_then(|path| path.post.as_mut());
    for parameter in post.and_then(|post| post.parameters.as_mut()).into_iter().flatten() {
        if let RefOr::T(parameter) = parameter {
            parameter.required = Required::False;
        }
    }
    description
}
