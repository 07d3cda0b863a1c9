//! Whether a version of a model takes the rows of another's clients.

use std::collections::BTreeSet;

use super::live::sent_columns;
use super::manifest::ModelManifest;
use super::schema::{Field, FieldKind};

/// Where two versions differ for a client, in words: in what they predict, or in the rows that they take.
#[must_use]
pub fn other_rows(old: &ModelManifest, new: &ModelManifest) -> Option<String> {
    let labels = |manifest: &ModelManifest| {
        let labels: Vec<&str> = manifest.outputs.iter().map(|output| output.label.as_str()).collect();
        labels.join(", ")
    };
    let (before, after) = (labels(old), labels(new));
    if before == after {
        other_schema(&old.schema, &new.schema)
    } else {
        Some(format!("it predicts `{after}`, not `{before}`"))
    }
}

/// The same, and in the rows that are sent to be remembered.
#[must_use]
pub fn other_clients(old: &ModelManifest, new: &ModelManifest) -> Option<String> {
    other_rows(old, new).or_else(|| other_sent(&sent_columns(old), &sent_columns(new)))
}

/// Where rows that are sent would be refused.
fn other_sent(old: &BTreeSet<&str>, new: &BTreeSet<&str>) -> Option<String> {
    if old.is_empty() {
        return None;
    }
    if new.is_empty() {
        return Some("it remembers no rows that are sent any more".to_owned());
    }
    let added = new.difference(old).next()?;
    Some(format!("rows that are sent must have `{added}`, too"))
}

/// Where two schemas differ for a client, in words: a field that is not there, or is something else.
fn other_schema(old: &[Field], new: &[Field]) -> Option<String> {
    for field in old {
        match find(new, &field.name) {
            None => return Some(format!("`{}` is no longer a field", field.name)),
            Some(at) if std::mem::discriminant(&new[at].kind) != std::mem::discriminant(&field.kind) => {
                return Some(format!("`{}` was {}, and is {}", field.name, field.expected(), new[at].expected()));
            }
            Some(at) if field.nullable && !new[at].nullable => {
                return Some(format!("`{}` may no longer be null", field.name));
            }
            Some(_) => {}
        }
    }
    let added = new.iter().find(|field| field.default.is_none() && find(old, &field.name).is_none())?;
    Some(format!("`{}` is a new field", added.name))
}

/// Where the fields of a challenger are among those of the champion, which reads the rows for both.
///
/// # Errors
/// Where they differ, in words: more than [`other_rows`], since values that were read are the same for both.
pub fn places(champion: &ModelManifest, challenger: &ModelManifest) -> Result<Vec<usize>, String> {
    if let Some(difference) = other_rows(champion, challenger) {
        return Err(difference);
    }
    let place = |field: &Field| {
        let at = find(&champion.schema, &field.name).ok_or_else(|| format!("`{}` is a new field", field.name))?;
        let same = match (&champion.schema[at].kind, &field.kind) {
            (FieldKind::Ordinal { levels: one }, FieldKind::Ordinal { levels: other }) => one == other,
            (FieldKind::Time { zone, format }, FieldKind::Time { zone: other_zone, format: other_format }) => {
                zone == other_zone && format == other_format
            }
            _ => true,
        };
        if same {
            Ok(at)
        } else {
            Err(format!("`{}` has other levels, or times that are written otherwise", field.name))
        }
    };
    challenger.schema.iter().map(place).collect()
}

fn find(fields: &[Field], name: &str) -> Option<usize> {
    fields.iter().position(|field| field.name == name)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn field(name: &str, kind: FieldKind) -> Field {
        Field {
            name: name.to_owned(),
            kind,
            nullable: false,
            nulls: 0,
            missing: Vec::new(),
            default: None,
            example: Value::Null,
        }
    }

    fn number(name: &str, max: f64) -> Field {
        field(name, FieldKind::Number { min: 0.0, max, range: None })
    }

    #[test]
    fn a_schema_is_another_one_if_a_client_would_be_refused() {
        let old = [number("a", 1.0), number("b", 1.0)];
        assert_eq!(other_schema(&old, &[number("b", 2.0), number("a", 9.0)]), None, "ranges that were seen may change");
        assert_eq!(other_schema(&old, &old[..1]).as_deref(), Some("`b` is no longer a field"));
        assert_eq!(other_schema(&old[..1], &old).as_deref(), Some("`b` is a new field"));
        let time = [field("a", FieldKind::Time { zone: String::new(), format: None })];
        assert!(other_schema(&old[..1], &time).is_some_and(|said| said.starts_with("`a` was a number, and is a time")));
    }

    #[test]
    fn rows_that_are_sent_are_other_ones_if_they_would_be_refused() {
        let columns = |names: &[&'static str]| names.iter().copied().collect::<BTreeSet<_>>();
        let (none, one, two) = (columns(&[]), columns(&["key"]), columns(&["card", "key"]));
        assert_eq!((other_sent(&none, &two), other_sent(&two, &one), other_sent(&two, &two)), (None, None, None));
        assert_eq!(other_sent(&one, &two).as_deref(), Some("rows that are sent must have `card`, too"));
        assert!(other_sent(&two, &none).is_some());
    }

    #[test]
    fn a_challenger_scores_what_the_champion_read() {
        let version = |schema: Vec<Field>| ModelManifest { schema, ..ModelManifest::default() };
        let grade = |levels: [&str; 2]| field("g", FieldKind::Ordinal { levels: levels.map(str::to_owned).to_vec() });
        let champion = version(vec![number("a", 1.0), grade(["low", "high"])]);
        assert_eq!(places(&champion, &version(vec![grade(["low", "high"]), number("a", 2.0)])), Ok(vec![1, 0]));
        let refused = |schema| places(&champion, &version(schema)).expect_err("other rows");
        assert!(refused(vec![number("a", 1.0), grade(["high", "low"])]).contains("`g` has other levels"));
        assert!(refused(vec![number("a", 1.0)]).contains("`g` is no longer a field"));
        let more = Field { default: Some(json!(1)), ..number("c", 1.0) };
        assert!(refused(vec![number("a", 1.0), grade(["low", "high"]), more]).contains("`c` is a new field"));
    }
}
