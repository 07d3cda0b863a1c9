//! Plain names: of aliases, runs and models, which are names of files and parts of URLs as they stand.

/// The most characters of a plain name.
pub const LONGEST: usize = 64;

/// Whether a text is a plain name: 1 to [`LONGEST`] ASCII letters, digits, `-` and `_`.
#[must_use]
pub fn is_plain(text: &str) -> bool {
    let fits = |character: u8| character.is_ascii_alphanumeric() || b"-_".contains(&character);
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_name_leads_to_no_other_folder_and_is_never_hidden() {
        assert!(["a", "night-1", "A_b", "-"].into_iter().all(is_plain));
        assert!(["", ".", "..", "a/b", ".new", "ä", "a b", "a.b"].into_iter().all(|text| !is_plain(text)));
        assert!(is_plain(&"x".repeat(LONGEST)) && !is_plain(&"x".repeat(LONGEST + 1)));
    }
}
