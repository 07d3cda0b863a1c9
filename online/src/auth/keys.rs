//! The file of API keys: who has one, by the SHA-256 of the key.
//!
//! ```toml
//! [[keys]]
//! name = "shop"
//! scopes = ["read", "write"]
//! sha256 = "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9"
//! rate = 200     # requests a second; without it as many as the service can answer
//! burst = 400    # how many of them at once; without it `rate`
//! ```
//!
//! In: its text. Out: [`Keys`], which finds a key by one look-up. An error says which line is wrong, and quotes nothing
//! of it: a key may have been pasted where its hash belongs.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use super::limits::{HIGHEST, Limit};
use super::scopes::Scope;
use crate::reload::{Files, ReadError};

/// What is longer is no key, and not hashed.
const LONGEST: usize = 256;

/// The SHA-256 of a key.
pub(crate) type Digest = [u8; 32];

/// Why a file of keys can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// An entry is none.
    #[error(
        "line {0}: no entry of a key, which has `name`, `scopes` (of \"read\", \"write\", \"admin\") and `sha256`, \
         and may have `rate` and `burst`; `online keys new` prints one"
    )]
    Entry(usize),
    /// A key has a name of other characters, no scope, or no hash.
    #[error("the {0}. key: {1}; `online keys new` prints an entry")]
    Key(usize, &'static str),
    /// Two entries are of one name, or of one key.
    #[error("the {0}. key has the {1} of another; give each key a name and a hash of its own")]
    Twice(usize, &'static str),
}

/// Why the file of keys can't be used, and which.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It can't be read.
    #[error("auth.keys: {0}; `online keys new` makes a key and prints its entry for the file")]
    Read(#[from] ReadError),
    /// What it says is no list of keys.
    #[error("auth.keys: {}: {error}", .path.display())]
    Keys {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: KeysError,
    },
}

/// Someone who may call.
#[derive(Debug)]
pub struct Key {
    /// Whose it is.
    pub name: String,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// How many requests it may send.
    pub limit: Option<Arc<Limit>>,
    digest: Digest,
}

/// All keys, by the first bytes of their hashes.
#[derive(Debug)]
pub struct Keys(Vec<Key>);

/// The file as TOML.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    #[serde(default)]
    keys: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    scopes: BTreeSet<Scope>,
    sha256: String,
    rate: Option<NonZeroU32>,
    burst: Option<NonZeroU32>,
}

impl Keys {
    /// Reads the text of a file. One without a key is valid: nobody may call.
    ///
    /// # Errors
    /// [`KeysError`] says which line or entry is wrong.
    pub fn parse(text: &str) -> Result<Self, KeysError> {
        let listed: Listed = toml::from_str(text).map_err(|error| {
            let end = error.span().map_or(0, |span| span.start).min(text.len());
            KeysError::Entry(1 + text.as_bytes()[..end].iter().filter(|byte| **byte == b'\n').count())
        })?;
        let mut keys = Vec::with_capacity(listed.keys.len());
        let (mut names, mut digests) = (BTreeSet::new(), BTreeSet::new());
        for (at, entry) in (1..).zip(listed.keys) {
            let key = entry.check().map_err(|what| KeysError::Key(at, what))?;
            if !names.insert(key.name.clone()) {
                return Err(KeysError::Twice(at, "name"));
            }
            if !digests.insert(selector(&key.digest)) {
                return Err(KeysError::Twice(at, "hash"));
            }
            keys.push(key);
        }
        keys.sort_unstable_by_key(|key| selector(&key.digest));
        Ok(Self(keys))
    }

    /// Finds a key. The first eight bytes of its hash lead to the entry, and all of them are compared in constant time:
    /// nobody can steer a hash by what they learn of it from how long that takes.
    #[must_use]
    pub fn find(&self, given: &[u8]) -> Option<&Key> {
        self.by(&digest_of(given)?)
    }

    /// Whether a key with this hash is one of them.
    pub(crate) fn has(&self, digest: &Digest) -> bool {
        self.by(digest).is_some()
    }

