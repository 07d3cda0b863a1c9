//! One server, or the primaries of a Redis Cluster: sends each command to the node that has its slot.
//!
//! Each node has a [`Link`] of its own, so that a node that is away or hangs takes away the users of its slots alone.
//! The slots are asked for (`CLUSTER SLOTS`) at the start, every [`REFRESH_EVERY`], and after any trouble: a command
//! that was sent elsewhere (MOVED), a call that failed. A command that is sent elsewhere goes there within the same
//! deadline.
//!
//! The cluster client of the redis crate is not used here, for two reasons in its source (1.8, `cluster_async`): while it
//! refreshes the slots, calls to all nodes wait, up to the timeouts of a node that hangs; and a call that is given up at
//! its deadline is dropped before its error is seen, so that a primary that hangs is not found out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future::{join_all, try_join_all};
use prometheus::IntGauge;
use redis::{Client, Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError, RedisResult, ServerErrorKind, Value, cmd};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tracing::Instrument;

use super::super::StoreError;
use super::endpoints::{Address, Endpoints, host};
use super::link::{CONNECT_TIMEOUT, Link, RETRY_EVERY, connect};
use super::slots::{Range, ranges, slot};

/// How often the slots are asked for without any trouble.
const REFRESH_EVERY: Duration = Duration::from_secs(10);
/// How often a command is sent on.
const REDIRECTS: usize = 3;

/// A command whose keys are all of one slot.
pub struct Keyed {
    slot: u16,
    command: Cmd,
}

impl Keyed {
    /// * `key`: any key of the command.
    pub fn new(key: &str, command: Cmd) -> Self {
        Self { slot: slot(key), command }
    }
}

/// One server, or the nodes of a cluster.
pub struct Nodes(Arc<Shared>);

struct Shared {
    endpoints: Arc<Endpoints>,
    /// The deadline of a call.
    deadline: Duration,
    /// How many links have an open breaker.
    open: IntGauge,
    io: Handle,
    map: ArcSwap<Map>,
    /// Nodes without slots that commands were sent on to.
    asked: Mutex<BTreeSet<Address>>,
    /// Wakes the keeper of the slots.
    trouble: Arc<Notify>,
}

/// Which link has which slots.
struct Map {
    links: BTreeMap<Address, Arc<Link>>,
    /// In the order of slots; empty for a server that is no node of a cluster, which has all of them.
    ranges: Vec<Range>,
}

/// Where a command goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// To the node that has its slot.
    Owner(Address),
    /// To the node that is about to take over its slot, which wants to hear so.
    Ask(Address),
}

impl Map {
    fn owner(&self, slot: u16) -> Option<&Address> {
        match self.ranges.get(self.ranges.partition_point(|range| range.last < slot)) {
            Some(range) => (range.first <= slot).then_some(&range.primary),
            None if self.ranges.is_empty() => self.links.keys().next(),
            None => None,
        }
    }
}

/// The answer to `CLUSTER SLOTS`; `None` from a server that is no node of a cluster.
async fn slots_of(client: &Client) -> RedisResult<Option<Vec<Range>>> {
    let mut connection = connect(client).await?;
    let answer = timeout(CONNECT_TIMEOUT, cmd("CLUSTER").arg("SLOTS").query_async::<Value>(&mut connection)).await;
    match answer.unwrap_or_else(|late| Err(std::io::Error::from(late).into())) {
        Ok(answer) => Ok(Some(ranges(answer, host(client)))),
        Err(error) if error.is_io_error() || error.is_unrecoverable_error() => Err(error),
        // Cluster support is disabled, or the user may not ask.
        Err(_) => Ok(None),
    }
}

/// Why a server can't be used, though it answers.
fn unusable(why: &'static str) -> RedisError {
    RedisError::from((ErrorKind::InvalidClientConfig, why))
}

impl Nodes {
    /// Connects.
    ///
    /// * `endpoints`: one server, or nodes of one cluster; the first that answers tells of the others.
    ///
    /// # Errors
    /// [`RedisError`] when no server can be reached, or they are none of a cluster.
    pub async fn open(endpoints: Arc<Endpoints>, deadline: Duration, open: IntGauge, io: &Handle) -> RedisResult<Self> {
        let shared = Shared {
            endpoints,
            deadline,
            open,
            io: io.clone(),
            map: ArcSwap::from_pointee(Map { links: BTreeMap::new(), ranges: Vec::new() }),
            asked: Mutex::default(),
            trouble: Arc::default(),
        };
        // Connections are driven by the thread on which they are made.
        let started = async move { shared.start().await.map(|is_cluster| (Arc::new(shared), is_cluster)) };
        let started = io.spawn(started.in_current_span());
        let (shared, is_cluster) = started.await.map_err(std::io::Error::other)??;
        if is_cluster {
            io.spawn(keep(Arc::downgrade(&shared), shared.trouble.clone()).in_current_span());
        }
        Ok(Self(shared))
    }

