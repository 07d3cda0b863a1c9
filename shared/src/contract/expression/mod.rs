//! Filter expressions: a condition on the properties of an item, from a text and back.
//!
//! ```text
//! expression = all ("or" all)*                     all  = one ("and" one)*
//! one        = "not" one │ "(" expression ")" │ test
//! test       = property                            a yes-or-no property that is yes, or a number that is not 0
//!            │ property ("=" │ "!=" │ "<" │ "<=" │ ">" │ ">=") value
//!            │ property "in" "(" value ("," value)* ")"
//!            │ property "is" ["not"] "missing"
//! value      = number │ "text" │ 'text' │ "true" │ "false"
//! property   = a word (letters, digits, _ - . :, not beginning with a digit or a sign) │ `any text`
//! ```
//!
//! In quotes a backslash stands before a quote or a backslash; words of the grammar may be in capitals. Reading can't panic or
//! overflow: text, depth and the number of values are bounded. Cost: a pass over the text.

mod parse;
mod print;

use serde::de::{Deserialize, Deserializer, Error};

/// The longest text of an expression, in bytes.
pub const MAX_BYTES: usize = 8192;
/// How deep parentheses and `not` may stand in each other.
pub const MAX_DEPTH: usize = 32;
/// The most tests and values of an expression.
pub const MAX_PARTS: usize = 256;

/// A condition on the properties of an item.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// One of them holds; two or more.
    Or(Vec<Self>),
    /// All of them hold; two or more.
    And(Vec<Self>),
    /// It does not hold.
    Not(Box<Self>),
    /// One property is asked.
    Test(Test),
}

/// A question about one property.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// Its name.
    pub property: String,
    /// The question.
    pub asks: Asks,
}