    fn by(&self, digest: &Digest) -> Option<&Key> {
        let at = self.0.binary_search_by_key(&selector(digest), |key| selector(&key.digest)).ok()?;
        bool::from(self.0[at].digest.ct_eq(digest)).then(|| &self.0[at])
    }

    /// The first of the keys that others are, too.
    pub(crate) fn shared_with(&self, others: &Self) -> Option<&Key> {
        self.0.iter().find(|key| others.has(&key.digest))
    }

    /// Goes on with what other keys have left of their limits.
    fn go_on(&mut self, others: &Self) {
        for key in &mut self.0 {
            let other = others.0.iter().find(|other| other.digest == key.digest);
            if let (Some(own), Some(limit)) = (&mut key.limit, other.and_then(|other| other.limit.as_ref()))
                && own.is_like(limit)
            {
                *own = limit.clone();
            }
        }
    }
}

impl Entry {
    fn check(self) -> Result<Key, &'static str> {
        let Self { name, scopes, sha256, rate, burst } = self;
        if !is_name(&name) {
            return Err("`name` must have 1 to 64 ASCII letters, digits or any of `-_.`");
        }
        if scopes.is_empty() {
            return Err("`scopes` must name one of \"read\", \"write\", \"admin\" at least");
        }
        let mut digest = Digest::default();
        hex::decode_to_slice(&sha256, &mut digest).map_err(
            |_| "`sha256` must be the SHA-256 of the key, in 64 hexadecimal digits, and never the key itself",
        )?;
        if [rate, burst].into_iter().flatten().any(|number| number.get() > HIGHEST) {
            return Err("`rate` and `burst` must be from 1 to 1000000 requests");
        }
        if burst.is_some() && rate.is_none() {
            return Err("`burst` needs a `rate`, in requests a second");
        }
        let limit = rate.map(|rate| Arc::new(Limit::new(rate, burst)));
        Ok(Key { name, scopes, limit, digest })
    }
}

/// Whether a text may be the name of a key.
pub(super) fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// The hash of what may be a key; `None` for what is too long for one.
pub(crate) fn digest_of(given: &[u8]) -> Option<Digest> {
    (given.len() <= LONGEST).then(|| digest(given))
}

/// The hash by which a key is known.
pub(super) fn digest(key: &[u8]) -> Digest {
    Sha256::digest(key).into()
}

/// What entries are found by.
fn selector(digest: &Digest) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = *digest;
    [a, b, c, d, e, f, g, h]
}

/// The keys of a file, which follow it.
pub struct KeyFile {
    path: PathBuf,
    current: ArcSwap<Keys>,
}

impl KeyFile {
    /// Reads a file of keys; [`Files::watch`] with [`Self::take`] follows it from then on.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong with it.
    pub fn open(path: &Path) -> Result<(Self, Files<1>), OpenError> {
        let files = Files::read([path.to_owned()])?;
        let file = Self { path: path.to_owned(), current: ArcSwap::from_pointee(Keys(Vec::new())) };
        file.take(files.contents())?;
        Ok((file, files))
    }

    /// Replaces the keys by those of the file as it is now; these stay where it can't be used.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong with it.
    pub fn take(&self, [text]: &[Vec<u8>; 1]) -> Result<(), OpenError> {
        let mut keys = Keys::parse(&String::from_utf8_lossy(text))
            .map_err(|error| OpenError::Keys { path: self.path.clone(), error })?;
        match keys.0.len() {
            0 => tracing::warn!("auth.keys: the file has no key, so that nobody may call"),
            keys => tracing::info!(keys, "keys read"),
        }
        keys.go_on(&self.current());
        self.current.store(Arc::new(keys));
        Ok(())
    }

    /// The keys that are valid now.
    #[must_use]
    pub fn current(&self) -> Arc<Keys> {
        self.current.load_full()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, scopes: &str, key: &str) -> String {
        let digest = hex::encode(digest(key.as_bytes()));
        format!("[[keys]]\nname = \"{name}\"\nscopes = [{scopes}]\nsha256 = \"{digest}\"\n")
    }

