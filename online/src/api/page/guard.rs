//! Who may look at the pages: the key in a cookie, and that a form was sent by a page of this service.
//!
//! A browser sends a cookie with every request, whichever page makes it. So the cookie counts for the pages alone and
//! never for the API, browsers keep it from requests of other sites (`SameSite=Strict`), and a form is taken only from a
//! page of the same origin, which the browser tells (`Sec-Fetch-Site`, or `Origin`), with keys or without: a page of
//! anybody's must not make events here, not even where only this machine can call.
//!
//! Source: OWASP, "Cross-Site Request Forgery Prevention Cheat Sheet" (fetch metadata, with the origin as fallback).

use std::net::IpAddr;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Request, header};

use crate::auth::Refusal;

/// The cookie that has the key.
const COOKIE: &str = "tandem_key";
/// What is not sent elsewhere, nor shown to scripts; until the browser is closed.
const ATTRIBUTES: &str = "Path=/; HttpOnly; SameSite=Strict";

/// Marks a request whose key came in the cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedIn;

/// Whether a route is one of the pages.
#[must_use]
pub fn is_page(route: &str) -> bool {
    route == "/" || route.starts_with("/ui/")
}

/// Puts the key of the cookie where [`crate::auth`] looks for keys. A browser's own credentials, such as those of a proxy,
/// give way to it.
pub fn take_cookie(request: &mut Request<Body>) {
    let key = cookie(request.headers()).and_then(|key| HeaderValue::try_from(format!("Bearer {key}")).ok());
    if let Some(key) = key {
        request.headers_mut().insert(header::AUTHORIZATION, key);
        request.extensions_mut().insert(SignedIn);
    }
    request.headers_mut().remove(header::COOKIE);
}

/// The key in the cookies of a request.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, value)| *name == COOKIE && !value.is_empty()).map(|(_, value)| value)
}

/// The cookie that keeps a key; `None` for a text that can't be one.
#[must_use]
pub fn keep(key: &str, scheme: &str) -> Option<HeaderValue> {
    let is_key = !key.is_empty()
        && key.len() <= 256
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    let secure = if scheme == "https" { "; Secure" } else { "" };
    is_key.then(|| HeaderValue::try_from(format!("{COOKIE}={key}; {ATTRIBUTES}{secure}")).ok()).flatten()
}

/// The cookie that forgets the key.
#[must_use]
pub fn forget() -> HeaderValue {
    HeaderValue::try_from(format!("{COOKIE}=; {ATTRIBUTES}; Max-Age=0")).expect("letters and signs")
}

/// By which names the service may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hosts {
    /// Those of this machine: a name of somebody else's that leads here is the way of a page of theirs (DNS rebinding).
    Loopback,
    /// Any: a key is needed, or something else keeps strangers away.
    Any,
}

impl Hosts {
    fn admit(self, host: Option<&str>) -> bool {
        let name = host.map_or("", |host| match host.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        });
        let is_address = name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        self == Self::Any || is_address || name.eq_ignore_ascii_case("localhost")
    }
}

/// Checks that no page of another's makes this call, where no key is needed and this machine alone may call: by the name that it is
/// called by, and where something may change by the origin of the page, which browsers tell.
///
/// * `origins`: those whose pages may call.
///
/// # Errors
/// [`Refusal::Foreign`].
pub fn check_page(method: &Method, headers: &HeaderMap, hosts: Hosts, origins: &[String]) -> Result<(), Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (host, origin) = (text("host"), text("origin"));
    let changes = *method != Method::GET && *method != Method::HEAD;
    // Behind a proxy the service has another name than its pages.
    let is_same = text("sec-fetch-site") == Some("same-origin");
    let may_call = |origin: &str| is_same || is_of(origin, host) || origins.iter().any(|listed| listed == origin);
    let is_own = hosts == Hosts::Any
        || host.is_none_or(|host| hosts.admit(Some(host))) && (!changes || origin.is_none_or(may_call));
    if is_own { Ok(()) } else { Err(Refusal::Foreign) }
}

/// Whether an origin is that of the host.
fn is_of(origin: &str, host: Option<&str>) -> bool {
    let of = origin.split_once("://").map(|(_, of)| of);
    of.zip(host).is_some_and(|(of, host)| of.eq_ignore_ascii_case(host))
}

