//! Which scope each route needs of an API key, at which address it answers, and what it costs: the one table of it.
//!
//! A route that is not in the table needs `admin`, and a test finds it: forgetting an entry opens nothing.

use axum::http::Method;

use super::gate::Class;
use crate::auth::scopes::Scope;

/// What a route needs of who calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing, so that probes need no key.
    Nothing,
    /// A key with this scope.
    Scope(Scope),
}

/// Where a route answers if there is an admin address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At both addresses.
    Both,
    /// At the admin address alone.
    Admin,
}

use Class::{Change, Intake, Probe, Work};
use Place::{Admin, Both};

const READ: Need = Need::Scope(Scope::Read);
const WRITE: Need = Need::Scope(Scope::Write);
const ADMIN: Need = Need::Scope(Scope::Admin);

/// What is known of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// What it needs of who calls it.
    pub need: Need,
    /// Where it answers.
    pub place: Place,
    /// What it costs.
    pub class: Class,
}

/// Method, path, need, place and class of every route. A history is what one person did, and so no call for a shop's
/// pages; the page for people shows it. Metrics name nobody: who collects them needs no key that erases users.
const TABLE: &[(&str, &str, Need, Place, Class)] = &[
    ("GET", "/health", Need::Nothing, Both, Probe),
    ("GET", "/ready", Need::Nothing, Both, Probe),
    ("GET", "/metrics", READ, Admin, Probe),
    ("GET", "/", ADMIN, Admin, Work),
    ("GET", "/ui/items", READ, Admin, Work),
    ("GET", "/ui/item", READ, Admin, Work),
    ("GET", "/ui/compare", ADMIN, Admin, Work),
    ("GET", "/ui/models", ADMIN, Admin, Work),
    ("GET", "/ui/report", ADMIN, Admin, Work),
    ("GET", "/ui/order", ADMIN, Admin, Work),
    ("POST", "/ui/order", ADMIN, Admin, Work),
    ("PUT", "/ui/upload", ADMIN, Admin, Intake),
    ("GET", "/ui/tables", READ, Admin, Work),
    ("GET", "/ui/table", READ, Admin, Work),
    ("GET", "/ui/health", READ, Admin, Probe),
    ("GET", "/ui/login", Need::Nothing, Admin, Work),
    ("GET", "/ui/assets/{file}", Need::Nothing, Admin, Probe),
    ("POST", "/ui/event", WRITE, Admin, Intake),
    ("POST", "/ui/login", Need::Nothing, Admin, Work),
    ("POST", "/ui/logout", Need::Nothing, Admin, Work),
    ("GET", "/docs", READ, Admin, Work),
    ("GET", "/openapi.json", READ, Admin, Work),
    ("GET", "/recommendations", READ, Both, Work),
    ("POST", "/recommendations", READ, Both, Work),
    ("GET", "/recommendations/why", ADMIN, Admin, Work),
    ("POST", "/home", READ, Both, Work),
    ("GET", "/segments", READ, Both, Work),
    ("POST", "/rank", READ, Both, Work),
    ("GET", "/items", READ, Both, Work),
    ("PUT", "/items", WRITE, Both, Change),
    ("GET", "/items/{item_id}", READ, Both, Work),
    ("PUT", "/items/{item_id}", WRITE, Both, Change),
    ("DELETE", "/items/{item_id}", WRITE, Both, Change),
    ("GET", "/items/{item_id}/similar", READ, Both, Work),
    ("GET", "/items/{item_id}/together", READ, Both, Work),
    ("GET", "/popular", READ, Both, Work),
    ("POST", "/events", WRITE, Both, Intake),
    ("GET", "/users", ADMIN, Admin, Work),
    ("PUT", "/users", WRITE, Both, Intake),
    ("GET", "/users/{id}", ADMIN, Admin, Work),
    ("PUT", "/users/{id}", WRITE, Both, Intake),
    ("DELETE", "/users/{id}", ADMIN, Admin, Intake),
    ("POST", "/users/{id}/merge", WRITE, Both, Intake),
    ("POST", "/users/{id}/merge/undo", WRITE, Both, Intake),
    ("GET", "/users/{id}/history", ADMIN, Admin, Work),
    ("GET", "/model/metadata", READ, Both, Work),
    ("GET", "/model/params", READ, Both, Work),
    ("GET", "/model/metrics", READ, Both, Work),
    ("GET", "/reports", ADMIN, Admin, Work),
    ("GET", "/reports/{name}", ADMIN, Admin, Work),
    ("GET", "/models", READ, Both, Work),
    ("GET", "/models/{name}", READ, Both, Work),
    ("GET", "/models/{name}/metadata", READ, Both, Work),
    ("GET", "/models/{name}/params", READ, Both, Work),
    ("GET", "/models/{name}/metrics", READ, Both, Work),
    ("GET", "/models/{name}/schema", READ, Both, Work),
    ("GET", "/models/{name}/drift", READ, Both, Work),
    ("POST", "/models/{name}/predict", READ, Both, Work),
    ("POST", "/models/{name}/rows", WRITE, Both, Intake),
    // The calls of other systems' clients.
    ("POST", "/personalize-ranking", READ, Both, Work),
    ("POST", "/items", WRITE, Both, Change),
    ("POST", "/users", WRITE, Both, Intake),
    ("POST", "/v1/batch", WRITE, Both, Intake),
    ("POST", "/v1/import", WRITE, Both, Intake),
    ("POST", "/v1/track", WRITE, Both, Intake),
    ("POST", "/v1/identify", WRITE, Both, Intake),
    ("POST", "/v1/alias", WRITE, Both, Intake),
    ("POST", "/v1/page", WRITE, Both, Intake),
    ("POST", "/v1/screen", WRITE, Both, Intake),
    ("POST", "/v1/group", WRITE, Both, Intake),
    // The front of several shops.
    ("GET", "/tenants", ADMIN, Admin, Probe),
    ("POST", "/api/item", WRITE, Both, Change),
    ("GET", "/api/items", READ, Both, Work),
    ("POST", "/api/items", WRITE, Both, Change),
    ("PUT", "/api/items", WRITE, Both, Change),
    ("GET", "/api/item/{id}", READ, Both, Work),
    ("PATCH", "/api/item/{id}", WRITE, Both, Change),
    ("DELETE", "/api/item/{id}", WRITE, Both, Change),
    ("PUT", "/api/item/{id}/category/{category}", WRITE, Both, Change),
    ("DELETE", "/api/item/{id}/category/{category}", WRITE, Both, Change),
    ("GET", "/api/item/{id}/neighbors", READ, Both, Work),
    ("GET", "/api/item/{id}/neighbors/{category}", READ, Both, Work),
    ("GET", "/api/item/{id}/feedback", ADMIN, Admin, Work),
    ("GET", "/api/item/{id}/feedback/{kind}", ADMIN, Admin, Work),
    ("POST", "/api/user", WRITE, Both, Intake),
    ("GET", "/api/users", ADMIN, Admin, Work),
    ("POST", "/api/users", WRITE, Both, Intake),
    ("GET", "/api/user/{id}", ADMIN, Admin, Work),
    ("PATCH", "/api/user/{id}", WRITE, Both, Intake),
    ("DELETE", "/api/user/{id}", ADMIN, Admin, Intake),
    ("GET", "/api/user/{id}/neighbors", ADMIN, Admin, Work),
    ("GET", "/api/user/{id}/feedback", ADMIN, Admin, Work),
    ("GET", "/api/user/{id}/feedback/{kind}", ADMIN, Admin, Work),
    ("GET", "/api/feedback", ADMIN, Admin, Work),
    ("POST", "/api/feedback", WRITE, Both, Intake),
    ("PUT", "/api/feedback", WRITE, Both, Intake),
    ("GET", "/api/feedback/{kind}", ADMIN, Admin, Work),
    ("GET", "/api/feedback/{kind}/{item}", ADMIN, Admin, Work),
    ("DELETE", "/api/feedback/{kind}/{item}", ADMIN, Admin, Intake),
    ("GET", "/api/feedback/{kind}/{user}/{item}", ADMIN, Admin, Work),
    ("DELETE", "/api/feedback/{kind}/{user}/{item}", ADMIN, Admin, Intake),
    ("GET", "/api/recommend/{id}", READ, Both, Work),
    ("GET", "/api/recommend/{id}/{category}", READ, Both, Work),
    ("POST", "/api/session/recommend", READ, Both, Work),
    ("POST", "/api/session/recommend/{category}", READ, Both, Work),
    ("GET", "/api/popular", READ, Both, Work),
    ("GET", "/api/popular/{category}", READ, Both, Work),
    ("GET", "/api/latest", READ, Both, Work),
    ("GET", "/api/latest/{category}", READ, Both, Work),
    // What no route has: the calls of known systems, which score rows, and paths at which there is nothing.
    ("GET", OTHER, READ, Both, Work),
    ("POST", OTHER, READ, Both, Work),
];

