//! The wire formats of other systems, so that the clients people have go on working with another URL and key.
//!
//! Each is thin: a body of theirs becomes what our own handlers check, the modules that these call do the work, and the
//! answer gets their shape. Which calls there are, and what is otherwise, says `CLIENTS.md`.

pub mod gorse;
pub mod kinds;
pub mod personalize;
pub mod segment;

use std::sync::Arc;

use axum::Router;
use axum::routing::post;

use super::App;

/// The property of when an item came, milliseconds since the epoch; our own clients have no name for it.
pub const ADDED: &str = "added";

/// The paths of Segment and RudderStack that take one message.
pub const MESSAGES: [&str; 6] = ["/v1/track", "/v1/identify", "/v1/alias", "/v1/page", "/v1/screen", "/v1/group"];

/// The routes of all of them. The description does not list them: their own documentation does.
pub fn routes() -> Router<Arc<App>> {
    let router = Router::new().route("/v1/batch", post(segment::post_batch));
    let router = router.route("/personalize-ranking", post(personalize::runtime::post_ranking));
    let router = router.route("/items", post(personalize::datasets::post_items));
    let router = router.route("/users", post(personalize::datasets::post_users));
    let router = router.route("/v1/import", post(segment::post_batch));
    let router = router.merge(gorse::routes());
    MESSAGES.into_iter().fold(router, |router, path| router.route(path, post(segment::post_message)))
}
