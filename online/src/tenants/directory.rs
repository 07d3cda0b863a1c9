//! Who the tenants are, whose a key is, and what answers its requests now.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::http::HeaderMap;
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricFamily;
use prometheus::{IntGaugeVec, Opts, Registry};

use super::StartError;
use crate::api::authorize::{Door, Gate};
use crate::api::page::guard::Hosts;
use crate::api::{self, App};
use crate::auth;
use crate::auth::keys::KeyFile;
use crate::background::Background;
use crate::config::Config;
use crate::doors;
use crate::metrics::DoorMetrics;

/// What is there of a tenant.
pub(super) enum State {
    /// Its shop is being started for the first time.
    Starting,
    /// Its shop is open.
    Up(Open),
    /// Its shop failed, and is started again; why.
    Down(String),
}

/// An open shop.
pub(super) struct Open {
    pub(super) app: Arc<App>,
    everything: Router,
    public: Router,
}

impl Open {
    /// What answers at an address.
    pub(super) fn router(&self, door: Door) -> Router {
        match door {
            Door::Everything => self.everything.clone(),
            Door::Public => self.public.clone(),
        }
    }
}

/// A shop of several.
pub struct Tenant {
    /// Its name, as the config has it.
    pub(super) name: String,
    keys: Arc<KeyFile>,
    refused: prometheus::IntCounterVec,
    state: ArcSwap<State>,
    /// Whether the service stops.
    stopping: Arc<AtomicBool>,
}

impl Tenant {
    /// What is there of it now.
    pub(super) fn state(&self) -> Arc<State> {
        self.state.load_full()
    }

    /// Its shop is open.
    pub(super) fn open(&self, app: &Arc<App>) {
        let router = |door| {
            let (keys, refused) = (Some(self.keys.clone()), self.refused.clone());
            let gate = Gate { door, hosts: Hosts::Any, origins: Arc::default(), keys, refused };
            api::router(app.clone(), gate)
        };
        let (everything, public) = (router(Door::Everything), router(Door::Public));
        self.state.store(Arc::new(State::Up(Open { app: app.clone(), everything, public })));
        // It may have begun to stop just before.
        if self.stopping.load(Ordering::SeqCst) {
            app.stop();
        }
    }

    /// Its shop is not, and this is why.
    pub(super) fn fail(&self, reason: String) {
        self.state.store(Arc::new(State::Down(reason)));
    }
}

/// Whose a request is.
pub(super) enum Owner<'a> {
    /// That tenant's.
    Tenant(&'a Tenant),
    /// An operator's, or nobody's.
    Front,
    /// More than one have its key.
    Several,
}

/// The tenants of a process.
pub struct Directory {
    tenants: Vec<Arc<Tenant>>,
    registry: Registry,
    metrics: DoorMetrics,
    is_open: IntGaugeVec,
    stopping: Arc<AtomicBool>,
    scheme: &'static str,
}

impl Directory {
    /// Reads the keys of the tenants of a config. What follows their files goes into `parts`.
    ///
    /// # Errors
    /// [`StartError`] for a file that can't be used.
    pub fn open(config: &Config, parts: &mut Background) -> Result<Self, StartError> {
        let scheme = if config.tls.certificate.as_os_str().is_empty() { "http" } else { "https" };
        let registry = Registry::new();
        let process = registry.register(Box::new(ProcessCollector::for_self()));
        process.expect("the process collector is registered once");
        let metrics = DoorMetrics::of(&registry);
        let is_open =
            IntGaugeVec::new(Opts::new("tandem_tenant_open", "1 for a shop that is open, else 0"), &["tenant"]);
        let is_open = is_open.expect("names are valid constants");
        registry.register(Box::new(is_open.clone())).expect("it is registered once");
        let poll = Duration::from_millis(config.artifacts.poll_ms);
        let stopping = Arc::<AtomicBool>::default();
        let mut tenants = Vec::with_capacity(config.tenants.len());
        for (name, config) in &config.tenants {
            // Checked by the config: every tenant has a file of keys.
            let path = config.auth.keys.as_path();
            let keys = doors::keys(path, poll, &metrics, parts)
                .map_err(|error| StartError::Keys { tenant: name.clone(), error })?;
            let (name, refused) = (name.clone(), metrics.refused.clone());
            let (state, stopping) = (ArcSwap::from_pointee(State::Starting), stopping.clone());
            tenants.push(Arc::new(Tenant { name, keys, refused, state, stopping }));
        }
        let directory = Self { tenants, registry, metrics, is_open, stopping, scheme };
        directory.check_keys()?;
        Ok(directory)
    }

    /// Checks that no key lets into two shops.
    fn check_keys(&self) -> Result<(), StartError> {
        for (at, one) in self.tenants.iter().enumerate() {
            for other in &self.tenants[at + 1..] {
                if let Some(key) = other.keys.current().shared_with(&one.keys.current()) {
                    let (one, other, name) = (one.name.clone(), other.name.clone(), key.name.clone());
                    return Err(StartError::SharedKey { one, other, name });
                }
            }
        }
        Ok(())
    }

    /// Checks that no operator has the key of a shop.
    ///
    /// # Errors
    /// [`StartError::SharedKey`].
    pub fn check_operators(&self, operators: &KeyFile) -> Result<(), StartError> {
        let shared = |tenant: &&Arc<Tenant>| tenant.keys.current().shared_with(&operators.current()).is_some();
        match self.tenants.iter().find(shared) {
            None => Ok(()),
            Some(tenant) => {
                let key = tenant.keys.current().shared_with(&operators.current()).map(|key| key.name.clone());
                let (one, other) = ("the operators".to_owned(), tenant.name.clone());
                Err(StartError::SharedKey { one, other, name: key.unwrap_or_default() })
            }
        }
    }

    /// All of them, by name.
    pub(super) fn tenants(&self) -> &[Arc<Tenant>] {
        &self.tenants
    }

    /// What is counted at the addresses.
    #[must_use]
    pub fn metrics(&self) -> &DoorMetrics {
        &self.metrics
    }

    /// What the service speaks.
    pub(super) fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// What is counted at the addresses, of the process, and of who is open.
    pub(super) fn gather(&self) -> Vec<MetricFamily> {
        for tenant in &self.tenants {
            let is_open = matches!(&*tenant.state(), State::Up(_));
            self.is_open.with_label_values(&[&tenant.name]).set(i64::from(is_open));
        }
        self.registry.gather()
    }

    /// Whose a request is, by its key. Costs one SHA-256, and a look-up for each tenant.
    ///
    /// * `operators`: the keys of none of them.
    pub(super) fn owner(&self, headers: &HeaderMap, operators: Option<&KeyFile>) -> Owner<'_> {
        let Some(given) = auth::presented(headers) else { return Owner::Front };
        let Some(digest) = auth::keys::digest_of(&given) else { return Owner::Front };
        let mut owners = self.tenants.iter().filter(|tenant| tenant.keys.current().has(&digest));
        let is_operator = operators.is_some_and(|keys| keys.current().has(&digest));
        match (owners.next(), is_operator) {
            (None, _) => Owner::Front,
            // The files may have come to share a key since the start.
            (Some(_), true) => Owner::Several,
            (Some(_), false) if owners.next().is_some() => Owner::Several,
            (Some(tenant), false) => Owner::Tenant(tenant),
        }
    }

    /// Makes all of them unready.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        for tenant in &self.tenants {
            if let State::Up(open) = &*tenant.state() {
                open.app.stop();
            }
        }
    }

    /// Whether [`Self::stop`] was called.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}
