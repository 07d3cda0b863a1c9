//! What an answer does not say is absent from it, never null; what a request does not say may be either, which no default
//! has to tell.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// The types of answers: their fields that may be absent can't be null. All types: nothing as a default says nothing.
pub fn leave_out(description: &mut Value) {
    without_defaults(&mut description["components"]["schemas"]);
    let mut asked = BTreeSet::new();
    for (_, calls) in description["paths"].as_object().into_iter().flatten() {
        for call in calls.as_object().into_iter().flat_map(Map::values) {
            reach(&call["requestBody"], description, &mut asked);
            reach(&call["parameters"], description, &mut asked);
        }
    }
    let schemas = description["components"]["schemas"].as_object_mut().into_iter().flatten();
    schemas.filter(|(name, _)| !asked.contains(*name)).for_each(|(_, schema)| of_schema(schema));
}

/// Collects the names of the schemas that something refers to, by way of others too.
fn reach(from: &Value, description: &Value, found: &mut BTreeSet<String>) {
    match from {
        Value::Object(fields) => {
            for (field, value) in fields {
                let name = value.as_str().filter(|_| field == "$ref").and_then(|path| path.rsplit('/').next());
                match name {
                    Some(name) if found.insert(name.to_owned()) => {
                        reach(&description["components"]["schemas"][name], description, found);
                    }
                    _ => reach(value, description, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| reach(value, description, found)),
        _ => {}
    }
}

/// Takes away the defaults that are null or an empty list.
fn without_defaults(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if fields.get("default").is_some_and(|default| default.is_null() || *default == Value::Array(Vec::new())) {
                fields.remove("default");
            }
            fields.values_mut().for_each(without_defaults);
        }
        Value::Array(values) => values.iter_mut().for_each(without_defaults),
        _ => {}
    }
}

fn of_schema(schema: &mut Value) {
    for parts in ["oneOf", "allOf"] {
        schema.get_mut(parts).and_then(Value::as_array_mut).into_iter().flatten().for_each(of_schema);
    }
    let required = schema.get("required").cloned().unwrap_or_default();
    let is_required = |name: &str| required.as_array().is_some_and(|names| names.iter().any(|of| of == name));
    let fields = schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten();
    fields.filter(|(name, _)| !is_required(name)).for_each(|(_, field)| without_null(field));
}

/// Takes null from what a field may be.
fn without_null(field: &mut Value) {
    if let Some(kinds) = field.get_mut("type").filter(|kinds| kinds.is_array()) {
        let others: Vec<Value> =
            kinds.as_array().into_iter().flatten().filter(|kind| *kind != "null").cloned().collect();
        *kinds = if let [one] = &others[..] { one.clone() } else { others.into() };
    }
    let Some(mut fields) = field.as_object().cloned() else { return };
    if let Some(Value::Array(mut forms)) = fields.remove("oneOf") {
        forms.retain(|form| form["type"] != "null");
        match &mut forms[..] {
            [Value::Object(one)] => fields.append(one),
            _ => _ = fields.insert("oneOf".to_owned(), forms.into()),
        }
        *field = fields.into();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_that_an_answer_may_lack_is_not_null_and_one_of_a_request_may_be() {
        let schema = json!({ "required": ["a"], "properties": {
            "a": { "type": ["string", "null"] },
            "b": { "type": ["string", "null"], "default": null },
            "c": { "oneOf": [{ "type": "null" }, { "$ref": "#/components/schemas/Part", "description": "Of it" }] },
        } });
        let of = |schema: &str| json!({ "schema": { "$ref": format!("#/components/schemas/{schema}") } });
        let mut description = json!({
            "paths": { "/": { "post": { "requestBody": of("Wrapped"), "responses": { "200": of("Answer") } } } },
            "components": { "schemas": {
                "Wrapped": { "items": { "$ref": "#/components/schemas/Asked" } }, "Asked": schema, "Answer": schema,
            } },
        });
        leave_out(&mut description);
        let schemas = &description["components"]["schemas"];
        assert_eq!(schemas["Asked"]["properties"]["b"], json!({ "type": ["string", "null"] }));
        assert_eq!(schemas["Asked"]["properties"]["c"], schema["properties"]["c"]);
        assert_eq!(
            schemas["Answer"]["properties"],
            json!({
                "a": { "type": ["string", "null"] },
                "b": { "type": "string" },
                "c": { "$ref": "#/components/schemas/Part", "description": "Of it" },
            })
        );
    }
}
