//! A message of a client, and the events that it is to us.
//!
//! ```text
//! {"type":"track","event":"Order Completed","userId":"u1","messageId":"m1","timestamp":"…",
//!  "properties":{"order_id":"o1","products":[{"product_id":"i1"},{"product_id":"i2"}]}}
//!     ─▶ transaction of i1 (event_id m1-0), transaction of i2 (m1-1)
//! ```

use jiff::Timestamp;
use serde_json::Value;
use shared::contract::api::{GivenTime, NewEvent};
use shared::contract::event::Event;
use shared::contract::id::{ItemId, UserId};
use shared::contract::kind::{KindName, Kinds};

use super::shop::{Told, told};
use crate::events::check::check;
use crate::events::kinds::check_kind;

/// A clock that differs by more than this from ours is wrong, milliseconds; less may be the way here.
const MAX_SKEW_MS: i64 = 60_000;

/// Why a message, or a product of one, is no event of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    /// It is of another type: a page, a screen, a group.
    Type,
    /// It tracks what is no event of a product.
    Event,
    /// It names neither a user nor an anonymous one, or both wrongly.
    User,
    /// It names no product.
    Product,
    /// Its time is none, or out of range.
    Timestamp,
    /// The served version has no such kind of event.
    Kind,
    /// An id of the message or the order can't be one.
    Id,
    /// A trait says who a user is, or can be no field of one.
    Trait,
}

impl Ignored {
    /// The reason as answers and metrics have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Event => "event",
            Self::User => "user",
            Self::Product => "product",
            Self::Timestamp => "timestamp",
            Self::Kind => "kind",
            Self::Id => "id",
            Self::Trait => "trait",
        }
    }
}

/// A message of a client.
#[derive(Debug)]
pub struct Message {
    /// The message.
    pub message: Value,
    /// When its batch was sent, by the client's clock.
    pub sent_at: Option<String>,
}

impl Message {
    /// The events that the message is; of several products each is one, or is passed over by itself.
    ///
    /// # Errors
    /// [`Ignored`] if the message as a whole says nothing to us.
    pub fn events(&self, now_ms: i64, kinds: &Kinds) -> Result<Vec<Result<Event, Ignored>>, Ignored> {
        let message = &self.message;
        if message["type"] != "track" {
            return Err(Ignored::Type);
        }
        let Told { kind, products } = message["event"].as_str().and_then(told).ok_or(Ignored::Event)?;
        let kind = KindName::new(kind).map_err(|_| Ignored::Kind)?;
        check_kind(&kind, kinds).map_err(|_| Ignored::Kind)?;
        let user = user(message).ok_or(Ignored::User)?;
        let timestamp_ms = self.time_ms(now_ms)?;
        let properties = &message["properties"];
        let listed = properties["products"].as_array().filter(|_| products);
        let products: Vec<&Value> = listed.map_or_else(|| vec![properties], |list| list.iter().collect());
        let message_id = text(&message["messageId"]);
        let event = |(at, product): (usize, &&Value)| {
            let item = item(product).ok_or(Ignored::Product)?;
            let event = NewEvent {
                user: Some(user.clone()),
                session: None,
                item,
                kind: kind.clone(),
                timestamp: Some(GivenTime::ms(timestamp_ms)),
                transaction_id: text(&properties["order_id"]),
                event_id: message_id
                    .as_ref()
                    .map(|id| if listed.is_some() { format!("{id}-{at}") } else { id.clone() }),
                recommendation_id: text(&product["recommendation_id"])
                    .or_else(|| text(&properties["recommendation_id"])),
            };
            check(event, now_ms).map_err(|refusal| match refusal.field() {
                "timestamp" => Ignored::Timestamp,
                _ => Ignored::Id,
            })
        };
        Ok(products.iter().enumerate().map(event).collect())
    }

    /// When it happened by our clock, milliseconds since the epoch: what the client says, put right by how far its clock is
    /// off when it sends, as the specification has it, but only if that is more than the way here may take.
    pub(super) fn time_ms(&self, now_ms: i64) -> Result<i64, Ignored> {
        let message = &self.message;
        let ms = |value: &Value| -> Result<Option<i64>, Ignored> {
            match value {
                Value::Null => Ok(None),
                Value::String(text) => {
                    let time: Timestamp = text.trim().parse().map_err(|_| Ignored::Timestamp)?;
                    Ok(Some(time.as_millisecond()))
                }
                _ => Err(Ignored::Timestamp),
            }
        };
        let given = match ms(&message["timestamp"])? {
            None => ms(&message["originalTimestamp"])?,
            given => given,
        };
        let sent_at = message["sentAt"].as_str().or(self.sent_at.as_deref());
        let skew = sent_at
            .and_then(|sent| sent.trim().parse().ok())
            .map_or(0, |sent: Timestamp| now_ms - sent.as_millisecond());
        let skew = if skew.abs() > MAX_SKEW_MS { skew } else { 0 };
        Ok(given.map_or(now_ms, |given| (given + skew).min(now_ms)))
    }
}

/// The user of a message; an anonymous one is a session.
fn user(message: &Value) -> Option<UserId> {
    match text(&message["userId"]) {
        Some(user) => UserId::from_outside(&user).ok(),
        None => text(&message["anonymousId"]).and_then(|anonymous| UserId::of_session(&anonymous).ok()),
    }
}

/// The item that a product is.
fn item(product: &Value) -> Option<ItemId> {
    let id = ["product_id", "productId", "sku", "id"].iter().find_map(|name| text(&product[*name]))?;
    ItemId::from_outside(&id).ok()
}

