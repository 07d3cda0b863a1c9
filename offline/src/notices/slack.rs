//! A notice for Slack: a heading and its lines, by an incoming webhook.
//!
//! Source: Slack, "Sending messages using incoming webhooks" and "Formatting text for app surfaces" (what is escaped, and
//! how long a text may be).

use serde_json::{Value, json};

use super::Notice;
use super::text::{cut, plain, subject};

/// The most bytes of a section.
const MOST: usize = 2900;

/// The body of a notice.
#[must_use]
pub fn body(notice: &Notice) -> Value {
    let (subject, lines) = (subject(notice), plain(notice));
    json!({
        // What a phone shows.
        "text": escaped(&subject),
        "blocks": [
            { "type": "header", "text": { "type": "plain_text", "text": cut(&subject, 150) } },
            { "type": "section", "text": { "type": "mrkdwn", "text": format!("```{}```", cut(&escaped(&lines), MOST)) } },
        ],
    })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace("```", "'''")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notices::Kind;
    use crate::notices::samples::sample;

    #[test]
    fn a_message_has_a_heading_and_nobody_is_called_by_what_a_run_printed() {
        let mut notice = sample(Kind::Failure);
        notice.last_lines = vec!["<!channel> ``` & more".to_owned(), "x".repeat(9000)];
        let body = body(&notice);
        assert_eq!(body["text"], "tandem: nightly failed");
        let text = body["blocks"][1]["text"]["text"].as_str().expect("text");
        assert!(text.contains("&lt;!channel&gt; ''' &amp; more") && text.len() < 3000, "{text}");
        assert!(text.starts_with("```when: 2026-11-27 02:31:07 Europe/Berlin") && text.ends_with("…```"), "{text}");
    }
}
