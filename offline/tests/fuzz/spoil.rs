//! One record that is spoilt: a quote, a field, an id, a time, or something between two records.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::bytes;
use super::damage::{Damage, Refusal};
use super::rows::{Content, Record, Records, time};
use super::shape::{Layout, Shape, Times, pick};
use super::truth::Truth;

/// Fewer records than this do not tell which of them are like the others.
const ENOUGH: usize = 8;
/// Fewer lines than this do not tell how lines are split, if one of them is split otherwise: the file may be refused.
const ENOUGH_LINES: usize = 4;

/// Spoils one record.
pub fn record(shape: &Shape, truth: &[Truth], records: &mut Records, damage: &mut Damage, random: &mut ChaCha8Rng) {
    let at = random.random_range(0..records.records.len());
    if random.random_bool(0.2) && shape.layout != Layout::Parquet {
        return between(shape, records, at, damage, random);
    }
    let few = records.records.len() < ENOUGH;
    let of_split = if records.records.len() < ENOUGH_LINES { Refusal::File } else { of_lines(shape) };
    let columns = records.columns.clone();
    let later: Vec<usize> = records.records[at..].iter().flat_map(|record| record.events.clone()).collect();
    let Record { content, events } = &mut records.records[at];
    // In a list, what follows can't be told from what is broken.
    let broken = if shape.layout == Layout::JsonArray { later } else { events.clone() };
    match content {
        Content::Fields(fields) => {
            let places = Places::of(shape, &columns);
            // A row may have lost a field before.
            let is_whole = [places.time, places.user, places.item].iter().all(|place| *place < fields.len());
            match random.random_range(0..6) {
                0 if is_whole => id_of_fields(shape, fields, &places, events, damage, random),
                1 if shape.layout != Layout::Parquet => {
                    *content = stray_quote(shape, fields, events, (damage, of_split), random)
                }
                2 if shape.layout != Layout::Parquet => {
                    fields.insert(random.random_range(0..=fields.len()), "one more".to_owned());
                    damage.add("one more field", events, of_split);
                    // At the end of the only record, it is a column that has no name.
                    damage.foreign += usize::from(few);
                }
                3 if shape.layout != Layout::Parquet => {
                    fields.remove(random.random_range(0..fields.len()));
                    damage.add("one field less", events, if few { Refusal::File } else { of_lines(shape) });
                    // The others move up, and may look like what they are not.
                    damage.foreign += 1;
                }
                4 if !few && is_whole => {
                    wrong_unit(shape, &mut fields[places.time], &truth[events[0]], events, damage, random)
                }
                _ if is_whole => {
                    fields[if random.random_bool(0.5) { places.user } else { places.item }].insert(0, '\0');
                    damage.add("a NUL byte in an id", events, of_lines(shape));
                }
                _ => {}
            }
        }
        Content::Object(object) if columns.is_empty() => {
            broken_line(shape, object.to_string(), content, &broken, damage, random)
        }
        Content::Object(object) => match random.random_range(0..4) {
            0 => id_of_object(shape, object, events, damage, random),
            1 => broken_line(shape, object.to_string(), content, &broken, damage, random),
            2 if !few => {
                let mut text = time(truth[events[0]].ms, shape.times);
                wrong_unit(shape, &mut text, &truth[events[0]], events, damage, random);
                object[shape.names.time] = json!(text);
            }
            _ => {
                let name = *pick(random, &[shape.names.time, shape.names.user, shape.names.item, shape.names.kind]);
                if let Some(object) = object.as_object_mut() {
                    object.remove(name);
                }
                damage.add(&format!("no {name}"), events, if few { Refusal::File } else { Refusal::Rows });
                // A record without a kind is a view where no record has one.
                damage.foreign += usize::from(few);
            }
        },
        Content::Raw(_) => {}
    }
}

/// What may be refused of lines where one is spoilt: without a header, the first lines tell what they are.
fn of_lines(shape: &Shape) -> Refusal {
    if shape.layout == Layout::Headerless { Refusal::File } else { Refusal::Rows }
}

