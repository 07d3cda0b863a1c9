//! Names, numbers and times as people read them.

use jiff::Timestamp;
use maud::{Markup, html};
use shared::contract::source::Source;
use shared::engine::why::words::of_source_in_short;

/// The most letters of a name.
const NAME_LETTERS: usize = 80;

/// A name or id of the shop's, whatever it is: cut, without control characters, and apart from the direction of its letters.
#[must_use]
pub fn named(text: &str) -> Markup {
    html! { bdi { (plain(text)) } }
}

/// The same without markup, for attributes and titles.
#[must_use]
pub fn plain(text: &str) -> String {
    let plain = |letter: char| if letter.is_control() { '\u{fffd}' } else { letter };
    let mut cut: String = text.chars().take(NAME_LETTERS).map(plain).collect();
    if text.chars().nth(NAME_LETTERS).is_some() {
        cut.push('…');
    }
    cut
}

/// A sentence, with names of the shop's in it, without control characters.
#[must_use]
pub fn whole(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

/// A number, as short as it says what it is.
#[must_use]
pub fn number(number: f32) -> String {
    match number.abs() {
        0.0 => "0".to_owned(),
        ..0.01 => format!("{number:.4}"),
        0.01..10.0 => format!("{number:.2}"),
        _ => format!("{number:.0}"),
    }
}

/// What an event of a kind says that somebody did.
#[must_use]
pub fn did(kind: &str) -> String {
    match kind {
        "view" => "viewed".to_owned(),
        "addtocart" => "put in the cart".to_owned(),
        "transaction" => "bought".to_owned(),
        "like" => "liked".to_owned(),
        "dislike" => "disliked".to_owned(),
        "unhide" => "shown again".to_owned(),
        "hide" => "hidden".to_owned(),
        "remove_from_cart" => "taken out of the cart".to_owned(),
        "refund" => "returned".to_owned(),
        "wishlist" => "put on the wish list".to_owned(),
        other => plain(&other.replace('_', " ")),
    }
}

/// Why a source proposes an item, in a few words.
#[must_use]
pub fn source(name: &str) -> String {
    let known = Source::ALL.into_iter().find(|source| source.as_str() == name);
    known.map_or_else(|| plain(&name.replace('_', " ")), |source| of_source_in_short(source).to_owned())
}

/// A price as the item table has it; in which currency it does not say.
#[must_use]
pub fn price(price: f32) -> String {
    format!("{price:.2}")
}

/// A count with its thousands apart.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut apart = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            apart.push(',');
        }
        apart.push(digit);
    }
    apart
}

/// A duration in seconds, in the unit that people read it in.
#[must_use]
pub fn duration(seconds: f64) -> String {
    let (number, unit) = match seconds {
        ..0.001 => (seconds * 1e6, "µs"),
        0.001..1.0 => (seconds * 1e3, "ms"),
        _ => (seconds, "s"),
    };
    if number < 10.0 { format!("{number:.1} {unit}") } else { format!("{number:.0} {unit}") }
}

/// A longer time in seconds, in whole units.
#[must_use]
pub fn span(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// How many there are of something, in words.
#[must_use]
pub fn several(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", count(number as u64), if number == 1 { one } else { many })
}

/// A time, by how long ago it was.
#[must_use]
pub fn time(at_ms: i64, now_ms: i64) -> Markup {
    let stamp = Timestamp::from_millisecond(at_ms).map(|time| time.to_string()).unwrap_or_default();
    html! { time datetime=(stamp) title=(stamp) { (ago(at_ms, now_ms)) } }
}

/// The day of a time, in UTC.
#[must_use]
pub fn day(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms).map_or_else(|_| at_ms.to_string(), |time| time.strftime("%-d %b %Y").to_string())
}

fn ago(at_ms: i64, now_ms: i64) -> String {
    let minutes = (now_ms - at_ms) / 60_000;
    match minutes {
        ..=0 => "just now".to_owned(),
        1..=59 => format!("{minutes} min ago"),
        60..=2879 => format!("{} h ago", minutes / 60),
        2880..=43_199 => format!("{} days ago", minutes / 1440),
        _ => day(at_ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_text_whatever_they_are() {
        assert_eq!(named("<b>\u{0}").into_string(), "<bdi>&lt;b&gt;\u{fffd}</bdi>");
        assert_eq!(plain(&"x".repeat(81)), format!("{}…", "x".repeat(80)));
    }

    #[test]
    fn numbers_and_times_read_as_people_say_them() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.000_25, 0.004_21, 0.25, 12.0].map(duration), ["250 µs", "4.2 ms", "250 ms", "12 s"]);
        assert_eq!([59.9, 125.0, 7300.0, 200_000.0].map(span), ["59 s", "2 min", "2 h", "2 days"]);
        assert_eq!([0.0, 0.001_234, -0.5, 12.6].map(number), ["0", "0.0012", "-0.50", "13"]);
        let now = 1_772_497_941_846;
        let all = [0, 59_999, 60_000, 3_600_000, 47 * 3_600_000, 48 * 3_600_000, 40 * 86_400_000];
        let told = all.map(|before| ago(now - before, now));
        assert_eq!(told, ["just now", "just now", "1 min ago", "1 h ago", "47 h ago", "2 days ago", "22 Jan 2026"]);
    }
}