    #[test]
    fn every_key_is_found_by_itself_alone() {
        let text: String = (0..100).map(|at| entry(&format!("k{at}"), "\"read\"", &format!("secret-{at}"))).collect();
        let keys = Keys::parse(&text).expect("valid");
        for at in 0..100 {
            let found = keys.find(format!("secret-{at}").as_bytes()).expect("found");
            assert_eq!(found.name, format!("k{at}"));
        }
        for other in [&b""[..], b"secret-", b"secret-100", &[b's'; 10_000]] {
            assert!(keys.find(other).is_none());
        }
    }

    #[test]
    fn a_hash_may_be_in_capitals_and_a_file_without_a_key_is_one() {
        assert!(Keys::parse("# none yet\n").expect("valid").find(b"k").is_none());
        let capitals = entry("shop", "\"admin\"", "k").replace("sha256 = \"", "sha256=\"").to_uppercase();
        let capitals = capitals.replace("KEYS", "keys").replace("NAME", "name").replace("SCOPES", "scopes");
        let capitals = capitals.replace("ADMIN", "admin").replace("SHA256", "sha256");
        let keys = Keys::parse(&capitals).expect("valid");
        assert_eq!(keys.find(b"k").map(|key| key.scopes.len()), Some(1));
    }

    #[test]
    fn a_file_that_is_read_again_gives_no_key_a_new_burst() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("keys.toml");
        let shop = format!("{}rate = 1\n", entry("shop", "\"read\"", "k"));
        std::fs::write(&path, &shop).expect("writes");
        let (file, _) = KeyFile::open(&path).expect("opens");
        let take = || file.current().find(b"k").and_then(|key| key.limit.clone()).expect("a limit").take();
        assert_eq!(take(), Ok(()));
        file.take(&[format!("{shop}{}", entry("other", "\"read\"", "l")).into_bytes()]).expect("valid");
        assert_eq!(take(), Err(1));
        file.take(&[shop.replace("rate = 1", "rate = 2").into_bytes()]).expect("valid");
        assert_eq!(take(), Ok(()), "another limit");
        assert!(file.take(&[b"[[keys]]".to_vec()]).is_err());
        assert!(file.current().find(b"k").is_some(), "what was read before stays");
    }

    #[test]
    fn what_is_wrong_is_told_by_its_place_and_never_quoted() {
        const SECRET: &str = "tandem_0badc0de";
        let shop = entry("shop", "\"read\"", "k");
        for (text, place) in [
            (format!("{shop}[[keys]]\nname = {SECRET}\n"), "line 6"),
            (format!("{shop}key = \"{SECRET}\"\n"), "line 5"),
            (format!("[[keys]]\nname = \"a\"\nscopes = [\"{SECRET}\"]\nsha256 = \"\"\n"), "line"),
            (format!("[[keys]]\nname = \"a\"\nscopes = [\"read\"]\nsha256 = \"{SECRET}\"\n"), "the 1. key: `sha256`"),
            (format!("{shop}{}", entry(&format!("{SECRET} "), "\"read\"", "l")), "the 2. key: `name`"),
            (format!("{shop}{}", entry("b", "", "l")), "the 2. key: `scopes`"),
            (format!("{shop}{}", entry("shop", "\"read\"", "l")), "the 2. key has the name"),
            (format!("{shop}{}", entry("b", "\"read\"", "k")), "the 2. key has the hash"),
            (format!("{shop}burst = 5\n"), "the 1. key: `burst`"),
            (format!("{shop}rate = 0\n"), "line 5"),
            (format!("{shop}rate = 2000000\n"), "the 1. key: `rate`"),
        ] {
            let error = Keys::parse(&text).expect_err(&text).to_string();
            assert!(error.contains(place), "{text}\n{error}");
            assert!(!error.contains(SECRET), "{error}");
        }
    }
}
