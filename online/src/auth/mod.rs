//! Who may call what: API keys with scopes, and how many requests a key may send.
//!
//! In: the headers of a request, and the scope that its route needs. Out: the key that sent it, or a [`Refusal`]. Costs
//! one SHA-256 of the key, one look-up and one atomic step; nothing is locked.
//!
//! A key is 256 random bits, and only its SHA-256 is kept ([`keys`]). It is a bearer token (RFC 6750), or stands where
//! clients of other systems have theirs:
//!
//! | header | whose |
//! |---|---|
//! | `X-API-Key: KEY` | Gorse |
//! | `Authorization: Basic`, KEY as the name of the user | Segment, RudderStack |
//! | `Authorization: AWS4-HMAC-SHA256 Credential=KEY/…` | Amazon Personalize: KEY as the id of the access key |
//!
//! The signature of the last is not checked: to check it, the secret would have to be kept, and not its hash alone. The key
//! itself is the secret, as in the others, and TLS keeps it so.

pub mod issue;
pub mod keys;
pub mod limits;
pub mod scopes;

use std::borrow::Cow;

use axum::http::{HeaderMap, HeaderName, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as STANDARD;

use self::keys::{Key, Keys};
use self::scopes::Scope;

/// The other header of a key.
pub const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It has no key.
    #[error("a key is needed: send `Authorization: Bearer KEY`, or `X-API-Key: KEY`")]
    NoKey,
    /// Its key is none of those in the file.
    #[error("the key is not known: it is mistyped, or was withdrawn")]
    UnknownKey,
    /// Several tenants have its key.
    #[error("the key stands in the files of several tenants, so that it opens none: withdraw it from all but one")]
    SharedKey,
    /// Its key lacks a scope.
    #[error("the key lacks the scope `{0}`, which this call needs")]
    Scope(Scope),
    /// Its key has sent as many requests as it may, for these seconds.
    #[error("the key has sent more requests than it may; send the next in {0} s")]
    Rate(u64),
    /// It is a form that no page of this service sent.
    #[error("a form of the pages is taken from a page of this service alone; call the API instead")]
    Elsewhere,
    /// No key is needed, and it is called by a name that is not this machine's, or by a page of somebody else's.
    #[error(
        "without keys this service answers this machine alone: call it by localhost or 127.0.0.1, list the origin of a page in \
         server.cors_origins, or give keys (auth.keys)"
    )]
    Foreign,
}

impl Refusal {
    /// The name of the reason, for metrics.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::NoKey => "no_key",
            Self::UnknownKey => "unknown_key",
            Self::SharedKey => "shared_key",
            Self::Scope(_) => "scope",
            Self::Rate(_) => "rate",
            Self::Elsewhere => "elsewhere",
            Self::Foreign => "foreign",
        }
    }
}

/// Finds the key of a request, which must have a scope, and counts the request.
///
/// # Errors
/// [`Refusal`] for no key, an unknown one, one that lacks the scope, and one that has sent too much.
pub fn admit<'a>(keys: &'a Keys, headers: &HeaderMap, needed: Scope) -> Result<&'a Key, Refusal> {
    let given = presented(headers).ok_or(Refusal::NoKey)?;
    let key = keys.find(&given).ok_or(Refusal::UnknownKey)?;
    if !key.scopes.contains(&needed) {
        return Err(Refusal::Scope(needed));
    }
    match key.limit.as_ref().map_or(Ok(()), |limit| limit.take()) {
        Ok(()) => Ok(key),
        Err(seconds) => Err(Refusal::Rate(seconds)),
    }
}

/// The key in the headers of a request: a bearer token, then `X-API-Key`, then the other schemes, so that the credentials
/// of a proxy are passed over where there is a key.
pub(crate) fn presented(headers: &HeaderMap) -> Option<Cow<'_, [u8]>> {
    let value = headers.get(header::AUTHORIZATION).map_or(&b""[..], |value| value.as_bytes());
    let (scheme, credentials) = value.split_at(value.iter().position(|byte| *byte == b' ').unwrap_or(value.len()));
    let (of, credentials) = (|name: &str| scheme.eq_ignore_ascii_case(name.as_bytes()), credentials.trim_ascii());
    if of("bearer") && !credentials.is_empty() {
        return Some(Cow::Borrowed(credentials));
    }
    if let Some(key) = headers.get(&API_KEY) {
        return Some(Cow::Borrowed(key.as_bytes().trim_ascii()));
    }
    if of("basic") {
        let pair = STANDARD.decode(credentials).ok()?;
        return pair.split(|byte| *byte == b':').next().map(|user| Cow::Owned(user.to_vec()));
    }
    if of("AWS4-HMAC-SHA256") {
        let parts = credentials.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        let credential = parts.filter_map(|part| part.strip_prefix(b"Credential=")).next()?;
        return credential.split(|byte| *byte == b'/').next().map(Cow::Borrowed);
    }
    None
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_key_is_a_bearer_token_or_stands_in_its_own_header() {
        let authorization = header::AUTHORIZATION;
        for given in
            [(authorization.clone(), "Bearer k1"), (authorization.clone(), "bearer  k1 "), (API_KEY.clone(), "k1")]
        {
            assert_eq!(presented(&headers(&[given])).as_deref(), Some(b"k1".as_slice()));
        }
        let both = headers(&[(authorization.clone(), "Basic dTpw"), (API_KEY, "k1")]);
        assert_eq!(presented(&both).as_deref(), Some(b"k1".as_slice()));
        for none in ["Basic !", "Bearer", "k1", "", "Digest k1", "AWS4-HMAC-SHA256 Signature=k1"] {
            assert_eq!(presented(&headers(&[(authorization.clone(), none)])), None, "{none}");
        }
    }

    #[test]
    fn a_key_stands_where_clients_of_other_systems_have_theirs() {
        let signed = "AWS4-HMAC-SHA256 Credential=k1/20261128/eu-west-1/personalize/aws4_request, \
                      SignedHeaders=host;x-amz-date, Signature=ff";
        for given in ["Basic azE6", "basic azE6cGFzcw==", "Basic azE=", signed] {
            let headers = headers(&[(header::AUTHORIZATION, given)]);
            assert_eq!(presented(&headers).as_deref(), Some(b"k1".as_slice()), "{given}");
        }
    }

    #[test]
    fn a_key_is_admitted_to_what_its_scopes_name_as_often_as_it_may() {
        let order = issue::Order { name: "shop".to_owned(), scopes: vec![Scope::Read], rate: Some(1), burst: None };
        let issued = issue::issue(&order).expect("issued");
        let keys = Keys::parse(&issued.entry).expect("valid");
        let value = HeaderValue::try_from(format!("Bearer {}", issued.secret)).expect("a header");
        let given = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
        assert_eq!(admit(&keys, &given, Scope::Read).map(|key| key.name.as_str()), Ok("shop"));
        assert_eq!(admit(&keys, &given, Scope::Read).err(), Some(Refusal::Rate(1)));
        assert_eq!(admit(&keys, &given, Scope::Admin).err(), Some(Refusal::Scope(Scope::Admin)));
        assert_eq!(admit(&keys, &HeaderMap::new(), Scope::Read).err(), Some(Refusal::NoKey));
        let other = headers(&[(API_KEY, "tandem_00")]);
        assert_eq!(admit(&keys, &other, Scope::Read).err(), Some(Refusal::UnknownKey));
    }
}
