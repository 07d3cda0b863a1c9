//! `GET /ui/health`: how the service is, without anything else that watches it: from the registry that `/metrics` shows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use shared::engine::stages::Stage;

use super::figures::{Figures, Labels, Spread};
use super::frame::{Tab, page};
use super::parts::plot;
use super::parts::words::{count, did, duration, named, plain, span, time};
use super::recent::{Counts, Lately};
use super::visit::Visit;
use crate::api::App;
use crate::api::error::ApiError;
use crate::api::query;
use crate::events::now_ms;

/// So many routes are listed.
const MOST_ROUTES: usize = 10;

/// The columns of the routes.
const COLUMNS: [&str; 5] = ["Route", "Requests", "Failed", "Median", "99 of 100 within"];

const REQUESTS: &str = "http_requests_total";
const SECONDS: &str = "http_request_duration_seconds";
const STAGES: &str = "tandem_stage_duration_seconds";

/// The parameters of the page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct HealthAsked {
    /// `no`: the page stays as it is.
    live: String,
}

/// Shows it.
///
/// # Errors
/// [`ApiError`] for a parameter that is given twice.
pub async fn get_health(State(app): State<Arc<App>>, request: Request<Body>) -> Result<Response, ApiError> {
    let visit = Visit::of(&request, app.settings.scheme);
    let HealthAsked { live } = query::read(request.uri().query())?;
    let now_ms = now_ms();
    let figures = Figures::new(app.gather());
    let counts = counts(&figures);
    let lately = app.recent.note(Instant::now(), &counts);
    let main = html! {
        div.title data-live[live != "no"] {
            h1 { "Health" }
            @if live == "no" {
                p.hint { "As it was when the page was loaded. " a href="/ui/health" { "Go on live" } }
            } @else {
                p.hint { "Live, every two seconds. " a href="/ui/health?live=no" { "Hold still" } }
            }
        }
        (tiles(&app, &figures, &counts, lately.as_ref(), now_ms))
        div.split.even {
            section aria-labelledby="slates" { h2 #slates { "Recommendations" } (slates(&figures)) }
            section aria-labelledby="events" { h2 #events { "Event log" } (events(&figures)) }
        }
        section aria-labelledby="stages" {
            h2 #stages { "Where the time of a recommendation goes" }
            p.hint { "Median of each stage since the start, of every 16th request." }
            (stages(&figures))
        }
        section aria-labelledby="routes" { h2 #routes { "Requests since the start" } (routes(&figures)) }
        section aria-labelledby="versions" { h2 #versions { "Versions" } (versions(&app, &figures, now_ms)) }
    };
    Ok(page(StatusCode::OK, &visit, Tab::Health, "Health", &main))
}

/// Whether somebody's request is counted: not those of probes, nor of these pages.
fn is_work(labels: &Labels<'_>) -> bool {
    let route = labels.get("route");
    !["/health", "/ready", "/metrics", "/"].contains(&route) && !route.starts_with("/ui/")
}

fn is_failed(labels: &Labels<'_>) -> bool {
    labels.get("status").starts_with('5')
}

fn counts(figures: &Figures) -> Counts {
    Counts {
        requests: figures.sum(REQUESTS, is_work),
        failed: figures.sum(REQUESTS, |labels| is_work(labels) && is_failed(labels)),
        slates: figures.sum("recommendation_requests_total", |_| true),
        events: figures.sum("tandem_events_accepted_total", |_| true),
        seconds: figures.spread(SECONDS, is_work),
    }
}

/// The state, and what came lately.
fn tiles(app: &App, figures: &Figures, counts: &Counts, lately: Option<&Lately>, now_ms: i64) -> Markup {
    let started = figures.sum("process_start_time_seconds", |_| true);
    let up = (now_ms as f64 / 1000.0 - started).max(1.0);
    let (seconds, recent) = lately.map_or((up, counts), |lately| (lately.time.as_secs_f64(), &lately.counts));
    let rate = |number: f64| format!("{:.1}/s", number / seconds);
    let quantile = |share: f64| recent.seconds.quantile(share).map_or("–".to_owned(), duration);
    let (state, words) = match (app.is_stopping(), figures.sum("tandem_store_up", |_| true) >= 1.0) {
        (true, _) => ("bad", "Stopping"),
        (false, false) => ("bad", "No store"),
        (false, true) if app.is_ready() => ("good", "Ready"),
        (false, true) => ("bad", "Nothing to serve"),
    };
    html! {
        dl.tiles {
            div { dt { "State" } dd class=(state) { (words) } }
            div { dt { "Up for" } dd { (span(up)) } }
            div { dt { "Requests" } dd { (rate(recent.requests)) } }
            div { dt { "Median" } dd { (quantile(0.5)) } }
            div { dt { "99 of 100 within" } dd { (quantile(0.99)) } }
            div { dt { "Failed" } dd class=[(recent.failed > 0.0).then_some("bad")] { (count(recent.failed as u64)) } }
            div { dt { "Slates" } dd { (rate(recent.slates)) } }
            div { dt { "Events" } dd { (rate(recent.events)) } }
            div { dt { "Memory" } dd { (count((figures.sum("process_resident_memory_bytes", |_| true) / 1_048_576.0) as u64)) " MiB" } }
        }
        p.hint {
            @match lately {
                Some(lately) => { "Rates and times of the last " (span(lately.time.as_secs_f64())) "." },
                None => "Rates and times since the start.",
            }
        }
        @if let Some(lately) = lately.filter(|lately| lately.pace.len() > 1) {
            (plot::line(&lately.pace, "Requests a second, the latest at the right"))
        }
    }
}

/// What slates were made of, and why some were not what they would be in time.
fn slates(figures: &Figures) -> Markup {
    let outcomes = figures.by("recommendation_requests_total", "outcome");
    let words = |outcome: &str| match outcome {
        "personal" => "personal",
        "non_personal" => "the same for anybody",
        "fallback" => "without what was late",
        _ => "refused queries",
    };
    let reasons = figures.by("tandem_fallbacks_total", "reason");
    let why = |reason: &str| match reason {
        "away" => "the store is away",
        "timeout" => "the store was late",
        "answer" => "the store answered with an error",
        _ => "the deadline was near",
    };
    html! {
        @if outcomes.is_empty() { p.hint { "None yet." } } @else { (table("Slates", &outcomes, |name| words(name).to_owned())) }
        @if !reasons.is_empty() { h3 { "Fallbacks" } (table("Fallbacks", &reasons, |name| why(name).to_owned())) }
    }
}

fn events(figures: &Figures) -> Markup {
    let kinds = figures.by("tandem_events_by_kind_total", "kind");
    let refused = figures.by("tandem_events_refused_total", "reason");
    let append = figures.spread("tandem_event_log_append_duration_seconds", |_| true);
    html! {
        @if kinds.is_empty() { p.hint { "No events since the start." } } @else { (table("Events", &kinds, did)) }
        @if !refused.is_empty() { h3 { "Refused" } (table("Refused events", &refused, |reason| plain(&reason.replace('_', " ")))) }
        @if let (Some(half), Some(most)) = (append.quantile(0.5), append.quantile(0.99)) {
            p.hint { "On disk within " (duration(half)) " (median), 99 of 100 within " (duration(most)) "." }
        }
    }
}

/// Counts by name, the largest first.
fn table(caption: &str, counts: &BTreeMap<String, f64>, words: impl Fn(&str) -> String) -> Markup {
    let mut rows: Vec<_> = counts.iter().collect();
    rows.sort_by(|one, other| other.1.total_cmp(one.1));
    html! {
        table {
            caption.unseen { (caption) }
            tbody { @for (name, number) in rows { tr { th scope="row" { (words(name)) } td { (count(*number as u64)) } } } }
        }
    }
}

fn stages(figures: &Figures) -> Markup {
    let names =
        ["read", "join"].into_iter().chain(Stage::ALL.iter().map(|(_, name)| *name)).chain(["remember", "write"]);
    let median = |name: &str| figures.spread(STAGES, |labels| labels.get("stage") == name).quantile(0.5);
    let bars: Vec<(&str, f64)> = names.filter_map(|name| Some((name, median(name)?))).collect();
    let words = |name: &str| match name {
        "read" => "read the user",
        "join" => "join history and record",
        "question" => "what is refused",
        "retrieve" => "find candidates",
        "blend" => "blend scores",
        "features" => "features",
        "rank" => "rank",
        "slate" => "make the slate",
        "remember" => "remember the slate",
        _ => "write the answer",
    };
    let bars: Vec<plot::Bar> = bars
        .into_iter()
        .map(|(name, time)| plot::Bar { name: words(name).to_owned(), value: time, told: duration(time) })
        .collect();
    html! { @if bars.is_empty() { p.hint { "No recommendation was timed yet." } } @else { (plot::bars(&bars)) } }
}

fn routes(figures: &Figures) -> Markup {
    let mut routes: Vec<(String, f64)> = figures.by(REQUESTS, "route").into_iter().collect();
    routes.sort_by(|one, other| other.1.total_cmp(&one.1));
    let of = |route: &str| -> Spread { figures.spread(SECONDS, |labels| labels.get("route") == route) };
    let told = |spread: &Spread, share| spread.quantile(share).map_or("–".to_owned(), duration);
    html! {
        div.scroll tabindex="0" role="group" aria-labelledby="routes" {
            table.figures {
                thead { tr { @for head in COLUMNS { th scope="col" { (head) } } } }
                tbody {
                    @for (route, requests) in routes.iter().take(MOST_ROUTES) {
                        @let spread = of(route);
                        tr {
                            th scope="row" { code { (plain(route)) } }
                            td { (count(*requests as u64)) }
                            td { (count(figures.sum(REQUESTS, |labels| labels.get("route") == route && is_failed(labels)) as u64)) }
                            td { (told(&spread, 0.5)) }
                            td { (told(&spread, 0.99)) }
                        }
                    }
                }
            }
        }
    }
}

/// What is served: the recommender, what answers beside it, and models of rows.
fn versions(app: &App, figures: &Figures, now_ms: i64) -> Markup {
    let failures = figures.sum("tandem_snapshot_swap_failures_total", |_| true);
    html! {
        dl.facts-list {
            dt { "Recommender" }
            @match app.recommender.snapshot() {
                Ok(snapshot) => dd { (named(&snapshot.manifest().version)) ", built " (time(snapshot.manifest().built_ms, now_ms)) },
                Err(_) => dd { "none is published" },
            }
            @for version in figures.by("tandem_shadow_info", "version").keys() { dt { "Beside it, unseen" } dd { (named(version)) } }
            dt { "Swapped in since the start" } dd { (count(figures.sum("tandem_snapshot_swaps_total", |_| true) as u64)) }
            @if failures > 0.0 { dt { "Could not be loaded" } dd.bad { (count(failures as u64)) " (the service's log says why)" } }
            @for (name, served) in app.models.all().iter() { dt { "Model " (named(name)) } dd { (named(&served.manifest().version)) } }
            dt { "Program" } dd { (env!("CARGO_PKG_VERSION")) }
        }
    }
}