/// Stands for every path that no route has.
const OTHER: &str = "";

/// What is known of the route of a request.
///
/// * `route`: the path of its route, with the names of its parameters; `None` if it has none.
#[must_use]
pub fn of(method: &Method, route: Option<&str>) -> Access {
    // HEAD is answered by the handler of GET.
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    // All files of the documentation pages are as their page.
    let route = route.map_or(OTHER, |route| if route.starts_with("/docs/") { "/docs" } else { route });
    let found = TABLE.iter().find(|(of, path, ..)| *path == route && *of == method);
    let (need, place, class) = found.map_or((ADMIN, Admin, Work), |&(_, _, need, place, class)| (need, place, class));
    Access { need, place, class }
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
            ("GET".to_owned(), "/".to_owned()),
            ("GET".to_owned(), "/docs".to_owned()),
            ("GET".to_owned(), "/openapi.json".to_owned()),
            ("GET".to_owned(), "/tenants".to_owned()),
            ("GET".to_owned(), OTHER.to_owned()),
            ("POST".to_owned(), OTHER.to_owned()),
        ]);
        // Those that the description does not list.
        let undescribed = ["/personalize-ranking", "/items", "/users", "/v1/batch", "/v1/import"]
            .into_iter()
            .chain(crate::api::clients::MESSAGES);
        routes.extend(undescribed.map(|path| ("POST".to_owned(), path.to_owned())));
        routes.extend(crate::api::page::ROUTES.map(|(method, path)| (method.to_owned(), path.to_owned())));
        // A route of theirs that has no entry needs `admin`, which their tests would find.
        let of_gorse = TABLE.iter().filter(|(_, path, ..)| path.starts_with("/api/"));
        routes.extend(of_gorse.map(|(method, path, ..)| (method.to_string(), path.to_string())));
        for (path, methods) in description["paths"].as_object().expect("paths") {
            let methods = methods.as_object().expect("methods").keys();
            routes.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
        }
        let entries: BTreeSet<_> =
            TABLE.iter().map(|(method, path, ..)| (method.to_string(), path.to_string())).collect();
        let missing: Vec<_> = routes.difference(&entries).collect();
        assert!(missing.is_empty(), "say in TABLE which scope they need: {missing:?}");
        let gone: Vec<_> = entries.difference(&routes).collect();
        assert!(gone.is_empty(), "no routes: {gone:?}");
        assert_eq!(entries.len(), TABLE.len(), "an entry stands twice");
    }

    #[test]
    fn what_is_not_in_the_table_needs_the_most() {
        let of = |method: Method, route| {
            let Access { need, place, class } = of(&method, route);
            (need, place, class)
        };
        assert_eq!(of(Method::DELETE, Some("/popular")), (ADMIN, Admin, Work));
        assert_eq!(of(Method::GET, Some("/new")), (ADMIN, Admin, Work));
        assert_eq!(of(Method::GET, None), (READ, Both, Work));
        assert_eq!(of(Method::HEAD, Some("/health")), (Need::Nothing, Both, Probe));
        assert_eq!(of(Method::GET, Some("/docs/{*rest}")), (READ, Admin, Work));
    }
}