    /// Whether the servers are those of a cluster.
    pub fn are_cluster(&self) -> bool {
        !self.0.map.load().ranges.is_empty()
    }

    /// Sends a command.
    ///
    /// # Errors
    /// [`StoreError::Away`], [`StoreError::Late`] or [`StoreError::Answer`].
    pub async fn call<T: FromRedisValue>(&self, command: Keyed) -> Result<T, StoreError> {
        let [answer] = <[RedisResult<T>; 1]>::try_from(self.calls(vec![command]).await?)
            .map_err(|_| StoreError::Answer("no answer".to_owned()))?;
        answer.map_err(|error| StoreError::Answer(error.to_string()))
    }

    /// Sends commands, those of each node in one round trip, and returns the result of each.
    ///
    /// # Errors
    /// [`StoreError::Away`], [`StoreError::Late`] or [`StoreError::Answer`]; some commands may have been carried out.
    pub async fn calls<T: FromRedisValue>(&self, commands: Vec<Keyed>) -> Result<Vec<RedisResult<T>>, StoreError> {
        self.calls_until(self.deadline(None), commands).await
    }

    /// When a call that begins now is given up: at its deadline, or `until` then if that is sooner.
    pub fn deadline(&self, until: Option<std::time::Instant>) -> Instant {
        let own = Instant::now() + self.0.deadline;
        until.map_or(own, |until| own.min(until.into()))
    }

    /// As [`Self::calls`], with a deadline of their own.
    ///
    /// # Errors
    /// As [`Self::calls`].
    pub async fn calls_until<T: FromRedisValue>(
        &self,
        until: Instant,
        commands: Vec<Keyed>,
    ) -> Result<Vec<RedisResult<T>>, StoreError> {
        let answers = self.route(&commands, until).await;
        if answers.is_err() {
            self.0.trouble.notify_one();
        }
        answers
    }

    async fn route<T: FromRedisValue>(
        &self,
        commands: &[Keyed],
        until: Instant,
    ) -> Result<Vec<RedisResult<T>>, StoreError> {
        let map = self.0.map.load_full();
        let mut open: BTreeMap<Way, Vec<usize>> = BTreeMap::new();
        for (at, keyed) in commands.iter().enumerate() {
            let owner = map.owner(keyed.slot).ok_or_else(|| StoreError::Away("no node has the slot".to_owned()))?;
            open.entry(Way::Owner(owner.clone())).or_default().push(at);
        }
        let mut answers: Vec<Option<RedisResult<T>>> = commands.iter().map(|_| None).collect();
        for sent_on in 0..=REDIRECTS {
            let sent = open.iter().map(|(way, places)| self.send(way, places, commands, until));
            let mut elsewhere: BTreeMap<Way, Vec<usize>> = BTreeMap::new();
            for (at, answer) in try_join_all(sent).await?.into_iter().flatten() {
                match answer.as_ref().err().and_then(|error| self.way_on(error)) {
                    Some(way) if sent_on < REDIRECTS => elsewhere.entry(way).or_default().push(at),
                    _ => answers[at] = Some(answer),
                }
            }
            open = elsewhere;
            if open.is_empty() {
                break;
            }
        }
        answers.into_iter().map(|answer| answer.ok_or_else(|| StoreError::Answer("sent on".to_owned()))).collect()
    }

    /// Sends some of the commands one way, in one round trip.
    async fn send<T: FromRedisValue>(
        &self,
        way: &Way,
        places: &[usize],
        commands: &[Keyed],
        until: Instant,
    ) -> Result<Vec<(usize, RedisResult<T>)>, StoreError> {
        let (Way::Owner(address) | Way::Ask(address)) = way;
        let Some(link) = self.0.map.load().links.get(address).cloned() else {
            // The keeper connects to it.
            self.0.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(address.clone());
            return Err(StoreError::Away("a slot has moved to a new node".to_owned()));
        };
        let mut pipeline = Pipeline::with_capacity(places.len());
        pipeline.ignore_errors();
        for &at in places {
            if let Way::Ask(_) = way {
                pipeline.cmd("ASKING").ignore();
            }
            pipeline.add_command(commands[at].command.clone());
        }
        let answers = link.pipeline(until, &pipeline).await?;
        Ok(places.iter().copied().zip(answers).collect())
    }

