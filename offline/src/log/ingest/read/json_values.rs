//! Takes values out of JSON records: follows all wanted paths at once, so that each part is parsed once.
//!
//! Numbers stay as they are written, digit by digit; as ids they are read as requests read them. Of a key that occurs twice, the last value counts.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use shared::contract::id::of_decimal;

use super::batch::{Builder, NoRow, RowAt};
use super::path::{Step, same_name, steps};
use super::text_batch::Span;
use super::{Take, Wanted};

fn not_json(_: serde_json::Error) -> NoRow {
    NoRow::NotJson
}

/// The wanted paths, joined where they begin alike.
#[derive(Debug, Default)]
struct Node {
    /// The slots that get the value here.
    slots: Vec<(usize, Take)>,
    keys: Vec<(String, Node)>,
    /// For each element of the list here.
    each: Option<Box<Node>>,
    /// For the element whose key has a value.
    picks: Vec<(String, String, Node)>,
}

/// What was found on a path.
#[derive(Debug, Clone)]
enum Found<'a> {
    Nothing,
    Text(Cow<'a, str>),
    /// An object or a list.
    Many,
}

/// Takes the wanted values out of records.
#[derive(Debug)]
pub struct Extractor {
    root: Node,
    /// The slots of each wanted column: its alternatives in order.
    wanted: Vec<(Arc<str>, Vec<usize>)>,
    slots: usize,
}

impl Extractor {
    /// An extractor of these columns.
    pub fn new(wanted: &[Wanted]) -> Self {
        let mut extractor = Self { root: Node::default(), wanted: Vec::new(), slots: 0 };
        for Wanted { paths, take, .. } in wanted {
            let mut slots = Vec::new();
            for path in paths {
                // A name with dots is first looked for as a whole.
                let whole = vec![Step::Key(path.clone())];
                let nested = steps(path).filter(|steps| steps.len() > 1);
                for steps in std::iter::once(whole).chain(nested) {
                    extractor.root.at(&steps).slots.push((extractor.slots, *take));
                    slots.push(extractor.slots);
                    extractor.slots += 1;
                }
            }
            extractor.wanted.push((paths.first().map_or("", String::as_str).into(), slots));
        }
        extractor
    }

    /// Adds the rows of a record to a batch.
    ///
    /// * `text`: the text of the batch; `record` is a part of it.
    pub fn push(&self, at: RowAt, text: &[u8], record: &[u8], batch: &mut Builder) -> Result<(), NoRow> {
        let record = str::from_utf8(record).map_err(|_| NoRow::NotUtf8)?;
        if !record.starts_with('{') {
            return Err(NoRow::NotJson);
        }
        let mut walk = Walk { found: vec![Found::Nothing; self.slots], list: None };
        walk.follow(&self.root, record)?;
        let line = Span::within(text, record.as_bytes());
        let Some((node, elements)) = walk.list.take() else {
            self.push_found(at, text, line, &walk.found, batch);
            return Ok(());
        };
        // All elements first: a record is read as a whole or not at all.
        let mut rows = Vec::with_capacity(elements.len());
        for element in &elements {
            let mut of_element = Walk { found: walk.found.clone(), list: None };
            of_element.follow(node, element.get())?;
            rows.push(of_element.found);
        }
        if rows.is_empty() {
            rows.push(walk.found);
        }
        for (element, found) in (0..).zip(&rows) {
            self.push_found(RowAt { element, ..at }, text, line, found, batch);
        }
        Ok(())
    }

