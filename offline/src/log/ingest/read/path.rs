//! Where a value stands in a record: a column's name, or a way into objects and lists.
//!
//! ```text
//! itemid                                           a column
//! properties.product_id                            a key of an object
//! items[].item_id                                  of each element of a list: a row for each of them
//! event_params[key=ga_session_id].value.int_value  of the element whose `key` is that
//! ```

/// A step on the way to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// To the value of a key.
    Key(String),
    /// To each element.
    Each,
    /// To the first element whose key has a value.
    Pick {
        /// The key.
        key: String,
        /// Its value.
        value: String,
    },
}

/// The steps of a path; `None` if it can only be a name.
pub fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    for part in path.split('.') {
        let (name, mut selectors) = part.split_at(part.find('[').unwrap_or(part.len()));
        if name.is_empty() {
            return None;
        }
        steps.push(Step::Key(name.to_owned()));
        while !selectors.is_empty() {
            let (selector, rest) = selectors.strip_prefix('[')?.split_once(']')?;
            selectors = rest;
            steps.push(match selector.split_once('=') {
                None if selector.is_empty() => Step::Each,
                None => return None,
                Some((key, value)) => Step::Pick { key: key.to_owned(), value: value.to_owned() },
            });
        }
    }
    Some(steps)
}

/// The list that a path goes through element by element; `None` for a path through no list.
pub fn list(path: &str) -> Option<&str> {
    path.split_once("[]").map(|(list, _)| list)
}

/// Whether two names are the same but for upper and lower case. Cases of a letter that differ in length are different
/// letters.
pub fn same_name(a: &str, b: &str) -> bool {
    a.len() == b.len() && (a.eq_ignore_ascii_case(b) || (!a.is_ascii() && a.to_lowercase() == b.to_lowercase()))
}

/// The place of a name among others: where it is written so, else where only the case differs.
pub fn place(name: &str, there: &[String]) -> Option<usize> {
    let exact = there.iter().position(|other| other == name);
    exact.or_else(|| there.iter().position(|other| same_name(other, name)))
}

/// A path without the values by which elements are picked: how [`Form`](super::Form) names what is in a record.
pub fn without_picks(path: &str) -> String {
    let mut name = String::new();
    let mut rest = path;
    while let Some((before, behind)) = rest.split_once('[') {
        name.push_str(before);
        name.push_str("[]");
        rest = behind.split_once(']').map_or("", |(_, behind)| behind);
    }
    name + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_keys_and_elements() {
        let key = |name: &str| Step::Key(name.to_owned());
        assert_eq!(steps("itemid"), Some(vec![key("itemid")]));
        assert_eq!(steps("items[].item_id"), Some(vec![key("items"), Step::Each, key("item_id")]));
        let pick = Step::Pick { key: "key".to_owned(), value: "page".to_owned() };
        assert_eq!(steps("p[key=page].value"), Some(vec![key("p"), pick, key("value")]));
        for name in ["price [EUR]", "a[", ".", "a..b", ""] {
            assert_eq!(steps(name), None, "{name}");
        }
        assert_eq!((list("a.items[].id"), list("a.b")), (Some("a.items"), None));
        assert_eq!(without_picks("p[key=page].value.x"), "p[].value.x");
    }

    #[test]
    fn a_name_is_found_as_it_is_written_before_any_case() {
        let there = ["ID", "id", "Größe"].map(str::to_owned);
        assert_eq!((place("id", &there), place("Id", &there)), (Some(1), Some(0)));
        assert_eq!((place("GRÖSSE", &there), place("grÖße", &there)), (None, Some(2)));
    }
}
