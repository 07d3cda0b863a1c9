//! Prices as texts: `19.99`, `19,99`, `€ 1.299,00`, `1 299,00 EUR`.
//!
//! A comma or a point before exactly three digits may stand before a fraction or between thousands. Which it is, is told
//! by the other prices of the column; where they don't tell, `1.299` is a plain number, and `1,299` is no price.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What stands before the fraction of a price.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decimal {
    /// What the prices of the column tell.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// A point.
    #[serde(rename = ".")]
    Point,
    /// A comma.
    #[serde(rename = ",")]
    Comma,
}

/// Why a text is no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPrice {
    /// It is no number.
    #[error("price is not a number; items.price = \"\" leaves prices out")]
    Text,
    /// It is below zero.
    #[error("price below zero")]
    Negative,
    /// It can be read in two ways.
    #[error("price has two readings: with a fraction, or thousands; items.decimal = \".\" or \",\" decides")]
    Ambiguous,
    /// Its decimal sign is the other one.
    #[error("price does not fit items.decimal")]
    OtherSign,
}

/// What the prices of a column have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Style {
    /// Some have a point before the fraction, or commas between thousands.
    point: bool,
    /// Some have a comma before the fraction, or points between thousands.
    comma: bool,
    /// Whether the settings say so.
    fixed: bool,
    /// The currencies that stand beside prices.
    pub currencies: BTreeSet<String>,
}

/// A number with its signs, before it is known what they mean.
enum Reading {
    /// The number, and the sign before its fraction where it shows.
    Sure(f64, Option<char>),
    /// It is one number if the sign stands before a fraction, and another one if it stands between thousands.
    Either { sign: char, fraction: f64, thousands: f64, bare: bool },
}

impl Style {
    /// The style that the settings say; [`Style::learn`] goes on from there.
    #[must_use]
    pub fn of(decimal: Decimal) -> Self {
        let (point, comma) = (decimal == Decimal::Point, decimal == Decimal::Comma);
        Self { point, comma, fixed: point || comma, currencies: BTreeSet::new() }
    }

    /// Notes what a price tells about the others.
    pub fn learn(&mut self, text: &str) {
        let (number, currency) = without_currency(text);
        if let (Ok(Reading::Sure(_, sign)), false) = (reading(number, currency.is_empty()), self.fixed) {
            self.point |= sign == Some('.');
            self.comma |= sign == Some(',');
        }
        if !currency.is_empty() && !self.currencies.contains(&currency) {
            self.currencies.insert(currency);
        }
    }

    /// Reads a price.
    ///
    /// # Errors
    /// [`NoPrice`] says why it is none.
    pub fn read(&self, text: &str) -> Result<f32, NoPrice> {
        let (number, currency) = without_currency(text);
        let price = match reading(number, currency.is_empty())? {
            Reading::Sure(_, Some('.')) if self.fixed && self.comma => return Err(NoPrice::OtherSign),
            Reading::Sure(_, Some(',')) if self.fixed && self.point => return Err(NoPrice::OtherSign),
            Reading::Sure(number, _) => number,
            Reading::Either { sign, fraction, thousands, bare } => {
                let decimal = match (self.point, self.comma) {
                    (true, false) => '.',
                    (false, true) => ',',
                    (false, false) if sign == '.' && bare => '.',
                    _ => return Err(NoPrice::Ambiguous),
                };
                if sign == decimal { fraction } else { thousands }
            }
        };
        match price as f32 {
            price if price < 0.0 => Err(NoPrice::Negative),
            price if price.is_finite() => Ok(price),
            _ => Err(NoPrice::Text),
        }
    }
}

/// Currencies that are written in letters, in upper case.
const CURRENCIES: [&str; 78] = [
    "AED", "ARS", "AUD", "BAM", "BDT", "BGN", "BHD", "BRL", "CAD", "CHF", "CLP", "CNY", "COP", "CZK", "DKK", "EGP",
    "EUR", "GBP", "GHS", "HKD", "HRK", "HUF", "IDR", "ILS", "INR", "ISK", "JPY", "KES", "KRW", "KWD", "KZT", "LKR",
    "MAD", "MXN", "MYR", "NGN", "NOK", "NZD", "OMR", "PEN", "PHP", "PKR", "PLN", "QAR", "RMB", "RON", "RSD", "RUB",
    "SAR", "SEK", "SGD", "THB", "TND", "TRY", "TWD", "UAH", "USD", "UYU", "VND", "ZAR", "EURO", "EUROS", "FR", "FT",
    "KR", "KČ", "LEI", "RM", "RP", "RS", "TK", "TL", "ZŁ", "ЛВ", "РУБ", "円", "元", "원",
];
/// Signs of currencies.
const SIGNS: &str = "€$£¥￥₹₽₩₺₴₫฿¢₪₱₦₸";
/// The longest name of a country before a `$`.
const LONGEST_COUNTRY: usize = 2;

