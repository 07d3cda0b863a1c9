//! What dashboards and alerts ask: expressions of panels, and the selectors in any expression.

use std::fmt;

use serde_json::Value;

/// What Grafana puts in the place of its variables; the time is longer than the test.
const VARIABLES: [(&str, &str); 5] = [
    ("$__rate_interval", "1m"),
    ("$__range", "1m"),
    ("$instance", ".*"),
    ("$model", crate::model::NAME),
    ("$job", ".*"),
];

/// Words that are followed by labels in parentheses.
const LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
const WORDS: [&str; 5] = ["and", "or", "unless", "bool", "offset"];

/// An expression, and where it stands.
pub struct Expression {
    pub of: String,
    pub written: String,
    /// As Prometheus is asked it.
    pub asked: String,
}

impl fmt::Display for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.of, self.written)
    }
}

/// The expressions of a dashboard.
pub fn of_dashboard(name: &str, board: &Value) -> Vec<Expression> {
    let panels = board["panels"].as_array().expect("panels").iter();
    let of_panel = |panel: &Value| {
        let of = format!("{name}, {}", panel["title"].as_str().expect("a title"));
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        targets.into_iter().map(move |target| {
            let written = target["expr"].as_str().expect("an expression").to_owned();
            let asked = VARIABLES.iter().fold(written.clone(), |text, (name, value)| text.replace(name, value));
            assert!(!asked.contains('$'), "{written}: no such variable");
            Expression { of: of.clone(), written, asked }
        })
    };
    panels.flat_map(of_panel).collect()
}

/// The selectors of an expression: each metric with its labels, such as `up{job="tandem"}`.
pub fn selectors(expression: &str) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), expression);
    while let Some(first) = rest.chars().next() {
        let word = word(rest);
        if word.is_empty() {
            rest = match first {
                '[' => after(rest, ']'),
                '"' => after(&rest[1..], '"'),
                // With its unit, if it has one.
                '0'..='9' => rest.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric() || letter == '.'),
                _ => &rest[first.len_utf8()..],
            };
            continue;
        }
        let follows = rest[word.len()..].trim_start();
        rest = follows;
        if LISTS.contains(&word) {
            if follows.starts_with('(') {
                rest = after(follows, ')');
            }
        } else if !WORDS.contains(&word) && !is_call(follows) {
            let labels =
                if follows.starts_with('{') { &follows[..follows.len() - after(follows, '}').len()] } else { "" };
            rest = &follows[labels.len()..];
            found.push(format!("{word}{labels}"));
        }
    }
    found
}

/// Whether what follows a word makes it a function, or a sum or the like by labels.
fn is_call(follows: &str) -> bool {
    follows.starts_with('(') || ["by", "without"].contains(&word(follows))
}

/// The word at the beginning of a text.
fn word(text: &str) -> &str {
    let is_first = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    if !text.starts_with(is_first) {
        return "";
    }
    let end = text.find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    &text[..end.unwrap_or(text.len())]
}

/// What stands behind the next such letter that is not quoted.
fn after(text: &str, end: char) -> &str {
    let mut is_quoted = false;
    for (at, letter) in text.char_indices() {
        if letter == end && !is_quoted {
            return &text[at + letter.len_utf8()..];
        }
        is_quoted ^= letter == '"';
    }
    ""
}

#[test]
fn selectors_are_metrics_with_their_labels() {
    let asked = r#"histogram_quantile(0.9, sum by (le, x) (rate(a_bucket{r=~"/m/{n}.*", s="5"}[5m])))
        / on (instance) group_left () (b offset 1d) > 1.5 and up == 1 unless on (instance) (c{} or max_over_time(d[1h]))"#;
    assert_eq!(selectors(asked), [r#"a_bucket{r=~"/m/{n}.*", s="5"}"#, "b", "up", "c{}", "d"]);
}
