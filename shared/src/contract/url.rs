//! URLs that may hold a password, and are printed without it.
//!
//! A password belongs in one connection and nowhere else: not in a log line, an error, an artifact or an answer. A
//! setting that holds such a URL is a [`RedisUrl`], which prints without user, password and parameters and can't be
//! serialised. Other text that may quote one, such as the error message about a mistyped command line, goes through
//! [`without_user_info`].

use std::fmt;

use serde::Deserialize;

/// The URL of a Redis server, `redis[s]://[user:password@]host:port/[database]`, or the URLs of several nodes of a Redis
/// Cluster, in a list or separated by commas; empty if no server is used.
///
/// It prints as `redis://host:port/database`. It can be deserialised, but not serialised: a struct that holds one can't
/// be written into an artifact.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "OneOrMany")]
pub struct RedisUrl(Vec<String>);

/// As it stands in the settings.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for RedisUrl {
    fn from(urls: OneOrMany) -> Self {
        match urls {
            OneOrMany::One(urls) => urls.into(),
            OneOrMany::Many(urls) => Self(urls.iter().flat_map(|urls| split(urls)).collect()),
        }
    }
}

/// The URLs of a text that separates them by commas. A comma that no URL follows is a part of a password.
fn split(urls: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for part in urls.split(',') {
        match found.last_mut() {
            Some(url) if !SCHEMES.iter().any(|scheme| part.trim_start().starts_with(scheme)) => {
                *url = format!("{url},{part}");
            }
            _ => found.push(part.to_owned()),
        }
    }
    found.into_iter().map(|url| url.trim().to_owned()).filter(|url| !url.is_empty()).collect()
}

/// How URLs of Redis begin.
const SCHEMES: [&str; 5] = ["redis://", "rediss://", "redis+unix://", "unix://", "valkey"];

