//! The OpenAPI description: what generators of clients need of it, and that answers are as it says.
//!
//! `online/clients/openapi.json` is what clients are made of; `UPDATE_GOLDEN=1` writes it anew.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use online::api;
use serde_json::{Map, Value};

use crate::common::process::online;
use crate::golden;

#[test]
fn clients_are_made_of_the_description_of_this_release() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/openapi.json");
    let now = serde_json::to_string_pretty(&api::description()).expect("JSON") + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&file, &now).expect("writes");
    }
    let kept = fs::read_to_string(&file).expect("the description");
    assert!(kept == now, "clients/openapi.json is another; run with UPDATE_GOLDEN=1, then `make clients`");
    let printed = online().arg("--print-openapi").output().expect("runs");
    assert!(printed.status.success() && printed.stdout == now.as_bytes(), "{printed:?}");
}

/// Every call: its method, its path and what is said of it.
fn calls(description: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = description["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, calls)| {
        calls.as_object().into_iter().flatten().map(move |(method, call)| (method.as_str(), path.as_str(), call))
    })
}

#[test]
fn every_call_has_a_name_of_its_own_and_every_parameter_and_answer_is_described() {
    let description = api::description();
    let mut names = BTreeSet::new();
    let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    for (method, path, call) in calls(&description) {
        assert!(names.insert(call["operationId"].as_str().expect("a name")), "{method} {path}: its name is taken");
        assert!(is_text(&call["summary"]), "{method} {path} has no summary");
        for parameter in call["parameters"].as_array().into_iter().flatten() {
            let (name, schema) = (&parameter["name"], &parameter["schema"]);
            let has_example = !parameter["example"].is_null() || schema["examples"].is_array();
            let is_whole = is_text(&parameter["description"]) && schema.is_object() && has_example;
            assert!(is_whole, "{method} {path}: describe {name}, with an example (api/description/examples.rs)");
        }
        for (status, answer) in call["responses"].as_object().expect("answers") {
            assert!(is_text(&answer["description"]), "{method} {path}: what is a {status}?");
            let content = answer["content"].as_object().expect("content");
            assert!(content.values().all(|content| content["schema"].is_object()), "{method} {path}: {status}");
        }
    }
    assert!(names.len() > 30, "{names:?}");
}

#[test]
fn no_object_is_without_a_shape() {
    fn look(value: &Value, at: &str) {
        match value {
            Value::Object(fields) => {
                let has_shape = ["properties", "additionalProperties"].iter().any(|part| fields.contains_key(*part));
                assert!(has_shape || value["type"] != "object", "{at} is any object");
                let below = fields.iter().filter(|(name, _)| !["example", "examples"].contains(&name.as_str()));
                below.for_each(|(name, value)| look(value, &format!("{at}/{name}")));
            }
            Value::Array(values) => values.iter().for_each(|value| look(value, at)),
            _ => {}
        }
    }
    look(&api::description(), "");
}

#[test]
fn every_golden_answer_is_as_it_is_described() {
    let description = api::description();
    let (mut checked, mut wrong) = (BTreeSet::new(), Vec::new());
    for (method, target, answer) in golden::answers() {
        let path = target.split('?').next().unwrap_or_default();
        let called = |(of, template, _): &(&str, &str, &Value)| *of == method.to_lowercase() && matches(template, path);
        let Some((_, template, call)) =
            calls(&description).filter(called).max_by_key(|(_, path, _)| !path.contains('{'))
        else {
            continue;
        };
        let (status, content_type) =
            (answer["status"].to_string(), answer["content_type"].as_str().unwrap_or_default());
        let schema = &call["responses"][&status]["content"][content_type]["schema"];
        if schema.is_null() {
            wrong.push(format!("{method} {target}: no {status} of {content_type} is described"));
            continue;
        }
        let before = wrong.len();
        compare(&description, schema, &answer["body"], &format!("{method} {target}:"), &mut wrong);
        if before == wrong.len() && status.as_str() < "300" {
            checked.insert(template);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked.len() > 20, "{checked:?}");
}

/// Whether a path is one of a template's.
fn matches(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len() && template.iter().zip(&path).all(|(part, own)| part.starts_with('{') || part == own)
}

/// What a schema refers to.
fn resolve<'a>(description: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(place) => resolve(description, description.pointer(&place[1..]).expect("what is referred to")),
        None => schema,
    }
}

/// The fields of an object, those of all its parts, and the names of the required ones.
fn fields<'a>(description: &'a Value, schema: &'a Value) -> (Map<String, Value>, Vec<&'a Value>) {
    let schema = resolve(description, schema);
    let mut own = schema["properties"].as_object().cloned().unwrap_or_default();
    let mut required: Vec<&Value> = schema["required"].as_array().into_iter().flatten().collect();
    for part in schema["allOf"].as_array().into_iter().flatten() {
        let (more, needed) = fields(description, part);
        own.extend(more);
        required.extend(needed);
    }
    (own, required)
}

/// Adds where a value is not as a schema has it.
fn compare(description: &Value, schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    let schema = resolve(description, schema);
    if let Some(forms) = schema["oneOf"].as_array() {
        let fits = |form: &Value| {
            let mut wrong = Vec::new();
            compare(description, form, value, at, &mut wrong);
            wrong.is_empty()
        };
        if !forms.iter().any(fits) {
            wrong.push(format!("{at} {value} has none of the described forms"));
        }
        return;
    }
    let is = |kind: &Value| match kind.as_str() {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("string") => value.is_string(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => false,
    };
    let kinds = &schema["type"];
    if !kinds.is_null() && !kinds.as_array().map_or_else(|| is(kinds), |kinds| kinds.iter().any(is)) {
        wrong.push(format!("{at} {value} is no {kinds}"));
    }
    if schema["enum"].as_array().is_some_and(|values| !values.contains(value)) {
        wrong.push(format!("{at} {value} is none of {}", schema["enum"]));
    }
    for (place, item) in value.as_array().into_iter().flatten().enumerate() {
        compare(description, &schema["items"], item, &format!("{at}[{place}]"), wrong);
    }
    let (Some(object), (own, required)) = (value.as_object(), fields(description, schema)) else { return };
    let missing = required.iter().filter(|name| !object.contains_key(name.as_str().unwrap_or_default()));
    wrong.extend(missing.map(|name| format!("{at} lacks {name}")));
    let of_others = &schema["additionalProperties"];
    let is_open = schema.as_object().is_none_or(Map::is_empty) || of_others.is_object();
    for (name, value) in object {
        match own.get(name) {
            Some(schema) => compare(description, schema, value, &format!("{at}.{name}"), wrong),
            None if is_open => compare(description, of_others, value, &format!("{at}.{name}"), wrong),
            None => wrong.push(format!("{at} has {name}, which is not described")),
        }
    }
}

#[test]
fn a_value_that_is_not_as_described_is_found() {
    let description = api::description();
    let schema = &description["components"]["schemas"]["Accepted"];
    let found = |value: Value| {
        let mut wrong = Vec::new();
        compare(&description, schema, &value, "", &mut wrong);
        wrong.len()
    };
    assert_eq!(found(serde_json::json!({ "accepted": 1, "applied": true, "event_ids": ["e"] })), 0);
    assert_eq!(found(serde_json::json!({ "accepted": 1.5, "event_ids": [7], "more": null })), 4);
}
