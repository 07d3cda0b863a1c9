//! `offline schedule`: jobs at their times.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use clap::{Args, Parser};

use super::{Arguments, Command};
use crate::notices::secret::Redaction;
use crate::notices::{Kind, samples, send, text};
use crate::schedule::config::{DEFAULTS, Plan, check_listen};
use crate::schedule::runs::supervise::supervise;
use crate::schedule::serve::{self, IfHeld};
use crate::schedule::state::State;
use crate::schedule::status::{self, Status};
use crate::schedule::{asked as requests, lock};

/// Runs jobs at their times, each a process of its own; see SCHEDULE.md.
#[derive(Debug, Args)]
pub struct ScheduleArgs {
    /// The jobs, in TOML; `--defaults` prints every key.
    #[arg(long, value_name = "FILE", required_unless_present_any = ["defaults", "supervise"])]
    config: Option<PathBuf>,
    /// Runs these jobs at once, beside their times; all if none is named. Another scheduler that runs the jobs is asked to;
    /// with --no-wait this command only asks, and fails if none runs.
    #[arg(long, value_name = "JOB", num_args = 0..)]
    now: Option<Vec<String>>,
    /// Where /health, /metrics and /jobs answer, instead of schedule.listen.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Ends where another scheduler runs the jobs, instead of standing by.
    #[arg(long)]
    no_wait: bool,
    /// Prints what is known of the jobs.
    #[arg(long)]
    status: bool,
    /// Prints it as JSON.
    #[arg(long, requires = "status")]
    json: bool,
    /// Only checks the config.
    #[arg(long)]
    check: bool,
    /// Sends a made-up notice of each kind to every channel.
    #[arg(long)]
    test_notices: bool,
    /// Prints every setting with its default.
    #[arg(long)]
    defaults: bool,
    /// Watches over the run of a folder: what the scheduler starts.
    #[arg(long, value_name = "FOLDER", hide = true)]
    supervise: Option<PathBuf>,
}