/// Where the fields of a record are.
struct Places {
    time: usize,
    user: usize,
    item: usize,
}

impl Places {
    fn of(shape: &Shape, columns: &[&str]) -> Self {
        let place = |name: &str| columns.iter().position(|column| *column == name).unwrap_or_default();
        match shape.layout {
            Layout::Headerless => Self { time: 4, user: 0, item: 1 },
            _ => Self { time: place(shape.names.time), user: place(shape.names.user), item: place(shape.names.item) },
        }
    }
}

/// Puts a blank line or the header again before a record.
fn between(shape: &Shape, records: &mut Records, at: usize, damage: &mut Damage, random: &mut ChaCha8Rng) {
    let header = matches!(shape.layout, Layout::Delimited(..)) && random.random_bool(0.5);
    if shape.layout == Layout::JsonArray {
        return;
    }
    let content = if header { bytes::header(shape, &records.columns) } else { Vec::new() };
    records.records.insert(at, Record { content: Content::Raw(content), events: Vec::new() });
    // Among few rows, a header is too many of them to tell how times are written.
    let refusal = if header && records.records.len() < ENOUGH { Refusal::File } else { of_lines(shape) };
    damage.add(if header { "the header again" } else { "a blank line" }, &[], refusal);
}

fn id_of_fields(
    shape: &Shape,
    fields: &mut [String],
    places: &Places,
    events: &[usize],
    damage: &mut Damage,
    random: &mut ChaCha8Rng,
) {
    let place = if random.random_bool(0.5) { places.user } else { places.item };
    (*pick(random, &["", " ", "NaN", "NULL", "None", "null"])).clone_into(&mut fields[place]);
    damage.add("an id that is none", events, of_lines(shape));
}

fn id_of_object(shape: &Shape, object: &mut Value, events: &[usize], damage: &mut Damage, random: &mut ChaCha8Rng) {
    let name = if random.random_bool(0.5) { shape.names.user } else { shape.names.item };
    let odd = [
        json!(null),
        json!(""),
        json!("NaN"),
        json!({ "$oid": "a1" }),
        json!(["a1", "a2"]),
        json!([]),
        json!(true),
        json!("a\u{0}b"),
    ];
    object[name] = pick(random, &odd).clone();
    damage.add(&format!("{name} = {}", object[name]), events, Refusal::Rows);
}

/// Begins a field with a quote.
fn stray_quote(
    shape: &Shape,
    fields: &[String],
    events: &[usize],
    (damage, refusal): (&mut Damage, Refusal),
    random: &mut ChaCha8Rng,
) -> Content {
    let mut written = bytes::fields(shape, fields);
    let at = random.random_range(0..written.len());
    written[at].insert(0, '"');
    damage.add("a stray quote", events, refusal);
    Content::Raw(bytes::line(shape, &written))
}

/// Cuts a line of JSON off, or puts a quote into it.
fn broken_line(
    shape: &Shape,
    mut line: String,
    content: &mut Content,
    events: &[usize],
    damage: &mut Damage,
    random: &mut ChaCha8Rng,
) {
    let mut at = random.random_range(1..line.len());
    while !line.is_char_boundary(at) {
        at -= 1;
    }
    match random.random_bool(0.5) {
        true => line.truncate(at),
        false => line.insert(at, '"'),
    }
    let list = shape.layout == Layout::JsonArray;
    damage.add("a broken record", events, if list { Refusal::File } else { Refusal::Rows });
    *content = Content::Raw(line.into_bytes());
}

/// Writes a time in another unit.
fn wrong_unit(
    shape: &Shape,
    field: &mut String,
    event: &Truth,
    events: &[usize],
    damage: &mut Damage,
    random: &mut ChaCha8Rng,
) {
    let units = [Times::Seconds, Times::Milliseconds, Times::Microseconds];
    let unit = *pick(random, &units);
    if !units.contains(&shape.times) || unit == shape.times {
        return;
    }
    *field = time(event.ms, unit);
    damage.add("another unit", events, Refusal::Rows);
    let (_, user, kind, item) = event.key();
    damage.also.push((event.ms / 1000 * 1000, user, kind, item));
}
