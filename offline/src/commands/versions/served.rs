//! `offline versions served`: what each replica serves and since when it is named so, beside what it should serve.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use reqwest::Url;
use reqwest::blocking::Client;
use reqwest::redirect::Policy;
use serde::Serialize;
use serde_json::Value;
use shared::contract::artifact::alias::{Alias, Named, aliases};
use shared::contract::complaint::{complaint, one_line};
use shared::contract::url::without_user_info;

use super::{Place, time};

/// Asks replicas what they serve. Fails if one is away, not ready, or serves another version than the alias names.
#[derive(Debug, Args)]
pub struct ServedArgs {
    /// The address of a replica, http[s]://host:port; once for each.
    #[arg(long = "url", value_name = "URL", required = true, value_parser = address)]
    urls: Vec<Url>,
    /// The alias whose version they should serve. Where there is no artifacts folder it is the first replica's version.
    #[arg(long, default_value = "champion")]
    alias: Alias,
    /// An API key with the scope `read`, where replicas ask for one of who looks at a model of rows. Give it in
    /// TANDEM_API_KEY: arguments show in the list of processes.
    #[arg(long, value_name = "KEY", env = "TANDEM_API_KEY", hide_env_values = true)]
    key: Option<String>,
    /// How long a replica may take to answer, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    timeout: u64,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// What a replica said.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    /// It serves this version, or none.
    Serves(Option<String>),
    /// It is beginning or ending, with this version.
    NotReady(Option<String>),
    /// Nothing that is of use, and why.
    Nothing(String),
}

/// How a replica is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// It serves what it should.
    Ok,
    /// It serves something else.
    Differs,
    /// It wants no requests now.
    NotReady,
    /// It does not tell what it serves.
    Away,
}

/// A replica.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Replica {
    /// Its address.
    url: String,
    /// How it is.
    state: State,
    /// The version that it serves.
    version: Option<String>,
    /// What that version is called, and since when, milliseconds since the epoch.
    aliases: BTreeMap<Alias, i64>,
    /// Why it does not tell.
    reason: Option<String>,
}

/// Asks.
pub fn served(args: &ServedArgs, place: &Place) -> anyhow::Result<()> {
    let named = named(place, &args.alias)?;
    let path = place.model.as_ref().map_or_else(|| "/ready".to_owned(), |model| format!("/models/{model}"));
    // There is one provider in the tree; who came first has installed the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // A replica answers by itself; the key is for nobody that it points to.
    let timeout = Duration::from_secs(args.timeout);
    let http = Client::builder().timeout(timeout).redirect(Policy::none()).build().context("HTTP client")?;
    // Whether it is ready a service tells everybody.
    let key = args.key.as_deref().filter(|_| place.model.is_some());
    let said: Vec<(String, Said)> = thread::scope(|scope| {
        let ask = |url: &Url| ask(&http, url, &path, key);
        let asked: Vec<_> = args.urls.iter().map(|url| (url, scope.spawn(move || ask(url)))).collect();
        let heard = |(url, answer): (&Url, thread::ScopedJoinHandle<'_, Said>)| {
            let answer = answer.join().unwrap_or_else(|_| Said::Nothing("the question panicked".to_owned()));
            (without_user_info(url.as_str().trim_end_matches('/')), answer)
        };
        asked.into_iter().map(heard).collect()
    });
    let replicas = judged(said, &args.alias, &named);
    if args.json {
        println!("{}", serde_json::to_string(&replicas)?);
    } else {
        print!("{}", table(&replicas));
    }
    let wrong = replicas.iter().filter(|replica| replica.state != State::Ok).count();
    ensure!(
        wrong == 0,
        "{wrong} of {} replicas do not serve what {} names; it takes some seconds to load a version, and the log of a service \
         tells why it can't",
        replicas.len(),
        args.alias
    );
    Ok(())
}

/// What versions are called; nothing without an artifacts folder, since replicas may be looked at from another machine.
fn named(place: &Place, alias: &Alias) -> anyhow::Result<BTreeMap<Alias, Named>> {
    if !place.output.artifacts.is_dir() {
        return Ok(BTreeMap::new());
    }
    let folder = place.folder()?;
    let named = aliases(&folder)?;
    let others: Vec<&str> = named.keys().map(Alias::as_str).collect();
    ensure!(
        named.contains_key(alias),
        "{}: no version is called {alias}; there are {}",
        folder.display(),
        if others.is_empty() { "no names at all".to_owned() } else { others.join(", ") }
    );
    Ok(named)
}

/// Reads the address of a replica.
fn address(text: &str) -> Result<Url, String> {
    match text.parse::<Url>() {
        Ok(url) if ["http", "https"].contains(&url.scheme()) => Ok(url),
        // The host of `shop-1:8080` is taken for a scheme.
        _ if !text.contains("://") => Err(format!("write http://{text}")),
        _ => Err("this is no address of a service, which begins with http:// or https://".to_owned()),
    }
}

