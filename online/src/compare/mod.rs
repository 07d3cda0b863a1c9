//! Asks two versions, or one by two settings, the same questions: for who compares them, and never to serve.
//!
//! ```text
//! people ─▶ what the store has of them ─▶ each side: its version, asked its query ─▶ two slates of each ─▶ figures
//! ```
//!
//! In: two [`Side`]s, and people. Out: their slates, and how they differ ([`Figures`]). A version that is not served is
//! mapped when it is asked for, and kept until another is; it has what was said of items since, as the served one.

mod figures;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::try_join_all;
use prometheus::{IntCounterVec, Opts};
use shared::contract::artifact::ArtifactError;
use shared::contract::artifact::manifest::may_be_served;
use shared::contract::id::UserId;
use shared::engine::recommend::{Scratch, Slate};
use shared::engine::snapshot::Snapshot;

pub use figures::{Figures, OfSide};

use crate::champion::{Champion, Stamp, stamp};
use crate::recommender::{Asker, CheckedQuery, NoAnswer, NoRecommender};
use crate::store::{StoreError, Stored, UserStore};
use tokio::sync::OwnedSemaphorePermit;

/// So many people's states are read at a time.
const READ_AT_ONCE: usize = 64;
/// The name of answers that are none.
const NO_ID: &str = "compared";

/// Why two sides can't be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// There is nothing to ask, or a query that a version can't be asked.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such version, or it can't be read.
    #[error("version {version}: {error}")]
    Version {
        /// Its name.
        version: String,
        /// Why.
        error: ArtifactError,
    },
    /// A version that `offline evaluate` kept: it was fitted on a part of the log.
    #[error("version {0} was fitted to be measured, on a part of the log, and can't be compared with others")]
    Measured(String),
    /// A thread panicked.
    #[error("the comparison failed: {0}")]
    Panic(#[from] tokio::task::JoinError),
}

/// What one side asks.
#[derive(Debug, Clone)]
pub struct Side {
    /// The version; none: the one that is served.
    pub version: Option<String>,
    /// The query, of whomever it is asked.
    pub query: CheckedQuery,
}

/// What a side answers.
pub struct Answer {
    /// The version that answered.
    pub snapshot: Arc<Snapshot>,
    /// The slate.
    pub slate: Slate,
}

/// A version that is not served, as it was when it was mapped.
struct Loaded {
    version: String,
    stamp: Option<Stamp>,
    snapshot: Arc<Snapshot>,
}

/// Compares sides.
pub struct Comparison {
    folder: PathBuf,
    champion: Arc<Champion>,
    store: Arc<dyn UserStore>,
    /// One for each side, since each remembers what it made for one version.
    askers: [Asker; 2],
    /// Nobody looks at it: what is compared is not served.
    unreadable: IntCounterVec,
    /// The versions that were asked for last, one for each side, as they were published.
    loaded: Mutex<Vec<Loaded>>,
}

impl Comparison {
    /// A comparison of versions of an artifacts folder.
    #[must_use]
    pub fn new(folder: PathBuf, champion: Arc<Champion>, store: Arc<dyn UserStore>, askers: [Asker; 2]) -> Self {
        let unreadable = IntCounterVec::new(Opts::new("compared_unreadable", "Not registered"), &["value"])
            .expect("names are valid constants");
        Self { folder, champion, store, askers, unreadable, loaded: Mutex::default() }
    }

    /// The names of the versions of the folder, the latest first.
    pub async fn versions(self: &Arc<Self>) -> Vec<String> {
        let own = self.clone();
        tokio::task::spawn_blocking(move || versions(&own.folder)).await.unwrap_or_default()
    }

    /// What both sides answer one person.
    ///
    /// * `turn`: is held until the work is done, whether anybody still waits for it or not.
    ///
    /// # Errors
    /// [`CompareError`].
    pub async fn person(
        self: &Arc<Self>,
        sides: [Side; 2],
        user: UserId,
        now_ms: i64,
        turn: OwnedSemaphorePermit,
    ) -> Result<[Answer; 2], CompareError> {
        let served = self.champion.current().ok_or(NoAnswer::from(NoRecommender))?;
        let stored = self.store.read(&user, &served.manifest().version, now_ms).await?;
        let own = self.clone();
        let compared = move || {
            let _turn = turn;
            let snapshots = own.snapshots(&sides, &served)?;
            own.answers(&sides, &snapshots, &user, &stored, now_ms, &mut Scratch::default())
        };
        tokio::task::spawn_blocking(compared).await?
    }

