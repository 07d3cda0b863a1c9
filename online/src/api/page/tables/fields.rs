//! A row as a form: a field for each of the schema, as the URL has it or as the training rows were; and the rows that differ
//! from it in one field.

use maud::{Markup, html};
use serde_json::{Map, Value, json};
use shared::engine::tabular::manifest::ModelManifest;
use shared::engine::tabular::schema::{Field, FieldKind};

use crate::api::page::parts::words::{named, plain};

/// What names of parameters begin with that are fields of the row.
const FIELD: &str = "f.";
/// So many values of a number are tried.
const STEPS: usize = 9;
/// So many levels of a category are.
const MOST_LEVELS: usize = 12;

/// A row as texts, by the places of the schema; and which field is varied.
pub struct Row {
    texts: Vec<String>,
    vary: Option<usize>,
}

/// Rows that differ from one in one field.
pub struct Varied {
    /// Its place in the schema.
    pub field: usize,
    /// Its values.
    pub values: Vec<String>,
    /// The rows.
    pub rows: Vec<Map<String, Value>>,
}

impl Row {
    /// Reads it off the parameters of the page: `f.<field>`, and `vary`. A field that the URL does not name is such as in
    /// training rows; one that it leaves empty is missing.
    pub fn of(manifest: &ModelManifest, asked: &[(String, String)]) -> Self {
        let given = |name: &str| asked.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
        let text = |field: &Field| given(&format!("{FIELD}{}", field.name)).unwrap_or_else(|| text_of(&field.example));
        let named = |name: &str| manifest.schema.iter().position(|field| field.name == name);
        // What counts most is what people ask about first.
        let importance = manifest.outputs.iter().flat_map(|output| &output.importance);
        let first =
            || importance.clone().filter_map(|own| named(&own.field)).find(|&at| can_vary(&manifest.schema[at]));
        let vary = given("vary").and_then(|name| named(&name)).or_else(first);
        Self { texts: manifest.schema.iter().map(text).collect(), vary }
    }

    /// The row as a request has it.
    pub fn values(&self, manifest: &ModelManifest) -> Map<String, Value> {
        let fields = manifest.schema.iter().zip(&self.texts);
        fields.filter_map(|(field, text)| Some((field.name.clone(), value(field, text)?))).collect()
    }

    /// What a field has.
    pub fn text(&self, field: usize) -> &str {
        &self.texts[field]
    }

    /// The rows that differ in the field that is varied, if it has values to try.
    pub fn varied(&self, manifest: &ModelManifest) -> Option<Varied> {
        let field = self.vary?;
        let own = &manifest.schema[field];
        let mut values = candidates(own);
        if !values.iter().any(|value| same(value, &self.texts[field])) {
            values.push(self.texts[field].clone());
        }
        if matches!(own.kind, FieldKind::Number { .. }) {
            values.sort_by(|a, b| number(a).total_cmp(&number(b)));
        }
        let row = |text: &String| {
            let mut row = self.values(manifest);
            match value(own, text) {
                Some(value) => row.insert(own.name.clone(), value),
                None => row.remove(&own.name),
            };
            row
        };
        let rows = values.iter().map(row).collect();
        (values.len() > 1).then_some(Varied { field, values, rows })
    }
}

/// Whether two texts are one value: `7` and `7.0` are.
pub fn same(one: &str, other: &str) -> bool {
    one == other || matches!((one.parse::<f64>(), other.parse::<f64>()), (Ok(a), Ok(b)) if a == b)
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or(f64::INFINITY)
}

fn can_vary(field: &Field) -> bool {
    candidates(field).len() > 1
}

/// The values of a field that are tried.
fn candidates(field: &Field) -> Vec<String> {
    match &field.kind {
        FieldKind::Number { min, max, .. } if min < max => {
            let is_whole = min.fract() == 0.0
                && max.fract() == 0.0
                && field.example.as_f64().is_some_and(|own| own.fract() == 0.0);
            let step = |at: usize| min + (max - min) * at as f64 / (STEPS - 1) as f64;
            let unit = if is_whole { 1.0 } else { digits_of((max - min) / (STEPS - 1) as f64) };
            let mut texts: Vec<String> = (0..STEPS)
                .map(|at| ((step(at) * unit).round() / unit).clamp(*min, *max))
                .map(|value| json!(value).to_string().trim_end_matches(".0").to_owned())
                .collect();
            texts.dedup();
            texts
        }
        FieldKind::Ordinal { levels } | FieldKind::Category { levels, .. } => {
            levels.iter().take(MOST_LEVELS).cloned().collect()
        }
        _ => Vec::new(),
    }
}

/// The power of ten by which numbers are so many steps apart that they differ in two digits.
fn digits_of(step: f64) -> f64 {
    10f64.powi(1 - step.log10().floor() as i32)
}

/// The text of a value, as the form has it.
fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What a request says of a field; `None` if it does not name it.
fn value(field: &Field, text: &str) -> Option<Value> {
    let text = text.trim();
    if text.is_empty() {
        return (field.nullable || field.default.is_none()).then_some(Value::Null);
    }
    let number = match field.kind {
        FieldKind::Number { .. } => text.parse::<f64>().ok().and_then(serde_json::Number::from_f64),
        _ => None,
    };
    Some(number.map_or_else(|| Value::String(text.to_owned()), Value::Number))
}

