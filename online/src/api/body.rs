//! Reads JSON bodies of requests, of a limited size.
//!
//! In: a request. Out: the bytes of its body, then a value parsed from them. An invalid body is refused with the name
//! of the wrong field.

use axum::body::Body;
use axum::http::{Request, header};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;

use super::error::ApiError;

/// Up to this many bytes beyond the limit are still read and discarded: a client sees the answer only when it has
/// finished writing.
const MAX_DISCARDED: usize = 64 << 20;

/// Reads a JSON body of at most `limit` bytes. An empty body needs no JSON content type: some clients send none with
/// it, or that of a form.
///
/// # Errors
/// [`ApiError`] for another content type, a body that is too large, or one that breaks off.
pub async fn read(request: Request<Body>, limit: usize) -> Result<Vec<u8>, ApiError> {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.map_or("", |value| value.to_str().unwrap_or("?")).to_owned();
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
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(ApiError::ContentType(content_type));
    }
    Ok(bytes)
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
    json.end().map_err(|error| ApiError::Invalid { field: None, detail: error.to_string() })?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use shared::contract::api::{NewEvent, RecommendationQuery};

    use super::*;

    fn wrong<T: DeserializeOwned + std::fmt::Debug>(text: &[u8]) -> Option<String> {
        match parse::<T>(text) {
            Err(ApiError::Invalid { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_wrong_field_is_named() {
        let query = wrong::<RecommendationQuery>;
        assert_eq!(query(br#"{"user_id": ""}"#).as_deref(), Some("user_id"));
        assert_eq!(query(br#"{"user_id": "u", "k": "x"}"#).as_deref(), Some("k"));
        assert_eq!(query(br#"{"user_id": "u", "user_id": "v"}"#).as_deref(), Some("user_id"));
        assert_eq!(query(br#"{"user_id": "u", "colour": 1}"#).as_deref(), Some("colour"));
        assert_eq!(query(b"{"), None);
        assert_eq!(query(b"\xff"), None);
        assert_eq!(query(br#"{"user_id": "u"} x"#), None);
        assert_eq!(wrong::<NewEvent>(br#"{"visitorid": "u"}"#).as_deref(), Some("itemid"));
        let event = r#"{"visitorid": "u", "itemid": "i", "event": "view"}"#;
        let events = format!(r#"[{event}, {{"visitorid": "u", "event": "view"}}]"#);
        assert_eq!(wrong::<Vec<NewEvent>>(events.as_bytes()).as_deref(), Some("[1].itemid"));
        let events = format!(r#"[{event}, {{"visitorid": "u", "itemid": "i", "event": "look!"}}]"#);
        assert_eq!(wrong::<Vec<NewEvent>>(events.as_bytes()).as_deref(), Some("[1].event"));
    }
}
