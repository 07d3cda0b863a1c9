//! Which scope each route needs of an API key: the one table of it.
//!
//! A route that is not in the table needs `admin`, and a test finds it: forgetting an entry opens nothing.

use axum::http::Method;

use crate::auth::scopes::Scope;

/// What a route needs of who calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing, so that probes need no key.
    Nothing,
    /// A key with this scope.
    Scope(Scope),
}

const READ: Need = Need::Scope(Scope::Read);
const WRITE: Need = Need::Scope(Scope::Write);
const ADMIN: Need = Need::Scope(Scope::Admin);

/// Method, path and need of every route. A history is what one person did, and so no call for a shop's pages. Metrics
/// name nobody: who collects them needs no key that erases users.
const TABLE: [(&str, &str, Need); 26] = [
    ("GET", "/health", Need::Nothing),
    ("GET", "/ready", Need::Nothing),
    ("GET", "/metrics", READ),
    ("GET", "/", READ),
    ("GET", "/docs", READ),
    ("GET", "/openapi.json", READ),
    ("GET", "/recommendations", READ),
    ("POST", "/recommendations", READ),
    ("GET", "/items/{item_id}/similar", READ),
    ("GET", "/popular", READ),
    ("POST", "/events", WRITE),
    ("GET", "/users/{id}/history", ADMIN),
    ("GET", "/model/metadata", READ),
    ("GET", "/model/params", READ),
    ("GET", "/model/metrics", READ),
    ("GET", "/models", READ),
    ("GET", "/models/{name}", READ),
    ("GET", "/models/{name}/metadata", READ),
    ("GET", "/models/{name}/params", READ),
    ("GET", "/models/{name}/metrics", READ),
    ("GET", "/models/{name}/schema", READ),
    ("GET", "/models/{name}/drift", READ),
    ("POST", "/models/{name}/predict", READ),
    ("POST", "/models/{name}/rows", WRITE),
    // What no route has: the calls of known systems, which score rows, and paths at which there is nothing.
    ("GET", OTHER, READ),
    ("POST", OTHER, READ),
];

/// Stands for every path that no route has.
const OTHER: &str = "";

/// What a request needs.
///
/// * `route`: the path of its route, with the names of its parameters; `None` if it has none.
#[must_use]
pub fn need(method: &Method, route: Option<&str>) -> Need {
    // HEAD is answered by the handler of GET.
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    // All files of the documentation pages are as their page.
    let route = route.map_or(OTHER, |route| if route.starts_with("/docs/") { "/docs" } else { route });
    let found = TABLE.iter().find(|(of, path, _)| *path == route && *of == method);
    found.map_or(ADMIN, |(.., need)| *need)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_has_an_entry_and_every_entry_a_route() {
        let (_, description) = crate::api::described().split_for_parts();
        let description = serde_json::to_value(description).expect("JSON");
        let mut routes = BTreeSet::from([
            ("GET".to_owned(), "/docs".to_owned()),
            ("GET".to_owned(), "/openapi.json".to_owned()),
            ("GET".to_owned(), OTHER.to_owned()),
            ("POST".to_owned(), OTHER.to_owned()),
        ]);
        for (path, methods) in description["paths"].as_object().expect("paths") {
            let methods = methods.as_object().expect("methods").keys();
            routes.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
        }
        let entries: BTreeSet<_> =
            TABLE.iter().map(|(method, path, _)| (method.to_string(), path.to_string())).collect();
        let missing: Vec<_> = routes.difference(&entries).collect();
        assert!(missing.is_empty(), "say in TABLE which scope they need: {missing:?}");
        let gone: Vec<_> = entries.difference(&routes).collect();
        assert!(gone.is_empty(), "no routes: {gone:?}");
        assert_eq!(entries.len(), TABLE.len(), "an entry stands twice");
    }

    #[test]
    fn what_is_not_in_the_table_needs_the_most() {
        assert_eq!(need(&Method::DELETE, Some("/popular")), ADMIN);
        assert_eq!(need(&Method::GET, Some("/new")), ADMIN);
        assert_eq!(need(&Method::GET, None), READ);
        assert_eq!(need(&Method::HEAD, Some("/health")), Need::Nothing);
        assert_eq!(need(&Method::GET, Some("/docs/{*rest}")), READ);
    }
}
