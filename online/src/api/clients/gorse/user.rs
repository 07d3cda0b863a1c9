//! A user as Gorse has it, and what it is to us: labels are fields ([`labels`]), and so is the comment.
//!
//! What is absent or null stays as it is; an empty text or list says that nothing is known any more.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::contract::item_change::FieldValue;
use shared::contract::known::KnownUser;

use super::labels;
use crate::api::error::ApiError;
use crate::events::user::may_be_field;

/// The field of the comment.
pub const COMMENT: &str = "comment";

/// What is told of a user.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GivenUser {
    /// Their id; absent where the path has it.
    pub user_id: String,
    labels: Option<Value>,
    comment: Option<String>,
}

impl GivenUser {
    /// Whether what is known of the user before matters: labels take its place.
    #[must_use]
    pub fn has_labels(&self) -> bool {
        self.labels.is_some()
    }

    /// The fields that are said of them. Labels take the place of all that are known.
    ///
    /// * `known`: what is known of the user so far.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] names the field of theirs.
    pub fn fields(self, known: Option<&KnownUser>) -> Result<labels::Fields, ApiError> {
        let mut fields = Vec::new();
        if let Some(comment) = self.comment {
            let comment = if comment.trim().is_empty() { Value::Null } else { comment.into() };
            fields.push((COMMENT.to_owned(), comment));
        }
        if let Some(given) = self.labels {
            let given = labels::of_user(given, |name| name != COMMENT && may_be_field(name))?;
            let named: BTreeSet<String> = given.iter().map(|(name, _)| name.clone()).collect();
            fields.extend(given);
            let mut gone: BTreeSet<String> = known.map(told).unwrap_or_default().into_keys().collect();
            gone.remove(COMMENT);
            fields.extend(gone.difference(&named).map(|name| (name.clone(), Value::Null)));
        }
        Ok(fields)
    }
}

/// The values that are known of a user's fields: what was said, and what the version has. Of numbers it has but bounds, which are
/// left out.
fn told(known: &KnownUser) -> BTreeMap<String, FieldValue> {
    let of_version = known.profile.iter().filter(|(name, _)| !known.said.contains_key(*name));
    let of_version = of_version.filter_map(|(name, value)| {
        let value = match value.as_str()? {
            "true" => FieldValue::Flag(true),
            "false" => FieldValue::Flag(false),
            text => FieldValue::Text(text.into()),
        };
        Some((name.clone(), value))
    });
    let said = known.said.iter().filter_map(|(name, said)| Some((name.clone(), said.value.clone()?)));
    of_version.chain(said).collect()
}

/// What is known of a user.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct UserBody {
    user_id: String,
    labels: Value,
    comment: String,
}

impl From<KnownUser> for UserBody {
    fn from(known: KnownUser) -> Self {
        let mut fields = told(&known);
        let comment = fields.remove(COMMENT);
        let comment = comment.and_then(|comment| comment.texts().into_iter().next());
        Self {
            user_id: known.user_id,
            labels: labels::to_user(&fields),
            comment: comment.map(Into::into).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn known() -> KnownUser {
        let said = |value: Value| json!({"value": value, "timestamp": 1});
        let known = json!({"user_id": "u", "in_version": false, "live_events": 0,
            "profile": {"city": "Bern", "vip": "true", "age": {"from": 3.0}, "plan": "gold"},
            "said": {"plan": said(Value::Null), "news": said(true.into()), "comment": said("kind".into())}});
        serde_json::from_value(known).expect("a user")
    }

    #[test]
    fn what_is_told_of_a_user_becomes_our_fields() {
        let fields = |given: Value| {
            let given: GivenUser = serde_json::from_value(given).expect("a user");
            Value::Object(given.fields(Some(&known())).expect("valid").into_iter().collect())
        };
        let labels = json!({"UserId": "u", "Labels": ["vip", "new"], "Comment": ""});
        let expected = json!({"vip": true, "new": true, "comment": null, "city": null, "news": null});
        assert_eq!(fields(labels), expected);
        assert_eq!(fields(json!({"Comment": "x"})), json!({"comment": "x"}));
        assert_eq!(fields(json!({"Labels": null})), json!({}));
    }

    #[test]
    fn what_is_known_reads_back() {
        let body = serde_json::to_value(UserBody::from(known())).expect("JSON");
        let labels = json!({"city": "Bern", "vip": true, "news": true});
        assert_eq!(body, json!({"UserId": "u", "Comment": "kind", "Labels": labels}));
    }
}
