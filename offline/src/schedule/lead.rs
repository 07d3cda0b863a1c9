//! The scheduler that runs the jobs: what it does every time it comes by.
//!
//! ```text
//! look at runs, settle those that ended ▶ take up what is due ▶ write the state ▶ begin runs, send notices
//! ```
//!
//! Nothing is done that is not written before. What is done is read off the state, so that it is done again by whoever
//! comes after a crash: a run that stands there and was not begun is begun, a notice that was not taken is sent.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use shared::contract::artifact::ArtifactError;
use tokio::sync::mpsc;

use crate::durations::ms;
use crate::notices::Notice;
use crate::notices::outbox::Pauses;
use crate::notices::secret::Redaction;
use crate::notices::send::{self, Failure};
use crate::runs::{Run, store};
use crate::schedule::config::{Job, LockConfig, Plan};
use crate::schedule::runs::{self, Ended, How, Order, Seen};
use crate::schedule::state::{Active, Phase, State, StateError};
use crate::schedule::{asked, due, report, settle};

/// How long a supervisor has to say that it is there, before another one is started.
const BEGIN_AGAIN: Duration = Duration::from_secs(5);
/// How long after its end a run is surely over.
const SURELY_MS: i64 = 60_000;

/// What a channel said of a notice.
type Answer = (String, Notice, Result<(), Failure>);