/// What is asked of a property. Of a missing value none but [`Asks::Missing`] holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Asks {
    /// Whether it is yes, or a number other than 0.
    Yes,
    /// Whether nothing is known.
    Missing,
    /// Whether anything is known.
    Present,
    /// How it compares with a value.
    Compare(Comparison, Literal),
    /// Whether it is one of several values; one or more.
    In(Vec<Literal>),
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`: of several texts, one is the value.
    Equal,
    /// `!=`: of several texts, none is the value.
    Different,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

impl Comparison {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Equal, "="),
        (Self::Different, "!="),
        (Self::Less, "<"),
        (Self::AtMost, "<="),
        (Self::More, ">"),
        (Self::AtLeast, ">="),
    ];

    /// Whether it asks for an order, which texts don't have.
    #[must_use]
    pub fn is_of_order(self) -> bool {
        !matches!(self, Self::Equal | Self::Different)
    }
}

/// A value that an expression names.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A text.
    Text(String),
    /// A finite number.
    Number(f64),
    /// Yes or no.
    Flag(bool),
}

/// Why a text is no expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// Something else was expected.
    #[error("at character {place}: expected {expected}, found {found}")]
    Unexpected {
        /// The number of the character, from 1.
        place: usize,
        /// What was expected, in words.
        expected: &'static str,
        /// What is there, in words.
        found: String,
    },
    /// It is too long.
    #[error("it has more than {MAX_BYTES} bytes; write it shorter")]
    Long,
    /// It is too deep.
    #[error("at character {0}: more than {MAX_DEPTH} parentheses and `not` stand in each other; write it flatter")]
    Deep(usize),
    /// It has too many parts.
    #[error("at character {0}: more than {MAX_PARTS} tests and values; write fewer")]
    Many(usize),
}

impl Expression {
    /// All tests, from left to right.
    pub fn tests(&self) -> Vec<&Test> {
        match self {
            Self::Or(parts) | Self::And(parts) => parts.iter().flat_map(Self::tests).collect(),
            Self::Not(part) => part.tests(),
            Self::Test(test) => vec![test],
        }
    }
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Whether a word belongs to the grammar, so that a property of this name stands in backquotes.
fn is_reserved(word: &str) -> bool {
    const WORDS: [&str; 8] = ["and", "or", "not", "in", "is", "missing", "true", "false"];
    WORDS.iter().any(|reserved| word.eq_ignore_ascii_case(reserved))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Expression {
        Expression::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn wrong(text: &str) -> String {
        Expression::parse(text).expect_err(text).to_string()
    }

    #[test]
    fn and_binds_more_than_or_and_not_more_than_both() {
        for (text, printed) in [
            ("a or b and not c", "a or b and not c"),
            ("(a or b) AND not(c)", "(a or b) and not c"),
            ("not (a and b)", "not (a and b)"),
            ("((a))", "a"),
            ("price<50 and brand in (\"Acme\",'Bo')", "price < 50.0 and brand in (\"Acme\", \"Bo\")"),
            ("`size (cm)` >= -1.5e3", "`size (cm)` >= -1500.0"),
            ("x is missing or y is not missing", "x is missing or y is not missing"),
            ("name = 'it\\'s \\\\ \"so\"'", "name = \"it's \\\\ \\\"so\\\"\""),
            ("`and` = true and farbe-größe != false", "`and` = true and farbe-größe != false"),
        ] {
            assert_eq!(read(text).to_string(), printed);
            assert_eq!(read(printed), read(text));
        }
    }

    #[test]
    fn an_error_says_where_and_what_was_expected() {
        for (text, said) in [
            ("", "at character 1: expected the name of a property, `not` or `(`, found the end"),
            ("price < ", "at character 9: expected a number, a text in quotes, true or false, found the end"),
            ("price < and", "at character 9: expected a number, a text in quotes, true or false, found `and`"),
            ("größe == 1", "at character 7: expected a comparison, `in`, `is`, `and`, `or` or the end, found `==`"),
            ("a b", "at character 3: expected a comparison, `in`, `is`, `and`, `or` or the end, found `b`"),
            ("a not in (1)", "at character 3: expected a comparison (`not` stands before the property), found `not`"),
            ("a in 1", "at character 6: expected `(` and the values, found `1`"),
            ("a in (1 2)", "at character 9: expected `,` or `)`, found `2`"),
            ("(a = 1", "at character 7: expected `and`, `or` or `)`, found the end"),
            ("a = 1)", "at character 6: expected `and`, `or` or the end, found `)`"),
            (
                "a = 'b",
                "at character 5: expected a number, a text in quotes, true or false, found a quote that nothing closes",
            ),
            ("a = 1x", "at character 5: expected a number, a text in quotes, true or false, found what is no number"),
            ("a is 1", "at character 6: expected `missing` or `not missing`, found `1`"),
            ("a = Acme", "at character 5: expected a number, a text in quotes, true or false, found `Acme`"),
        ] {
            assert_eq!(wrong(text), said, "{text}");
        }
    }

    #[test]
    fn length_depth_and_the_number_of_parts_are_bounded() {
        assert!(wrong(&"a".repeat(MAX_BYTES + 1)).contains("8192 bytes"));
        assert!(Expression::parse(&format!("{}a", "not ".repeat(MAX_DEPTH))).is_ok());
        assert!(wrong(&format!("{}a", "not ".repeat(MAX_DEPTH + 1))).contains("at character 129: more than 32"));
        assert!(wrong(&"(".repeat(MAX_BYTES)).contains("stand in each other"));
        let many = |count: usize| vec!["a"; count].join(" or ");
        assert!(Expression::parse(&many(MAX_PARTS)).is_ok() && wrong(&many(MAX_PARTS + 1)).contains("more than 256"));
        assert!(wrong(&format!("a in ({})", vec!["1"; 300].join(","))).contains("more than 256"));
    }

    fn literal() -> impl Strategy<Value = Literal> {
        prop_oneof![
            ".{0,8}".prop_map(Literal::Text),
            any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Literal::Number),
            any::<bool>().prop_map(Literal::Flag),
        ]
    }

    fn expression() -> impl Strategy<Value = Expression> {
        let by = (0..Comparison::ALL.len()).prop_map(|at| Comparison::ALL[at].0);
        let asks = prop_oneof![
            Just(Asks::Yes),
            Just(Asks::Missing),
            Just(Asks::Present),
            (by, literal()).prop_map(|(by, value)| Asks::Compare(by, value)),
            prop::collection::vec(literal(), 1..4).prop_map(Asks::In),
        ];
        let property = prop_oneof![".{1,8}", Just("not".to_owned()), "[a-z]{1,5}"];
        let test = (property, asks).prop_map(|(property, asks)| Expression::Test(Test { property, asks }));
        test.prop_recursive(5, 40, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::Or),
                prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::And),
                inner.prop_map(|inner| Expression::Not(Box::new(inner))),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_expression_reads_back_as_it_is_printed(expression in expression()) {
            prop_assert_eq!(Expression::parse(&expression.to_string()), Ok(expression));
        }

        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            let _ = Expression::parse(&text);
        }

        #[test]
        fn any_words_of_the_grammar_are_read_or_refused(
            words in prop::collection::vec(prop::sample::select(vec![
                "and", "or", "not", "(", ")", "in", "is", "missing", "a", "`b`", "'c'", "1", "-", ",", "=", "<", "!=", "true", "\\", "\"",
            ]), 0..20),
        ) {
            let text = words.join(" ");
            if let Ok(expression) = Expression::parse(&text) {
                prop_assert_eq!(Expression::parse(&expression.to_string()), Ok(expression));
            }
        }
    }
}
