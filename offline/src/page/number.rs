//! Numbers and names, as short as people read them.

/// A number of at most four digits that count.
#[must_use]
pub fn short(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    let size = number.abs();
    if !(1e-4..1e7).contains(&size) {
        return format!("{number:.2e}");
    }
    let digits = (3 - size.log10().floor() as i32).clamp(0, 7) as usize;
    let text = format!("{number:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A number of two digits that count, or a whole one.
#[must_use]
pub fn rounded(number: f64) -> String {
    match number.abs() {
        size if size >= 10.0 => format!("{number:.0}"),
        size if size >= 1.0 => short((number * 10.0).round() / 10.0),
        _ => short((number * 100.0).round() / 100.0),
    }
}

/// A share as percent, with as many digits as small ones need.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{}%", short((share * 1e6).round() / 1e4))
}

/// A number, from ten thousand on in thousands or millions.
#[must_use]
pub fn thousands(number: f64) -> String {
    match number.abs() {
        size if size >= 1e6 => format!("{}M", short(number / 1e6)),
        size if size >= 1e4 => format!("{}k", short(number / 1e3)),
        _ => short(number),
    }
}

/// A name of at most so many letters.
#[must_use]
pub fn cut(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        return name.to_owned();
    }
    name.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// How many there are.
#[must_use]
pub fn count(number: u64) -> String {
    if number < 1_000_000 { number.to_string() } else { thousands(number as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_shortly() {
        let told = [0.0, 1234.567, 0.012_345_6, -2.5, 3e9, 1e6].map(short);
        assert_eq!(told, ["0", "1235", "0.01235", "-2.5", "3.00e9", "1000000"]);
    }

    #[test]
    fn rounded_numbers_have_two_digits_that_count() {
        assert_eq!([123.4, 12.34, 1.25, 0.126, 0.0].map(rounded), ["123", "12", "1.3", "0.13", "0"]);
    }

    #[test]
    fn numbers_and_names_are_short() {
        assert_eq!(["0", "12.5%"], [thousands(0.0), percent(0.125)].each_ref().map(String::as_str));
        assert_eq!((thousands(45_211.0), thousands(1_200_000.0)), ("45.21k".to_owned(), "1.2M".to_owned()));
        assert_eq!((cut("abcdef", 4), cut("abc", 4)), ("abc…".to_owned(), "abc".to_owned()));
    }
}
