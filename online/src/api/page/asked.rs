//! What the first page is asked: all of it is in its URL.
//!
//! The parameters of `/recommendations` have their own names here, so that the call that gives the same slate is read off
//! the page's URL. A form sends fields that are left empty, too: they say nothing.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::api::error::ApiError;
use crate::api::query::{self, Clock};
use crate::recommender::CheckedQuery;

/// The most items of a slate that the next one is compared with.
const MOST_COMPARED: usize = 100;
/// What a value of a query string can't have as it is.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The parameters of the page.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// As `/recommendations` has it.
    pub user_id: String,
    /// As `/recommendations` has it.
    pub k: String,
    /// As `/recommendations` has it.
    pub seen: String,
    /// As `/recommendations` has it.
    pub scenario: String,
    /// As `/recommendations` has it.
    pub category: String,
    /// As `/recommendations` has it.
    pub filter: String,
    /// As `/recommendations` has it.
    pub item_id: String,
    /// As `/recommendations` has it.
    pub max_per: String,
    /// The item whose place is explained.
    pub why: String,
    /// What is searched for.
    pub q: String,
    /// The kind of the event that was just sent.
    pub did: String,
    /// The item of that event.
    pub with: String,
    /// The items of the slate before that event, best first.
    pub before: Vec<String>,
}

impl Asked {
    /// The items of a slate when the query says nothing of it.
    pub const K: &str = "12";

    /// The query string of the call that gives the same slate. Looking at a slate is not serving it: what was served
    /// lately is left as it is.
    #[must_use]
    pub fn call(&self) -> String {
        let k = if self.k.is_empty() { Self::K } else { "" };
        encoded(self.of_call().into_iter().chain([("k", k), ("served", "allow")]))
    }

    /// The parameters of the call.
    fn of_call(&self) -> [(&str, &str); 8] {
        [
            ("user_id", &self.user_id),
            ("k", &self.k),
            ("seen", &self.seen),
            ("scenario", &self.scenario),
            ("category", &self.category),
            ("filter", &self.filter),
            ("item_id", &self.item_id),
            ("max_per", &self.max_per),
        ]
    }

    /// All parameters as a query string.
    fn all(&self) -> String {
        let own = [("q", self.q.as_str()), ("did", &self.did), ("with", &self.with), ("why", &self.why)];
        encoded(self.of_call().into_iter().chain(own).chain(self.before.iter().map(|id| ("before", id.as_str()))))
    }

    /// The query of that call, read and checked as any.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] names the parameter.
    pub fn query(&self, clock: Clock) -> Result<CheckedQuery, ApiError> {
        query::recommendations(Some(&self.call())).and_then(|query| query::check(query, clock))
    }

    /// The URL of the page that asks so.
    #[must_use]
    pub fn url(&self) -> String {
        format!("/?{}", self.all())
    }

    /// The URL that a form with an event is sent to: it comes back to this page.
    ///
    /// * `slate`: the items of the slate that is shown.
    #[must_use]
    pub fn event_url<'a>(&self, slate: impl Iterator<Item = &'a str>) -> String {
        let before = slate.take(MOST_COMPARED).map(str::to_owned).collect();
        format!("/ui/event?{}", Self { before, ..self.plain() }.all())
    }

    /// The URL of the page with the place of an item explained.
    #[must_use]
    pub fn why_url(&self, item_id: &str) -> String {
        format!("{}#why", Self { why: item_id.to_owned(), q: String::new(), ..self.clone() }.url())
    }

    /// The page of this person, with nothing else.
    #[must_use]
    pub fn of(user_id: &str) -> Self {
        Self { user_id: user_id.to_owned(), ..Self::default() }
    }

    /// The same question, with nothing of what just happened.
    #[must_use]
    pub fn plain(&self) -> Self {
        Self {
            before: Vec::new(),
            did: String::new(),
            with: String::new(),
            why: String::new(),
            q: String::new(),
            ..self.clone()
        }
    }
}

/// Parameters as a query string, without those that say nothing.
pub fn encoded<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (name, value) in pairs.into_iter().filter(|(_, value)| !value.is_empty()) {
        let separator = if text.is_empty() { "" } else { "&" };
        text.extend([separator, name, "="]);
        text.extend(utf8_percent_encode(value, ESCAPED));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_call_is_read_off_the_url_and_empty_fields_say_nothing() {
        let asked: Asked = query::read(Some("user_id=u+1&k=&filter=price+%3C+5&q=lamp&did=view")).expect("read");
        assert_eq!(asked.call(), "user_id=u%201&filter=price%20%3C%205&k=12&served=allow");
        let query = asked.query(Clock::Service).expect("valid");
        assert_eq!((query.user_id.as_str(), query.k, query.filter.is_some()), ("u 1", 12, true));
        assert_eq!(asked.plain().url(), "/?user_id=u%201&filter=price%20%3C%205");
        let back: Asked = query::read(Some(&asked.all())).expect("read");
        assert_eq!(back, asked);
    }

    #[test]
    fn what_is_wrong_is_named_as_the_api_names_it() {
        let asked: Asked = query::read(Some("user_id=u&k=0")).expect("read");
        assert!(
            matches!(asked.query(Clock::Service), Err(ApiError::Invalid { field: Some(field), .. }) if field == "k")
        );
    }

    #[test]
    fn an_event_comes_back_with_the_slate_before_whatever_its_ids_are() {
        let url = Asked::of("a&b").event_url(["x,y", "z"].into_iter());
        assert_eq!(url, "/ui/event?user_id=a%26b&before=x%2Cy&before=z");
        let back: Asked = query::read(url.split('?').nth(1)).expect("read");
        assert_eq!(back.before, ["x,y", "z"]);
    }
}