/// Runs the scheduler, or tells of it.
pub fn schedule(args: &ScheduleArgs) -> anyhow::Result<()> {
    if args.defaults {
        print!("{DEFAULTS}");
        return Ok(());
    }
    if let Some(folder) = &args.supervise {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("tokio runtime")?;
        return Ok(runtime.block_on(supervise(folder))?);
    }
    let file = args.config.as_deref().context("--config FILE is missing")?;
    if args.status || (args.no_wait && args.now.is_some()) {
        // Whoever looks, or asks, need not have the secrets of channels.
        let plan = Plan::load_jobs(file).with_context(|| file.display().to_string())?;
        return if args.status { print_status(&plan, args.json) } else { ask(&plan, args.now.as_deref()) };
    }
    let load = || load(file, args.listen.as_deref());
    let plan = load()?;
    if args.check {
        check_files(file, &plan)?;
        println!("{}: {} jobs, {} channels, nothing wrong", file.display(), plan.jobs.len(), plan.channels.all.len());
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.context("tokio runtime")?;
    if args.test_notices {
        return runtime.block_on(test_notices(&plan));
    }
    let now = asked(&plan, args.now.as_deref())?;
    let if_held = if args.no_wait { IfHeld::Leave } else { IfHeld::StandBy };
    let done = runtime.block_on(serve::serve(load, &now, if_held));
    // A receiver that hangs is not waited for.
    runtime.shutdown_background();
    done
}

/// Reads the plan, and checks that every command is one.
fn load(file: &Path, listen: Option<&str>) -> anyhow::Result<Plan> {
    let mut plan = Plan::load(file).with_context(|| file.display().to_string())?;
    if let Some(address) = listen {
        check_listen(address)?;
        address.clone_into(&mut plan.schedule.listen);
    }
    // The start would fail for certificates that can't be read.
    send::client(&plan.channels).map_err(anyhow::Error::msg).with_context(|| file.display().to_string())?;
    for job in &plan.jobs {
        let words = ["offline".to_owned()].into_iter().chain(job.config.command.iter().cloned());
        match Arguments::try_parse_from(words) {
            Ok(Arguments { command: Command::Schedule(_), .. }) => {
                bail!("{}: job {}: a scheduler is no job", file.display(), job.name())
            }
            Ok(_) => {}
            Err(error) => {
                let why = error.render().to_string();
                let why = why.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
                bail!("{}: job {}: `command`: {why}", file.display(), job.name())
            }
        }
    }
    Ok(plan)
}

/// Checks that the configs which commands name are there. Only told by `--check`: of a scheduler that starts, one job whose
/// config is away must not keep the others.
fn check_files(file: &Path, plan: &Plan) -> anyhow::Result<()> {
    for job in &plan.jobs {
        for path in job.values("--config") {
            ensure!(
                Path::new(&path).is_file(),
                "{}: job {}: `command`: {path}: no such config file; paths are relative to the folder that the scheduler \
                 is started in",
                file.display(),
                job.name()
            );
        }
    }
    Ok(())
}

/// Asks the scheduler that runs to run jobs; this command runs none.
fn ask(plan: &Plan, now: Option<&[String]>) -> anyhow::Result<()> {
    let (names, folder) = (asked(plan, now)?, &plan.schedule.state);
    let holder = lock::holder_of(folder);
    ensure!(
        holder.is_some() || plan.schedule.is_shared(),
        "{}: no scheduler runs that could be asked; start it (`offline schedule --config ...`, or its unit), or leave out \
         --no-wait to run {} by a scheduler in this terminal",
        folder.display(),
        names.join(", ")
    );
    names.iter().try_for_each(|name| requests::ask(folder, name))?;
    let who = holder.map_or_else(
        || "no scheduler runs the jobs on this machine; the one that does on another".to_owned(),
        |who| format!("the jobs are run by {who}, which"),
    );
    println!("{}: {who} was asked to run {}", folder.display(), names.join(", "));
    Ok(())
}

/// The jobs of `--now`.
fn asked(plan: &Plan, now: Option<&[String]>) -> anyhow::Result<Vec<String>> {
    let all: Vec<String> = plan.jobs.iter().map(|job| job.name().to_owned()).collect();
    let Some(names) = now else { return Ok(Vec::new()) };
    if let Some(name) = names.iter().find(|name| plan.job(name).is_none()) {
        bail!("--now {name}: no such job; there are: {}", all.join(", "));
    }
    Ok(if names.is_empty() { all } else { names.to_vec() })
}

fn print_status(plan: &Plan, json: bool) -> anyhow::Result<()> {
    let folder = &plan.schedule.state;
    ensure!(
        serve::has_state(folder),
        "{}: no scheduler has run here; `offline schedule --config ...` does",
        folder.display()
    );
    let (state, scheduler) = (State::read(folder)?, lock::holder_of(folder));
    if json {
        let status = Status { scheduler, jobs: status::jobs(plan, &state) };
        println!("{}", serde_json::to_string_pretty(&status)?);
    } else {
        print!("{}{}", status::headline(plan, scheduler.as_deref()), status::table(plan, &state));
    }
    Ok(())
}

async fn test_notices(plan: &Plan) -> anyhow::Result<()> {
    let channels = &plan.channels;
    ensure!(!channels.all.is_empty(), "the config has no channel; add one as `offline schedule --defaults` shows it");
    let client = send::client(channels).map_err(anyhow::Error::msg)?;
    let redaction = Redaction::new(channels.secrets());
    let mut failed = 0;
    // All are sent, though nobody reads on.
    let say = |line: String| drop(writeln!(std::io::stdout(), "{line}"));
    for channel in &channels.all {
        for kind in Kind::CHOICES {
            let mut notice = samples::sample(kind);
            notice.shop = format!("{} (a test)", channels.shop);
            match send::send(channel, channels, &client, &notice).await {
                Ok(()) => say(format!("{}: `{}` taken", channel.name, text::subject(&notice))),
                Err(failure) => {
                    failed += 1;
                    let why = redaction.of(&failure.to_string());
                    say(format!("{}: `{}` not taken: {why}", channel.name, text::subject(&notice)));
                }
            }
        }
    }
    ensure!(failed == 0, "{failed} notices were not taken; see above");
    Ok(())
}
