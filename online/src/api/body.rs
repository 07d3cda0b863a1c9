//! Reads JSON bodies of requests, of a limited size.
//!
//! In: a request. Out: the bytes of its body, then a value parsed from them. An invalid body is refused with the name
//! of the wrong field.

use std::fmt;
use std::io::Read;
use std::marker::PhantomData;

use axum::body::Body;
use axum::http::{Request, header};
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, DeserializeOwned};
use serde::{Deserialize, Deserializer};

use super::error::ApiError;

/// What some systems begin a text in UTF-8 with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Up to this many bytes beyond the limit are still read and discarded: a client sees the answer only when it has
/// finished writing.
const MAX_DISCARDED: usize = 64 << 20;

/// Reads a JSON body of at most `limit` bytes, also after it is unpacked, which it may have to be by gzip. An empty body
/// needs no JSON content type: some clients send none with it, or that of a form.
///
/// # Errors
/// [`ApiError`] for another content type or packing, a body that is too large, or one that breaks off.
pub async fn read(request: Request<Body>, limit: usize) -> Result<Vec<u8>, ApiError> {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.map_or("", |value| value.to_str().unwrap_or("?")).to_owned();
    let bytes = read_untyped(request, limit).await?;
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !bytes.is_empty() && !essence.eq_ignore_ascii_case("application/json") {
        return Err(ApiError::ContentType(content_type));
    }
    Ok(bytes)
}

/// Reads a JSON body as [`read`] does, whatever content type it says it has: some clients of other systems send JSON as a
/// form, or as plain text.
///
/// # Errors
/// [`ApiError`] for another packing, a body that is too large, or one that breaks off.
pub async fn read_untyped(request: Request<Body>, limit: usize) -> Result<Vec<u8>, ApiError> {
    let encoding =
        request.headers().get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?").to_owned());
    let mut body = request.into_body();
    let mut bytes = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ApiError::Invalid { field: None, detail: "the body breaks off".to_owned() })?;
        if let Ok(data) = frame.into_data() {
            length += data.len();
            if length <= limit {
                bytes.extend_from_slice(&data);
            } else if length > MAX_DISCARDED {
                break;
            }
        }
    }
    if length > limit {
        return Err(ApiError::TooLarge(limit));
    }
    if bytes.is_empty() {
        return Ok(bytes);
    }
    let mut bytes = match encoding.filter(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        None => bytes,
        Some(encoding) if ["gzip", "x-gzip"].iter().any(|gzip| encoding.eq_ignore_ascii_case(gzip)) => {
            unpack(&bytes, limit)?
        }
        Some(encoding) => return Err(ApiError::ContentEncoding(encoding)),
    };
    if bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
    Ok(bytes)
}

/// Unpacks a body by gzip; no more than `limit` bytes are made of it, however little it is.
fn unpack(bytes: &[u8], limit: usize) -> Result<Vec<u8>, ApiError> {
    let mut unpacked = Vec::new();
    let read = MultiGzDecoder::new(bytes).take(limit as u64 + 1).read_to_end(&mut unpacked);
    read.map_err(|error| ApiError::Invalid { field: None, detail: format!("the body is no gzip: {error}") })?;
    if unpacked.len() > limit { Err(ApiError::TooLarge(limit)) } else { Ok(unpacked) }
}

/// Parses JSON, naming the field that is wrong, such as `[3].itemid`.
///
/// # Errors
/// [`ApiError::Invalid`].
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    if let Err(error) = std::str::from_utf8(bytes) {
        let detail = format!("the body is not UTF-8 from byte {} on", error.valid_up_to());
        return Err(ApiError::Invalid { field: None, detail });
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        // serde's paths for the body as a whole, and for a position before any field.
        let path = if path == "." { "" } else { path.trim_end_matches('?').trim_end_matches('.') };
        ApiError::of_serde(path, &error.inner().to_string())
    })?;
    json.end().map_err(|error| {
        let detail = format!("{error}: a body is one JSON value; several of them are a JSON array");
        ApiError::Invalid { field: None, detail }
    })?;
    Ok(value)
}

