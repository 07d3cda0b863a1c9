//! A notice for Telegram: plain text, by `sendMessage` of the bot API.
//!
//! Source: Telegram, "Bot API", sendMessage (a text has at most 4096 characters; without a parse mode nothing is escaped).

use serde_json::{Value, json};

use super::Notice;
use super::secret::Secret;
use super::text::{cut, plain, subject};

/// The most bytes of a text.
const MOST: usize = 4000;

/// The body of a notice.
#[must_use]
pub fn body(notice: &Notice, chat: &str) -> Value {
    let text = cut(&format!("{}\n\n{}", subject(notice), plain(notice)), MOST);
    json!({ "chat_id": chat, "text": text, "link_preview_options": { "is_disabled": true } })
}

/// The address: the token is a part of it.
#[must_use]
pub fn url(base: &str, token: &Secret) -> Secret {
    Secret::from(format!("{base}/bot{}/sendMessage", token.expose()).as_str())
}