/// Checks that a form was sent by a page of this service.
///
/// # Errors
/// [`Refusal::Elsewhere`].
pub fn check_origin(method: &Method, headers: &HeaderMap, hosts: Hosts) -> Result<(), Refusal> {
    if *method == Method::GET || *method == Method::HEAD {
        return Ok(());
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_own = match (text("sec-fetch-site"), text("origin"), text("host")) {
        (Some(site), ..) => site == "same-origin",
        // Browsers tell the site to what is encrypted or on this machine, and the origin to all.
        (None, Some(origin), host) => is_of(origin, host),
        _ => false,
    };
    if is_own && hosts.admit(text("host")) { Ok(()) } else { Err(Refusal::Elsewhere) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs =
            pairs.iter().map(|(name, value)| (header::HeaderName::from_static(name), HeaderValue::from_static(value)));
        pairs.collect()
    }

    #[test]
    fn a_form_counts_only_from_a_page_of_the_same_origin() {
        let post =
            |pairs: &[(&'static str, &'static str)]| check_origin(&Method::POST, &headers(pairs), Hosts::Any).is_ok();
        assert!(post(&[("sec-fetch-site", "same-origin"), ("origin", "https://shop"), ("host", "inside:8080")]));
        assert!(post(&[("origin", "http://shop:8080"), ("host", "shop:8080")]));
        for strange in [
            &[("sec-fetch-site", "cross-site"), ("origin", "http://shop"), ("host", "shop")][..],
            &[("sec-fetch-site", "same-site"), ("origin", "http://shop"), ("host", "shop")],
            &[("sec-fetch-site", "none"), ("host", "shop")],
            &[("origin", "http://shop:8080"), ("host", "shop:8081")],
            &[("origin", "null"), ("host", "null")],
            &[("host", "shop")],
        ] {
            assert!(!post(strange), "{strange:?}");
        }
        assert!(check_origin(&Method::GET, &HeaderMap::new(), Hosts::Loopback).is_ok());
    }

    #[test]
    fn without_keys_a_name_of_somebody_else_s_that_leads_here_is_no_page_of_this_machine() {
        let post = |host: &'static str| {
            check_origin(&Method::POST, &headers(&[("sec-fetch-site", "same-origin"), ("host", host)]), Hosts::Loopback)
        };
        assert!(
            ["127.0.0.1:8080", "localhost:8080", "LOCALHOST", "[::1]:8080", "127.9.9.9"]
                .into_iter()
                .all(|host| post(host).is_ok())
        );
        assert!(
            ["evil.example:8080", "127.0.0.1.evil.example", "10.0.0.1", "", "[::2]"]
                .into_iter()
                .all(|host| post(host).is_err())
        );
    }

    #[test]
    fn without_keys_no_page_of_somebody_else_s_calls() {
        let call = |method: Method, pairs: &[(&'static str, &'static str)]| {
            check_page(&method, &headers(pairs), Hosts::Loopback, &["http://localhost:3000".to_owned()]).is_ok()
        };
        assert!(
            call(Method::GET, &[("host", "localhost:8080"), ("origin", "https://evil.example")]),
            "it can't read the answer"
        );
        assert!(call(Method::POST, &[("host", "127.0.0.1:8080")]) && call(Method::POST, &[]), "no browser");
        assert!(call(Method::POST, &[("host", "127.0.0.1:8080"), ("origin", "http://127.0.0.1:8080")]));
        assert!(call(Method::POST, &[("host", "127.0.0.1:8080"), ("origin", "http://localhost:3000")]), "it is listed");
        for origin in ["https://evil.example", "null", "http://127.0.0.1:8081"] {
            assert!(!call(Method::POST, &[("host", "127.0.0.1:8080"), ("origin", origin)]), "{origin}");
        }
        for method in [Method::GET, Method::POST, Method::DELETE] {
            assert!(!call(method, &[("host", "evil.example:8080"), ("origin", "http://evil.example:8080")]));
        }
        let any = check_page(&Method::POST, &headers(&[("host", "shop"), ("origin", "https://x")]), Hosts::Any, &[]);
        assert!(any.is_ok());
    }

    #[test]
    fn the_key_of_the_cookie_is_found_among_others_and_no_text_becomes_a_second_attribute() {
        let mut request = Request::get("/").body(Body::empty()).expect("a request");
        *request.headers_mut() = headers(&[("cookie", "a=b; tandem_key=k1; c=d"), ("authorization", "Basic dTpw")]);
        take_cookie(&mut request);
        assert_eq!(request.headers()[header::AUTHORIZATION], "Bearer k1");
        assert!(request.extensions().get::<SignedIn>().is_some() && request.headers().get(header::COOKIE).is_none());
        assert_eq!(cookie(&headers(&[("cookie", "tandem_key=; other_tandem_key=k2")])), None);
        let kept = |key: &str, scheme| keep(key, scheme).map(|value| value.to_str().expect("ASCII").to_owned());
        let expected = "tandem_key=k1; Path=/; HttpOnly; SameSite=Strict";
        assert_eq!(kept("k1", "http").as_deref(), Some(expected));
        assert_eq!(kept("k1", "https"), Some(format!("{expected}; Secure")));
        for wrong in ["", "k; Domain=x", "k\r\nx: y", "k,k", "ä"] {
            assert_eq!(kept(wrong, "http"), None, "{wrong}");
        }
    }
}