/// Texts that stand for no price, in lower case.
const PLACEHOLDERS: [&str; 14] = [
    "tbd",
    "tba",
    "tbc",
    "n/a",
    "na",
    "poa",
    "n.a.",
    "k.a.",
    "call for price",
    "price on request",
    "on request",
    "auf anfrage",
    "sur demande",
    "ask",
];

/// Whether a text stands where there is no price: dashes, `TBD`, `n/a`.
#[must_use]
pub fn is_placeholder(text: &str) -> bool {
    let text = text.trim().to_lowercase();
    text.chars().all(|letter| "-–—−_?.*/".contains(letter)) || PLACEHOLDERS.contains(&text.as_str())
}

/// Whether a text is a currency.
fn is_currency(text: &str) -> bool {
    let letters: String = text.chars().filter(|letter| letter.is_alphabetic()).collect();
    let signs: String = text.chars().filter(|letter| !letter.is_alphabetic()).collect();
    let is_of_country = signs == "$" && letters.chars().count() <= LONGEST_COUNTRY;
    signs.chars().all(|sign| SIGNS.contains(sign))
        && (letters.is_empty() || is_of_country || CURRENCIES.contains(&letters.to_uppercase().as_str()))
}

/// A price without what stands before and behind its number, and that: a currency, or empty. Where more stands there, the
/// text is returned as it is, which is no number then.
fn without_currency(text: &str) -> (&str, String) {
    let of_number = |letter: char| letter.is_ascii_digit() || "+-.,".contains(letter);
    let number = text.trim_matches(|letter| !of_number(letter));
    // The point of `Rs. 5`, and the dash of `19,-`.
    let number = match number.strip_prefix(['.', ',']) {
        Some(rest) if !rest.starts_with(|letter: char| letter.is_ascii_digit()) => {
            rest.trim_start_matches(|letter| !of_number(letter))
        }
        _ => number,
    };
    let number = number.trim_end_matches(['-', '.', ',']);
    let Some(at) = text.find(number).filter(|_| !number.is_empty()) else { return (text, String::new()) };
    let beside =
        [&text[..at], &text[at + number.len()..]].map(|side| side.trim_matches([' ', '\u{a0}', '-', '.', ',']));
    let currency = beside.concat();
    if is_currency(&currency) {
        return (number, currency.to_uppercase());
    }
    (text, String::new())
}

/// Reads a number that has signs before its fraction and between thousands.
///
/// * `bare`: nothing stood beside it.
fn reading(text: &str, bare: bool) -> Result<Reading, NoPrice> {
    // Numbers of programs: also with an exponent, which no price has that people write.
    if let Some(number) = text.contains(['e', 'E']).then(|| text.parse::<f64>().ok()).flatten() {
        return Ok(Reading::Sure(number, None));
    }
    let (negative, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) => (text.starts_with('-'), digits),
        None => (false, text),
    };
    let number = |text: &str| {
        let number: Option<f64> = text.parse().ok();
        number.map(|number| if negative { -number } else { number }).ok_or(NoPrice::Text)
    };
    let blank = |letter: char| " '\u{a0}\u{202f}\u{2009}’".contains(letter);
    if digits.contains(blank) {
        let (whole, fraction) = match digits.find(['.', ',']) {
            Some(at) => (&digits[..at], &digits[at..]),
            None => (digits, ""),
        };
        grouped(whole, blank)?;
        let whole = whole.replace(blank, "");
        return match fraction.chars().next() {
            None => Ok(Reading::Sure(number(&whole)?, None)),
            Some(sign) if fraction[1..].bytes().all(|byte| byte.is_ascii_digit()) => {
                Ok(Reading::Sure(number(&format!("{whole}.{}", &fraction[1..]))?, Some(sign)))
            }
            Some(_) => Err(NoPrice::Text),
        };
    }
    if !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b',') {
        return Err(NoPrice::Text);
    }
    let Some(last) = digits.rfind(['.', ',']) else { return Ok(Reading::Sure(number(digits)?, None)) };
    let (whole, fraction) = (&digits[..last], &digits[last + 1..]);
    let sign = if digits[last..].starts_with('.') { '.' } else { ',' };
    let other = if sign == '.' { ',' } else { '.' };
    let with_fraction = |whole: &str| number(&format!("{}.{fraction}", if whole.is_empty() { "0" } else { whole }));
    if whole.contains(sign) {
        // The sign occurs again: it stands between thousands.
        grouped(digits, |letter| letter == sign)?;
        return Ok(Reading::Sure(number(&digits.replace(sign, ""))?, Some(other)));
    }
    if whole.contains(other) {
        grouped(whole, |letter| letter == other)?;
        return Ok(Reading::Sure(with_fraction(&whole.replace(other, ""))?, Some(sign)));
    }
    let may_be_thousands = fraction.len() == 3 && (1..=3).contains(&whole.len()) && !whole.starts_with('0');
    match may_be_thousands {
        false => Ok(Reading::Sure(with_fraction(whole)?, Some(sign))),
        true => {
            let (fraction, thousands) = (with_fraction(whole)?, number(&digits.replace(sign, ""))?);
            Ok(Reading::Either { sign, fraction, thousands, bare })
        }
    }
}

