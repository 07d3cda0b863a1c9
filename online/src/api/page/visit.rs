//! What a page is told of who looks at it: how they reached the service, and whether they signed in.

use axum::body::Body;
use axum::http::{HeaderMap, Request, header};

use super::guard::SignedIn;

/// Whether there is something to sign out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Session {
    /// No key came in the cookie.
    Open,
    /// One did.
    SignedIn,
}

/// Where a page is looked at from.
#[derive(Debug, Clone)]
pub struct Visit {
    /// The service's own address as the browser has it, such as `http://127.0.0.1:8080`.
    pub origin: String,
    /// Whether there is something to sign out of.
    pub session: Session,
}

impl Visit {
    /// Reads it off a request.
    ///
    /// * `scheme`: what the service speaks.
    #[must_use]
    pub fn of(request: &Request<Body>, scheme: &'static str) -> Self {
        let session = if request.extensions().get::<SignedIn>().is_some() { Session::SignedIn } else { Session::Open };
        let host = text(request.headers(), header::HOST.as_str()).filter(|host| is_host(host));
        let origin = format!("{}://{}", self::scheme(request.headers(), scheme), host.unwrap_or("localhost"));
        Self { origin, session }
    }
}

/// What the browser speaks: with a proxy that ends TLS, or with the service.
#[must_use]
pub fn scheme(headers: &HeaderMap, own: &'static str) -> &'static str {
    let is_https = text(headers, "x-forwarded-proto") == Some("https")
        || text(headers, header::ORIGIN.as_str()).is_some_and(|origin| origin.starts_with("https://"));
    if is_https { "https" } else { own }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Whether a text is a host, with a port or not, and nothing that a shell would read otherwise.
fn is_host(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:[]_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(pairs: &[(&str, &str)]) -> String {
        let mut request = Request::get("/");
        for (name, value) in pairs {
            request = request.header(*name, *value);
        }
        Visit::of(&request.body(Body::empty()).expect("a request"), "http").origin
    }

    #[test]
    fn the_address_is_the_one_that_the_browser_has_and_no_command() {
        assert_eq!(origin(&[("host", "127.0.0.1:8080")]), "http://127.0.0.1:8080");
        assert_eq!(origin(&[("host", "shop"), ("x-forwarded-proto", "https")]), "https://shop");
        assert_eq!(origin(&[("host", "shop'; rm x")]), "http://localhost");
    }
}
