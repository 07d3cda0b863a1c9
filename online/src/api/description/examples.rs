//! An example of every parameter: a parameter means the same in every call.

use serde_json::{Value, json};

/// The examples, by the names of parameters.
fn examples() -> Value {
    json!({
        "basket": ["lamp-0002", "knife-0001"],
        "category": "Lighting",
        "cursor": "start",
        "each": 3,
        "exclude": ["lamp-0001"],
        "explain": true,
        "filter": "price < 50 and brand in (\"Acme\", \"Bo\")",
        "id": "u1",
        "item_id": "lamp-0002",
        "item_ids": ["lamp-0003", "lamp-0004"],
        "k": 10,
        "limit": 100,
        "max_per": ["brand:2"],
        "name": "loans",
        "now": 1_764_223_441_000_i64,
        "of": "category",
        "of_items": ["lamp-0003"],
        "q": "lamp",
        "recommendation_id": "0190b1f0-0000-7000-8000-000000000000",
        "scenario": "home",
        "seen": "exclude_purchased",
        "served": "skip",
        "session_id": "s1",
        "user_id": "u1",
    })
}

/// Adds an example to every parameter. The page under `/docs` fills in the example of a parameter, so that only those that a call
/// needs have one there; that of any other stands in its schema, which the page shows.
pub fn add(description: &mut Value) {
    let examples = examples();
    let paths = description["paths"].as_object_mut();
    let calls = paths.into_iter().flatten().filter_map(|(_, calls)| calls.as_object_mut()).flatten();
    for parameter in calls.filter_map(|(_, call)| call.get_mut("parameters")?.as_array_mut()).flatten() {
        let Some(fields) = parameter.as_object_mut() else { continue };
        let name = fields.get("name").and_then(Value::as_str).unwrap_or_default();
        let by_name = examples.get(name).cloned();
        let Some(example) = fields.remove("example").or(by_name) else { continue };
        if fields.get("required") == Some(&Value::Bool(true)) {
            fields.insert("example".to_owned(), example);
        } else if let Some(schema) = fields.get_mut("schema").and_then(Value::as_object_mut) {
            schema.remove("example");
            schema.insert("examples".to_owned(), json!([example]));
        }
    }
}
