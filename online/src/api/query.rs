//! Reads query strings strictly: what is unknown, repeated, or not what it should be is refused by its name.

use std::str::FromStr;

use shared::api::{DEFAULT_K, MAX_K, RecommendationQuery, Seen};
use shared::id::{IdError, ItemId, UserId};

use super::error::ApiError;

/// Whether queries may carry `now`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The service's clock is the time.
    Service,
    /// Replay mode: a query may bring its own time.
    Replay,
}

/// Undoes percent encoding; `+` is a space.
fn decode(field: &str, text: &str) -> Result<String, ApiError> {
    if !text.contains(['%', '+']) {
        return Ok(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
                match (digit(), digit()) {
                    (Some(high), Some(low)) => (high * 16 + low) as u8,
                    _ => return Err(ApiError::invalid(field, "`%` must be followed by two hexadecimal digits")),
                }
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| ApiError::invalid(field, "the text is not UTF-8"))
}

/// The parameters of a query string, each taken once.
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Takes a query string apart; only `known` parameters may be in it, each once.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] names the parameter.
    pub fn parse(query: Option<&str>, known: &[&str]) -> Result<Self, ApiError> {
        let mut parameters: Vec<(String, String)> = Vec::new();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode("query", name)?;
            let value = decode(&name, value)?;
            if !known.contains(&name.as_str()) {
                let detail = format!("there is no such parameter; there are: {}", known.join(", "));
                return Err(ApiError::invalid(name, detail));
            }
            if parameters.iter().any(|(other, _)| *other == name) {
                return Err(ApiError::invalid(name, "the parameter is given more than once"));
            }
            parameters.push((name, value));
        }
        Ok(Self(parameters))
    }

    /// Takes a parameter out.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(other, _)| other == name)?;
        Some(self.0.swap_remove(at).1)
    }

    /// Takes `k` out: 1 to 500, 10 where absent.
    ///
    /// # Errors
    /// [`ApiError::Invalid`].
    pub fn take_k(&mut self) -> Result<usize, ApiError> {
        let text = self.take("k");
        text.map_or(Ok(DEFAULT_K), |text| check_k(text.parse().ok()))
    }
}

/// Checks `k`, given the number it was read as.
///
/// # Errors
/// [`ApiError::Invalid`].
pub fn check_k(k: Option<usize>) -> Result<usize, ApiError> {
    let wrong = || ApiError::invalid("k", format!("k must be an integer from 1 to {MAX_K}"));
    k.filter(|k| (1..=MAX_K).contains(k)).ok_or_else(wrong)
}

/// Makes an id of a text, or names the field.
///
/// # Errors
/// [`ApiError::Invalid`].
pub fn id<T>(field: &str, text: String, new: impl FnOnce(Box<str>) -> Result<T, IdError>) -> Result<T, ApiError> {
    new(text.into_boxed_str()).map_err(|error| ApiError::invalid(field, error.to_string()))
}

/// A category's name, which can't be empty.
///
/// # Errors
/// [`ApiError::Invalid`].
pub fn category(name: String) -> Result<String, ApiError> {
    if name.is_empty() { Err(ApiError::invalid("category", "a category must not be empty")) } else { Ok(name) }
}

fn seen(text: &str) -> Result<Seen, ApiError> {
    match text {
        "allow" => Ok(Seen::Allow),
        "exclude_purchased" => Ok(Seen::ExcludePurchased),
        "exclude_all" => Ok(Seen::ExcludeAll),
        _ => Err(ApiError::invalid("seen", "seen must be allow, exclude_purchased or exclude_all")),
    }
}

fn truth(field: &str, text: &str) -> Result<bool, ApiError> {
    bool::from_str(text).map_err(|_| ApiError::invalid(field, format!("{field} must be true or false")))
}

/// The parameters of `GET /recommendations`.
const RECOMMENDATIONS: [&str; 8] = ["user_id", "k", "item_id", "category", "exclude", "seen", "explain", "now"];