    /// How the slates of both sides differ over a sample of the people of the served version.
    ///
    /// * `turn`: as of [`Self::person`].
    ///
    /// # Errors
    /// [`CompareError`].
    pub async fn sample(
        self: &Arc<Self>,
        sides: [Side; 2],
        people: usize,
        now_ms: i64,
        turn: OwnedSemaphorePermit,
    ) -> Result<Figures, CompareError> {
        let served = self.champion.current().ok_or(NoAnswer::from(NoRecommender))?;
        let of = served.clone();
        let users = tokio::task::spawn_blocking(move || sampled(&of, people)).await?;
        let version = served.manifest().version.clone();
        let mut known: Vec<(UserId, Stored)> = Vec::with_capacity(users.len());
        for users in users.chunks(READ_AT_ONCE) {
            let read = try_join_all(users.iter().map(|user| self.store.read(user, &version, now_ms))).await?;
            known.extend(users.iter().cloned().zip(read));
        }
        let own = self.clone();
        let compared = move || {
            let _turn = turn;
            let snapshots = own.snapshots(&sides, &served)?;
            let mut figures = Figures::default();
            let mut scratch = Scratch::default();
            for (user, stored) in &known {
                let answers = own.answers(&sides, &snapshots, user, stored, now_ms, &mut scratch)?;
                figures.add(&answers);
            }
            Ok(figures)
        };
        tokio::task::spawn_blocking(compared).await?
    }

    /// What both sides answer.
    fn answers(
        &self,
        sides: &[Side; 2],
        snapshots: &[Arc<Snapshot>; 2],
        user: &UserId,
        stored: &Stored,
        now_ms: i64,
        scratch: &mut Scratch,
    ) -> Result<[Answer; 2], CompareError> {
        let mut answer = |at: usize| {
            let (Side { version, query }, snapshot) = (&sides[at], snapshots[at].clone());
            let query = CheckedQuery { user_id: user.clone(), ..query.clone() };
            let asked = self.askers[at].ask(&query, NO_ID, &snapshot)?;
            // The record in the store is of the served version; any other has its own in its artifact.
            let own = version.as_ref().map(|_| Stored { record: None, ..stored.clone() });
            let state = asked.state(&snapshot, user, Some(own.as_ref().unwrap_or(stored)), &self.unreadable);
            let slate = asked.answer(&snapshot, &state, now_ms, scratch);
            Ok::<Answer, CompareError>(Answer { snapshot, slate })
        };
        Ok([answer(0)?, answer(1)?])
    }

    /// The versions of both sides, with what was said of items since. Takes up to seconds where one has to be mapped.
    ///
    /// * `served`: that of the records which were read.
    fn snapshots(&self, sides: &[Side; 2], served: &Arc<Snapshot>) -> Result<[Arc<Snapshot>; 2], CompareError> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        // What neither side asks for, or was written anew since, is let go before another is mapped.
        loaded.retain(|of| {
            let is_asked = sides.iter().any(|side| side.version.as_ref() == Some(&of.version));
            is_asked && of.stamp == stamp(&self.folder, &of.version)
        });
        let mut of = |version: Option<&str>| {
            let Some(version) = version.filter(|version| *version != served.manifest().version) else {
                return Ok(served.clone());
            };
            if !may_be_served(version) {
                return Err(CompareError::Measured(version.to_owned()));
            }
            if let Some(known) = loaded.iter().find(|of| of.version == version) {
                return Ok(self.champion.with_changes(&known.snapshot));
            }
            let stamp = stamp(&self.folder, version);
            let plain = Snapshot::load(&self.folder.join(version))
                .map_err(|error| CompareError::Version { version: version.to_owned(), error })?;
            let plain = Arc::new(plain);
            loaded.push(Loaded { version: version.to_owned(), stamp, snapshot: plain.clone() });
            Ok(self.champion.with_changes(&plain))
        };
        Ok([of(sides[0].version.as_deref())?, of(sides[1].version.as_deref())?])
    }
}

/// The versions of a folder, the latest first.
fn versions(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_version = |entry: &std::fs::DirEntry| entry.path().join("manifest.json").is_file();
    let names = entries.filter(is_version).filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| may_be_served(name)).collect();
    names.sort_unstable_by(|a, b| b.cmp(a));
    names
}

/// People of a version at even distances in the order of their ids.
fn sampled(snapshot: &Snapshot, people: usize) -> Vec<UserId> {
    let users = snapshot.users();
    let step = users.len().div_ceil(people.max(1)).max(1);
    users.iter().step_by(step).filter_map(|(user, _)| UserId::new(user.to_owned()).ok()).collect()
}