    fn push_found(&self, at: RowAt, text: &[u8], line: Span, found: &[Found<'_>], batch: &mut Builder) {
        let mut values = [Span::ABSENT; FEW];
        let mut many;
        let values: &mut [Span] = if self.wanted.len() <= FEW {
            &mut values[..self.wanted.len()]
        } else {
            many = vec![Span::ABSENT; self.wanted.len()];
            &mut many
        };
        for (value, (name, slots)) in values.iter_mut().zip(&self.wanted) {
            let mut not_single = false;
            for &slot in slots {
                match &found[slot] {
                    Found::Text(Cow::Borrowed(part)) if !part.is_empty() => {
                        *value = Span::within(text, part.as_bytes())
                    }
                    Found::Text(Cow::Owned(part)) if !part.is_empty() => *value = batch.make(part.bytes()),
                    Found::Many => not_single = true,
                    _ => continue,
                }
                if !value.is_empty() {
                    break;
                }
            }
            if value.is_empty() && not_single {
                batch.push_unreadable(at, line.of(text), NoRow::NotSingle(Arc::clone(name)));
                return;
            }
        }
        batch.push(at, line, values.iter().copied());
    }
}

/// So many wanted columns need no memory of their own.
const FEW: usize = 32;

impl Node {
    /// The node behind some steps; it is added if it is not there.
    fn at(&mut self, steps: &[Step]) -> &mut Self {
        let Some((step, rest)) = steps.split_first() else { return self };
        let next = match step {
            Step::Key(key) => {
                let place = self.keys.iter().position(|(known, _)| known == key).unwrap_or_else(|| {
                    self.keys.push((key.clone(), Self::default()));
                    self.keys.len() - 1
                });
                &mut self.keys[place].1
            }
            Step::Each => self.each.get_or_insert_default(),
            Step::Pick { key, value } => {
                let place = self.picks.iter().position(|(k, v, _)| (k, v) == (key, value)).unwrap_or_else(|| {
                    self.picks.push((key.clone(), value.clone(), Self::default()));
                    self.picks.len() - 1
                });
                &mut self.picks[place].2
            }
        };
        next.at(rest)
    }
}

/// What was found in a record so far.
struct Walk<'n, 'a> {
    found: Vec<Found<'a>>,
    /// The elements of the list that gives a row for each, and what is wanted of them.
    list: Option<(&'n Node, Vec<&'a RawValue>)>,
}

impl<'n, 'a> Walk<'n, 'a> {
    fn follow(&mut self, node: &'n Node, text: &'a str) -> Result<(), NoRow> {
        let first = text.as_bytes().first().copied().unwrap_or_default();
        if !node.slots.is_empty() {
            let is_single = !matches!(first, b'{' | b'[');
            let found = if is_single { single(text)? } else { Found::Many };
            for &(slot, take) in &node.slots {
                let whole = take == Take::Whole && !is_single;
                let no_id = take == Take::Id && matches!(text, "true" | "false");
                self.found[slot] = match () {
                    () if whole => Found::Text(Cow::Borrowed(text)),
                    () if no_id => Found::Many,
                    () if take == Take::Id && is_single => decimal(text).unwrap_or_else(|| found.clone()),
                    () => found.clone(),
                };
            }
        }
        match first {
            b'{' => {
                let values = entries(text, &node.keys)?;
                for ((_, node), (value, _)) in node.keys.iter().zip(values) {
                    if let Some(value) = value {
                        self.follow(node, value.get())?;
                    }
                }
            }
            b'[' if node.each.is_some() || !node.picks.is_empty() => {
                let elements: Vec<&'a RawValue> = serde_json::from_str(text).map_err(not_json)?;
                for (key, value, node) in &node.picks {
                    if let Some(element) = pick(&elements, key, value)? {
                        self.follow(node, element.get())?;
                    }
                }
                if let Some(each) = &node.each {
                    self.list = Some((each, elements));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// The id that a number with a fraction or an exponent is; of one that is not exact, its digits stay.
fn decimal(text: &str) -> Option<Found<'_>> {
    let is_decimal = !text.starts_with('"') && text.contains(['.', 'e', 'E']);
    let number: f64 = is_decimal.then(|| text.parse().ok()).flatten()?;
    of_decimal(number).map(|text| Found::Text(Cow::Owned(text)))
}

/// A single value as text.
fn single(text: &str) -> Result<Found<'_>, NoRow> {
    if text == "null" {
        return Ok(Found::Nothing);
    }
    let Some(quoted) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        return Ok(Found::Text(Cow::Borrowed(text)));
    };
    Ok(Found::Text(if quoted.contains('\\') {
        serde_json::from_str(text).map_err(not_json)?
    } else {
        Cow::Borrowed(quoted)
    }))
}

/// The first element whose key has a value.
fn pick<'a>(elements: &[&'a RawValue], key: &str, value: &str) -> Result<Option<&'a RawValue>, NoRow> {
    let keys = [(key.to_owned(), Node::default())];
    for element in elements.iter().filter(|element| element.get().starts_with('{')) {
        if let Some((Some(there), _)) = entries(element.get(), &keys)?.first().copied()
            && matches!(single(there.get())?, Found::Text(text) if text == value)
        {
            return Ok(Some(element));
        }
    }
    Ok(None)
}

/// The values of some keys of an object, and whether they are written as they are wanted: of a key that is, else of one
/// where only the case differs.
fn entries<'a>(object: &'a str, keys: &[(String, Node)]) -> Result<Vec<(Option<&'a RawValue>, bool)>, NoRow> {
    let mut deserializer = serde_json::Deserializer::from_str(object);
    let entries = Entries(keys).deserialize(&mut deserializer).map_err(not_json)?;
    deserializer.end().map_err(not_json)?;
    Ok(entries)
}

struct Entries<'k>(&'k [(String, Node)]);

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = Vec<(Option<&'de RawValue>, bool)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = Vec<(Option<&'de RawValue>, bool)>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        // Whether a key is written as it is wanted counts more than which comes last.
        let mut found: Vec<(Option<&'de RawValue>, bool)> = vec![(None, false); self.0.len()];
        while let Some(Key(key)) = map.next_key()? {
            let wants = |name: &str, exact: bool| *name == *key || (!exact && same_name(name, &key));
            if !self.0.iter().zip(&found).any(|((name, _), (_, exact))| wants(name, *exact)) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = map.next_value()?;
            for ((name, _), (place, exact)) in self.0.iter().zip(&mut found) {
                if wants(name, *exact) {
                    (*place, *exact) = (Some(value), *exact || *name == *key);
                }
            }
        }
        Ok(found)
    }
}
