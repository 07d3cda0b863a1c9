//! The candidate sources, one row of a table each: name, default weight, and how the source finds candidates.
//!
//! A new source is a new row here; the enum, the weights, the names and the neighbour tables follow from the rows.

use serde::{Deserialize, Serialize};

/// How a source finds its candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The user's cached candidates, made by the batch.
    Cached,
    /// Sums over the neighbours of the history's items, listed in the neighbour table of this name.
    Neighbours(&'static str, Order),
    /// Sums over the items near the history's items in similar past sessions.
    Sessions,
    /// Inner products of the user's factors, folded in from the history, with the item factors.
    Factors,
    /// The items of the history themselves.
    History,
    /// The most popular items of the history's categories.
    CategoryPopularity,
    /// The items whose popularity grew most lately.
    Trending,
    /// The most popular items.
    Popularity,
    /// The items that users with a like profile took.
    Profile,
}

/// Whether a neighbour source weights the items of the history by their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The last item has the largest weight, as in sessions.
    Matters,
    /// All items have the same weight.
    Ignored,
}

struct Row {
    name: &'static str,
    default_weight: f32,
    kind: Kind,
}

macro_rules! sources {
    ($($(#[$doc:meta])* $source:ident, $name:literal, $weight:literal, $kind:expr;)*) => {
        /// A source of candidates.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Source {
            $($(#[$doc])* #[serde(rename = $name)] $source,)*
        }

        const ROWS: &[Row] = &[$(Row { name: $name, default_weight: $weight, kind: $kind },)*];

        impl Source {
            /// How many sources there are.
            pub const COUNT: usize = ROWS.len();
            /// All of them, in the order of their columns.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$source,)*];
        }
    };
}

sources! {
    /// The user's cached candidates: the long-term model's slate, made by the batch.
    Cached, "cached", 0.3, Kind::Cached;
    /// Items seen shortly after the history's items in sessions.
    ItemKnnSession, "item_knn_session", 1.0, Kind::Neighbours("session", Order::Matters);
    /// Items that co-occur with the history's items in users' pasts, whatever the order.
    ItemKnnUser, "item_knn_user", 0.3, Kind::Neighbours("user", Order::Ignored);
    /// Items one or two steps away in a walk over co-occurrence in sessions.
    ItemKnnWalk, "item_knn_walk", 0.3, Kind::Neighbours("walk", Order::Matters);
    /// Items that co-occur in sessions with the same items as the history's items do, by a spectral embedding.
    Embedding, "embedding", 0.2, Kind::Neighbours("embedding", Order::Matters);
    /// Items that a sparse linear model (SLIM) predicts from the history's items together.
    Slim, "slim", 0.3, Kind::Neighbours("slim", Order::Ignored);
    /// Items of the same category, properties and name, where one of the two is too new for the other sources.
    Content, "content", 0.1, Kind::Neighbours("content", Order::Matters);
    /// Items with near vectors in the item table, where one of the two is too new for the other sources.
    LooksLike, "looks_like", 0.1, Kind::Neighbours("looks", Order::Matters);
    /// Items of the past sessions most similar to the current one.
    SessionKnn, "session_knn", 1.0, Kind::Sessions;
    /// Items with the largest inner products of their ALS factors with the user's, folded in from the history.
    Als, "als", 0.2, Kind::Factors;
    /// The user's own recent items.
    Repeat, "repeat", 0.3, Kind::History;
    /// Popular items of the history's categories.
    CategoryPopularity, "category_popularity", 0.05, Kind::CategoryPopularity;
    /// Items that have become popular lately.
    Trending, "trending", 0.05, Kind::Trending;
    /// Popular items, by time-decayed counts of events.
    Popularity, "popularity", 0.05, Kind::Popularity;
    /// Items that people with a profile like the user's took.
    Profile, "profile", 0.3, Kind::Profile;
}

/// The sources of a kind, in the order of their columns.
macro_rules! of_kind {
    ($kind:pat) => {{
        const COUNT: usize = {
            let (mut count, mut row) = (0, 0);
            while row < Source::COUNT {
                count += matches!(ROWS[row].kind, $kind) as usize;
                row += 1;
            }
            count
        };
        const CHOSEN: [Source; COUNT] = {
            let mut chosen = [Source::Cached; COUNT];
            let (mut next, mut row) = (0, 0);
            while row < Source::COUNT {
                if matches!(ROWS[row].kind, $kind) {
                    chosen[next] = Source::ALL[row];
                    next += 1;
                }
                row += 1;
            }
            chosen
        };
        &CHOSEN
    }};
}

impl Source {
    /// The sources with a neighbour table.
    pub const NEIGHBOURS: &[Self] = of_kind!(Kind::Neighbours(..));
    /// The sources whose scores are sums over history items: of their neighbours, or of similar sessions.
    pub const SUMMED: &[Self] = of_kind!(Kind::Neighbours(..) | Kind::Sessions);

    /// The name in answers, metrics and configs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        ROWS[self as usize].name
    }

    /// The weight in a blend before weights are fitted.
    #[must_use]
    pub const fn default_weight(self) -> f32 {
        ROWS[self as usize].default_weight
    }

    /// How the source finds candidates.
    #[must_use]
    pub const fn kind(self) -> Kind {
        ROWS[self as usize].kind
    }

    /// The name of its neighbour table, if it has one.
    #[must_use]
    pub const fn relation(self) -> Option<&'static str> {
        match self.kind() {
            Kind::Neighbours(name, _) => Some(name),
            _ => None,
        }
    }

    /// Whether it goes by the user's profile, which versions without profiles don't have.
    #[must_use]
    pub const fn is_profile(self) -> bool {
        matches!(self.kind(), Kind::Profile)
    }

    /// The source's column in a row of scores.
    #[must_use]
    pub const fn column(self) -> usize {
        self as usize
    }
}

/// A set of sources.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SourceSet(u32);

const _: () = assert!(Source::COUNT <= u32::BITS as usize, "a set of sources has a bit for each");

impl SourceSet {
    /// The set with one more source.
    #[must_use]
    pub fn with(self, source: Source) -> Self {
        Self(self.0 | 1 << source.column())
    }

    /// Whether a source is in both sets.
    #[must_use]
    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether a source is in the set.
    #[must_use]
    pub fn contains(self, source: Source) -> bool {
        self.0 >> source.column() & 1 == 1
    }

    /// How many sources there are in the set.
    #[must_use]
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The sources, in the order of their columns.
    pub fn iter(self) -> impl Iterator<Item = Source> {
        Source::ALL.into_iter().filter(move |&source| self.contains(source))
    }
}

impl FromIterator<Source> for SourceSet {
    fn from_iter<I: IntoIterator<Item = Source>>(sources: I) -> Self {
        sources.into_iter().fold(Self::default(), Self::with)
    }
}