/// A JSON object with names. Without this a list would be read by the positions of the fields, which nobody knows.
#[derive(Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = Object<T>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object with names and values")
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(Visitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use shared::contract::api::{NewEvent, RecommendationQuery};

    use super::*;

    /// The field that is named, and what is said of it.
    fn refused<T: DeserializeOwned + fmt::Debug>(text: &str) -> (Option<String>, String) {
        match parse::<T>(text.as_bytes()) {
            Err(ApiError::Invalid { field, detail }) => (field, detail),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[tokio::test]
    async fn a_body_may_be_packed_by_gzip_and_by_nothing_else() {
        let packed = |text: &[u8]| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(text).expect("memory");
            encoder.finish().expect("memory")
        };
        let read_as = async |encoding: &str, bytes: Vec<u8>| {
            let request = Request::builder().header(header::CONTENT_TYPE, "application/json");
            let request = request.header(header::CONTENT_ENCODING, encoding).body(Body::from(bytes));
            read(request.expect("a request"), 100).await
        };
        assert!(matches!(read_as("gzip", packed(b"{}")).await, Ok(bytes) if bytes == b"{}"));
        assert!(matches!(read_as("identity", b"\xef\xbb\xbf[]".to_vec()).await, Ok(bytes) if bytes == b"[]"));
        assert!(matches!(read_as("br", vec![0]).await, Err(ApiError::ContentEncoding(encoding)) if encoding == "br"));
        // A million bytes that are packed into a thousand: no more of them are unpacked than may be read.
        assert!(packed(&[b' '; 1 << 20]).len() < 1200);
        assert!(matches!(read_as("gzip", packed(&[b' '; 101])).await, Err(ApiError::TooLarge(100))));
        let half = |bytes: Vec<u8>| bytes[..bytes.len() - 9].to_vec();
        for broken in [vec![31, 139], b"{}".to_vec(), half(packed(b"{\"user_id\": 7}"))] {
            assert!(matches!(read_as("gzip", broken).await, Err(ApiError::Invalid { field: None, .. })));
        }
    }

    #[test]
    fn null_is_nothing_to_exclude() {
        let Object(query) =
            parse::<Object<RecommendationQuery>>(br#"{"user_id": "u", "exclude": null}"#).expect("valid");
        assert!(query.exclude.is_empty());
    }

    #[test]
    fn the_wrong_field_is_named() {
        let query = |text: &str| refused::<Object<RecommendationQuery>>(text).0;
        assert_eq!(query(r#"{"user_id": ""}"#).as_deref(), Some("user_id"));
        assert_eq!(query(r#"{"user_id": "u", "k": "x"}"#).as_deref(), Some("k"));
        assert_eq!(query(r#"{"user_id": "u", "user_id": "v"}"#).as_deref(), Some("user_id"));
        assert_eq!(query(r#"{"user_id": "u", "colour": 1}"#).as_deref(), Some("colour"));
        assert_eq!(query(r#"{"user_id": "u", "exclude": ["a", null]}"#).as_deref(), Some("exclude[1]"));
        assert_eq!(query("{"), None);
        assert_eq!(query(r#"{"user_id": "u"} x"#), None);
        assert!(parse::<Object<RecommendationQuery>>(b"\xff").is_err());
        assert_eq!(refused::<Object<NewEvent>>(r#"{"visitorid": "u"}"#).0.as_deref(), Some("itemid"));
        let event = r#"{"visitorid": "u", "itemid": "i", "event": "view"}"#;
        let batch = |other: &str| refused::<Vec<Object<NewEvent>>>(&format!("[{event}, {other}]")).0;
        assert_eq!(batch(r#"{"visitorid": "u", "event": "view"}"#).as_deref(), Some("[1].itemid"));
        assert_eq!(batch(r#"{"visitorid": "u", "itemid": "i", "event": "look!"}"#).as_deref(), Some("[1].event"));
        assert_eq!(batch(r#"{"visitorid": "u", "itemid": true, "event": "view"}"#).as_deref(), Some("[1].itemid"));
        assert_eq!(batch(r#"{"visitorid": "u", "item": "i", "event": "view"}"#).as_deref(), Some("[1].item"));
    }

    #[test]
    fn lists_are_not_read_by_position() {
        for (field, detail) in [
            refused::<Object<RecommendationQuery>>(r#"["u", 5]"#),
            refused::<Object<NewEvent>>(r#"["u", "i", "view"]"#),
        ] {
            assert_eq!(field, None);
            assert!(detail.contains("sequence, expected an object with names and values"), "{detail}");
        }
        assert_eq!(refused::<Vec<Object<NewEvent>>>(r#"[["u", "i", "view"]]"#).0.as_deref(), Some("[0]"));
    }

    #[test]
    fn an_unknown_field_is_refused_with_the_nearest_and_all_there_are() {
        for (unknown, nearest) in [("userid", "user_id"), ("transaction_id", "transactionid"), ("time", "timestamp")] {
            let (field, detail) = refused::<Object<NewEvent>>(&format!(r#"{{"{unknown}": 1}}"#));
            assert_eq!(field.as_deref(), Some(unknown));
            assert!(detail.contains(&format!("the nearest is `{nearest}`")), "{detail}");
            for known in [
                "visitorid",
                "itemid",
                "item_id",
                "event",
                "timestamp",
                "transactionid",
                "event_id",
                "recommendation_id",
            ] {
                assert!(detail.contains(&format!("`{known}`")), "{detail}");
            }
        }
    }
}
