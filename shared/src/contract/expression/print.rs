//! Writes expressions so that they read back as they are, with as few parentheses as that needs.

use std::fmt::{self, Write};

use super::{Asks, Comparison, Expression, Literal, Test, is_reserved};

/// Writes a text in quotes.
fn write_quoted(formatter: &mut fmt::Formatter<'_>, quote: char, text: &str) -> fmt::Result {
    formatter.write_char(quote)?;
    for character in text.chars() {
        if character == quote || character == '\\' {
            formatter.write_char('\\')?;
        }
        formatter.write_char(character)?;
    }
    formatter.write_char(quote)
}

impl fmt::Display for Expression {
    /// Writes the expression in its one form: equal expressions give equal texts.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parts, between) = match self {
            Self::Or(parts) => (parts, " or "),
            Self::And(parts) => (parts, " and "),
            Self::Not(part) => {
                formatter.write_str("not ")?;
                return part.write_within(formatter, false);
            }
            Self::Test(test) => return test.fmt(formatter),
        };
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                formatter.write_str(between)?;
            }
            part.write_within(formatter, matches!((self, part), (Self::Or(_), Self::And(_))))?;
        }
        Ok(())
    }
}

impl Expression {
    /// Writes a part of an expression, in parentheses unless it binds as strongly as it has to.
    fn write_within(&self, formatter: &mut fmt::Formatter<'_>, binds: bool) -> fmt::Result {
        match self {
            Self::Or(_) | Self::And(_) if !binds => write!(formatter, "({self})"),
            _ => write!(formatter, "{self}"),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { property, asks } = self;
        let is_word = property.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && property.chars().all(|c| c.is_alphanumeric() || "_-.:".contains(c))
            && !is_reserved(property);
        if is_word {
            formatter.write_str(property)?
        } else {
            write_quoted(formatter, '`', property)?
        }
        match asks {
            Asks::Yes => Ok(()),
            Asks::Missing => formatter.write_str(" is missing"),
            Asks::Present => formatter.write_str(" is not missing"),
            Asks::Compare(by, value) => {
                let sign =
                    Comparison::ALL.iter().find(|(comparison, _)| comparison == by).map_or("=", |(_, sign)| sign);
                write!(formatter, " {sign} {value}")
            }
            Asks::In(values) => {
                for (at, value) in values.iter().enumerate() {
                    write!(formatter, "{}{value}", if at == 0 { " in (" } else { ", " })?;
                }
                formatter.write_char(')')
            }
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write_quoted(formatter, '"', text),
            // The shortest form that reads back as the same number.
            Self::Number(number) => write!(formatter, "{number:?}"),
            Self::Flag(flag) => write!(formatter, "{flag}"),
        }
    }
}