impl RedisUrl {
    /// The whole URLs, passwords included, to connect with.
    pub fn expose(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether no server is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for RedisUrl {
    fn from(urls: String) -> Self {
        Self(split(&urls))
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, url) in self.0.iter().enumerate() {
            formatter.write_str(if at == 0 { "" } else { ", " })?;
            // What is no URL may hold a password, whatever it is.
            formatter.write_str(shown(url).as_deref().unwrap_or("(not a URL)"))?;
        }
        Ok(())
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RedisUrl({self})")
    }
}

/// Scheme, host and path of a URL; `None` if the text is no URL.
///
/// User and password end at the last `@`, parameters (such as `?pass=` of a socket) begin at `?` or `#`. Where a `@`
/// follows one of these, the two can't be told apart, and only the scheme is left.
fn shown(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (place, parameters) = rest.split_once(['?', '#']).unwrap_or((rest, ""));
    if parameters.contains('@') {
        return Some(format!("{scheme}://..."));
    }
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    Some(if begins_with_host(place) { format!("{scheme}://{place}") } else { format!("{scheme}://...") })
}

/// Whether a text begins with `host`, `host:port` or a path, and not with what may be a user and a password that lack
/// their `@`.
fn begins_with_host(place: &str) -> bool {
    let host = place.split('/').next().unwrap_or_default();
    let port = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((_, port)) => port.strip_prefix(':'),
        None => host.split_once(':').map(|(_, port)| port),
    };
    port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A text without what may be users and passwords of URLs.
///
/// Any character may stand in a password that should have been escaped, white space and quotation marks too. So in each
/// line everything from the first `://` to the last `@` goes, and everything behind `pass=`: rather a word too many than
/// a part of a password.
#[must_use]
pub fn without_user_info(text: &str) -> String {
    text.split_inclusive('\n').map(without_user_info_of_line).collect()
}

fn without_user_info_of_line(line: &str) -> String {
    let (text, end) = line.strip_suffix('\n').map_or((line, ""), |text| (text, "\n"));
    let Some((before, rest)) = text.split_once("://") else { return line.to_owned() };
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let place = rest.split(|character: char| character.is_whitespace() || "\"'`?#".contains(character)).next();
    if !begins_with_host(place.unwrap_or_default().trim_end_matches(['.', ',', ';', ':', ')', '!'])) {
        return format!("{before}://...{end}");
    }
    match rest.split_once("pass=") {
        Some((rest, _)) => format!("{before}://{rest}pass=...{end}"),
        None => format!("{before}://{rest}{end}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The URL as it is printed.
    fn printed(url: &str) -> String {
        RedisUrl::from(url.to_owned()).to_string()
    }

    #[test]
    fn a_url_is_printed_without_user_password_and_parameters() {
        assert_eq!(printed("redis://host:1/2"), "redis://host:1/2");
        assert_eq!(printed("redis://:secret@host:1/2"), "redis://host:1/2");
        assert_eq!(printed("rediss://shop:secret@host"), "rediss://host");
        assert_eq!(printed("unix:///run/redis.sock?pass=secret&db=1"), "unix:///run/redis.sock");
    }

    #[test]
    fn characters_that_should_have_been_escaped_do_not_show_a_part_of_the_password() {
        assert_eq!(printed("redis://:sec@ret@host"), "redis://host");
        assert_eq!(printed("redis://:sec/ret@host"), "redis://host");
        assert_eq!(printed("redis://:sec?ret@host"), "redis://...");
        assert_eq!(printed("redis://:sec#ret@host"), "redis://...");
        assert_eq!(printed("unix:///run/redis.sock?pass=sec@ret"), "unix://...");
        assert_eq!(printed("shop:secret@host"), "(not a URL)");
        assert_eq!(printed("redis://shop:secret:host:1"), "redis://...");
        assert_eq!(printed("redis://:secret"), "redis://...");
        assert_eq!(printed("redis://[::1]:6379/0"), "redis://[::1]:6379/0");
    }

    #[test]
    fn the_debug_form_hides_as_much_and_the_connection_gets_all() {
        let url = RedisUrl::from("redis://:secret@host".to_owned());
        assert_eq!(format!("{url:?}"), "RedisUrl(redis://host)");
        assert_eq!(url.expose().collect::<Vec<_>>(), ["redis://:secret@host"]);
    }

    #[test]
    fn several_urls_stand_in_a_list_or_are_separated_by_commas() {
        let listed: RedisUrl = serde_json::from_str(r#"["redis://u:a,b@h:1","rediss://h:2"]"#).expect("a list");
        assert_eq!(listed, RedisUrl::from("redis://u:a,b@h:1, rediss://h:2".to_owned()));
        assert_eq!(listed.expose().collect::<Vec<_>>(), ["redis://u:a,b@h:1", "rediss://h:2"]);
        assert_eq!(listed.to_string(), "redis://h:1, rediss://h:2");
        assert!(RedisUrl::from(" ".to_owned()).is_empty() && RedisUrl::default().is_empty());
    }

    #[test]
    fn urls_in_a_text_lose_their_passwords_and_other_lines_stay() {
        let text = "error: invalid value 'http://a:b@127.0.0.1' for '--url <URL>'\n(see http://x/y?z)\nmail a@b";
        let expected = "error: invalid value 'http://127.0.0.1' for '--url <URL>'\n(see http://x/y?z)\nmail a@b";
        assert_eq!(without_user_info(text), expected);
        assert_eq!(without_user_info("found string \"redis://:secret@h\"!"), "found string \"redis://h\"!");
        assert_eq!(without_user_info("'unix:///run/r.sock?pass=sec ret' is no number"), "'unix:///run/r.sock?pass=...");
    }

    #[test]
    fn a_password_without_its_at_sign_is_hidden_with_the_rest_of_the_line() {
        for url in ["redis://shop:secret:host:1", "redis://:secret", "redis://:secret 1"] {
            assert_eq!(
                without_user_info(&format!("redis_url = \"{url}\"\n^ here")),
                "redis_url = \"redis://...\n^ here"
            );
        }
        assert_eq!(without_user_info("Redis at redis://[::1]:6379: refused"), "Redis at redis://[::1]:6379: refused");
    }

    #[test]
    fn no_character_of_a_password_ends_it() {
        for password in ["se'cr\"et", "se cr`et", "se@cret", "se://cret", "se?cr#et"] {
            let told = without_user_info(&format!("'redis://:{password}@h/1' is no number"));
            assert_eq!(told, "'redis://h/1' is no number");
        }
    }
}