/// Asks one replica.
fn ask(http: &Client, url: &Url, path: &str, key: Option<&str>) -> Said {
    let Ok(at) = url.join(path) else { return Said::Nothing("this is no address of a service".to_owned()) };
    let request = http.get(at);
    let request = key.into_iter().fold(request, |request, key| request.header("x-api-key", key));
    let answer = request.send().and_then(|answer| Ok((answer.status(), answer.text()?)));
    let (status, text) = match answer {
        Ok(answer) => answer,
        Err(error) => return Said::Nothing(complaint(&error.without_url())),
    };
    let body: Value = serde_json::from_str(&text).unwrap_or_default();
    let Some(version) = body["model_version"].as_str() else {
        return Said::Nothing(format!("{status}: {}", one_line(&text)));
    };
    let version = Some(version.to_owned()).filter(|version| !version.is_empty());
    if status.is_success() { Said::Serves(version) } else { Said::NotReady(version) }
}

/// Holds what replicas said against the version of an alias; without one, against that of the first that serves any.
fn judged(said: Vec<(String, Said)>, alias: &Alias, named: &BTreeMap<Alias, Named>) -> Vec<Replica> {
    let first = || {
        said.iter().find_map(|(_, said)| match said {
            Said::Serves(version) => version.clone(),
            _ => None,
        })
    };
    let wanted = named.get(alias).map(|named| named.version.clone()).or_else(first);
    let replica = |(url, said): (String, Said)| {
        let (state, version, reason) = match said {
            Said::Serves(version) if version.is_some() && version == wanted => (State::Ok, version, None),
            Said::Serves(version) => (State::Differs, version, None),
            Said::NotReady(version) => (State::NotReady, version, None),
            Said::Nothing(reason) => (State::Away, None, Some(reason)),
        };
        let own = named.iter().filter(|(_, named)| Some(&named.version) == version.as_ref());
        let aliases = own.map(|(alias, named)| (alias.clone(), named.since_ms)).collect();
        Replica { url, state, version, aliases, reason }
    };
    said.into_iter().map(replica).collect()
}

/// A line a replica.
fn table(replicas: &[Replica]) -> String {
    let width = |of: fn(&Replica) -> usize| replicas.iter().map(of).max().unwrap_or_default();
    let urls = width(|replica| replica.url.len());
    let versions = width(|replica| replica.version.as_ref().map_or(1, String::len));
    let line = |replica: &Replica| {
        let Replica { url, state, version, aliases, reason } = replica;
        let state = match state {
            State::Ok => "ok",
            State::Differs => "DIFFERS",
            State::NotReady => "NOT READY",
            State::Away => "AWAY",
        };
        let called = aliases.iter().map(|(alias, since)| format!("{alias} since {}", time(*since)));
        let told: Vec<String> = called.chain(reason.clone()).collect();
        let version = version.as_deref().unwrap_or("-");
        let line = format!("{url:urls$}  {version:versions$}  {state:9}  {}", told.join(", "));
        format!("{}\n", line.trim_end())
    };
    replicas.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(all: &[(&str, Said)]) -> Vec<(String, Said)> {
        all.iter().map(|(url, said)| ((*url).to_owned(), said.clone())).collect()
    }

    fn serves(version: &str) -> Said {
        Said::Serves(Some(version.to_owned()).filter(|version| !version.is_empty()))
    }

    #[test]
    fn replicas_are_held_against_the_version_that_the_alias_names() {
        let named = [("champion", "v2"), ("candidate", "v3")].map(|(alias, version)| {
            let named = Named { version: version.to_owned(), since_ms: 1_764_207_067_000 };
            (alias.parse::<Alias>().expect("an alias"), named)
        });
        let all = said(&[
            ("http://a:1", serves("v2")),
            ("http://b:1", serves("v3")),
            ("http://c:1", Said::Nothing("connection refused".to_owned())),
            ("http://d:1", Said::NotReady(Some("v2".to_owned()))),
            ("http://e:1", serves("")),
        ]);
        let expected = "\
http://a:1  v2  ok         champion since 2025-11-27T01:31:07Z
http://b:1  v3  DIFFERS    candidate since 2025-11-27T01:31:07Z
http://c:1  -   AWAY       connection refused
http://d:1  v2  NOT READY  champion since 2025-11-27T01:31:07Z
http://e:1  -   DIFFERS
";
        assert_eq!(table(&judged(all, &Alias::champion(), &named.into())), expected);
    }

    #[test]
    fn an_address_without_a_scheme_is_told_with_one() {
        for wrong in ["shop-1:8080", "10.0.0.7:8080", "shop-1"] {
            assert_eq!(address(wrong), Err(format!("write http://{wrong}")));
        }
        assert!(address("ftp://shop-1").expect_err("no service").contains("http://"));
        assert_eq!(address("https://shop-1:8080").expect("an address").port(), Some(8080));
    }

    #[test]
    fn without_a_folder_replicas_are_held_against_each_other() {
        let states = |all: &[(&str, Said)]| {
            let replicas = judged(said(all), &Alias::champion(), &BTreeMap::new());
            replicas.iter().map(|replica| replica.state).collect::<Vec<_>>()
        };
        assert_eq!(states(&[("a", serves("v2")), ("b", serves("v2"))]), [State::Ok, State::Ok]);
        assert_eq!(states(&[("a", serves("")), ("b", serves("v2"))]), [State::Differs, State::Ok]);
        assert_eq!(states(&[("a", serves(""))]), [State::Differs], "nothing is served");
    }
}
