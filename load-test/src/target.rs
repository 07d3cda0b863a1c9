//! The target of requests, parsed from `--url`: a service on this machine.
//!
//! In: `http://127.0.0.1:8080`. Out: an address and the `Host` header. Only loopback addresses are accepted: load
//! on someone else's service is an attack. Nothing is resolved by DNS.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use hyper::Uri;
use hyper::header::HeaderValue;
use shared::contract::url::without_user_info;

/// Why a URL is no target.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// It is not of the form `http://host:port`.
    #[error("{0:?} is not of the form http://127.0.0.1:8080")]
    Form(String),
    /// The host is another machine, or a name that might be one.
    #[error("{0:?} is not a loopback address; load is only sent to 127.0.0.0/8, [::1] or localhost")]
    NotLoopback(String),
}

/// The address of a service on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The address.
    pub address: SocketAddr,
    /// The `Host` header of each request.
    pub host: HeaderValue,
    /// The API key of each request; it is printed nowhere.
    pub key: Option<HeaderValue>,
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(url: &str) -> Result<Self, TargetError> {
        let form = || TargetError::Form(without_user_info(url));
        let uri: Uri = url.parse().map_err(|_| form())?;
        let plain = uri.scheme_str() == Some("http") && uri.path() == "/" && uri.query().is_none();
        let authority = uri.authority().filter(|authority| plain && !authority.as_str().contains('@'));
        let authority = authority.ok_or_else(form)?;
        let host = authority.host();
        let not_loopback = || TargetError::NotLoopback(host.to_owned());
        let ip = match host.trim_start_matches('[').trim_end_matches(']') {
            "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
            literal => literal.parse().map_err(|_| not_loopback())?,
        };
        if !ip.is_loopback() {
            return Err(not_loopback());
        }
        let address = SocketAddr::new(ip, authority.port_u16().unwrap_or(80));
        Ok(Self { address, host: HeaderValue::from_str(authority.as_str()).map_err(|_| form())?, key: None })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "http://{}", self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_urls_are_targets() {
        for (url, address) in [
            ("http://127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://127.9.8.7:1/", "127.9.8.7:1"),
            ("http://localhost:81", "127.0.0.1:81"),
            ("http://[::1]:82", "[::1]:82"),
            ("http://127.0.0.1", "127.0.0.1:80"),
        ] {
            assert_eq!(url.parse::<Target>().expect(url).address.to_string(), address);
        }
    }

    #[test]
    fn other_machines_are_refused() {
        for url in ["http://10.0.0.1:8080", "http://example.org", "http://0.0.0.0:80", "http://localhost.example.org"] {
            assert!(matches!(url.parse::<Target>(), Err(TargetError::NotLoopback(_))), "{url}");
        }
    }

    #[test]
    fn anything_but_scheme_host_and_port_is_refused() {
        for url in ["127.0.0.1:8080", "https://127.0.0.1", "http://127.0.0.1/path", "http://a@127.0.0.1", "", "http://"]
        {
            assert!(matches!(url.parse::<Target>(), Err(TargetError::Form(_))), "{url}");
        }
    }

    #[test]
    fn a_password_in_the_url_is_not_said_again() {
        let error = "http://shop:secret@127.0.0.1".parse::<Target>().expect_err("a password").to_string();
        assert_eq!(error, "\"http://127.0.0.1\" is not of the form http://127.0.0.1:8080");
    }
}
