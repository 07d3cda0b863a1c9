//! The frame of every page: head, navigation, and the headers that keep what is not ours out of it.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use super::assets::{ICON, SCRIPT, STYLE};
use super::visit::{Session, Visit};

/// What a browser may load and do: the files of the program, pictures of items from elsewhere, forms to here. Nothing that
/// stands in a page is run.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' https: data:; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A page that the navigation leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    /// `/`.
    TryIt,
    /// `/ui/items`.
    Items,
    /// `/ui/compare`.
    Compare,
    /// `/ui/models`.
    Models,
    /// `/ui/tables`.
    Tables,
    /// `/ui/health`.
    Health,
    /// None of them.
    Other,
}

/// The navigation: page, path, name.
const TABS: [(Tab, &str, &str); 6] = [
    (Tab::TryIt, "/", "Try it"),
    (Tab::Items, "/ui/items", "Items"),
    (Tab::Compare, "/ui/compare", "Compare"),
    (Tab::Models, "/ui/models", "Models"),
    (Tab::Tables, "/ui/tables", "Tables"),
    (Tab::Health, "/ui/health", "Health"),
];

/// A page as an answer.
pub fn page(status: StatusCode, visit: &Visit, tab: Tab, title: &str, main: &Markup) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " – Tandem" }
                link rel="icon" href=(ICON.path);
                link rel="stylesheet" href=(STYLE.path);
                script src=(SCRIPT.path) defer {}
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                (header(visit, tab))
                main #main tabindex="-1" { (main) }
            }
        }
    };
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Forms need the origin, and no other site learns whose page this is.
        (header::REFERRER_POLICY, "same-origin"),
        (header::VARY, "accept, cookie"),
    ];
    (status, headers.map(|(name, value)| (name, HeaderValue::from_static(value))), page.into_string()).into_response()
}

fn header(visit: &Visit, tab: Tab) -> Markup {
    html! {
        header.top {
            a.brand href="/" { img src=(ICON.path) alt="" width="22" height="22"; "Tandem" }
            nav aria-label="Pages" {
                @for (of, path, name) in TABS {
                    a href=(path) aria-current=[(of == tab).then_some("page")] { (name) }
                }
            }
            nav.aside aria-label="More" {
                // The cookie opens the pages alone.
                @if visit.session == Session::Open { a href="/docs" { "API" } }
                @if visit.session == Session::SignedIn {
                    form method="post" action="/ui/logout" { button.quiet type="submit" { "Sign out" } }
                }
            }
        }
    }
}
