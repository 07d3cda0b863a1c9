//! The description of the API that `/openapi.json` shows: what the handlers' own attributes can't say.

use utoipa::OpenApi;
use utoipa::openapi::{OpenApi as Description, RefOr, Required};

/// What the description begins with.
#[derive(OpenApi)]
#[openapi(info(
    title = "Tandem",
    description = "Recommendations that know the user's last click.\n\nPaths answer with and without a trailing slash. \
                   Every answer has `Cache-Control: no-store`. Errors are problem details (RFC 9457) that name the \
                   field; with 503 comes `Retry-After`."
))]
struct Head;

/// The description without any route.
pub fn head() -> Description {
    Head::openapi()
}

/// The description with all routes, corrected: a POST may have `user_id` in its body, so that the URL need not.
pub fn finish(mut description: Description) -> Description {
    let post = description.paths.paths.get_mut("/recommendations").and_then(|path| path.post.as_mut());
    for parameter in post.and_then(|post| post.parameters.as_mut()).into_iter().flatten() {
        if let RefOr::T(parameter) = parameter {
            parameter.required = Required::False;
        }
    }
    description
}