    /// Where an error sends a command; notes when it means that slots have moved.
    fn way_on(&self, error: &RedisError) -> Option<Way> {
        let address = || {
            let (address, _) = error.redirect_node()?;
            let (host, port) = address.rsplit_once(':')?;
            // A node that knows no host of its own leaves it out.
            let host =
                if host.is_empty() { self.0.endpoints.clients().first().map(super::endpoints::host)? } else { host };
            Some((host.trim_matches(['[', ']']).to_owned(), port.parse().ok()?))
        };
        match error.kind() {
            ErrorKind::Server(ServerErrorKind::Ask) => address().map(Way::Ask),
            ErrorKind::Server(ServerErrorKind::Moved) => {
                self.0.trouble.notify_one();
                address().map(Way::Owner)
            }
            ErrorKind::Server(ServerErrorKind::ClusterDown | ServerErrorKind::ReadOnly) => {
                self.0.trouble.notify_one();
                None
            }
            _ => None,
        }
    }
}

impl Shared {
    /// Finds out what the servers are, and connects to all of them; whether they are a cluster.
    async fn start(&self) -> RedisResult<bool> {
        let clients = self.endpoints.clients();
        let mut result = Err(unusable("no server is named"));
        for client in clients {
            match slots_of(client).await {
                Ok(Some(ranges)) if ranges.is_empty() => return Err(unusable("the cluster has no slots yet")),
                Ok(Some(ranges)) => {
                    self.adopt(ranges).await;
                    return Ok(true);
                }
                Ok(None) if clients.len() > 1 => {
                    return Err(unusable("several URLs must be those of nodes of a cluster, and this is none"));
                }
                Ok(None) => {
                    let connection = connect(client).await?;
                    let link = Link::new(client.clone(), Some(connection), self.deadline, self.open.clone(), &self.io);
                    let links = [((String::new(), 0), Arc::new(link))].into();
                    self.map.store(Arc::new(Map { links, ranges: Vec::new() }));
                    return Ok(false);
                }
                Err(error) => result = Err(error),
            }
        }
        result
    }

    /// Asks for the slots, first the nodes that answer, then the servers of the settings.
    async fn refresh(&self) {
        let map = self.map.load_full();
        let of_link = |address: &Address| self.endpoints.node(address).ok();
        let known = map.links.iter().filter(|(_, link)| link.answers()).filter_map(|(address, _)| of_link(address));
        for client in known.chain(self.endpoints.clients().iter().cloned()) {
            match slots_of(&client).await {
                Ok(Some(ranges)) if !ranges.is_empty() => return self.adopt(ranges).await,
                Ok(_) => {}
                Err(error) => tracing::debug!(%error, "a node does not tell the slots"),
            }
        }
    }

    /// Takes slots as they are told; connects to nodes that are new, and forgets those that have none any more.
    async fn adopt(&self, ranges: Vec<Range>) {
        let before = self.map.load_full();
        let asked = std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner));
        let mut addresses: Vec<Address> = ranges.iter().map(|range| range.primary.clone()).chain(asked).collect();
        addresses.sort_unstable();
        addresses.dedup();
        let linked = join_all(addresses.into_iter().map(async |address| {
            let link = match before.links.get(&address) {
                Some(link) => link.clone(),
                None => {
                    let client = self.endpoints.node(&address).ok()?;
                    let connection = connect(&client).await.ok();
                    Arc::new(Link::new(client, connection, self.deadline, self.open.clone(), &self.io))
                }
            };
            Some((address, link))
        }));
        let links = linked.await.into_iter().flatten().collect();
        if before.ranges != ranges {
            tracing::info!(ranges = ranges.len(), "slots of the Redis Cluster");
        }
        self.map.store(Arc::new(Map { links, ranges }));
    }
}

/// The keeper of the slots: asks for them after trouble and now and then, until the nodes are dropped.
async fn keep(nodes: Weak<Shared>, trouble: Arc<Notify>) {
    loop {
        // Either is reason enough to ask.
        let _ = timeout(REFRESH_EVERY, trouble.notified()).await;
        let Some(shared) = nodes.upgrade() else { return };
        shared.refresh().await;
        drop(shared);
        sleep(RETRY_EVERY).await;
    }
}
