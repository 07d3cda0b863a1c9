//! Reads numbers as people of several countries write them, as far as events depend on them.

/// What a number of pieces says of an order line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Goods that came back.
    Below,
    /// Nothing.
    Zero,
    /// Goods that were bought.
    Above,
}

impl Quantity {
    /// Reads a quantity: `-1`, `-1,00`, `1-`, `(1)`, `1.200,50`, `1e3`; `None` for what is no number.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (is_below, digits) = unsigned(text.trim());
        let is_number = digits.starts_with(|first: char| first.is_ascii_digit() || ".,".contains(first))
            && (digits.parse::<f64>().is_ok()
                || digits.chars().all(|sign| sign.is_ascii_digit() || GROUPS.contains(&sign)));
        let mantissa = digits.split(['e', 'E']).next().unwrap_or(digits);
        match mantissa.chars().any(|digit| ('1'..='9').contains(&digit)) {
            _ if !is_number || !digits.chars().any(|digit| digit.is_ascii_digit()) => None,
            false => Some(Self::Zero),
            true if is_below => Some(Self::Below),
            true => Some(Self::Above),
        }
    }
}

/// What stands between digits: before a fraction, or between groups.
const GROUPS: [char; 7] = ['.', ',', '\'', '\u{2019}', ' ', '\u{a0}', '\u{202f}'];

/// Whether a number is below 0, and its digits.
fn unsigned(text: &str) -> (bool, &str) {
    const MINUS: [char; 2] = ['-', '\u{2212}'];
    let in_brackets = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    let below = text.strip_prefix(MINUS).or_else(|| text.strip_suffix(MINUS)).or(in_brackets);
    (below.is_some(), below.unwrap_or_else(|| text.strip_prefix('+').unwrap_or(text)).trim())
}

/// Whether an amount of money is below zero, with its currency or without: `-$9.00`, `($9)`, `-9,00 €`.
#[must_use]
pub fn is_below_zero(text: &str) -> bool {
    let is_of_number = |sign: &char| sign.is_ascii_digit() || GROUPS.contains(sign) || "-\u{2212}()".contains(*sign);
    let number: String = text.chars().filter(is_of_number).collect();
    Quantity::read(&number) == Some(Quantity::Below)
}

/// Reads a number with a point or a comma before its fraction, and no groups: a rating.
#[must_use]
pub fn rating(text: &str) -> Option<f64> {
    let text = text.trim();
    text.parse().ok().or_else(|| text.replacen(',', ".", 1).parse().ok()).filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_of_many_countries_have_a_sign() {
        let read = |texts: &[&str]| texts.iter().map(|text| Quantity::read(text)).collect::<Vec<_>>();
        let below = ["-1", "-1.00", "-1,00", "-1.000,00", "\u{2212}1", "1-", "(1)", "- 1", "-1,234.00", "-1e3", "-.5"];
        assert_eq!(read(&below), vec![Some(Quantity::Below); below.len()]);
        let zero = ["0", "0,00", "-0", "0.0", "0e5"];
        assert_eq!(read(&zero), vec![Some(Quantity::Zero); zero.len()]);
        let above = ["1", "+2", "1.200,50", "1 200", "1'000", " 3 "];
        assert_eq!(read(&above), vec![Some(Quantity::Above); above.len()]);
        let none = ["", "-", "one", "1 piece", "R\u{fc}ckgabe", "nan", "inf", ".", "--1"];
        assert_eq!(read(&none), vec![None; none.len()]);
    }

    #[test]
    fn amounts_below_zero_may_have_a_currency() {
        for below in ["-9", "-9.00", "-$9.00", "$-9.00", "($9.00)", "-9,00 €", "9,00- EUR", "EUR -1.299,00"] {
            assert!(is_below_zero(below), "{below}");
        }
        for other in ["9", "$9.00", "-0.00", "", "-", "free", "2026-01-02"] {
            assert!(!is_below_zero(other), "{other}");
        }
    }

    #[test]
    fn ratings_have_a_point_or_a_comma() {
        assert_eq!(["4.5", "4,5", " 3 "].map(rating), [Some(4.5), Some(4.5), Some(3.0)]);
        assert_eq!(["good", "4,5,6", "nan", ""].map(rating), [None; 4]);
    }
}
