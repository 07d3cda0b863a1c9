//! `GET /` for a browser: somebody's past and slate side by side, the controls of the slate, and a search.

use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use shared::contract::id::{ItemId, ItemIdx};
use shared::contract::why::Explanation;
use shared::engine::snapshot::Snapshot;
use uuid::Uuid;

use super::asked::Asked;
use super::first_run::first_run;
use super::frame::{Tab, page};
use super::parts::controls::{Choices, controls};
use super::parts::item::Shown;
use super::parts::search::{Found, found, search};
use super::parts::words::{named, several};
use super::parts::{history, pipeline, slate};
use super::visit::{Session, Visit};
use crate::api::App;
use crate::api::error::ApiError;
use crate::api::observe::Arrived;
use crate::api::query;
use crate::events::now_ms;
use crate::lookup::{self, Wanted, WantedUsers, page_of_users};
use crate::recommender::{Answered, Deadline};

/// So many people and items are found at most.
const MOST_FOUND: usize = 12;

/// Shows it.
///
/// # Errors
/// [`ApiError`] when the people of a search can't be looked up. What is wrong with the controls is told on the page.
pub async fn show(app: &App, arrived: Arrived, request: Request<Body>) -> Result<Response, ApiError> {
    let visit = Visit::of(&request, app.settings.scheme);
    let asked: Asked = query::read(request.uri().query())?;
    let Ok(snapshot) = app.recommender.snapshot() else {
        let main = first_run(app);
        return Ok(page(StatusCode::OK, &visit, Tab::TryIt, "First steps", &main));
    };
    if asked.user_id.is_empty() && people(app, &snapshot, asked.q.trim(), 2).await? == [asked.q.trim()] {
        let to = HeaderValue::try_from(Asked { user_id: asked.q.trim().to_owned(), ..asked.plain() }.url());
        let to = to.map_err(|error| ApiError::Internal(error.to_string()))?;
        return Ok((StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response());
    }
    let scenarios = app.recommender.scenarios().collect();
    let choices = Choices { scenarios, categories: snapshot.items().categories().collect() };
    let results = if asked.q.is_empty() {
        html! {}
    } else {
        results(app, &snapshot, &asked).await?
    };
    let (status, body) = match &*asked.user_id {
        "" => (StatusCode::OK, nobody(&people(app, &snapshot, "", 8).await?)),
        _ => match answer(app, arrived, &asked).await {
            Ok((answered, explained)) => (StatusCode::OK, somebody(&answered, &explained, &asked, &visit)),
            Err(error) => (error.status(), html! { p.alert role="alert" { (error.to_string()) } }),
        },
    };
    let main = html! {
        h1.unseen { "Try it" }
        (search(&asked))
        (results)
        (controls(&asked, &choices))
        (body)
    };
    let title = if asked.user_id.is_empty() { "Try it".to_owned() } else { super::parts::words::plain(&asked.user_id) };
    Ok(page(status, &visit, Tab::TryIt, &title, &main))
}

/// The slate, and how it was made. It is neither logged nor remembered: the person did not see it.
async fn answer(app: &App, arrived: Arrived, asked: &Asked) -> Result<(Answered, Explanation), ApiError> {
    let query = asked.query(app.settings.clock)?;
    let deadline = Deadline::of(arrived.at, app.settings.deadline);
    let id = Uuid::now_v7().to_string();
    let now_ms = now_ms();
    let answered = app.recommender.recommend(&query, &id, now_ms, deadline, arrived.trace.as_ref()).await?;
    let of = match &*asked.why {
        // The way of the slate is told with any of its items.
        "" => answered.slate.picks.first().and_then(|pick| ItemId::new(answered.snapshot.items().id(pick.item)).ok()),
        item => Some(query::id("why", item, ItemId::from_outside)?),
    };
    let of: Vec<ItemId> = of.into_iter().collect();
    let explained = app.recommender.why(&query, &of, &id, now_ms).await?;
    Ok((answered, explained))
}

/// People whose ids begin so.
async fn people(app: &App, snapshot: &Snapshot, begin: &str, limit: usize) -> Result<Vec<String>, ApiError> {
    let wanted = WantedUsers { after: None, limit, begin };
    let named = app.recommender.named(wanted.from(), wanted.most()).await?;
    Ok(page_of_users(snapshot, wanted, named.into_iter().map(|user| user.as_str().to_owned()).collect()).0)
}

/// What a search finds.
async fn results(app: &App, snapshot: &Snapshot, asked: &Asked) -> Result<Markup, ApiError> {
    let words = query::words(Some(asked.q.clone()))?;
    let people = people(app, snapshot, asked.q.trim(), MOST_FOUND).await?;
    let wanted = Wanted { after: None, limit: MOST_FOUND, only: None, words: words.as_ref() };
    let items: Vec<ItemIdx> = lookup::page(snapshot, wanted).0;
    let items: Vec<Shown<'_>> = items.into_iter().map(|item| Shown::of(snapshot, item)).collect();
    Ok(found(asked, &Found { people: &people, items: &items }))
}

/// Before anybody is chosen.
fn nobody(people: &[String]) -> Markup {
    let stranger = format!("visitor-{}", &Uuid::now_v7().simple().to_string()[26..]);
    html! {
        section.narrow {
            h2 { "Whose slate?" }
            p.lead { "Search for somebody, or take one of these. Then view, buy or dislike items, and watch the next slate change." }
            ul.chips {
                @for id in people { li { a href=(Asked::of(id).url()) { (named(id)) } } }
                li { a.accent href=(Asked::of(&stranger).url()) { "Somebody new" } }
            }
        }
    }
}

/// Somebody's past and slate.
fn somebody(answered: &Answered, explained: &Explanation, asked: &Asked, visit: &Visit) -> Markup {
    let (snapshot, picks) = (&answered.snapshot, &answered.slate.picks);
    let events = &answered.slate.history;
    let why = explained.items.first().filter(|_| !asked.why.is_empty());
    html! {
        (slate::told(snapshot, picks, asked))
        @if answered.stored.is_none() {
            p.alert role="alert" { "The store did not answer in time: this slate was made without the history." }
        }
        div.split {
            section.slate aria-labelledby="slate" {
                h2 #slate { "Recommended to " (named(&asked.user_id)) }
                p.hint { "Made by version " (named(&snapshot.manifest().version)) ". The buttons send real events of this person." }
                (slate::slate(snapshot, picks, asked, why))
            }
            section.past aria-labelledby="past" {
                h2 #past { "History" }
                p.hint { (several(events.len(), "event", "events")) " that count" }
                (history::history(snapshot, events, now_ms()))
                (history::unwanted(&explained.unwanted, asked))
            }
        }
        (pipeline::pipeline(&explained.trail))
        (call(asked, visit))
    }
}

/// The call that gives the same slate, to be copied.
fn call(asked: &Asked, visit: &Visit) -> Markup {
    let key = match visit.session {
        Session::SignedIn => " -H \"authorization: Bearer $TANDEM_KEY\"",
        Session::Open => "",
    };
    html! {
        section.call aria-labelledby="call" {
            h2 #call { "The same slate by API" }
            pre tabindex="0" { code #curl { "curl -s" (key) " '" (visit.origin) "/recommendations?" (asked.call()) "'" } }
            button type="button" data-copy="curl" hidden { "Copy" }
        }
    }
}
