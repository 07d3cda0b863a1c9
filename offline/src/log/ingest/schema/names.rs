//! Names of columns as they are compared: letters and digits alone, in lower case and without diacritics.

/// Letters of Latin alphabets by the letters that are written for them where there are no others.
const FOLDED: [(&str, &str); 27] = [
    ("àáâãäåāăąǎ", "a"),
    ("çćĉċč", "c"),
    ("ďđð", "d"),
    ("èéêëēĕėęěẽ", "e"),
    ("ĝğġģ", "g"),
    ("ĥħ", "h"),
    ("ìíîïĩīĭįı", "i"),
    ("ĵ", "j"),
    ("ķ", "k"),
    ("ĺļľŀł", "l"),
    ("ñńņňŉ", "n"),
    ("òóôõöøōŏőơ", "o"),
    ("ŕŗř", "r"),
    ("śŝşšș", "s"),
    ("ţťŧț", "t"),
    ("ùúûüũūŭůűųư", "u"),
    ("ŵ", "w"),
    ("ýÿŷ", "y"),
    ("źżž", "z"),
    ("æ", "ae"),
    ("œ", "oe"),
    ("ß", "ss"),
    ("þ", "th"),
    ("ạảấầẩẫậắằẳẵặ", "a"),
    ("ẹẻếềểễệ", "e"),
    ("ọỏốồổỗộớờởỡợ", "o"),
    ("ụủứừửữự", "u"),
];

/// A name without case, diacritics and signs, but for those of a path.
#[must_use]
pub fn plain(name: &str) -> String {
    // A type behind the name, as in `user_id:token`.
    let name = name
        .rsplit_once(':')
        .filter(|(_, kind)| ["token", "float", "token_seq", "float_seq"].contains(kind))
        .map_or(name, |(name, _)| name);
    let mut plain = String::with_capacity(name.len());
    // A diacritic that is a character of its own is neither letter nor digit.
    let kept = name.chars().filter(|character| character.is_alphanumeric() || "[].".contains(*character));
    for letter in kept.flat_map(char::to_lowercase) {
        match FOLDED.iter().find(|(letters, _)| !letter.is_ascii() && letters.contains(letter)) {
            Some((_, folded)) => plain.push_str(folded),
            None if letter == '\u{307}' => {}
            None => plain.push(letter),
        }
    }
    // The point of an abbreviation, such as `Artikel-Nr.`.
    plain.trim_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_name_letters_and_digits_count() {
        for (name, expected) in [
            ("User_ID:token", "userid"),
            ("items[].Item-Id", "items[].itemid"),
            ("Quantité", "quantite"),
            ("quantite\u{301}", "quantite"),
            ("PREÇO (R$)", "precor"),
            ("Artikel-Nr.", "artikelnr"),
            ("disponível", "disponivel"),
            ("Größe", "grosse"),
            ("İd", "id"),
            ("商品ID", "商品id"),
        ] {
            assert_eq!(plain(name), expected, "{name}");
        }
    }
}