/// Whole numbers below it are read exactly, whatever they are written as.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A text that is not empty, or a number as one, if it has no more digits than were read of it.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        Value::Number(number) => number.as_f64().filter(|number| number.abs() < EXACT).map(|number| number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW_MS: i64 = 1_800_000_000_000;

    fn events(message: Value) -> Result<Vec<Result<Event, Ignored>>, Ignored> {
        Message { message, sent_at: None }.events(NOW_MS, &Kinds::default())
    }

    fn track(event: &str, properties: Value) -> Value {
        json!({"type": "track", "event": event, "userId": "u1", "messageId": "m1",
            "timestamp": "2026-11-01T10:00:00.5+01:00", "properties": properties})
    }

    #[test]
    fn a_number_that_was_not_read_exactly_is_no_id() {
        let of = |text: &str| text_of(text);
        assert_eq!(of("18446744073709551615").as_deref(), Some("18446744073709551615"));
        assert_eq!(of("52.0").as_deref(), Some("52"));
        assert_eq!([of("18446744073709551617"), of("1e300"), of("true"), of("\" \"")], [None, None, None, None]);
    }

    fn text_of(json: &str) -> Option<String> {
        text(&serde_json::from_str(json).expect("JSON"))
    }

    #[test]
    fn a_product_that_is_added_is_put_into_the_cart() {
        let made =
            events(track("Product Added", json!({"product_id": 7.0, "recommendation_id": "r"}))).expect("events");
        let [Ok(event)] = &made[..] else { panic!("{made:?}") };
        assert_eq!((event.user.as_str(), event.item.as_str(), event.kind.as_str()), ("u1", "7", "addtocart"));
        assert_eq!((event.event_id.as_str(), event.timestamp_ms), ("m1", 1_793_523_600_500));
        assert_eq!(event.recommendation_id.as_deref(), Some("r"));
    }

    #[test]
    fn each_product_of_an_order_is_an_event_with_an_id_of_its_own() {
        let order = json!({"order_id": 9, "products": [{"product_id": "a"}, {"name": "?"}, {"sku": "b"}]});
        let made = events(track("Order Completed", order)).expect("events");
        let [Ok(first), Err(Ignored::Product), Ok(last)] = &made[..] else { panic!("{made:?}") };
        assert_eq!((first.event_id.as_str(), last.event_id.as_str()), ("m1-0", "m1-2"));
        assert_eq!((last.item.as_str(), last.transaction_id.as_deref()), ("b", Some("9")));
        assert_eq!(last.kind, KindName::TRANSACTION);
    }

    #[test]
    fn what_says_nothing_to_a_recommender_is_passed_over_by_its_reason() {
        let without = |field: &str, message: Value| {
            let mut message = message;
            message.as_object_mut().expect("an object").remove(field);
            message
        };
        let viewed = || track("Product Viewed", json!({"product_id": "a"}));
        assert_eq!(events(json!({"type": "page", "userId": "u"})).err(), Some(Ignored::Type));
        assert_eq!(events(json!(7)).err(), Some(Ignored::Type));
        assert_eq!(events(track("Coupon Denied", json!({}))).err(), Some(Ignored::Event));
        assert_eq!(events(without("userId", viewed())).err(), Some(Ignored::User));
        let mut null = viewed();
        null["userId"] = json!("null");
        assert_eq!(events(null).err(), Some(Ignored::User));
        let mut soon = viewed();
        soon["timestamp"] = json!("soon");
        assert_eq!(events(soon).err(), Some(Ignored::Timestamp));
        assert_eq!(events(track("Product Viewed", json!({}))).expect("one"), [Err(Ignored::Product)]);
        // Without an id and a time it is an event all the same.
        let bare = without("messageId", without("timestamp", viewed()));
        assert!(matches!(&events(bare).expect("one")[..], [Ok(event)] if event.timestamp_ms == NOW_MS));
    }

    #[test]
    fn somebody_anonymous_is_a_session() {
        let mut viewed = track("Product Viewed", json!({"product_id": "a"}));
        viewed["anonymousId"] = json!("anon");
        let of = |message: &Value| events(message.clone()).expect("one").remove(0).expect("an event").user.to_string();
        assert_eq!(of(&viewed), "u1");
        viewed["userId"] = Value::Null;
        assert_eq!(of(&viewed), "session:anon");
    }

    #[test]
    fn a_clock_that_is_off_is_put_right_and_the_way_here_is_not() {
        let sent = |sent_ms: i64, at_ms: i64| {
            let text = |ms: i64| Timestamp::from_millisecond(ms).expect("a time").to_string();
            let mut message = track("Product Viewed", json!({"product_id": "a"}));
            message["timestamp"] = json!(text(at_ms));
            let made = Message { message, sent_at: Some(text(sent_ms)) }.events(NOW_MS, &Kinds::default());
            made.expect("one").remove(0).expect("an event").timestamp_ms
        };
        let hour = 3_600_000;
        assert_eq!(sent(NOW_MS - 900, NOW_MS - 5_000), NOW_MS - 5_000);
        assert_eq!(sent(NOW_MS + hour, NOW_MS + hour - 5_000), NOW_MS - 5_000);
        assert_eq!(sent(NOW_MS - 5 * hour, NOW_MS - 6 * hour), NOW_MS - hour);
        // An event of long ago, sent now.
        assert_eq!(sent(NOW_MS, NOW_MS - 700 * hour), NOW_MS - 700 * hour);
    }
}