/// Checks that a sign cuts digits into one to three, and then three at a time; or as in India the last three, and two at a
/// time before them.
fn grouped(digits: &str, sign: impl Fn(char) -> bool) -> Result<(), NoPrice> {
    let mut groups = digits.split(&sign);
    let first = groups.next().unwrap_or_default();
    let all_digits = |group: &str| group.bytes().all(|byte| byte.is_ascii_digit());
    let whole = (1..=3).contains(&first.len()) && all_digits(first);
    let others: Vec<&str> = groups.collect();
    let are_digits = whole && others.iter().all(|group| all_digits(group));
    let by_thousands = others.iter().all(|group| group.len() == 3);
    let as_in_india = sign(',')
        && first.len() < 3
        && others.split_last().is_some_and(|(last, middle)| {
            last.len() == 3 && !middle.is_empty() && middle.iter().all(|group| group.len() == 2)
        });
    if are_digits && (by_thousands || as_in_india) { Ok(()) } else { Err(NoPrice::Text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(prices: &[&str]) -> Style {
        let mut style = Style::of(Decimal::Auto);
        prices.iter().for_each(|price| style.learn(price));
        style
    }

    #[test]
    fn prices_with_one_reading_are_read() {
        for (text, price) in [
            ("19.99", 19.99),
            ("19,99", 19.99),
            ("0", 0.0),
            ("7", 7.0),
            ("1234", 1234.0),
            ("€19.99", 19.99),
            ("19,99 €", 19.99),
            ("US$ 5", 5.0),
            ("Rs. 500", 500.0),
            ("19,-", 19.0),
            ("1.299,00", 1299.0),
            ("1,299.00", 1299.0),
            ("1.234.567", 1_234_567.0),
            ("1 299,00", 1299.0),
            ("1\u{a0}299", 1299.0),
            ("1'299.50 CHF", 1299.5),
            ("0.125", 0.125),
            (".5", 0.5),
            ("1299.125", 1299.125),
            ("1e3", 1000.0),
            ("1,25,000.00", 125_000.0),
            ("₹ 12,34,567", 1_234_567.0),
            ("￥500", 500.0),
            ("12000円", 12000.0),
        ] {
            assert_eq!(style(&[]).read(text), Ok(price), "{text}");
        }
    }

    #[test]
    fn what_is_no_price_is_refused() {
        for text in [
            "free",
            "",
            "€",
            "19.99/kg",
            "10-20",
            "1.2.3",
            "1.23.456,00",
            "ab 9,99",
            "from 5.00",
            "nur 5",
            "12 34",
            "1,299.00.5",
            "inf",
            "NaN",
            "20 %",
        ] {
            assert_eq!(style(&[]).read(text), Err(NoPrice::Text), "{text:?}");
        }
        assert_eq!(style(&[]).read("-1"), Err(NoPrice::Negative));
        assert_eq!(style(&[]).read("€-1,50"), Err(NoPrice::Negative));
    }

    #[test]
    fn a_sign_before_three_digits_is_read_as_the_other_prices_tell() {
        let read = |style: &Style| [style.read("1.299"), style.read("1,299"), style.read("€1.299")];
        let two = Err(NoPrice::Ambiguous);
        assert_eq!(read(&style(&["5", "1,299"])), [Ok(1.299), two, two], "a plain number is one");
        assert_eq!(read(&style(&["19,99"])), [Ok(1299.0), Ok(1.299), Ok(1299.0)]);
        assert_eq!(read(&style(&["19.99"])), [Ok(1.299), Ok(1299.0), Ok(1.299)]);
        assert_eq!(read(&style(&["1.234.567"])), [Ok(1299.0), Ok(1.299), Ok(1299.0)]);
        assert_eq!(read(&style(&["19.99", "19,99"])), [two, two, two]);
    }

    #[test]
    fn the_setting_decides() {
        let comma = Style::of(Decimal::Comma);
        assert_eq!([comma.read("1.299"), comma.read("1,299")], [Ok(1299.0), Ok(1.299)]);
        assert_eq!(comma.read("19.99"), Err(NoPrice::OtherSign));
        let mut point = Style::of(Decimal::Point);
        point.learn("19,99");
        assert_eq!([point.read("1,299"), point.read("19,99")], [Ok(1299.0), Err(NoPrice::OtherSign)]);
    }

    #[test]
    fn what_stands_for_no_price_is_none() {
        for text in ["-", "—", "TBD", "n/a", "Call for price", "?"] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in ["free", "0", "-1", "5 €"] {
            assert!(!is_placeholder(text), "{text}");
        }
    }

    #[test]
    fn currencies_are_noted() {
        let style = style(&["€5", "5 eur", "EUR 7", "3"]);
        assert_eq!(style.currencies.into_iter().collect::<Vec<_>>(), ["EUR", "€"]);
    }
}
