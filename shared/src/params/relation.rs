//! What makes items neighbours of each other.

use super::Source;

/// What makes items neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Near each other in sessions.
    Session,
    /// Had by the same users.
    User,
    /// Two steps away in sessions.
    Walk,
    /// Beside the same items in sessions.
    Embedding,
    /// One, with others, predicts the other.
    Slim,
    /// Alike in category, properties and name, one of the two new.
    Content,
}

impl Relation {
    /// All of them, in the order of their tables.
    pub const ALL: [Self; 6] = [Self::Session, Self::User, Self::Walk, Self::Embedding, Self::Slim, Self::Content];

    /// The name in features.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::User => "user",
            Self::Walk => "walk",
            Self::Embedding => "embedding",
            Self::Slim => "slim",
            Self::Content => "content",
        }
    }

    /// The source that follows it.
    #[must_use]
    pub fn source(self) -> Source {
        match self {
            Self::Session => Source::ItemKnnSession,
            Self::User => Source::ItemKnnUser,
            Self::Walk => Source::ItemKnnWalk,
            Self::Embedding => Source::Embedding,
            Self::Slim => Source::Slim,
            Self::Content => Source::Content,
        }
    }

    /// The file of the table.
    #[must_use]
    pub fn file(self) -> String {
        format!("neighbours_{}.safetensors", self.as_str())
    }
}
