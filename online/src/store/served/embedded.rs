//! The remembered slates of users in the memory of a single process, and in its file if it has one.
//!
//! Memory: about 60 bytes a slate, and 20 and the id for each of its items.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use shared::contract::id::UserId;
use shared::engine::served::frame::{frame, frame_bytes};
use shared::engine::served::{ServedSlate, SlateId};
use tokio::time::timeout_at;

use super::super::StoreError;
use super::Keep;
use super::file::{ServedFile, ServedFileError};

/// The number of shards of the map, as of the histories.
const SHARDS: usize = 64;

type Shard = Mutex<HashMap<UserId, Ring>>;

/// The last slates of a user, oldest first.
#[derive(Debug)]
struct Ring {
    slates: VecDeque<Arc<ServedSlate>>,
    /// When the last one came.
    came: Instant,
}

/// Remembered slates.
#[derive(Debug)]
pub struct EmbeddedServed {
    hasher: RandomState,
    shards: [Shard; SHARDS],
    /// `None` where they are not to outlive the process.
    file: Option<ServedFile>,
}

impl Default for EmbeddedServed {
    fn default() -> Self {
        Self { hasher: RandomState::new(), shards: std::array::from_fn(|_| Shard::default()), file: None }
    }
}

impl EmbeddedServed {
    /// Takes over what a file has, and goes on with it; the file is rewritten with what still counts.
    ///
    /// * `now_ms`: the time, milliseconds since the epoch.
    ///
    /// # Errors
    /// [`ServedFileError`].
    pub fn open(file: ServedFile, keep: Keep, now_ms: i64) -> Result<Self, ServedFileError> {
        let served = Self::default();
        let mut known: HashSet<(UserId, SlateId)> = HashSet::new();
        file.read(|user, slate| {
            let counts = slate.served_ms > now_ms.saturating_sub(keep.ttl_ms);
            // What was appended during a rewrite may be there twice.
            if counts && known.insert((user.clone(), slate.id)) {
                served.push(&user, Arc::new(slate), keep);
            }
        })?;
        served.rewrite(&file)?;
        Ok(Self { file: Some(file), ..served })
    }

    fn shard(&self, user: &UserId) -> MutexGuard<'_, HashMap<UserId, Ring>> {
        let shard = &self.shards[self.hasher.hash_one(user) as usize % SHARDS];
        // A poisoned shard is still consistent: a ring is changed slate by slate.
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The slates of a user, oldest first; some of them may have expired.
    pub fn get(&self, user: &UserId) -> Vec<Arc<ServedSlate>> {
        self.shard(user).get(user).map(|ring| ring.slates.iter().cloned().collect()).unwrap_or_default()
    }

    fn push(&self, user: &UserId, slate: Arc<ServedSlate>, keep: Keep) {
        let mut shard = self.shard(user);
        let now = Instant::now();
        let ring = shard.entry(user.clone()).or_insert_with(|| Ring { slates: VecDeque::with_capacity(1), came: now });
        let oldest_ms = slate.served_ms.saturating_sub(keep.ttl_ms);
        ring.slates.retain(|slate| slate.served_ms > oldest_ms);
        ring.slates.push_back(slate);
        while ring.slates.len() > keep.max_slates {
            ring.slates.pop_front();
        }
        ring.came = now;
    }

