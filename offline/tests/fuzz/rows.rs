//! Events as records: fields of lines, or JSON objects.

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};

use super::nested;
use super::shape::{Layout, Shape, Times, pick};
use super::truth::{Id, Truth};

/// A record of a file, and the events that it stands for.
#[derive(Debug, Clone)]
pub struct Record {
    pub content: Content,
    pub events: Vec<usize>,
}

/// What a record is written from.
#[derive(Debug, Clone)]
pub enum Content {
    Fields(Vec<String>),
    Object(Value),
    Raw(Vec<u8>),
}

/// What a file is written from.
#[derive(Debug, Clone)]
pub struct Records {
    /// The names of the columns, in the order of the fields.
    pub columns: Vec<&'static str>,
    pub records: Vec<Record>,
}

/// A time as this shape writes it.
pub fn time(ms: i64, times: Times) -> String {
    let text = |ms: i64| jiff::Timestamp::from_millisecond(ms).expect("a time").to_string();
    let civil = |ms: i64| text(ms).replace('T', " ").replace('Z', "");
    match times {
        Times::Seconds => (ms / 1000).to_string(),
        Times::Milliseconds => ms.to_string(),
        Times::Microseconds => (ms * 1000).to_string(),
        Times::Nanoseconds => (ms * 1_000_000).to_string(),
        Times::Decimal => format!("{}.{:03}", ms / 1000, ms % 1000),
        Times::Rfc3339 => text(ms),
        Times::Civil => civil(ms),
        Times::Utc => format!("{} UTC", civil(ms)),
        Times::Offset => text(ms + 7_200_000).replace('Z', "+02:00"),
    }
}

/// The columns of a shape, in a random order where a header names them.
fn columns(shape: &Shape, random: &mut ChaCha8Rng) -> Vec<&'static str> {
    let names = shape.names;
    let mut columns = vec![names.time, names.user, names.kind, names.item];
    columns.extend(names.also);
    if shape.noted {
        columns.extend(["note", "price"]);
    }
    columns.shuffle(random);
    columns
}

/// The events as records of this shape.
pub fn records(shape: &Shape, truth: &[Truth], random: &mut ChaCha8Rng) -> Records {
    if matches!(shape.layout, Layout::Ga4 | Layout::Segment) {
        return Records { columns: Vec::new(), records: nested::records(shape, truth, random) };
    }
    let columns = match shape.layout {
        Layout::Headerless => Vec::new(),
        _ => columns(shape, random),
    };
    let record = |(row, event): (usize, &Truth)| {
        let content = match shape.layout {
            Layout::Headerless => Content::Fields(headerless(event)),
            Layout::JsonLines | Layout::JsonArray => Content::Object(object(shape, &columns, event, random)),
            _ => Content::Fields(columns.iter().map(|column| field(shape, column, event, random)).collect()),
        };
        Record { content, events: vec![row] }
    };
    let records = truth.iter().enumerate().map(record).collect();
    Records { columns, records }
}

fn headerless(event: &Truth) -> Vec<String> {
    let word = match event.kind.name {
        "view" => "pv",
        "addtocart" => "cart",
        "transaction" => "buy",
        _ => "fav",
    };
    let fields = [&event.user.written, &event.item.written, "4217906", word];
    fields.into_iter().map(str::to_owned).chain([time(event.ms, Times::Seconds)]).collect()
}

/// A value as text.
fn field(shape: &Shape, column: &str, event: &Truth, random: &mut ChaCha8Rng) -> String {
    let names = shape.names;
    match column {
        _ if column == names.time => time(event.ms, shape.times),
        _ if column == names.user => event.user.written.clone(),
        _ if column == names.item => event.item.written.clone(),
        _ if column == names.kind => (*pick(random, &event.kind.words)).to_owned(),
        "note" => event.note.clone(),
        "price" => (*pick(random, &["", "5", "19.99", "0"])).to_owned(),
        _ => format!("s{}", random.random_range(0..9)),
    }
}

/// An id as JSON: text, or the number that it is.
pub fn id(id: &Id, random: &mut ChaCha8Rng) -> Value {
    let plain = !id.written.is_empty() && id.written.bytes().all(|byte| byte.is_ascii_digit()) && id.written.len() < 10;
    match id.written.parse::<u64>() {
        Ok(number) if plain && !id.written.starts_with('0') && random.random_bool(0.5) => json!(number),
        _ => match id.written.strip_suffix(".0").map(str::parse::<u32>) {
            Some(Ok(number)) if random.random_bool(0.5) => json!(f64::from(number)),
            _ => json!(id.written),
        },
    }
}

fn object(shape: &Shape, columns: &[&str], event: &Truth, random: &mut ChaCha8Rng) -> Value {
    let names = shape.names;
    let mut object = Map::new();
    for column in columns {
        let text = field(shape, column, event, random);
        let value = match *column {
            column if column == names.user => id(&event.user, random),
            column if column == names.item => id(&event.item, random),
            column if column == names.time => match text.parse::<i64>() {
                Ok(number) if random.random_bool(0.7) => json!(number),
                _ => json!(text),
            },
            "note" if event.note.is_empty() => Value::Null,
            _ => json!(text),
        };
        object.insert((*column).to_owned(), value);
    }
    Value::Object(object)
}
