//! What the page is asked: a person, a number of people, and what each side is. All of it is in the URL.

use maud::{Markup, html};
use serde::Deserialize;

use crate::api::error::ApiError;
use crate::api::page::asked::encoded;
use crate::api::page::parts::controls::{SEEN, select, text};
use crate::api::query::{self, Clock};
use crate::batch::Name;
use crate::compare::Side;

/// The most people of a sample.
const MOST_PEOPLE: usize = 500;

/// A side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfSide {
    /// The first.
    A,
    /// The second.
    B,
}

/// The parameters of the page.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// A person.
    pub user_id: String,
    k: String,
    people: String,
    a_version: String,
    a_scenario: String,
    a_seen: String,
    a_filter: String,
    b_version: String,
    b_scenario: String,
    b_seen: String,
    b_filter: String,
}

impl Asked {
    /// How many people are sampled.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] for what is no such number.
    pub fn people(&self) -> Result<usize, ApiError> {
        let people = if self.people.is_empty() { Ok(0) } else { self.people.trim().parse() };
        let people = people.ok().filter(|people| *people <= MOST_PEOPLE);
        people.ok_or_else(|| ApiError::invalid("people", format!("it must be a number from 0 to {MOST_PEOPLE}")))
    }

    /// What a side asks, read and checked as any query.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] names the parameter.
    pub fn side(&self, side: OfSide, clock: Clock) -> Result<Side, ApiError> {
        let [version, scenario, seen, filter] = self.settings(side);
        let version = Some(version).filter(|version| !version.is_empty());
        let version =
            version.map(Name::new).transpose().map_err(|error| ApiError::invalid("version", error.to_string()))?;
        let k = if self.k.is_empty() { "12" } else { &self.k };
        let pairs = [("k", k), ("scenario", scenario), ("seen", seen), ("filter", filter)];
        // Whose query it is, is said of each person.
        let call = encoded([("user_id", "anybody"), ("served", "allow")].into_iter().chain(pairs));
        let query = query::recommendations(Some(&call)).and_then(|query| query::check(query, clock))?;
        Ok(Side { version: version.map(|version| version.as_str().to_owned()), query })
    }

    fn settings(&self, side: OfSide) -> [&str; 4] {
        match side {
            OfSide::A => [&self.a_version, &self.a_scenario, &self.a_seen, &self.a_filter],
            OfSide::B => [&self.b_version, &self.b_scenario, &self.b_seen, &self.b_filter],
        }
    }
}

/// The form.
///
/// * `served`: the version that is served.
pub fn form(asked: &Asked, served: &str, versions: &[String], scenarios: &[&str]) -> Markup {
    html! {
        form.controls method="get" action="/ui/compare" aria-label="What is compared" data-swap {
            div.fields {
                (text("user_id", "Person", &asked.user_id, "any id, known or not"))
                (select("k", "Items", if asked.k.is_empty() { "12" } else { &asked.k }, &["6", "12", "24", "48"].map(|count| (count, count))))
                (select("people", "Sample of people", if asked.people.is_empty() { "0" } else { &asked.people }, &[("0", "none"), ("50", "50"), ("200", "200"), ("500", "500")]))
                button.primary type="submit" { "Compare" }
            }
            div.split.even {
                (side("a", "A", asked.settings(OfSide::A), served, versions, scenarios))
                (side("b", "B", asked.settings(OfSide::B), served, versions, scenarios))
            }
        }
    }
}

fn side(name: &str, title: &str, settings: [&str; 4], served: &str, versions: &[String], scenarios: &[&str]) -> Markup {
    let [version, scenario, seen, filter] = settings;
    let of_version = versions.iter().filter(|name| *name != served).map(|name| (name.as_str(), name.as_str()));
    let served = format!("served: {served}");
    let versions: Vec<(&str, &str)> = std::iter::once(("", served.as_str())).chain(of_version).collect();
    let scenarios: Vec<(&str, &str)> =
        std::iter::once(("", "none")).chain(scenarios.iter().map(|name| (*name, *name))).collect();
    html! {
        fieldset {
            legend { "Side " (title) }
            div.fields {
                (select(&format!("{name}_version"), "Version", version, &versions))
                (select(&format!("{name}_seen"), "What they know", seen, &SEEN))
                @if scenarios.len() > 1 { (select(&format!("{name}_scenario"), "Scenario", scenario, &scenarios)) }
                (text(&format!("{name}_filter"), "Filter", filter, "price < 50"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_is_read_off_its_own_parameters() {
        let asked: Asked =
            query::read(Some("a_seen=allow&b_version=v2&b_filter=price+%3C+5&k=6&people=50")).expect("read");
        let side = |of| asked.side(of, Clock::Service).expect("valid");
        let (a, b) = (side(OfSide::A), side(OfSide::B));
        assert_eq!((a.version, a.query.seen.is_some(), a.query.filter.is_some(), a.query.k), (None, true, false, 6));
        assert_eq!((b.version.as_deref(), b.query.filter.is_some()), (Some("v2"), true));
        assert_eq!(asked.people().ok(), Some(50));
        let wrong: Asked = query::read(Some("b_version=../x&people=501")).expect("read");
        assert!(wrong.side(OfSide::B, Clock::Service).is_err() && wrong.people().is_err());
    }
}
