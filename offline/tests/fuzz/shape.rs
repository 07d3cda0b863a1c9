//! How a log is written: layout, names of columns, times, encoding, compression, line ends.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// One of several, at random.
pub fn pick<'a, T>(random: &mut ChaCha8Rng, of: &'a [T]) -> &'a T {
    &of[random.random_range(0..of.len())]
}

/// How rows are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Lines with a separator.
    Delimited(char, Quoted),
    /// Lines of user, item, category, kind and seconds, without a header.
    Headerless,
    /// A JSON object a line.
    JsonLines,
    /// A list of JSON objects.
    JsonArray,
    /// The export of GA4, as lines.
    Ga4,
    /// Calls as Segment stores them, as lines.
    Segment,
    /// Parquet.
    Parquet,
}

/// Which fields are quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quoted {
    /// All.
    All,
    /// Those that hold a quote, a separator or a line end.
    Needed,
    /// As [`Quoted::Needed`], but a quote within a field is left as it is.
    Lazily,
}

/// How times are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
    /// Seconds with three digits behind the point.
    Decimal,
    /// `2025-06-15T15:06:40.123Z`
    Rfc3339,
    /// `2025-06-15 15:06:40`
    Civil,
    /// `2025-06-15 15:06:40 UTC`
    Utc,
    /// `2025-06-15T17:06:40+02:00`
    Offset,
}

/// The encoding of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    Utf8WithMark,
    Utf16Le,
    Utf16Be,
}

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packed {
    No,
    Gzip,
    Zstd,
}

/// Names of the columns: time, user, kind, item, and one more that a schema needs.
#[derive(Debug)]
pub struct Names {
    pub time: &'static str,
    pub user: &'static str,
    pub kind: &'static str,
    pub item: &'static str,
    pub also: Option<&'static str>,
}

/// The names that logs are written with.
const NAMES: [Names; 6] = [
    Names { time: "timestamp", user: "visitorid", kind: "event", item: "itemid", also: None },
    Names { time: "TIMESTAMP", user: "USER_ID", kind: "EVENT_TYPE", item: "ITEM_ID", also: None },
    Names { time: "event_time", user: "user_id", kind: "event_type", item: "product_id", also: Some("user_session") },
    Names { time: "ts", user: "customer_id", kind: "action", item: "sku", also: None },
    Names { time: "Event Time", user: "Customer ID", kind: "Event Type", item: "Product ID", also: None },
    Names { time: "createdAt", user: "userId", kind: "eventType", item: "itemId", also: None },
];

/// How a log is written.
#[derive(Debug)]
pub struct Shape {
    pub layout: Layout,
    pub names: &'static Names,
    pub times: Times,
    pub encoding: Encoding,
    pub packed: Packed,
    pub line_end: &'static str,
    /// Whether the last line has an end.
    pub ended: bool,
    /// Whether each row has a note and a price.
    pub noted: bool,
    /// The name of the file.
    pub name: &'static str,
}

impl Shape {
    pub fn draw(random: &mut ChaCha8Rng) -> Self {
        let separator = *pick(random, &[',', ',', ';', '\t', '|']);
        let quoted = *pick(random, &[Quoted::All, Quoted::Needed, Quoted::Lazily]);
        let delimited = Layout::Delimited(separator, quoted);
        let layout = *pick(
            random,
            &[
                delimited,
                delimited,
                delimited,
                delimited,
                Layout::Headerless,
                Layout::JsonLines,
                Layout::JsonLines,
                Layout::JsonArray,
                Layout::Ga4,
                Layout::Segment,
                Layout::Parquet,
            ],
        );
        let any = [
            Times::Seconds,
            Times::Milliseconds,
            Times::Microseconds,
            Times::Nanoseconds,
            Times::Decimal,
            Times::Rfc3339,
            Times::Civil,
            Times::Utc,
            Times::Offset,
        ];
        let times = match layout {
            Layout::Headerless => Times::Seconds,
            Layout::Ga4 => Times::Microseconds,
            Layout::Segment => Times::Rfc3339,
            _ => *pick(random, &any),
        };
        let encodings = [Encoding::Utf8, Encoding::Utf8, Encoding::Utf8WithMark, Encoding::Utf16Le, Encoding::Utf16Be];
        let names = match layout {
            Layout::Delimited(..) => ["log.csv", "log.txt", "EVENTS.CSV", "log.tsv", "log.csv.gz", "log.dat"],
            Layout::Parquet => ["log.parquet"; 6],
            _ => ["log.json", "log.jsonl", "log.ndjson", "LOG.JSON", "log.json.gz", "log.txt"],
        };
        Self {
            layout,
            names: pick(random, &NAMES),
            times,
            encoding: *pick(random, &encodings),
            packed: *pick(random, &[Packed::No, Packed::No, Packed::Gzip, Packed::Zstd]),
            line_end: *pick(random, &["\n", "\n", "\r\n"]),
            ended: random.random_bool(0.8),
            noted: random.random_bool(0.6),
            name: *pick(random, &names),
        }
    }
}
