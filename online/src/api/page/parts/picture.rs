//! The picture of an item: the one that the catalogue has, else the first letters of its name on a colour of its own.

use maud::{Markup, html};
use shared::contract::id::ItemIdx;
use shared::engine::snapshot::Snapshot;
use shared::tables::Property;

/// The properties that may have the address of a picture, the first one first.
const PROPERTIES: [&str; 3] = ["image", "image_url", "picture"];
/// How many colours the style sheet has.
const TINTS: u32 = 8;

/// The address of an item's picture, if it has one that a page may load.
#[must_use]
pub fn address(snapshot: &Snapshot, item: ItemIdx) -> Option<String> {
    let table = snapshot.properties();
    let first = |name: &str| match table.get(name)? {
        Property::Texts(texts) => texts.of(item).first().map(|&row| table.texts.get(row as usize).to_owned()),
        _ => None,
    };
    let may_load = |address: &String| address.starts_with("https://") || address.starts_with("data:image/");
    PROPERTIES.iter().filter_map(|name| first(name)).find(may_load)
}

/// A picture. It says nothing that the name beside it does not.
#[must_use]
pub fn picture(address: Option<&str>, name: &str, key: &str) -> Markup {
    html! {
        @match address {
            Some(address) => img.picture src=(address) alt="" loading="lazy" referrerpolicy="no-referrer";,
            None => span class={ "picture tint-" (tint(key)) } aria-hidden="true" { (initials(name)) },
        }
    }
}

/// The first letters of the first two words.
fn initials(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_alphanumeric()).filter_map(|word| word.chars().next());
    words.take(2).flat_map(char::to_uppercase).collect()
}

/// The colour of a text, always the same one.
fn tint(key: &str) -> u32 {
    // FNV-1a: few bytes, spread evenly.
    let hash = key.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    // Ids that differ in their last letter alone are to have different colours, too.
    ((hash ^ (hash >> 13)).wrapping_mul(0x5bd1_e995) >> 24) % TINTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_without_a_picture_has_letters_and_a_colour() {
        assert_eq!([initials("Seagrass Wall Basket"), initials("i-7"), initials("…")], ["SW", "I7", ""]);
        assert_eq!(tint("lamp-0001"), tint("lamp-0001"));
        let tints: std::collections::BTreeSet<u32> = (0..200).map(|number| tint(&format!("i{number}"))).collect();
        assert_eq!(tints.len(), TINTS as usize);
        let html = picture(Some("https://x/\"onerror=\""), "a", "a").into_string();
        assert!(html.contains("https://x/&quot;onerror=&quot;"), "{html}");
    }
}