/// Reads the query string of `GET /recommendations`.
///
/// # Errors
/// [`ApiError::Invalid`] names the parameter.
pub fn recommendations(query: Option<&str>, clock: Clock) -> Result<RecommendationQuery, ApiError> {
    let mut parameters = Parameters::parse(query, &RECOMMENDATIONS)?;
    let user_id = parameters.take("user_id").ok_or_else(|| ApiError::invalid("user_id", "user_id is required"))?;
    let query = RecommendationQuery {
        user_id: id("user_id", user_id, UserId::new)?,
        k: parameters.take_k()?,
        item_id: parameters.take("item_id").map(|text| id("item_id", text, ItemId::new)).transpose()?,
        category: parameters.take("category"),
        exclude: exclude(&parameters.take("exclude").unwrap_or_default())?,
        seen: parameters.take("seen").as_deref().map(seen).transpose()?,
        explain: parameters.take("explain").map_or(Ok(false), |text| truth("explain", &text))?,
        now: parameters.take("now").map(|text| now(&text)).transpose()?,
    };
    check(query, clock)
}

fn exclude(text: &str) -> Result<Vec<ItemId>, ApiError> {
    let items = text.split(',').filter(|item| !item.is_empty());
    items.map(|item| id("exclude", item.to_owned(), ItemId::new)).collect()
}

fn now(text: &str) -> Result<i64, ApiError> {
    text.parse().map_err(|_| ApiError::invalid("now", "now must be an integer, milliseconds since the epoch"))
}

/// Checks what GET and POST have in common.
///
/// # Errors
/// [`ApiError::Invalid`] names the field.
pub fn check(query: RecommendationQuery, clock: Clock) -> Result<RecommendationQuery, ApiError> {
    check_k(Some(query.k))?;
    if query.now.is_some() && clock == Clock::Service {
        return Err(ApiError::invalid("now", "only a service in replay mode (server.replay = true) takes now"));
    }
    let category = query.category.map(category).transpose()?;
    Ok(RecommendationQuery { category, ..query })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(query: &str) -> String {
        match recommendations(Some(query), Clock::Service) {
            Err(ApiError::Invalid { field, .. }) => field.expect("a field"),
            other => panic!("{query} gave {other:?}"),
        }
    }

    #[test]
    fn every_parameter_is_read() {
        let text = "user_id=u%20%C3%A4&k=7&item_id=i&category=a+b&exclude=x,,y&seen=allow&explain=true&now=9";
        let query = recommendations(Some(text), Clock::Replay).expect("valid");
        assert_eq!((query.user_id.as_str(), query.k, query.now), ("u ä", 7, Some(9)));
        assert_eq!(query.category.as_deref(), Some("a b"));
        assert_eq!(query.exclude.iter().map(ItemId::as_str).collect::<Vec<_>>(), ["x", "y"]);
        assert!(query.explain && query.seen == Some(Seen::Allow));
    }

    #[test]
    fn a_wrong_parameter_is_named() {
        for k in ["0", "501", "abc", "-1", "", "1.5", "99999999999999999999"] {
            assert_eq!(field(&format!("user_id=u&k={k}")), "k");
        }
        assert_eq!(field(""), "user_id");
        assert_eq!(field("user_id="), "user_id");
        assert_eq!(field("user_id=%ff"), "user_id");
        assert_eq!(field("user_id=%f"), "user_id");
        assert_eq!(field("user_id=u&user_id=v"), "user_id");
        assert_eq!(field("user_id=u&colour=red"), "colour");
        assert_eq!(field("user_id=u&seen=some"), "seen");
        assert_eq!(field("user_id=u&explain=yes"), "explain");
        assert_eq!(field("user_id=u&now=1"), "now");
        assert_eq!(field("user_id=u&item_id="), "item_id");
        assert_eq!(field("user_id=u&category="), "category");
        assert_eq!(field("user_id=u&exclude=a,%00"), "exclude");
        assert_eq!(field("%ff=1&user_id=u"), "query");
    }
}
