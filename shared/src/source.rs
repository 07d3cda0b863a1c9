//! The candidate sources, a row each: name, default weight, and how it finds candidates.
//!
//! A new source is a row here; enum, weights, names and the tables of neighbours follow from it.

use serde::{Deserialize, Serialize};

/// How a source finds its candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// They are the user's list from the batch.
    Cached,
    /// It adds up the neighbours of the history's items, which a table lists under this name.
    Neighbours(&'static str, Order),
    /// It adds up what came near the history's items in similar past sessions.
    Sessions,
    /// It compares the user's factors, folded in from the history, with those of the items.
    Factors,
    /// They are the items of the history.
    History,
    /// They are popular in the categories of the history.
    CategoryPopularity,
    /// They have become popular lately.
    Trending,
    /// They are popular.
    Popularity,
}

/// Whether the order of the history matters to a source of neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The last item counts most, as in sessions.
    Matters,
    /// All items count alike.
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
    /// The user's list from the batch: the long-term model's answer.
    Cached, "cached", 0.3, Kind::Cached;
    /// Items seen shortly after the history's items in sessions.
    ItemKnnSession, "item_knn_session", 1.0, Kind::Neighbours("session", Order::Matters);
    /// Items that the users of the history's items had too, whatever the order.
    ItemKnnUser, "item_knn_user", 0.3, Kind::Neighbours("user", Order::Ignored);
    /// Items two steps away in sessions: what follows on what follows.
    ItemKnnWalk, "item_knn_walk", 0.3, Kind::Neighbours("walk", Order::Matters);
    /// Items that occur in sessions beside the same items as the history's do.
    Embedding, "embedding", 0.2, Kind::Neighbours("embedding", Order::Matters);
    /// Items that the history's items predict best together, by a sparse linear model.
    Slim, "slim", 0.3, Kind::Neighbours("slim", Order::Ignored);
    /// Items of the same category, properties and name, where one of the two is too new for the other sources.
    Content, "content", 0.1, Kind::Neighbours("content", Order::Matters);
    /// Items of past sessions like the current one.
    SessionKnn, "session_knn", 1.0, Kind::Sessions;
    /// Items whose ALS factors fit those of the user, folded in from the history.
    Als, "als", 0.2, Kind::Factors;
    /// The user's own recent items.
    Repeat, "repeat", 0.3, Kind::History;
    /// Popular items of the history's categories.
    CategoryPopularity, "category_popularity", 0.05, Kind::CategoryPopularity;
    /// Items that have become popular lately.
    Trending, "trending", 0.05, Kind::Trending;
    /// Popular items, the latest events counting most.
    Popularity, "popularity", 0.05, Kind::Popularity;
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
    /// Those with a table of neighbours.
    pub const NEIGHBOURS: &[Self] = of_kind!(Kind::Neighbours(..));
    /// Those whose scores are sums over history items: of their neighbours, or of similar sessions.
    pub const SUMMED: &[Self] = of_kind!(Kind::Neighbours(..) | Kind::Sessions);

    /// The name in answers, metrics and configs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        ROWS[self as usize].name
    }

    /// The weight in a blend before any is fitted.
    #[must_use]
    pub const fn default_weight(self) -> f32 {
        ROWS[self as usize].default_weight
    }

    /// How it finds candidates.
    #[must_use]
    pub const fn kind(self) -> Kind {
        ROWS[self as usize].kind
    }

    /// The name of its table of neighbours, where it has one.
    #[must_use]
    pub const fn relation(self) -> Option<&'static str> {
        match self.kind() {
            Kind::Neighbours(name, _) => Some(name),
            _ => None,
        }
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