    /// Remembers a slate, in the file, too, before this returns.
    ///
    /// # Errors
    /// [`StoreError`] when the file can't be written, or not `until` then; the slate may be remembered all the same.
    pub async fn remember(
        self: Arc<Self>,
        until: Instant,
        user: &UserId,
        slate: &ServedSlate,
        keep: Keep,
    ) -> Result<(), StoreError> {
        // In memory first: a rewrite that has begun by the time of the append may not see the frame in the file.
        self.push(user, Arc::new(slate.clone()), keep);
        if self.file.is_none() {
            return Ok(());
        }
        let (asked, frame) = (Instant::now(), frame(user, slate));
        // A disk that hangs must not hang the thread.
        let append = tokio::task::spawn_blocking(move || self.file.as_ref().map_or(Ok(()), |file| file.append(&frame)));
        match timeout_at(until.into(), append).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(error))) => Err(StoreError::Answer(error.to_string())),
            Ok(Err(error)) => Err(StoreError::Answer(error.to_string())),
            Err(_) => Err(StoreError::Late(asked.elapsed().as_millis())),
        }
    }

    /// Forgets the slates of a user up to a time, milliseconds since the epoch. The file has them until it is
    /// rewritten; after a start the event log tells of the erasure again.
    pub fn forget(&self, user: &UserId, until_ms: i64) {
        let mut shard = self.shard(user);
        if let Some(ring) = shard.get_mut(user) {
            ring.slates.retain(|slate| slate.served_ms > until_ms);
            if ring.slates.is_empty() {
                shard.remove(user);
            }
        }
        drop(shard);
        self.file.iter().for_each(ServedFile::abandon_rewrite);
    }

    /// Drops users who were served nothing for so long, and rewrites the file when most of it is out of date; returns
    /// how many users remain.
    ///
    /// # Errors
    /// [`ServedFileError`].
    pub fn sweep(&self, kept: Duration) -> Result<usize, ServedFileError> {
        let (mut users, mut live) = (0, 0);
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.retain(|_, ring| ring.came.elapsed() < kept);
            users += shard.len();
            let bytes = |(user, ring): (&UserId, &Ring)| -> usize {
                ring.slates.iter().map(|slate| frame_bytes(user, slate)).sum()
            };
            live += shard.iter().map(bytes).sum::<usize>() as u64;
        }
        match &self.file {
            Some(file) if file.is_outgrown(live) => self.rewrite(file)?,
            _ => {}
        }
        Ok(users)
    }

    /// Rewrites the file, a shard at a time.
    fn rewrite(&self, file: &ServedFile) -> Result<(), ServedFileError> {
        file.rewrite(|write| {
            for shard in &self.shards {
                let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
                let frames: Vec<Vec<u8>> = shard
                    .iter()
                    .flat_map(|(user, ring)| ring.slates.iter().map(move |slate| frame(user, slate)))
                    .collect();
                drop(shard);
                frames.iter().try_for_each(|frame| write(frame))?;
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use shared::contract::id::ItemId;

    use super::*;

    const KEEP: Keep = Keep { ttl_ms: 100, max_slates: 3 };

    fn user(id: &str) -> UserId {
        UserId::new(id).expect("an id")
    }

    fn slate(id: u64, served_ms: i64) -> ServedSlate {
        let items = vec![ItemId::new("x".repeat(200)).expect("an id")];
        ServedSlate { id: SlateId(id), feed: SlateId(1), served_ms, items }
    }

    fn ids(served: &EmbeddedServed, of: &str) -> Vec<u64> {
        served.get(&user(of)).iter().map(|slate| slate.id.0).collect()
    }

    async fn remember(served: &Arc<EmbeddedServed>, of: &str, slate: &ServedSlate) {
        let until = Instant::now() + Duration::from_secs(20);
        served.clone().remember(until, &user(of), slate, KEEP).await.expect("remembers");
    }

    #[tokio::test]
    async fn the_last_slates_of_the_time_are_kept_and_survive_the_process() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = |now_ms| {
            let file = ServedFile::new(folder.path(), "a");
            Arc::new(EmbeddedServed::open(file, KEEP, now_ms).expect("opens"))
        };
        let served = open(0);
        for (id, at_ms) in [(1, 10), (2, 20), (3, 30), (4, 40)] {
            remember(&served, "u", &slate(id, at_ms)).await;
        }
        remember(&served, "v", &slate(5, 10)).await;
        assert_eq!(ids(&served, "u"), [2, 3, 4], "at most three");
        remember(&served, "u", &slate(6, 125)).await;
        assert_eq!(ids(&served, "u"), [3, 4, 6], "the second has expired");
        drop(served);
        let served = open(131);
        assert_eq!((ids(&served, "u"), ids(&served, "v")), (vec![4, 6], vec![]));
        drop(served);
        let served = open(131);
        assert_eq!(ids(&served, "u"), [4, 6], "the file was rewritten");
        served.forget(&user("u"), 40);
        assert_eq!(ids(&served, "u"), [6]);
        assert_eq!(served.sweep(Duration::from_secs(60)).expect("sweeps"), 1);
        assert_eq!(served.sweep(Duration::ZERO).expect("sweeps"), 0);
        assert!(ids(&served, "u").is_empty());
    }

    #[tokio::test]
    async fn a_file_that_has_outgrown_what_counts_is_rewritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let served = EmbeddedServed::open(ServedFile::new(folder.path(), "a"), KEEP, 0).expect("opens");
        let served = Arc::new(served);
        let length = || {
            let files = std::fs::read_dir(folder.path()).expect("lists");
            files.map(|file| file.expect("a file").metadata().expect("its length").len()).sum::<u64>()
        };
        let mut longest = 0;
        for id in 0..6000 {
            remember(&served, "u", &slate(id, 10)).await;
            if id % 1000 == 999 {
                longest = longest.max(length());
                served.sweep(Duration::from_secs(60)).expect("sweeps");
            }
        }
        assert!(longest > 1 << 20, "{longest}");
        assert!(length() < 1 << 20, "{}", length());
        drop(served);
        let again = EmbeddedServed::open(ServedFile::new(folder.path(), "a"), KEEP, 50).expect("opens");
        assert_eq!(ids(&again, "u"), [5997, 5998, 5999]);
    }
}
