//! What the folder of a model says should be served, and loading what is not yet.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use shared::contract::artifact::ArtifactError;
use shared::contract::artifact::alias::Alias;
use shared::engine::tabular::challenge::Challenge;
use shared::engine::tabular::model::Model;
use tokio::time::Instant;

use super::challenger::Challenger;
use super::served::Served;
use super::version::Version;
use crate::metrics::Metrics;

/// The time after which what could not be loaded is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// Looks at folders of models; remembers what could not be loaded, so that it is not tried, and told, at every look.
pub struct Look {
    metrics: Arc<Metrics>,
    /// Which version answers; the champion of a model that has none of this alias.
    alias: Alias,
    /// How many rows half of the window has that is compared with the training rows.
    half: u64,
    /// The model and the file, and when it was tried.
    failed: HashMap<(String, String), Instant>,
}

impl Look {
    /// A first look.
    pub fn new(metrics: Arc<Metrics>, alias: Alias, half: u64) -> Self {
        Self { metrics, alias, half, failed: HashMap::new() }
    }

    /// What is to be served of a model; `served` itself where nothing has changed.
    pub fn at(&mut self, name: &str, folder: &Path, served: Option<&Arc<Served>>) -> Option<Arc<Served>> {
        self.failed.retain(|_, since| since.elapsed() < RETRY_AFTER);
        // The pointer is replaced by a rename, so that it is never half written: where there is none, nothing is promoted
        // yet.
        let version = self.alias.read(folder).or_else(|_| Alias::champion().read(folder));
        let Ok(version) = version else { return served.cloned() };
        let champion = self.version(name, folder, &version, served);
        let champion = champion.or_else(|| Some(served?.champion.clone()))?;
        let challenge = match Challenge::read(folder) {
            Ok(challenge) => challenge.filter(|challenge| challenge.version != champion.version()),
            Err(error) => {
                self.fail(name, "the challenge", &error);
                None
            }
        };
        let same = |served: &&Arc<Served>| Arc::ptr_eq(&served.champion, &champion) && served.challenge == challenge;
        if let Some(served) = served.filter(same) {
            return Some(served.clone());
        }
        let challenger = match &challenge {
            None => None,
            // Without its version it is as if there were no challenge, until the version is tried again.
            Some(wanted) => match self.version(name, folder, &wanted.version, served) {
                Some(version) => self.beside(name, &champion, version, wanted),
                None => return Some(self.without_challenger(champion, served)),
            },
        };
        if challenge.is_none() && served.is_some_and(|served| served.challenge.is_some()) {
            tracing::info!(model = name, "no challenger scores beside the champion any more");
        }
        Some(Arc::new(Served::new(champion, challenge, challenger)))
    }

    fn without_challenger(&self, champion: Arc<Version>, served: Option<&Arc<Served>>) -> Arc<Served> {
        let same = |served: &&Arc<Served>| Arc::ptr_eq(&served.champion, &champion) && served.challenge.is_none();
        match served.filter(same) {
            Some(served) => served.clone(),
            None => Arc::new(Served::new(champion, None, None)),
        }
    }

    /// Puts a challenger beside the champion; none where it can't score the champion's rows.
    fn beside(
        &self,
        name: &str,
        champion: &Version,
        version: Arc<Version>,
        challenge: &Challenge,
    ) -> Option<Challenger> {
        let Challenge { version: own, mode, share } = challenge;
        match Challenger::new(champion, version, challenge.clone(), &self.metrics) {
            Ok(challenger) => {
                tracing::info!(model = name, version = own, ?mode, share, "a challenger scores beside the champion");
                Some(challenger)
            }
            Err(reason) => {
                let champion = champion.version();
                tracing::warn!(model = name, version = own, champion, reason, "the challenger can't score these rows");
                None
            }
        }
    }

    /// A version that is served already, or else is loaded now.
    fn version(
        &mut self,
        name: &str,
        folder: &Path,
        version: &str,
        served: Option<&Arc<Served>>,
    ) -> Option<Arc<Version>> {
        let known = served.and_then(|served| served.versions().find(|known| known.version() == version));
        if known.is_some() || self.failed.contains_key(&(name.to_owned(), version.to_owned())) {
            return known.cloned();
        }
        match Model::load(&folder.join(version)) {
            // Marks, metrics and paths are by name: a copy of a folder is no model of its own.
            Ok(model) if model.manifest().name != name => {
                let reason = format!("it is a version of the model {:?}", model.manifest().name);
                self.fail(name, version, &ArtifactError::shape(folder.join(version), reason));
                self.metrics.swap_failures.inc();
                None
            }
            Ok(model) => {
                tracing::info!(model = name, version, "version loaded");
                Some(Arc::new(Version::new(model, &self.metrics, self.half)))
            }
            Err(error) => {
                self.fail(name, version, &error);
                self.metrics.swap_failures.inc();
                None
            }
        }
    }

    /// Tells of a failure, once until it is tried again.
    fn fail(&mut self, name: &str, what: &str, error: &ArtifactError) {
        let key = (name.to_owned(), what.to_owned());
        if self.failed.insert(key, Instant::now()).is_none() {
            tracing::error!(model = name, %error, "{what} can't be loaded");
        }
    }
}
