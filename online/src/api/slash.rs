//! A slash at the end of a path counts for nothing.

use axum::Router;
use axum::body::Body;
use axum::http::uri::PathAndQuery;
use axum::http::{Request, Uri};
use tower::ServiceExt as _;
use tower::util::MapRequest;

/// The router, behind a layer that removes a trailing slash.
pub type Api = MapRequest<Router, fn(Request<Body>) -> Request<Body>>;

/// The router of an address.
pub fn build(router: Router) -> Api {
    router.map_request(without_trailing_slash)
}

/// Removes a trailing slash from the path, except for the pages under `/docs`, whose relative links depend on it.
fn without_trailing_slash(mut request: Request<Body>) -> Request<Body> {
    let path = request.uri().path();
    if path.len() < 2 || !path.ends_with('/') || path.starts_with("/docs") {
        return request;
    }
    let path = path.trim_end_matches('/');
    let path = if path.is_empty() { "/" } else { path };
    let target = match request.uri().query() {
        Some(query) => PathAndQuery::try_from(format!("{path}?{query}")),
        None => PathAndQuery::try_from(path),
    };
    let mut parts = request.uri().clone().into_parts();
    if let Ok(target) = target {
        parts.path_and_query = Some(target);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailing_slash_is_overlooked_but_under_docs() {
        let path = |uri: &str| {
            let request = Request::get(uri).body(Body::empty()).expect("a request");
            without_trailing_slash(request).uri().to_string()
        };
        assert_eq!(path("/recommendations/?k=3"), "/recommendations?k=3");
        assert_eq!(path("/health/"), "/health");
        assert_eq!(path("/docs/"), "/docs/");
        assert_eq!(path("/"), "/");
        assert_eq!(path("//"), "/");
    }
}
