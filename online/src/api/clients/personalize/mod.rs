//! Amazon Personalize, as its clients (boto3's `personalize-runtime` and `personalize-events`) speak to it.
//!
//! | call | told from ours by |
//! |---|---|
//! | `GetRecommendations`, `POST /recommendations` | `campaignArn` or `recommenderArn` in the body |
//! | `GetPersonalizedRanking`, `POST /personalize-ranking` | its path |
//! | `PutEvents`, `POST /events` | `trackingId` in the body |
//! | `PutItems`, `POST /items`, and `PutUsers`, `POST /users` | the method: ours are `PUT` |
//!
//! What an ARN names is its last part: of a campaign or recommender the scenario, of a filter that of `[filters]`.

pub mod datasets;
pub mod error;
pub mod intake;
pub mod runtime;

/// Whether the body of a `POST /recommendations` is one of Personalize.
#[must_use]
pub fn asks(body: &[u8]) -> bool {
    names(body, b"\"campaignArn\"") || names(body, b"\"recommenderArn\"")
}

/// Whether the body of a `POST /events` is one of Personalize.
#[must_use]
pub fn tells(body: &[u8]) -> bool {
    names(body, b"\"trackingId\"")
}

fn names(body: &[u8], field: &[u8]) -> bool {
    body.first() == Some(&b'{') && body.windows(field.len()).any(|part| part == field)
}

/// What an ARN names.
fn last_part(arn: &str) -> &str {
    arn.rsplit(['/', ':']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_of_personalize_are_told_from_ours() {
        assert!(asks(br#"{"campaignArn": "arn:aws:personalize:eu-west-1:1:campaign/home", "userId": "u"}"#));
        assert!(!asks(br#"{"user_id": "u"}"#) && !asks(b"[\"campaignArn\"]") && !asks(b""));
        assert!(tells(br#"{"trackingId": "t", "sessionId": "s", "eventList": []}"#));
        assert_eq!(last_part("arn:aws:personalize:eu-west-1:1:campaign/home"), "home");
        assert_eq!(last_part("home"), "home");
    }
}
