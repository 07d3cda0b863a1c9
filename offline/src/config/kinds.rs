//! The section `[kinds]`: the kinds of events by name, over those that are built in.
//!
//! A kind is a weight, `wishlist = 2.0`, or a table, `refund = { weight = 0, undoes = "transaction" }`. What is not given
//! of a built-in kind stays as it is built in. The rows of the table are the built-in first three and then all others by
//! name, so that equal settings give equal rows.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use shared::contract::kind::{Definition, KindName, Kinds, built_in};

/// What the config says of a kind.
#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Given {
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<f32>,
    /// The name of a kind; empty for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    undoes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    buys: Option<bool>,
}

/// A weight, or a table.
struct Entry(Given);

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WeightOrTable;

        impl<'de> Visitor<'de> for WeightOrTable {
            type Value = Given;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a weight, or a table of weight, undoes and buys")
            }

            fn visit_f64<E: de::Error>(self, weight: f64) -> Result<Given, E> {
                Ok(Given { weight: Some(weight as f32), ..Given::default() })
            }

            fn visit_i64<E: de::Error>(self, weight: i64) -> Result<Given, E> {
                self.visit_f64(weight as f64)
            }

            fn visit_u64<E: de::Error>(self, weight: u64) -> Result<Given, E> {
                self.visit_f64(weight as f64)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Given, A::Error> {
                Given::deserialize(de::value::MapAccessDeserializer::new(map))
            }
        }

        deserializer.deserialize_any(WeightOrTable).map(Self)
    }
}

fn of_built_in() -> BTreeMap<KindName, Definition> {
    built_in().map(|definition| (definition.name.clone(), definition)).collect()
}

/// Reads the section.
///
/// # Errors
/// Those of `D`, and what makes it no table of kinds.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Kinds, D::Error> {
    let given: BTreeMap<KindName, Entry> = BTreeMap::deserialize(deserializer)?;
    let mut kinds = of_built_in();
    for (name, Entry(Given { weight, undoes, buys })) in given {
        let known = kinds.remove(&name);
        let weight = weight.or(known.as_ref().map(|known| known.weight));
        let weight = weight.ok_or_else(|| de::Error::custom(format!("the kind `{name}` has no weight")))?;
        let undoes = match undoes.as_deref() {
            Some("") => None,
            Some(undone) => Some(KindName::new(undone).map_err(de::Error::custom)?),
            None => known.as_ref().and_then(|known| known.undoes.clone()),
        };
        let buys = buys.unwrap_or_else(|| known.is_some_and(|known| known.buys));
        kinds.insert(name.clone(), Definition { name, weight, undoes, buys });
    }
    Kinds::new(kinds.into_values()).map_err(de::Error::custom)
}

/// Writes the section: a weight where the rest is as built in, else a table.
///
/// # Errors
/// Those of `S`.
pub fn serialize<S: Serializer>(kinds: &Kinds, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Written {
        Weight(f32),
        Table(Given),
    }
    let known = of_built_in();
    serializer.collect_map(kinds.definitions().map(|Definition { name, weight, undoes, buys }| {
        let (undoes_by_itself, buys_by_itself) =
            known.get(&name).map_or((None, false), |known| (known.undoes.clone(), known.buys));
        let written = if (&undoes, buys) == (&undoes_by_itself, buys_by_itself) {
            Written::Weight(weight)
        } else {
            let undoes = undoes.map_or_else(String::new, |undone| undone.to_string());
            Written::Table(Given { weight: Some(weight), undoes: Some(undoes), buys: Some(buys) })
        };
        (name, written)
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use shared::contract::kind::KindIdx;

    use super::*;

    #[derive(Debug, Deserialize, Serialize)]
    struct Config {
        #[serde(with = "super")]
        kinds: Kinds,
    }

    fn read(kinds: Value) -> Result<Kinds, String> {
        let config = serde_json::from_value::<Config>(json!({ "kinds": kinds }));
        config.map(|config| config.kinds).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_given_lies_over_what_is_built_in() {
        let kinds = read(json!({
            "view": 2, "like": 3.5, "gift": 4.0, "refund": {"weight": 0.5}, "return": {"weight": 0, "undoes": "gift"},
            "dislike": {"undoes": ""}, "order": {"weight": 6, "buys": true},
        }));
        let kinds = kinds.expect("a table");
        let row = |name| kinds.index(name).expect("there");
        let undone = |name| kinds.get(row(name)).undoes.map(|row| kinds.get(row).name.as_str());
        assert_eq!(["view", "like", "gift", "refund"].map(|name| kinds.weight(row(name))), [2.0, 3.5, 4.0, 0.5]);
        assert_eq!(undone("like"), Some("dislike"));
        assert_eq!((undone("refund"), undone("return"), undone("dislike")), (Some("transaction"), Some("gift"), None));
        assert!(kinds.buys(row("order")) && kinds.buys(KindIdx::TRANSACTION) && !kinds.buys(row("gift")));
        let names: Vec<&str> = kinds.iter().skip(3).map(|(_, kind)| kind.name.as_str()).collect();
        assert!(names.is_sorted(), "{names:?}");
    }

    #[test]
    fn a_section_reads_back_as_it_was_written_and_is_short_where_it_says_nothing_new() {
        let kinds = read(json!({"gift": 4.0, "like": {"undoes": ""}, "order": {"weight": 6, "buys": true}}));
        let written = serde_json::to_value(Config { kinds: kinds.clone().expect("a table") }).expect("writes");
        assert_eq!((&written["kinds"]["gift"], &written["kinds"]["transaction"]), (&json!(4.0), &json!(5.0)));
        assert_eq!(written["kinds"]["like"], json!({"weight": 2.0, "undoes": "", "buys": false}));
        assert_eq!(read(written["kinds"].clone()), kinds);
    }

    #[test]
    fn what_makes_no_table_is_named() {
        let refused = |kinds: Value| read(kinds).expect_err("refused");
        assert!(refused(json!({"Wish List": 1})).contains("a-z, 0-9 and _"));
        assert!(refused(json!({"gift": {"undoes": "like"}})).contains("`gift` has no weight"));
        assert!(refused(json!({"gift": {"weihgt": 1}})).contains("weihgt"));
        assert!(refused(json!({"gift": "much"})).contains("a weight, or a table"));
        assert!(refused(json!({"view": -1})).contains("at least 0"));
        assert!(refused(json!({"undo": {"weight": 0, "undoes": "nothing"}})).contains("`nothing`"));
    }
}
