//! Load and replay against a running Tandem service.
//!
//! `run` measures rate and latency, `overload` what becomes of too many requests, `soak` what becomes of the service in
//! time, `replay` measures quality through the real service, `consistency` checks read-your-writes, `stream` and
//! `audit` check that no acknowledged event is lost or doubled, `feed` that no page of a feed repeats an item. All of
//! it is HTTP to a loopback address; of the other crates only the API types are used.
//!
//! Exit code: 0 if all objectives and checks were met, 1 if one was not, 2 if the command could not be carried out (bad
//! options or files, no service).

mod acknowledged;
mod audit;
mod client;
mod clock;
mod consistency;
mod events;
mod feed;
mod json_lines;
mod measure;
mod memory;
mod options;
mod overload;
mod plan;
mod progress;
mod replay;
mod report;
mod run;
mod soak;
mod stream;
#[cfg(test)]
mod stub;
mod tally;
mod target;
mod traffic;
mod verdict;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde::Serialize;
use shared::contract::url::without_user_info;

use verdict::{Format, Verdict};

/// Measures a running Tandem service on this machine: load, quality by replay, and checks of its promises
#[derive(Debug, Parser)]
#[command(name = "load-test", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::RunArgs),
    Overload(overload::OverloadArgs),
    Soak(soak::SoakArgs),
    Replay(replay::ReplayArgs),
    Consistency(consistency::ConsistencyArgs),
    Stream(stream::StreamArgs),
    Audit(audit::AuditArgs),
    Feed(feed::FeedArgs),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => {
            // The message quotes the command line, which may hold a password.
            eprint!("{}", without_user_info(&error.render().to_string()));
            return ExitCode::from(2);
        }
        Err(help) => help.exit(),
    };
    match execute(&cli.command) {
        Ok(Verdict::Kept) => ExitCode::SUCCESS,
        Ok(Verdict::Broken) => ExitCode::from(1),
        Err(error) => {
            // Each error text already contains its cause.
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn execute(command: &Command) -> anyhow::Result<Verdict> {
    // One thread: the rest of the machine is for the service.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Run(args) => {
                let report = run::run(args).await?;
                print(args.format(), &report, report.text())?;
                Ok(verdict::verdict(&report.objectives))
            }
            Command::Overload(args) => {
                let report = overload::overload(args).await?;
                print(args.format(), &report, report.text())?;
                Ok(verdict::verdict(&report.objectives))
            }
            Command::Soak(args) => {
                let report = soak::soak(args).await?;
                print(args.format(), &report, report.text())?;
                Ok(verdict::verdict(&report.objectives))
            }
            Command::Replay(args) => {
                let report = replay::replay(args).await?;
                print(args.format(), &report.json(), report.text())?;
                Ok(verdict::verdict(&report.objectives))
            }
            Command::Consistency(args) => {
                let report = consistency::check(args).await?;
                print(args.format(), &report, report.text())?;
                Ok(report.verdict())
            }
            Command::Stream(args) => {
                let report = stream::stream(args).await?;
                print(args.format(), &report, report.text())?;
                Ok(report.verdict())
            }
            Command::Audit(args) => {
                let report = audit::audit(args).await?;
                print(args.format(), &report, report.text())?;
                Ok(report.verdict())
            }
            Command::Feed(args) => {
                let report = feed::feed(args).await?;
                print(args.format(), &report, report.text())?;
                Ok(report.verdict())
            }
        }
    })
}

fn print(format: Format, json: &impl Serialize, text: String) -> anyhow::Result<()> {
    match format {
        Format::Text => print!("{text}"),
        Format::Json => println!("{}", serde_json::to_string_pretty(json)?),
    }
    Ok(())
}