/// Why the scheduler can't do what it should; it tries again.
#[derive(Debug, thiserror::Error)]
pub enum LeadError {
    /// The state can't be written.
    #[error(transparent)]
    State(#[from] StateError),
    /// A run can't be prepared.
    #[error(transparent)]
    Order(#[from] ArtifactError),
    /// A process can't be started.
    #[error("no process can be started: {0}; see what the system has left of processes and memory")]
    Begin(std::io::Error),
}

/// The scheduler that runs the jobs.
pub struct Lead {
    /// What it does.
    pub plan: Plan,
    /// What is known.
    pub state: State,
    folder: PathBuf,
    redaction: Redaction,
    client: reqwest::Client,
    /// The state as it was written last.
    written: Option<State>,
    /// When supervisors were started for runs.
    begun: BTreeMap<String, Instant>,
    /// Runs that were asked to end.
    ending: BTreeSet<String>,
    answers: mpsc::UnboundedReceiver<Answer>,
    answer: mpsc::UnboundedSender<Answer>,
}

impl Lead {
    /// Takes over what is known in the state folder.
    ///
    /// # Errors
    /// [`StateError`] for a state that can't be read, and what is wrong with the certificates of channels.
    pub fn open(plan: Plan) -> anyhow::Result<Self> {
        let folder = plan.schedule.state.clone();
        let mut state = State::read(&folder)?;
        state.outbox.resume();
        let client = send::client(&plan.channels).map_err(anyhow::Error::msg)?;
        let redaction = Redaction::new(plan.channels.secrets());
        let (answer, answers) = mpsc::unbounded_channel();
        let (begun, ending) = (BTreeMap::new(), BTreeSet::new());
        let mut lead = Self { plan, state, folder, redaction, client, written: None, begun, ending, answers, answer };
        lead.meet();
        Ok(lead)
    }

    /// Goes on with another plan.
    ///
    /// # Errors
    /// What is wrong with the certificates of channels; the plan before stays.
    pub fn replan(&mut self, plan: Plan) -> anyhow::Result<()> {
        self.client = send::client(&plan.channels).map_err(anyhow::Error::msg)?;
        self.redaction = Redaction::new(plan.channels.secrets());
        self.plan = plan;
        self.meet();
        Ok(())
    }

    fn meet(&mut self) {
        let now_ms = now_ms();
        for job in &self.plan.jobs {
            due::meet(job, self.state.jobs.entry(job.name().to_owned()).or_default(), now_ms);
        }
    }

    /// Comes by once.
    ///
    /// # Errors
    /// [`LeadError`]: what was decided stays decided, and is done another time.
    pub fn come_by(&mut self) -> Result<(), LeadError> {
        let now_ms = now_ms();
        self.hear(now_ms);
        self.collect(now_ms);
        let prepared = self.take_up(now_ms);
        self.write()?;
        prepared?;
        for job in &self.plan.jobs {
            if let Some(request) = self.state.jobs.get(job.name()).and_then(|own| own.asked.as_ref()) {
                asked::done(&self.folder, job.name(), request);
            }
        }
        self.begin(now_ms)?;
        self.send(now_ms)
    }

    /// Comes by once without beginning anything.
    ///
    /// # Errors
    /// [`LeadError::State`].
    pub fn wind_down(&mut self) -> Result<(), LeadError> {
        let now_ms = now_ms();
        self.hear(now_ms);
        self.collect(now_ms);
        self.write()
    }

    /// Asks all runs to end.
    pub fn end_runs(&self) {
        self.running().for_each(|(_, active)| runs::stop(&self.folder, &active.id));
    }

    /// Ends all runs at once.
    pub fn kill_runs(&self) {
        self.running().for_each(|(_, active)| runs::kill(&self.folder, &active.id));
    }

    /// The runs that go on, by job.
    pub fn running(&self) -> impl Iterator<Item = (&str, &Active)> {
        let active = self.state.jobs.iter().filter_map(|(name, own)| Some((name.as_str(), own.active.as_ref()?)));
        active.filter(|(_, active)| matches!(active.phase, Phase::Running { .. }))
    }

    /// How long nothing is to be done, unless somebody asks.
    #[must_use]
    pub fn pause(&self) -> Duration {
        let idle = self.running().next().is_none() && self.state.outbox.queues().all(|(_, queue)| queue.is_empty());
        let most = if idle { 1000 } else { 100 };
        let now_ms = now_ms();
        let until = self.state.jobs.values().filter_map(|own| own.next_ms).min().map_or(most, |next| next - now_ms);
        Duration::from_millis(u64::try_from(until.clamp(1, most)).unwrap_or(1))
    }

    fn write(&mut self) -> Result<(), LeadError> {
        if self.written.as_ref() != Some(&self.state) {
            self.state.write(&self.folder)?;
            self.written = Some(self.state.clone());
        }
        Ok(())
    }

    /// Notes what channels said.
    fn hear(&mut self, now_ms: i64) {
        let pauses = Pauses { first: self.plan.channels.backoff, cap: self.plan.channels.backoff_cap };
        while let Ok((channel, notice, answer)) = self.answers.try_recv() {
            let outbox = &mut self.state.outbox;
            match answer {
                Ok(()) => outbox.taken(&channel, &notice),
                Err(failure) => {
                    let said = self.redaction.of(&failure.to_string());
                    tracing::warn!(channel, notice = notice.id, "not taken: {said}");
                    match failure {
                        Failure::Never(_) => outbox.refused(&channel, &notice),
                        Failure::Later(_, asked) => outbox.failed(&channel, asked, pauses, now_ms),
                    }
                }
            }
        }
    }

    /// Looks at the runs, and settles those that ended.
    fn collect(&mut self, now_ms: i64) {
        let shared = self.plan.lock != LockConfig::File;
        let mut over = false;
        for (name, own) in &mut self.state.jobs {
            let Some(active) = &own.active else { continue };
            let ended = match &active.phase {
                Phase::Waiting { .. } if active.overtaken => {
                    Ended { how: How::Stopped, begun_ms: active.begun_ms, ended_ms: now_ms }
                }
                Phase::Waiting { .. } => continue,
                Phase::Running { .. } => match runs::look(&self.folder, active, shared, now_ms) {
                    Seen::Ended(ended) => ended,
                    Seen::NotBegun | Seen::Running => continue,
                },
            };
            let job = self.plan.jobs.iter().find(|job| job.name() == name);
            let record = job.and_then(|job| record(&job.records(), &active.id));
            let id = active.id.clone();
            let told = settle::settle(job, own, &ended, record.as_ref(), now_ms);
            self.begun.remove(&id);
            self.ending.remove(&id);
            match &own.last {
                Some(last) if own.active.is_none() => {
                    let (outcome, seconds, reason) =
                        (last.outcome.as_str(), last.seconds, self.redaction.of(&last.reason));
                    tracing::info!(job = name, run = id, outcome, seconds, reason, "over");
                }
                _ => tracing::info!(job = name, run = id, how = ?ended.how, "is tried again"),
            }
            let Some(last) = own.last.clone().filter(|_| own.active.is_none()) else { continue };
            over = true;
            let channels = &self.plan.channels;
            let beside = report::Beside {
                state: &self.folder,
                shop: &channels.shop,
                report_url: &channels.report_url,
                redaction: &self.redaction,
            };
            for kind in told {
                let mut notice = None;
                for channel in &channels.all {
                    if channel.wants(kind, name, job.and_then(|job| job.config.on.as_deref())) {
                        let made = || report::notice(kind, name, job, &last, record.as_ref(), &beside);
                        let notice = notice.get_or_insert_with(made).clone();
                        self.state.outbox.push(&channel.name, notice, channels.queue);
                    }
                }
            }
        }
        if over {
            let in_use: Vec<&str> =
                self.state.jobs.values().filter_map(|own| Some(own.active.as_ref()?.id.as_str())).collect();
            runs::prune(&self.folder, self.plan.schedule.keep_runs, &in_use);
        }
    }

    /// Decides which runs begin, and prepares their folders.
    fn take_up(&mut self, now_ms: i64) -> Result<(), LeadError> {
        let succeeded: BTreeMap<String, i64> =
            self.state.jobs.iter().filter_map(|(name, own)| Some((name.clone(), own.last_success_ms?))).collect();
        for job in &self.plan.jobs {
            let own = self.state.jobs.entry(job.name().to_owned()).or_default();
            let asked = asked::request(&self.folder, job.name()).filter(|asked| own.asked.as_ref() != Some(asked));
            let mut due_ms = due::take_up(job, own, |name| succeeded.get(name).copied(), now_ms);
            if let Some(asked) = asked {
                own.asked = Some(asked);
                if due_ms.is_none() && !due::begin_later(job, own, now_ms) {
                    due_ms = Some(now_ms);
                }
            }
            let again = due::try_again(own, now_ms);
            let (due_ms, begun_ms, attempt) = match (&own.active, due_ms) {
                (Some(active), _) if again => (active.due_ms, active.begun_ms, active.attempt + 1),
                (None, Some(due_ms)) => (due_ms, now_ms, 1),
                _ => continue,
            };
            let id = self::id(&self.folder, job.name(), due_ms, attempt);
            if let Err(error) = runs::order(&self.folder, &id, &order(job, &self.plan, due_ms, attempt)) {
                if own.active.is_none() {
                    own.queued_ms = Some(due_ms);
                }
                return Err(error.into());
            }
            own.retries += u64::from(again && attempt > 1);
            let longest = ms(job.config.timeout).saturating_add(ms(job.config.kill_grace));
            let deadline_ms = now_ms.saturating_add(longest).saturating_add(SURELY_MS);
            let phase = Phase::Running { since_ms: now_ms, deadline_ms, boot: runs::boot() };
            own.active = Some(Active { due_ms, begun_ms, attempt, id, phase, overtaken: false });
        }
        Ok(())
    }

    /// Begins runs that nobody has begun, and ends those that are overtaken.
    fn begin(&mut self, now_ms: i64) -> Result<(), LeadError> {
        let shared = self.plan.lock != LockConfig::File;
        for (name, own) in &self.state.jobs {
            let Some(active) = own.active.as_ref().filter(|active| matches!(active.phase, Phase::Running { .. }))
            else {
                continue;
            };
            let waits = self.begun.get(&active.id).is_some_and(|begun| begun.elapsed() < BEGIN_AGAIN);
            if !waits && runs::look(&self.folder, active, shared, now_ms) == Seen::NotBegun {
                let job = self.plan.job(name);
                tracing::info!(job = name, run = active.id, attempt = active.attempt, "begins");
                runs::begin(&self.folder, &active.id, |variable| job.is_some_and(|job| job.passes(variable)))
                    .map_err(LeadError::Begin)?;
                self.begun.insert(active.id.clone(), Instant::now());
            }
            if active.overtaken && self.ending.insert(active.id.clone()) {
                runs::stop(&self.folder, &active.id);
            }
        }
        Ok(())
    }

    /// Sends the first notice of each channel that has one and is not busy.
    fn send(&mut self, now_ms: i64) -> Result<(), LeadError> {
        let mut taken = Vec::new();
        for channel in &self.plan.channels.all {
            taken.extend(self.state.outbox.take(&channel.name, now_ms).map(|notice| (channel.clone(), notice)));
        }
        if taken.is_empty() {
            return Ok(());
        }
        self.write()?;
        for (channel, notice) in taken {
            let (channels, client, answer) = (self.plan.channels.clone(), self.client.clone(), self.answer.clone());
            tokio::spawn(async move {
                let said = send::send(&channel, &channels, &client, &notice).await;
                // The scheduler that does not hear it any more sends the notice again.
                let _ = answer.send((channel.name, notice, said));
            });
        }
        Ok(())
    }
}

fn order(job: &Job, plan: &Plan, due_ms: i64, attempt: u32) -> Order {
    Order {
        job: job.name().to_owned(),
        due_ms,
        attempt,
        command: job.config.command.clone(),
        timeout_ms: u64::try_from(ms(job.config.timeout)).unwrap_or(u64::MAX),
        kill_grace_ms: u64::try_from(ms(job.config.kill_grace)).unwrap_or(u64::MAX),
        output_kib: plan.schedule.output_kib,
    }
}

/// What the batch wrote down of a run; `None` where it wrote nothing, or nothing that this build can read.
fn record(records: &Path, id: &str) -> Option<Run> {
    let read = store::read_if_there(records, &id.parse().ok()?);
    read.inspect_err(|error| tracing::warn!(%error, "a record that can't be read")).ok().flatten()
}

/// An id that no run has: the time, and four digits of what it is of.
fn id(state: &Path, job: &str, due_ms: i64, attempt: u32) -> String {
    let now = Timestamp::now();
    let time = now.strftime("%Y%m%d-%H%M%S");
    let nth = |salt: u32| {
        let digest = Sha256::digest(format!("{job} {due_ms} {attempt} {} {salt}", now.as_nanosecond()));
        format!("r{time}-{:02x}{:02x}", digest[0], digest[1])
    };
    (0..).map(nth).find(|id| !runs::folder(state, id).exists()).expect("a folder has fewer than endless names")
}

fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}
