//! Events as records of several items: the export of GA4, and Segment's calls, with others between them that are no
//! interactions.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::rows::{Content, Record, id, time};
use super::shape::{Layout, Shape, Times};
use super::truth::Truth;

/// The events as records; neighbours of one user, kind and time may stand in one.
pub fn records(shape: &Shape, truth: &[Truth], random: &mut ChaCha8Rng) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    let mut first = 0;
    while first < truth.len() {
        let several = shape.layout == Layout::Ga4 || truth[first].kind.name == "transaction";
        let alike = |at: &usize| several && truth[first].joins(&truth[*at]);
        let end = first + 1 + (first + 1..truth.len()).take_while(alike).count();
        let events: Vec<usize> = (first..end).collect();
        let items: Vec<Value> = events.iter().map(|at| id(&truth[*at].item, random)).collect();
        let object = match shape.layout {
            Layout::Ga4 => ga4(&truth[first], &items, records.len(), random),
            _ => segment(&truth[first], &items, records.len(), random),
        };
        records.push(Record { content: Content::Object(object), events });
        if random.random_bool(0.2) {
            records.push(Record { content: Content::Object(other(shape, records.len())), events: Vec::new() });
        }
        first = end;
    }
    records
}

fn ga4(event: &Truth, items: &[Value], number: usize, random: &mut ChaCha8Rng) -> Value {
    let known = random.random_bool(0.5);
    let user = id(&event.user, random);
    let items: Vec<Value> =
        items.iter().map(|item| json!({ "item_id": item, "item_name": "n", "quantity": "1" })).collect();
    let time = time(event.ms, Times::Microseconds);
    json!({
        "event_date": "20250615",
        "event_timestamp": if random.random_bool(0.5) { json!(time) } else { json!(event.ms * 1000) },
        "event_name": event.kind.ga4,
        "event_params": [
            { "key": "page_title", "value": { "string_value": "t", "int_value": null } },
            { "key": "ga_session_id", "value": { "string_value": null, "int_value": number.to_string() } },
        ],
        "user_id": if known { user.clone() } else { Value::Null },
        "user_pseudo_id": if known { json!("somebody") } else { user },
        "items": items,
    })
}

fn segment(event: &Truth, items: &[Value], number: usize, random: &mut ChaCha8Rng) -> Value {
    let properties = match (event.kind.name, items) {
        ("transaction", items) => {
            let products: Vec<Value> = items.iter().map(|item| json!({ "product_id": item, "price": 5 })).collect();
            json!({ "order_id": number, "products": products })
        }
        (_, items) => json!({ "product_id": items[0], "name": "n" }),
    };
    let known = random.random_bool(0.5);
    let user = id(&event.user, random);
    json!({
        "type": "track",
        "messageId": format!("m{number}"),
        "event": event.kind.segment,
        "userId": if known { user.clone() } else { Value::Null },
        "anonymousId": if known { json!("somebody") } else { user },
        "properties": properties,
        "timestamp": time(event.ms, Times::Rfc3339),
    })
}

/// A record that is no interaction.
fn other(shape: &Shape, number: usize) -> Value {
    match shape.layout {
        Layout::Ga4 => json!({
            "event_date": "20250615", "event_timestamp": "1749999999000000", "event_name": "page_view", "event_params": [],
            "user_id": null, "user_pseudo_id": "somebody", "items": [],
        }),
        _ => json!({
            "type": "page", "messageId": format!("m{number}"), "userId": null, "anonymousId": "somebody",
            "properties": { "title": "t" }, "timestamp": "2025-06-15T15:06:39.000Z",
        }),
    }
}
