//! The events that a file holds.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::shape::{Layout, Shape, Times, pick};

/// An event as it is read: time, user, kind, item.
pub type Key = (i64, String, String, String);

/// An event as it is written and read.
#[derive(Debug, Clone)]
pub struct Truth {
    pub ms: i64,
    pub user: Id,
    pub item: Id,
    pub kind: &'static Kind,
    pub note: String,
}

/// An id as it is written, and as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Id {
    pub written: String,
    pub read: String,
}

/// A kind, and the words for it: in any log, in GA4's and in Segment's.
#[derive(Debug)]
pub struct Kind {
    pub name: &'static str,
    pub words: [&'static str; 4],
    pub ga4: &'static str,
    pub segment: &'static str,
}

/// Kinds that take nothing back.
pub const KINDS: [Kind; 4] = [
    Kind { name: "view", words: ["view", "View", "pv", "click"], ga4: "view_item", segment: "Product Viewed" },
    Kind {
        name: "addtocart",
        words: ["addtocart", "cart", "add_to_cart", "AddToCart"],
        ga4: "add_to_cart",
        segment: "Product Added",
    },
    Kind {
        name: "transaction",
        words: ["transaction", "purchase", "buy", "Purchase"],
        ga4: "purchase",
        segment: "Order Completed",
    },
    Kind {
        name: "wishlist",
        words: ["wishlist", "fav", "add_to_wishlist", "Wishlist"],
        ga4: "add_to_wishlist",
        segment: "Product Added to Wishlist",
    },
];

/// Ids that are hard to write or read: as they are written, and as they are read.
const ODD: [(&str, &str); 26] = [
    ("a,b", "a,b"),
    ("a;b", "a;b"),
    ("a|b", "a|b"),
    ("say \"hi\"", "say \"hi\""),
    ("\"quoted\"", "\"quoted\""),
    ("19\" rack", "19\" rack"),
    ("O'Neil", "O'Neil"),
    ("müßig", "müßig"),
    ("日本", "日本"),
    ("😀", "😀"),
    ("a b", "a b"),
    (" pad ", "pad"),
    ("52.0", "52"),
    ("52", "52"),
    ("-3.00", "-3"),
    ("52.5", "52.5"),
    ("007", "007"),
    ("1e3", "1e3"),
    ("123456789012345678901", "123456789012345678901"),
    ("100%", "100%"),
    ("a/b?c#d", "a/b?c#d"),
    ("back\\slash\\", "back\\slash\\"),
    ("[x]", "[x]"),
    ("{\"x\":1}", "{\"x\":1}"),
    ("true", "true"),
    ("nullify", "nullify"),
];

const NOTES: [&str; 19] = [
    "",
    "x",
    "19\" rack",
    "a, b; c|d",
    "two\nlines",
    "three\n\nlines, and \"more\"",
    "nice\nbut, small, alas\nend",
    "nice\nbut, small, alas, and, dear\nend",
    "nice\nbut, small, alas, and, dear, in, all\nend",
    "nice\nbut; small; alas; and; dear\nend",
    "tab\there",
    "ümläut",
    "\"all\"",
    "'",
    "back\\",
    "19,99",
    "0",
    "NULL",
    "😀",
];

fn id(prefix: &str, shape: &Shape, random: &mut ChaCha8Rng) -> Id {
    let plain = |written: String| Id { read: written.clone(), written };
    let number = random.random_range(1..12_u32);
    if shape.layout == Layout::Headerless {
        return plain((number + 100).to_string());
    }
    match random.random_range(0..10) {
        0 | 1 => {
            let (written, read) = *pick(random, &ODD);
            Id { written: written.to_owned(), read: read.to_owned() }
        }
        2 => plain(number.to_string()),
        3 => Id { written: format!("{number}.0"), read: number.to_string() },
        _ => plain(format!("{prefix}{number}")),
    }
}

/// 1 to 60 events of some days between 2001 and 2025, in any order.
pub fn draw(shape: &Shape, random: &mut ChaCha8Rng) -> Vec<Truth> {
    let count = random.random_range(1..=60);
    let first = random.random_range(1_000_000_000_000..1_750_000_000_000_i64);
    let whole_seconds = matches!(shape.times, Times::Seconds | Times::Civil | Times::Utc | Times::Offset);
    let mut events: Vec<Truth> = Vec::new();
    for _ in 0..count {
        let ms = first + random.random_range(0..30 * 86_400_000_i64);
        let mut event = Truth {
            ms: if whole_seconds { ms / 1000 * 1000 } else { ms },
            user: id("u", shape, random),
            item: id("i", shape, random),
            kind: pick(random, &KINDS),
            note: (*pick(random, &NOTES)).to_owned(),
        };
        // What belongs to one record of several items.
        if let Some(last) = events.last().filter(|_| random.random_bool(0.3)) {
            (event.ms, event.user, event.kind) = (last.ms, last.user.clone(), last.kind);
        }
        events.push(event);
    }
    events
}

impl Truth {
    /// The event as it is read.
    pub fn key(&self) -> Key {
        (self.ms, self.user.read.clone(), self.kind.name.to_owned(), self.item.read.clone())
    }

    /// Whether the event may stand in one record with another.
    pub fn joins(&self, other: &Self) -> bool {
        self.ms == other.ms && self.user == other.user && self.kind.name == other.kind.name
    }
}
