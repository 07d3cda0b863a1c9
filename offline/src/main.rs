//! The command `offline`: parses arguments, sets up progress and tracing, turns errors into exit codes.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use offline::arguments::{Arguments, Command, Settings};
use offline::config::Config;
use offline::evaluate::Task;
use offline::pipeline::held_out::{self, Wanted};
use offline::pipeline::{self, Then, learn};
use offline::progress::Progress;
use offline::publish::{self, versions};
use offline::{export, generate};
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,offline=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let mut progress = Progress::default();
    let load = |settings: &Settings| Config::load(settings.config.as_deref(), settings.preset.as_deref());
    match command {
        Command::Run { settings, input, output, until, no_gate } => {
            let config = load(&settings)?;
            let then = if no_gate { Then::Promote } else { Then::Contest };
            let version = pipeline::run(&config, &input, &output, until, then, &mut progress)?;
            println!("champion: {version}");
        }
        Command::Train { settings, input, output, until } => {
            let config = load(&settings)?;
            let version = pipeline::run(&config, &input, &output, until, Then::Keep, &mut progress)?;
            println!("built: {version}; serve it with `offline publish --version {version}`");
        }
        Command::Ingest { settings, input, out, rejects } => {
            let config = load(&settings)?;
            let log = pipeline::read(&input.events, input.items.as_deref(), &config, &rejects, &mut progress)?;
            if let Some(path) = out {
                let mut file = pipeline::create(&path)?;
                export::events(&log, &mut file)?;
                file.flush()?;
            }
        }
        Command::Evaluate {
            settings,
            held_out: input,
            task,
            k,
            seen,
            format,
            artifacts,
            redis,
            slates,
            test_events,
            leave_one_out,
            compare,
        } => {
            let task = match (task, input.leave_last_out) {
                (task, false) => task,
                (Task::NextItem, true) => Task::LastItem,
                (_, true) => anyhow::bail!("--leave-last-out asks for one item: use it with --task next-item"),
            };
            let wanted = Wanted {
                task,
                ks: &k,
                seen,
                format,
                artifacts: artifacts.as_deref(),
                redis,
                slates: slates.as_deref(),
                test_events: test_events.as_deref(),
                leave_one_out,
            };
            if compare.is_empty() {
                held_out::evaluate(&load(&settings)?, &input, &wanted, &mut progress)?;
            } else {
                held_out::compare(settings.preset.as_deref(), &input, &compare, &wanted, &mut progress)?;
            }
        }
        Command::Publish { settings, output, version } => {
            let config = load(&settings)?;
            let newest = versions::list(&output.artifacts)?.pop();
            let version = version.or(newest).context("no version is there; build one with `offline train`")?;
            let to = pipeline::with_redis(&config, output.redis.as_deref());
            publish::promote(&output.artifacts, &version, &to, &mut progress)?;
            println!("champion: {version}");
        }
        Command::Rollback { settings, output, to } => {
            let config = load(&settings)?;
            let store = pipeline::with_redis(&config, output.redis.as_deref());
            let version = publish::rollback(&output.artifacts, to.as_deref(), &store, &mut progress)?;
            println!("champion: {version}");
        }
        Command::Export { artifacts, version, table, out } => {
            let snapshot = pipeline::load(&artifacts, version.as_deref())?;
            match out {
                Some(path) => {
                    let mut file = pipeline::create(&path)?;
                    export::table(&snapshot, table, &mut file)?;
                    file.flush()?;
                }
                None => {
                    export::table(&snapshot, table, &mut std::io::stdout().lock())?;
                }
            }
        }
        Command::Rows { settings, held_out: input, out } => {
            learn::rows(&load(&settings)?, &input, &out, &mut progress)?
        }
        Command::Trees { settings, learn, stop, test } => {
            learn::trees(&load(&settings)?, &learn, stop.as_deref(), &test, &mut progress)?;
        }
        Command::Fit { settings, input, source, out } => {
            learn::fit(&load(&settings)?, &input, source, &out, &mut progress)?;
        }
        Command::Tune { settings, input, budget, until, out } => {
            learn::tune(&load(&settings)?, &input, budget, until, &out, &mut progress)?;
        }
        Command::Generate { events, users, items, seed, out } => {
            std::fs::create_dir_all(&out).with_context(|| out.display().to_string())?;
            let config = generate::GenerateConfig { events, users, items, seed };
            let mut log = pipeline::create(&out.join("events.csv"))?;
            let mut table = pipeline::create(&out.join("items.csv"))?;
            progress.counted("generate", events, |done| {
                generate::generate(&config, &mut log, &mut table, &|count| done(count))
            })?;
            log.flush()?;
            table.flush()?;
        }
    }
    eprint!("{}", progress.summary());
    Ok(())
}
