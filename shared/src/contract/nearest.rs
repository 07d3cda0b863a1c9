//! The names that are most like one that nobody knows, for errors that say what was meant.

/// How many names are given.
const NEAREST: usize = 3;
/// The maximum number of names that are compared with an unknown one, and of letters of it: both bound the cost of a wrong
/// question.
const COMPARED: usize = 10_000;
const COMPARED_LETTERS: usize = 64;

/// The names most similar to `name`, ignoring case; equally similar ones in their order.
pub fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let name: String = name.chars().take(COMPARED_LETTERS).collect::<String>().to_lowercase();
    let distance = |other: &&str| strsim::osa_distance(&name, &other.to_lowercase());
    let mut names: Vec<&str> = names.take(COMPARED).collect();
    names.sort_by_cached_key(distance);
    names.into_iter().take(NEAREST).map(str::to_owned).collect()
}

/// The names as an error says them.
#[must_use]
pub fn existing(nearest: &[String]) -> String {
    if nearest.is_empty() {
        return "it has none at all".to_owned();
    }
    let names: Vec<String> = nearest.iter().map(|name| format!("{name:?}")).collect();
    format!("the nearest are {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_come_first() {
        // Edit distances: 3, 1, 0 and 4.
        assert_eq!(nearest("abcd", ["a", "abc", "Abcd", "wxyz"].into_iter()), ["Abcd", "abc", "a"]);
        assert_eq!(existing(&["a".to_owned(), "b".to_owned()]), r#"the nearest are "a", "b""#);
        assert_eq!(existing(&[]), "it has none at all");
    }
}
