//! A search by what people remember of an item or a user: how the id begins, or how words of the name begin.
//!
//! `red lam` finds `Lamp, red` and `Red Lampshade`, and every id that begins with `red lam`; upper and lower case are the
//! same. A name of 30 letters takes some 30 ns.

/// What is searched for, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    whole: String,
    words: Vec<String>,
}

impl Words {
    /// Reads what is searched for; `None` if it is nothing but white space.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let whole = text.trim().to_lowercase();
        let words = whole.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
        let words = words.map(str::to_owned).collect();
        (!whole.is_empty()).then_some(Self { whole, words })
    }

    /// Whether an id begins so.
    #[must_use]
    pub fn begin_id(&self, id: &str) -> bool {
        begins(id, &self.whole)
    }

    /// Whether an id begins so, or each word is the beginning of a word of the name.
    #[must_use]
    pub fn are_of(&self, id: &str, name: &str) -> bool {
        self.begin_id(id) || !self.words.is_empty() && self.words.iter().all(|word| has_word(name, word))
    }
}

/// Whether a text begins with what is in lower case.
fn begins(text: &str, lower: &str) -> bool {
    let mut letters = text.chars().flat_map(char::to_lowercase);
    lower.chars().all(|wanted| letters.next() == Some(wanted))
}

/// Whether a word of a name begins with what is in lower case.
fn has_word(name: &str, lower: &str) -> bool {
    if name.is_ascii() && lower.is_ascii() {
        return has_ascii_word(name.as_bytes(), lower.as_bytes());
    }
    name.split(|letter: char| !letter.is_alphanumeric()).any(|word| begins(word, lower))
}

/// The same for most names, in which a letter is a byte.
fn has_ascii_word(name: &[u8], lower: &[u8]) -> bool {
    let mut is_start = true;
    let found = |(at, byte): (usize, &u8)| {
        let was_start = std::mem::replace(&mut is_start, !byte.is_ascii_alphanumeric());
        was_start
            && byte.to_ascii_lowercase() == lower[0]
            && name.get(at..at + lower.len()).is_some_and(|word| word.eq_ignore_ascii_case(lower))
    };
    name.iter().enumerate().any(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn are_of(text: &str, id: &str, name: &str) -> bool {
        Words::read(text).expect("words").are_of(id, name)
    }

    #[test]
    fn the_beginnings_of_words_of_the_name_or_of_the_id_are_found() {
        for (text, name) in [
            ("lamp", "Lamp, red"),
            ("red lam", "Lamp, red"),
            ("RED-LAM", "red Lampshade"),
            ("4", "lamp 40W"),
            ("über", "Die Überlampe"),
            ("ÜB la", "Lampe «übergross»"),
        ] {
            assert!(are_of(text, "i1", name), "{text}: {name}");
        }
        for (text, name) in [("amp", "Lamp"), ("lamp blue", "Lamp, red"), ("lamps", "Lamp"), ("--", "Lamp -- red")] {
            assert!(!are_of(text, "i1", name), "{text}: {name}");
        }
        assert!(are_of("AB-1", "ab-12", "") && are_of("--", "--x", "") && !are_of("12", "ab-12", ""));
        assert_eq!(Words::read(" \t"), None);
    }

    proptest! {
        #[test]
        fn the_way_for_ascii_finds_what_the_other_finds(name in "[aAbB1 -]{0,12}", word in "[ab1]{1,3}") {
            let slow = name.split(|letter: char| !letter.is_alphanumeric()).any(|part| begins(part, &word));
            prop_assert_eq!(has_ascii_word(name.as_bytes(), word.as_bytes()), slow);
        }
    }
}
