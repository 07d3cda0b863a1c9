//! The scheduler from start to end: waits for the lock, runs the jobs, reads its file again, and stops in order.
//!
//! ```text
//! standby ─▶ leader ─▶ (lost lease) standby ...
//!    SIGHUP: the file is read again; one that is wrong is told and not used
//!    SIGTERM, SIGINT: nothing begins any more ▶ stop_grace ▶ runs are ended; again: at once
//! ```

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use shared::contract::complaint::complaint;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::schedule::config::{Job, Plan};
use crate::schedule::lead::Lead;
use crate::schedule::lock::{self, Held};
use crate::schedule::state::State;
use crate::schedule::view::{Role, View};
use crate::schedule::{asked, http};

/// How often a standby asks for the lock.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// How long until a lock that could not be asked for is asked for again.
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// How long until it is told again that it can't be.
const TELL_AGAIN: Duration = Duration::from_secs(600);
/// How long runs that were told to end at once are waited for.
const AT_ONCE: Duration = Duration::from_secs(5);

/// What is done where another scheduler has the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfHeld {
    /// It is waited for.
    StandBy,
    /// This one ends.
    Leave,
}

/// Why the jobs are no longer run by this scheduler.
enum End {
    Stopped,
    LostLock,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn catch() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("SIGINT")?,
            hangup: signal(SignalKind::hangup()).context("SIGHUP")?,
        })
    }

    /// Waits for so long, or for a signal.
    async fn within(&mut self, pause: Duration) -> Heard {
        tokio::select! {
            () = sleep(pause) => Heard::Nothing,
            _ = self.terminate.recv() => Heard::Stop,
            _ = self.interrupt.recv() => Heard::Stop,
            _ = self.hangup.recv() => Heard::Reread,
        }
    }
}

enum Heard {
    Nothing,
    Stop,
    Reread,
}

/// Runs the scheduler until a signal.
///
/// * `load`: reads and checks the plan.
/// * `now`: jobs that are asked for at the start.
///
/// # Errors
/// A config, a state or a lock that can't be used.
pub async fn serve(load: impl Fn() -> anyhow::Result<Plan>, now: &[String], if_held: IfHeld) -> anyhow::Result<()> {
    let mut signals = Signals::catch()?;
    let mut plan = load()?;
    now.iter().try_for_each(|job| asked::ask(&plan.schedule.state, job))?;
    let known = State::read(&plan.schedule.state)?;
    let (view, shown) = watch::channel(View::new(Role::Standby, &plan, known));
    let mut first = None;
    if if_held == IfHeld::Leave {
        let schedule = &plan.schedule;
        match lock::take(&plan.lock, &schedule.lock_name, &schedule.state).await? {
            Ok(held) => first = Some(held),
            Err(who) => anyhow::bail!(
                "{}: the jobs are run by {who}; leave out --no-wait to stand by",
                schedule.state.display()
            ),
        }
    }
    if !plan.schedule.listen.is_empty() {
        tokio::spawn(http::listen(plan.schedule.listen.clone(), shown));
    }
    loop {
        let held = match first.take() {
            Some(held) => held,
            None => match stand_by(&mut plan, &load, &view, &mut signals).await {
                Some(held) => held,
                None => return Ok(()),
            },
        };
        let mut lead = Lead::open(plan)?;
        tracing::info!(jobs = lead.plan.jobs.len(), state = %lead.plan.schedule.state.display(), "runs the jobs");
        let end = run(&mut lead, &load, &held, &view, &mut signals).await;
        if let End::Stopped = end {
            held.release().await;
            return Ok(());
        }
        tracing::error!("the lease is lost: nothing begins here any more, and runs go on; waiting for it");
        plan = lead.plan;
    }
}

/// Waits for the lock; `None` if a signal comes before.
async fn stand_by(
    plan: &mut Plan,
    load: &impl Fn() -> anyhow::Result<Plan>,
    view: &watch::Sender<View>,
    signals: &mut Signals,
) -> Option<Held> {
    let mut told = None;
    let mut failed: Option<Instant> = None;
    loop {
        let schedule = &plan.schedule;
        let role = match lock::take(&plan.lock, &schedule.lock_name, &schedule.state).await {
            Ok(Ok(held)) => return Some(held),
            Ok(Err(who)) => {
                if told.as_ref() != Some(&who) {
                    tracing::info!("standing by: the jobs are run by {who}");
                    told = Some(who);
                }
                failed = None;
                Role::Standby
            }
            Err(error) => {
                let why = complaint(&error);
                // Not by what it says: an answer may have a number of its own each time.
                if failed.is_none_or(|failed| failed.elapsed() >= TELL_AGAIN) {
                    tracing::warn!("{}", why.split_whitespace().collect::<Vec<_>>().join(" "));
                    failed = Some(Instant::now());
                }
                told = None;
                Role::Failing(why)
            }
        };
        let known = State::read(&schedule.state).unwrap_or_default();
        view.send_replace(View::new(role, plan, known));
        let pause = if failed.is_some() { ASK_AGAIN } else { ASK_EVERY };
        match signals.within(pause).await {
            Heard::Nothing => {}
            Heard::Stop => return None,
            Heard::Reread => *plan = reread(plan, load),
        }
    }
}

