//! Checks what a client says of a user beside events and turns it into fields of the log, or names the wrong one.
//!
//! A field is a column of the user table: its value is a text of at most 255 bytes, a number, true or false, and in a column
//! that the served version has, one that the column can have. `null` says that nothing is known any more. `timestamp`
//! says since when it is so, as in events. A field that the version does not have is taken too, and told of: the next version
//! may have it.

use std::collections::BTreeMap;

use serde_json::Value;
use shared::contract::id::{MAX_ID_BYTES, UserId, present};
use shared::contract::item_change::FieldValue;
use shared::contract::user_change::MOST_FIELDS;
use shared::engine::profiles::Profiles;

use super::item::{BadField, Said, time};

/// The field of the time.
const TIMESTAMP: &str = "timestamp";
/// The names of what is no column beside the user.
const TAKEN: [&str; 5] = ["id", "user", "user_id", "visitorid", "timestamp"];

/// Whether a field of this name can be said of a user; others say who the user is.
#[must_use]
pub fn may_be_field(name: &str) -> bool {
    !TAKEN.contains(&name)
}

/// Checks what is said of a user.
///
/// * `fields`: names with their values.
/// * `profiles`: those of the served version, if it has some.
///
/// # Errors
/// [`BadField`] names the first wrong one; it is empty where there is none.
pub fn check(fields: Vec<(String, Value)>, profiles: Option<&Profiles>, now_ms: i64) -> Result<Said, BadField> {
    let mut said = Said { set: BTreeMap::new(), timestamp_ms: None };
    for (field, value) in fields {
        let bad = |detail: String| BadField { field: field.clone(), detail };
        if field == TIMESTAMP {
            said.timestamp_ms = time(value, now_ms).map_err(bad)?;
            continue;
        }
        if TAKEN.contains(&field.as_str()) {
            return Err(bad(format!("{field} is who the user is; leave it out")));
        }
        if !(1..=MAX_ID_BYTES).contains(&field.len()) || field.chars().any(char::is_control) {
            return Err(bad(format!("a field has a name of 1 to {MAX_ID_BYTES} bytes, without control characters")));
        }
        let value = read(value).map_err(|detail| bad(format!("{field} {detail}")))?;
        profiles.map_or(Ok(()), |profiles| profiles.check(&field, value.as_ref())).map_err(bad)?;
        said.set.insert(field.into(), value);
        if said.set.len() > MOST_FIELDS {
            return Err(BadField { field: String::new(), detail: format!("a user has at most {MOST_FIELDS} fields") });
        }
    }
    if said.set.is_empty() {
        let detail = "nothing is said of the user; give a field by the name of its column in the user table";
        return Err(BadField { field: String::new(), detail: detail.to_owned() });
    }
    Ok(said)
}

/// Checks what is said of several users, and returns it with them.
///
/// # Errors
/// The place in the list and the field that is the first wrong one.
pub fn check_list(
    list: Vec<(UserId, Vec<(String, Value)>)>,
    profiles: Option<&Profiles>,
    now_ms: i64,
) -> Result<Vec<(UserId, Said)>, (usize, BadField)> {
    let checked = |(place, (user, fields)): (usize, (UserId, Vec<(String, Value)>))| {
        check(fields, profiles, now_ms).map(|said| (user, said)).map_err(|bad| (place, bad))
    };
    list.into_iter().enumerate().map(checked).collect()
}

/// The fields of what was said that the served version does not have.
#[must_use]
pub fn unknown(said: &[(UserId, Said)], profiles: Option<&Profiles>) -> Vec<String> {
    let names = said.iter().flat_map(|(_, said)| said.set.keys());
    let unknown = names.filter(|name| !profiles.is_some_and(|profiles| profiles.has(name)));
    let mut unknown: Vec<String> = unknown.map(ToString::to_string).collect();
    unknown.sort_unstable();
    unknown.dedup();
    unknown
}

fn read(value: Value) -> Result<Option<FieldValue>, String> {
    match value {
        Value::Null => Ok(None),
        Value::Bool(flag) => Ok(Some(FieldValue::Flag(flag))),
        Value::Number(number) => {
            let number = number.as_f64().ok_or_else(|| "has a number that is too long".to_owned())?;
            Ok(Some(FieldValue::Number(number)))
        }
        Value::String(text) => match present(&text) {
            None => Err("has a text that stands for a missing value; give null".to_owned()),
            Some(text) if text.len() > MAX_ID_BYTES || text.chars().any(char::is_control) => {
                Err(format!("has a text of at most {MAX_ID_BYTES} bytes, without control characters"))
            }
            Some(text) => Ok(Some(FieldValue::Text(text.into()))),
        },
        Value::Array(_) | Value::Object(_) => Err("is a text, a number, true, false or null".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    fn checked(body: Value) -> Result<Said, (String, String)> {
        let Value::Object(fields) = body else { panic!("an object") };
        check(fields.into_iter().collect(), None, NOW).map_err(|bad| (bad.field, bad.detail))
    }

    #[test]
    fn a_field_is_a_text_a_number_a_flag_or_nothing() {
        let said = checked(json!({"age": 34, "city": " Bern ", "vip": true, "plan": null, "timestamp": NOW - 5}));
        let said = said.expect("valid");
        let expected = [
            ("age", Some(FieldValue::Number(34.0))),
            ("city", Some(FieldValue::Text("Bern".into()))),
            ("plan", None),
            ("vip", Some(FieldValue::Flag(true))),
        ];
        assert_eq!(said.set, BTreeMap::from(expected.map(|(name, value)| (Box::from(name), value))));
        assert_eq!(said.timestamp_ms, Some(NOW - 5));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_field() {
        for (body, field, detail) in [
            (json!({}), "", "nothing is said"),
            (json!({"timestamp": NOW}), "", "nothing is said"),
            (json!({"age": [1]}), "age", "a text, a number"),
            (json!({"city": "null"}), "city", "missing value"),
            (json!({"city": "x".repeat(256)}), "city", "255 bytes"),
            (json!({"user_id": "u"}), "user_id", "leave it out"),
            (json!({"": 1}), "", "1 to 255 bytes"),
            (json!({"age": 1, "timestamp": "soon"}), "timestamp", "neither a number nor a time"),
        ] {
            let (named, told) = checked(body.clone()).expect_err(&body.to_string());
            assert!(named == field && told.contains(detail), "{body}: {named}: {told}");
        }
        let many: serde_json::Map<String, Value> = (0..65).map(|at| (format!("p{at}"), json!(at))).collect();
        assert!(checked(Value::Object(many)).expect_err("too many").1.contains("at most 64 fields"));
    }
}