/// The form.
pub fn form(manifest: &ModelManifest, row: &Row) -> Markup {
    html! {
        form.controls method="get" action="/ui/table" aria-label="A row" data-swap data-whole {
            input type="hidden" name="model" value=(manifest.name);
            div.fields {
                @for (at, field) in manifest.schema.iter().enumerate() { (input(field, at, row.text(at))) }
            }
            div.fields.below {
                div.field {
                    label for="vary" { "What if this changed" }
                    select #vary name="vary" {
                        @for (at, field) in manifest.schema.iter().enumerate().filter(|(_, field)| can_vary(field)) {
                            option value=(field.name) selected[row.vary == Some(at)] { (plain(&field.name)) }
                        }
                    }
                }
                button.primary type="submit" { "Score" }
            }
        }
    }
}

fn input(field: &Field, at: usize, text: &str) -> Markup {
    let (id, name) = (format!("f{at}"), format!("{FIELD}{}", field.name));
    let levels = match &field.kind {
        FieldKind::Ordinal { levels } | FieldKind::Category { levels, .. } => levels.as_slice(),
        _ => &[],
    };
    let only = matches!(field.kind, FieldKind::Ordinal { .. } | FieldKind::Category { only: true, .. });
    html! {
        div.field {
            label for=(id) { (named(&field.name)) }
            @if only {
                select id=(id) name=(name) {
                    @if field.nullable || text.is_empty() { option value="" selected[text.is_empty()] { "missing" } }
                    @if !text.is_empty() && levels.iter().all(|level| level != text) { option value=(text) selected { (plain(text)) } }
                    @for level in levels { option value=(level) selected[level == text] { (plain(level)) } }
                }
            } @else {
                input id=(id) name=(name) value=(text) autocomplete="off" spellcheck="false" title=(field.expected())
                    inputmode=[matches!(field.kind, FieldKind::Number { .. }).then_some("decimal")]
                    placeholder=[field.nullable.then_some("missing")]
                    list=[(!levels.is_empty()).then(|| format!("{id}-levels"))];
                @if !levels.is_empty() {
                    datalist id=(format!("{id}-levels")) { @for level in levels { option value=(level) {} } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, kind: Value, nullable: bool, example: Value) -> Field {
        let mut field = json!({"name": name, "nullable": nullable, "nulls": 0, "example": example});
        field.as_object_mut().expect("an object").extend(kind.as_object().expect("an object").clone());
        serde_json::from_value(field).expect("a field")
    }

    fn manifest() -> ModelManifest {
        let schema = vec![
            field("age", json!({"type": "number", "min": 18.0, "max": 90.0}), false, json!(40)),
            field(
                "job",
                json!({"type": "category", "count": 2, "levels": ["clerk", "nurse"], "whole": false, "only": false}),
                true,
                json!("clerk"),
            ),
        ];
        ModelManifest { schema, ..ModelManifest::default() }
    }

    fn row(pairs: &[(&str, &str)]) -> Row {
        let pairs: Vec<(String, String)> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Row::of(&manifest(), &pairs)
    }

    #[test]
    fn a_row_is_as_the_url_has_it_else_such_as_in_training_and_empty_is_missing() {
        assert_eq!(Value::Object(row(&[]).values(&manifest())), json!({"age": 40.0, "job": "clerk"}));
        assert_eq!(
            Value::Object(row(&[("f.age", "7.5"), ("f.job", "")]).values(&manifest())),
            json!({"age": 7.5, "job": null})
        );
        assert_eq!(Value::Object(row(&[("f.age", "old")]).values(&manifest()))["age"], "old");
    }

    #[test]
    fn what_is_tried_of_a_number_differs_and_stays_within_what_was_seen() {
        let of = |min: f64, max: f64, example: Value| {
            candidates(&field("n", json!({"type": "number", "min": min, "max": max}), false, example))
        };
        let years = of(2010.0, 2024.0, json!(2015));
        assert!(years.len() > 3 && years.windows(2).all(|pair| pair[0] < pair[1]), "{years:?}");
        assert_eq!((years.first().map(String::as_str), years.last().map(String::as_str)), (Some("2010"), Some("2024")));
        let narrow = of(1000.123, 1000.129, json!(1000.125));
        let numbers: Vec<f64> = narrow.iter().map(|text| text.parse().expect("a number")).collect();
        assert!(numbers.len() > 3 && numbers.iter().all(|value| (1000.123..=1000.129).contains(value)), "{narrow:?}");
    }

    #[test]
    fn a_number_is_varied_over_what_was_seen_and_a_category_over_its_levels() {
        let varied = |vary: &str| row(&[("vary", vary), ("f.age", "41")]).varied(&manifest()).expect("values");
        let ages = varied("age");
        assert_eq!(ages.values, ["18", "27", "36", "41", "45", "54", "63", "72", "81", "90"]);
        assert_eq!((ages.rows.len(), &ages.rows[3]["age"], &ages.rows[9]["age"]), (10, &json!(41.0), &json!(90.0)));
        assert_eq!(varied("job").values, ["clerk", "nurse"]);
    }
}