/// The plan as the file has it now; the one before if that can't be used.
fn reread(plan: &Plan, load: impl Fn() -> anyhow::Result<Plan>) -> Plan {
    match load() {
        Ok(mut new) => {
            let (old, own) = (&plan.schedule, &mut new.schedule);
            if own.state != old.state || own.listen != old.listen || new.lock != plan.lock {
                tracing::warn!(
                    "schedule.state, listen and lock are read at the start alone; start again to change them"
                );
            }
            old.state.clone_into(&mut own.state);
            old.listen.clone_into(&mut own.listen);
            new.lock = plan.lock.clone();
            tracing::info!(jobs = new.jobs.len(), "the config was read again");
            new
        }
        Err(error) => {
            tracing::error!("the config is wrong, the one before stays: {}", complaint(error.as_ref()));
            plan.clone()
        }
    }
}

async fn run(
    lead: &mut Lead,
    load: &impl Fn() -> anyhow::Result<Plan>,
    held: &Held,
    view: &watch::Sender<View>,
    signals: &mut Signals,
) -> End {
    let mut role = Role::Leader;
    loop {
        if !held.is_held() {
            return End::LostLock;
        }
        let now = lead.come_by();
        let next = now.err().map_or(Role::Leader, |error| Role::Failing(complaint(&error)));
        if let Role::Failing(why) = &next
            && role != next
        {
            tracing::error!("{why}");
        }
        role = next;
        show(view, lead, &role);
        match signals.within(lead.pause()).await {
            Heard::Nothing => {}
            Heard::Reread => {
                let plan = reread(&lead.plan, load);
                if let Err(error) = lead.replan(plan) {
                    tracing::error!("the config is wrong, the one before stays: {error}");
                }
            }
            Heard::Stop => {
                stop(lead, held, view, signals).await;
                return End::Stopped;
            }
        }
    }
}

fn show(view: &watch::Sender<View>, lead: &Lead, role: &Role) {
    let jobs = || lead.plan.jobs.iter().map(Job::name);
    let is_new = |shown: &View| {
        shown.role != *role || shown.state != lead.state || !shown.jobs.iter().map(String::as_str).eq(jobs())
    };
    let is_new = is_new(&view.borrow());
    if is_new {
        view.send_replace(View::new(role.clone(), &lead.plan, lead.state.clone()));
    } else {
        view.send_modify(|view| view.seen = Instant::now());
    }
}

/// Stops in order: runs may go on for `stop_grace`, are then ended, and at another signal at once.
async fn stop(lead: &mut Lead, held: &Held, view: &watch::Sender<View>, signals: &mut Signals) {
    let running = lead.running().count();
    let grace = lead.plan.schedule.stop_grace;
    tracing::info!(running, "stopping: nothing begins any more; runs have {grace:?}, another signal ends them at once");
    let kill_grace = lead.plan.jobs.iter().map(|job| job.config.kill_grace).max().unwrap_or_default();
    let begin = Instant::now();
    let (mut asked, mut until) = (false, begin + grace + kill_grace + AT_ONCE);
    loop {
        // Nothing can be done about a state that can't be written; the next scheduler finds the runs.
        if let Err(error) = lead.wind_down() {
            tracing::error!("{}", complaint(&error));
        }
        show(view, lead, &Role::Stopping);
        if lead.running().next().is_none() || Instant::now() > until || !held.is_held() {
            return;
        }
        if !asked && begin.elapsed() >= grace {
            asked = true;
            lead.end_runs();
        }
        if let Heard::Stop = signals.within(Duration::from_millis(50)).await {
            asked = true;
            lead.kill_runs();
            until = until.min(Instant::now() + AT_ONCE);
        }
    }
}

/// Whether a folder has a state, so that somebody who asks is not told of an empty one.
#[must_use]
pub fn has_state(folder: &Path) -> bool {
    folder.join("state.json").is_file()
}
