//! Who somebody is: what `identify` says of a user, and whose past `identify` and `alias` make theirs.
//!
//! ```text
//! {"type":"identify","userId":"u1","anonymousId":"a1","traits":{"plan":"gold","email":"…","address":{"city":"Bern"}}}
//!     ─▶ of u1: plan "gold", address.city "Bern"; the past of session:a1 is theirs
//! {"type":"alias","userId":"u1","previousId":"a1"}   ─▶ the past of session:a1, and of a1, is u1's
//! ```
//!
//! Traits that say who somebody is and not what they like are passed over: they are of no use to a recommender, and the log of
//! events need not have them.

use serde_json::{Map, Value};
use shared::contract::id::UserId;
use shared::contract::user_change::MOST_FIELDS;
use shared::engine::profiles::Profiles;

use super::message::{Ignored, Message, text};
use crate::events::user::check;

/// The traits that are passed over, in small letters without `_`, `-` and blanks.
const PRIVATE: [&str; 13] = [
    "avatar",
    "description",
    "email",
    "firstname",
    "fullname",
    "id",
    "lastname",
    "name",
    "phone",
    "phonenumber",
    "street",
    "username",
    "website",
];

/// What a message says of who somebody is.
#[derive(Debug, PartialEq)]
pub struct Identity {
    /// The user.
    pub user: UserId,
    /// What is said of them: fields with their values.
    pub fields: Vec<(String, Value)>,
    /// Who they were before.
    pub was: Vec<UserId>,
    /// How many traits were passed over.
    pub ignored: usize,
}

impl Message {
    /// What an `identify` or an `alias` says.
    ///
    /// # Errors
    /// [`Ignored`] for a message of another type, or one that names no user.
    pub fn identity(&self, now_ms: i64, profiles: Option<&Profiles>) -> Result<Identity, Ignored> {
        let message = &self.message;
        let is_alias = match message["type"].as_str() {
            Some("identify") => false,
            Some("alias") => true,
            _ => return Err(Ignored::Type),
        };
        let user = text(&message["userId"]).and_then(|id| UserId::from_outside(&id).ok()).ok_or(Ignored::User)?;
        let before = text(&message[if is_alias { "previousId" } else { "anonymousId" }]);
        let session = before.as_deref().and_then(|id| UserId::of_session(id).ok());
        let named = before.as_deref().filter(|_| is_alias).and_then(|id| UserId::from_outside(id).ok());
        let was: Vec<UserId> = session.into_iter().chain(named).filter(|was| *was != user).collect();
        if is_alias {
            return if was.is_empty() {
                Err(Ignored::User)
            } else {
                Ok(Identity { user, fields: Vec::new(), was, ignored: 0 })
            };
        }
        let timestamp_ms = self.time_ms(now_ms)?;
        let traits = [&message["traits"], &message["context"]["traits"]].into_iter().find_map(Value::as_object);
        let mut all = Vec::new();
        flatten("", traits.unwrap_or(&Map::new()), &mut all);
        let given = all.len();
        all.retain(|(name, value)| {
            !is_private(name) && check(vec![(name.clone(), value.clone())], profiles, now_ms).is_ok()
        });
        all.truncate(MOST_FIELDS);
        let ignored = given - all.len();
        if !all.is_empty() {
            all.push(("timestamp".to_owned(), timestamp_ms.into()));
        }
        Ok(Identity { user, fields: all, was, ignored })
    }
}

/// All that is no object, with the names of the objects around it.
fn flatten(parent: &str, traits: &Map<String, Value>, all: &mut Vec<(String, Value)>) {
    for (name, value) in traits {
        let name = if parent.is_empty() { name.clone() } else { format!("{parent}.{name}") };
        match value {
            Value::Object(traits) => flatten(&name, traits, all),
            value => all.push((name, value.clone())),
        }
    }
}

fn is_private(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let plain: String = last.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).collect();
    PRIVATE.contains(&plain.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW_MS: i64 = 1_800_000_000_000;

    fn identity(message: Value) -> Result<Identity, Ignored> {
        Message { message, sent_at: None }.identity(NOW_MS, None)
    }

    fn user(id: &str) -> UserId {
        UserId::new(id).expect("an id")
    }

    #[test]
    fn traits_are_what_is_said_of_a_user_but_for_those_that_name_them() {
        let traits = json!({"plan": "gold", "email": "u@example.org", "first_name": "U", "age": 34, "tags": ["a"], "vip": true,
            "address": {"city": "Bern", "street": "Main"}, "left": null});
        let told = json!({"type": "identify", "userId": "u", "anonymousId": "a", "traits": traits,
            "timestamp": "2026-11-01T10:00:00Z"});
        let told = identity(told).expect("an identity");
        let fields: Map<String, Value> = told.fields.into_iter().collect();
        let expected = json!({"plan": "gold", "age": 34, "vip": true, "address.city": "Bern", "left": null,
            "timestamp": 1_793_527_200_000_i64});
        assert_eq!((Value::Object(fields), told.ignored), (expected, 4));
        assert_eq!((told.user, told.was), (user("u"), vec![user("session:a")]));
        let in_context = json!({"type": "identify", "userId": 52, "context": {"traits": {"plan": "free"}}});
        let told = identity(in_context).expect("an identity");
        assert_eq!((told.user.as_str(), told.fields[0].0.as_str(), told.was.len()), ("52", "plan", 0));
    }

    #[test]
    fn an_alias_names_a_session_or_a_user() {
        let told = identity(json!({"type": "alias", "userId": "u", "previousId": "a"})).expect("an identity");
        assert_eq!((told.was, told.fields.len()), (vec![user("session:a"), user("a")], 0));
        for (message, why) in [
            (json!({"type": "alias", "userId": "u"}), Ignored::User),
            (json!({"type": "alias", "previousId": "a"}), Ignored::User),
            (json!({"type": "identify", "anonymousId": "a", "traits": {"plan": "x"}}), Ignored::User),
            (json!({"type": "page", "userId": "u"}), Ignored::Type),
        ] {
            assert_eq!(identity(message.clone()).err(), Some(why), "{message}");
        }
    }
}
