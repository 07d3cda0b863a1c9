//! The part of the OpenAPI description that depends on the served models: for each its own schema, with an example row.

use serde_json::{Map, Value, json};
use shared::engine::tabular::manifest::{Call, ModelManifest};
use shared::engine::tabular::schema::{Field, FieldKind};

use super::describe::example;
use super::remember;
use crate::api::description::answers::{BODIES, OVERLOAD, REFUSALS};
use crate::models::Models;

/// Adds the paths of the served models to a description.
pub fn add(description: &mut Value, models: &Models) {
    let Some(paths) = description["paths"].as_object_mut() else { return };
    for served in models.all().values() {
        let manifest = served.manifest();
        let row = row(manifest);
        let many = json!({ "oneOf": [row, { "type": "array", "minItems": 1, "items": row }] });
        let title = title("rows", manifest);
        let path = format!("/models/{}/predict", manifest.name);
        let name = format!("predict_{}", manifest.name);
        paths
            .insert(path, post(&Named { name, title, answer: schema_of("Predicted") }, &many, &example(manifest), &[]));
        if let Some(row) = remember::example(&served.champion) {
            let title = format!("Takes rows that the model {} is to remember", manifest.name);
            let named = Named { name: format!("sendRows_{}", manifest.name), title, answer: schema_of("RowsAccepted") };
            let schema = json!({ "oneOf": [{ "type": "object" }, { "type": "array", "minItems": 1, "items": { "type": "object" } }] });
            paths.insert(format!("/models/{}/rows", manifest.name), post(&named, &schema, &row, &[]));
        }
        if let Some(serve) = &manifest.serve {
            paths.insert(serve.path().to_owned(), call(serve.call, manifest, &row));
        }
    }
}

/// What a call does.
fn title(rows: &str, manifest: &ModelManifest) -> String {
    let labels: Vec<String> = manifest.outputs.iter().map(|output| format!("`{}`", output.label)).collect();
    format!("Scores {rows} by the model {}: the probability of {}", manifest.name, labels.join(", "))
}

/// The call of a known system.
fn call(call: Call, manifest: &ModelManifest, row: &Value) -> Value {
    // The answer is that of the other system.
    let named = Named { name: format!("call_{}", manifest.name), title: title("a row", manifest), answer: json!({}) };
    match call {
        Call::LoanDefault | Call::BankProducts => post(&named, row, &example(manifest), &[]),
        Call::CreditScore => {
            let id = json!({ "name": "cus_id", "in": "query", "required": true, "schema": { "type": "integer" } });
            let named = Named { title: format!("{}, as `PD`", named.title), ..named };
            post(&named, row, &example(manifest), &[id])
        }
        Call::ClickThrough => {
            let schema = json!({
                "type": "object",
                "required": ["data", "features"],
                "properties": {
                    "data": { "type": "array", "items": { "type": "array", "items": {} } },
                    "features": { "type": "array", "items": { "type": "string" } },
                },
            });
            let row = example(manifest);
            let fields: Vec<(&String, &Value)> = row.as_object().into_iter().flatten().collect();
            let (features, data): (Vec<&String>, Vec<&Value>) = fields.into_iter().unzip();
            post(&named, &schema, &json!({ "data": [data], "features": features }), &[])
        }
    }
}

/// What a call is called, does, and answers.
struct Named {
    name: String,
    title: String,
    answer: Value,
}

fn schema_of(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn post(Named { name, title, answer }: &Named, schema: &Value, example: &Value, parameters: &[Value]) -> Value {
    let problem = |what: &str| json!({ "description": what, "content": { "application/problem+json": { "schema": schema_of("Problem") } } });
    let mut answers = json!({
        "200": { "description": "What the model says", "content": { "application/json": { "schema": answer } } },
        "400": problem("The body is no row, and no list of rows"),
        "422": problem("Lists every field that is refused, and what it may be"),
    });
    for (status, what) in REFUSALS.iter().chain(&BODIES).chain([&OVERLOAD]) {
        answers[status] = problem(what);
    }
    json!({ "post": {
        "tags": ["models"],
        "operationId": name,
        "summary": title,
        "parameters": parameters,
        "requestBody": {
            "required": true,
            "content": { "application/json": { "schema": schema, "example": example } },
        },
        "responses": answers,
    } })
}

/// The JSON schema of a row.
fn row(manifest: &ModelManifest) -> Value {
    let properties: Map<String, Value> =
        manifest.schema.iter().map(|field| (field.name.clone(), property(field))).collect();
    let needed = manifest.schema.iter().filter(|field| field.default.is_none());
    let required: Vec<&str> = needed.map(|field| field.name.as_str()).collect();
    json!({ "type": "object", "required": required, "properties": properties })
}

fn property(field: &Field) -> Value {
    let mut property = match &field.kind {
        FieldKind::Number { range, .. } => {
            let mut number = json!({ "type": ["number"] });
            if let Some([low, high]) = range {
                (number["minimum"], number["maximum"]) = (json!(low), json!(high));
            }
            number
        }
        FieldKind::Category { whole: true, .. } | FieldKind::Key { whole: true } => {
            json!({ "type": ["integer", "string"] })
        }
        FieldKind::Category { .. } | FieldKind::Key { .. } => json!({ "type": ["string", "number", "boolean"] }),
        FieldKind::Ordinal { .. } => json!({ "type": ["string", "number"] }),
        FieldKind::Time { .. } => json!({ "type": ["string", "number"] }),
    };
    if field.nullable
        && let Some(types) = property["type"].as_array_mut()
    {
        types.push(json!("null"));
    }
    if let FieldKind::Ordinal { levels } | FieldKind::Category { levels, only: true, .. } = &field.kind {
        property["enum"] = one_of(levels, field.nullable);
    }
    if let Some(default) = &field.default {
        property["default"] = default.clone();
    }
    property["example"] = field.example.clone();
    property
}

/// Levels as values: one that is a number may be given as one.
fn one_of(levels: &[String], nullable: bool) -> Value {
    let texts = levels.iter().map(|level| json!(level));
    let numbers = levels.iter().filter_map(|level| serde_json::from_str::<Value>(level).ok()).filter(Value::is_number);
    texts.chain(numbers).chain(nullable.then_some(Value::Null)).collect()
}
