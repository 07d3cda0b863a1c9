//! Reads expressions: words, then a function for each level of the grammar.

use super::{
    Asks, Comparison, Expression, ExpressionError, Literal, MAX_BYTES, MAX_DEPTH, MAX_PARTS, Test, is_reserved,
};

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// [`ExpressionError`] says where, and what was expected there.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        if text.len() > MAX_BYTES {
            return Err(ExpressionError::Long);
        }
        let mut parser = Parser { text, at: 0, depth: 0, parts: 0 };
        let expression = parser.any()?;
        match parser.peek() {
            (Token::End, _) => Ok(expression),
            found => Err(parser.unexpected("`and`, `or` or the end", found)),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token<'a> {
    Word(&'a str),
    /// In backquotes.
    Name(String),
    Text(String),
    Number(f64),
    /// An operator, parenthesis or comma.
    Sign(&'a str),
    /// What begins no token, or ends too early.
    Bad(&'static str),
    End,
}

/// Reads a text from left to right.
struct Parser<'a> {
    text: &'a str,
    /// The byte that comes next.
    at: usize,
    depth: usize,
    parts: usize,
}

impl<'a> Parser<'a> {
    /// The next token, and where it ends.
    fn peek(&self) -> (Token<'a>, usize) {
        let start = self.start();
        let rest = &self.text[start..];
        let Some(first) = rest.chars().next() else { return (Token::End, start) };
        let within = |also: &str| {
            let belongs = |c: char| c.is_alphanumeric() || also.contains(c);
            rest.find(|c| !belongs(c)).unwrap_or(rest.len())
        };
        match first {
            '"' | '\'' | '`' => match quoted(rest, first) {
                Some((text, length)) if first == '`' => (Token::Name(text), start + length),
                Some((text, length)) => (Token::Text(text), start + length),
                None => (Token::Bad("a quote that nothing closes"), self.text.len()),
            },
            '(' | ')' | ',' => (Token::Sign(&rest[..1]), start + 1),
            '=' | '!' | '<' | '>' => {
                let length = if rest[1..].starts_with('=') { 2 } else { 1 };
                match &rest[..length] {
                    "!" => (Token::Bad("`!`"), start + 1),
                    "==" => (Token::Bad("`==`"), start + 2),
                    sign => (Token::Sign(sign), start + length),
                }
            }
            '0'..='9' | '+' | '-' | '.' => {
                let length = within("+-._");
                let number = rest[..length].parse::<f64>().ok().filter(|number| number.is_finite());
                (number.map_or(Token::Bad("what is no number"), Token::Number), start + length)
            }
            first if first.is_alphabetic() || first == '_' => {
                let length = within("_-.:");
                (Token::Word(&rest[..length]), start + length)
            }
            other => (Token::Bad("a sign that means nothing"), start + other.len_utf8()),
        }
    }

    /// Where the next token begins.
    fn start(&self) -> usize {
        let rest = &self.text[self.at..];
        self.at + (rest.len() - rest.trim_start().len())
    }

    fn place(&self) -> usize {
        self.text[..self.start()].chars().count() + 1
    }

    fn unexpected(&self, expected: &'static str, (found, end): (Token<'_>, usize)) -> ExpressionError {
        const SHOWN: usize = 40;
        let shown: String = self.text[self.start()..end].chars().take(SHOWN).collect();
        let found = match found {
            Token::End => "the end".to_owned(),
            Token::Bad(what) => what.to_owned(),
            _ => format!("`{shown}`"),
        };
        ExpressionError::Unexpected { place: self.place(), expected, found }
    }

    /// Passes over a word of the grammar, if it comes next.
    fn takes_word(&mut self, word: &str) -> bool {
        let (token, end) = self.peek();
        let is_next = matches!(token, Token::Word(found) if found.eq_ignore_ascii_case(word));
        if is_next {
            self.at = end;
        }
        is_next
    }

    fn takes_sign(&mut self, sign: &str) -> bool {
        let (token, end) = self.peek();
        let is_next = token == Token::Sign(sign);
        if is_next {
            self.at = end;
        }
        is_next
    }

    fn expect_sign(&mut self, sign: &str, expected: &'static str) -> Result<(), ExpressionError> {
        if self.takes_sign(sign) { Ok(()) } else { Err(self.unexpected(expected, self.peek())) }
    }

    fn any(&mut self) -> Result<Expression, ExpressionError> {
        let mut parts = vec![self.all()?];
        while self.takes_word("or") {
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { Expression::Or(parts) })
    }

    fn all(&mut self) -> Result<Expression, ExpressionError> {
        let mut parts = vec![self.one()?];
        while self.takes_word("and") {
            parts.push(self.one()?);
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { Expression::And(parts) })
    }

    fn one(&mut self) -> Result<Expression, ExpressionError> {
        let place = self.place();
        let is_not = self.takes_word("not");
        if !is_not && !self.takes_sign("(") {
            return self.test().map(Expression::Test);
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ExpressionError::Deep(place));
        }
        let inner = if is_not { Expression::Not(Box::new(self.one()?)) } else { self.any()? };
        if !is_not {
            self.expect_sign(")", "`and`, `or` or `)`")?;
        }
        self.depth -= 1;
        Ok(inner)
    }

    fn test(&mut self) -> Result<Test, ExpressionError> {
        self.count()?;
        let property = self.property()?;
        if self.takes_word("in") {
            self.expect_sign("(", "`(` and the values")?;
            let mut values = vec![self.value()?];
            while self.takes_sign(",") {
                self.count()?;
                values.push(self.value()?);
            }
            self.expect_sign(")", "`,` or `)`")?;
            return Ok(Test { property, asks: Asks::In(values) });
        }
        if self.takes_word("is") {
            let is_not = self.takes_word("not");
            if !self.takes_word("missing") {
                return Err(self.unexpected("`missing` or `not missing`", self.peek()));
            }
            return Ok(Test { property, asks: if is_not { Asks::Present } else { Asks::Missing } });
        }
        let asks = match self.peek() {
            (Token::Sign(sign), end) if let Some((by, _)) = Comparison::ALL.iter().find(|(_, name)| *name == sign) => {
                self.at = end;
                Asks::Compare(*by, self.value()?)
            }
            (Token::Sign(")") | Token::End, _) => Asks::Yes,
            (Token::Word(word), _) if ["and", "or"].iter().any(|next| word.eq_ignore_ascii_case(next)) => Asks::Yes,
            (Token::Word(word), end) if word.eq_ignore_ascii_case("not") => {
                return Err(
                    self.unexpected("a comparison (`not` stands before the property)", (Token::Word(word), end))
                );
            }
            found => return Err(self.unexpected("a comparison, `in`, `is`, `and`, `or` or the end", found)),
        };
        Ok(Test { property, asks })
    }

    fn property(&mut self) -> Result<String, ExpressionError> {
        let (token, end) = self.peek();
        let name = match token {
            Token::Word(word) if !is_reserved(word) => word.to_owned(),
            Token::Name(name) if !name.is_empty() => name,
            found => return Err(self.unexpected("the name of a property, `not` or `(`", (found, end))),
        };
        self.at = end;
        Ok(name)
    }

    fn value(&mut self) -> Result<Literal, ExpressionError> {
        let (token, end) = self.peek();
        let value = match token {
            Token::Text(text) => Literal::Text(text),
            Token::Number(number) => Literal::Number(number),
            Token::Word(word) if word.eq_ignore_ascii_case("true") => Literal::Flag(true),
            Token::Word(word) if word.eq_ignore_ascii_case("false") => Literal::Flag(false),
            found => return Err(self.unexpected("a number, a text in quotes, true or false", (found, end))),
        };
        self.at = end;
        Ok(value)
    }

    fn count(&mut self) -> Result<(), ExpressionError> {
        self.parts += 1;
        if self.parts > MAX_PARTS { Err(ExpressionError::Many(self.place())) } else { Ok(()) }
    }
}

/// A text that begins with a quote: what is in it, and its length with the quotes.
fn quoted(rest: &str, quote: char) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut characters = rest.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => text.push(characters.next()?.1),
            end if end == quote => return Some((text, at + end.len_utf8())),
            other => text.push(other),
        }
    }
    None
}
