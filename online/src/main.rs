//! The program `online`: reads arguments and settings, sets up logging, runs the service until a signal. `online keys
//! new` makes an API key.
//!
//! Exit code: 0 after a signal, 1 when the service could not start or had to give up; standard error says why.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use online::api;
use online::auth::issue::{self, Order};
use online::config::{Config, DEFAULTS, Log, LogFormat};
use online::probe::{self, Speaks};
use online::service;
use shared::contract::complaint::complaint;
use shared::contract::url::without_user_info;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The signal of a write beyond the largest file that the process may have: the same number on Linux, the BSDs and macOS.
const SIGXFSZ: std::ffi::c_int = 25;

/// Answers recommendations over HTTP from a published artifact and the user's live history.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// A config file; it overrides the defaults key by key, and TANDEM_<SECTION>__<KEY> overrides both.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Requests /health from the service of this config and exits with 0 if it is healthy, for container health checks.
    #[arg(long)]
    health_check: bool,
    /// Prints a config file with every key, its default and its meaning.
    #[arg(long)]
    print_config: bool,
    /// Prints the OpenAPI description of the service, without the models of rows that one may serve, for whoever makes clients.
    #[arg(long)]
    print_openapi: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What is done instead of serving.
#[derive(Subcommand)]
enum Command {
    /// API keys.
    #[command(subcommand)]
    Keys(KeysCommand),
}

/// What is done with API keys.
#[derive(Subcommand)]
enum KeysCommand {
    /// Makes a key: prints it on standard error, this once, and on standard output its entry for the file of auth.keys.
    New(Order),
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            // The message quotes the command line, which may hold a password.
            eprint!("{}", without_user_info(&error.render().to_string()));
            return ExitCode::from(2);
        }
        Err(help) => help.exit(),
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("online: {}", complaint(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if arguments.print_config {
        return std::io::stdout().write_all(DEFAULTS.as_bytes()).context("standard output");
    }
    if arguments.print_openapi {
        let description = serde_json::to_string_pretty(&api::description()).context("the description")?;
        return writeln!(std::io::stdout(), "{description}").context("standard output");
    }
    if let Some(Command::Keys(KeysCommand::New(order))) = &arguments.command {
        return new_key(order);
    }
    let config = Config::load(arguments.config.as_deref())?;
    if arguments.health_check {
        let speaks = config.tls.files().map_or(Speaks::Plain, |_| Speaks::Tls);
        return Ok(probe::health(&config.server.listen, speaks)?);
    }
    start_logging(&config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("tokio runtime")?;
    runtime.block_on(run_service(&config))
}

/// Makes an API key. The entry is by itself on standard output, so that `>> keys.toml` adds it.
fn new_key(order: &Order) -> anyhow::Result<()> {
    let issued = issue::issue(order).context("the system's randomness")?;
    std::io::stdout().write_all(issued.entry.as_bytes()).context("standard output")?;
    eprintln!("The key of {}, which is shown this once: {}", order.name, issued.secret);
    Ok(())
}

/// Runs the service until a signal, or until it can't go on.
async fn run_service(config: &Config) -> anyhow::Result<()> {
    // Installed before the start, so that a signal while the log is applied is not lost.
    let mut signals = Signals::catch()?;
    // A file that has reached a limit of the process is an error of the write then, and does not end the process.
    let _too_large = signal(SignalKind::from_raw(SIGXFSZ)).context("SIGXFSZ")?;
    let mut service = tokio::select! {
        service = service::start(config) => service?,
        () = signals.next() => return Ok(()),
    };
    tokio::select! {
        () = signals.next() => {
            service.stop(signals.next()).await;
            Ok(())
        }
        failure = service.failed() => {
            service.stop(std::future::ready(())).await;
            Err(failure.into())
        }
    }
}

/// SIGTERM and SIGINT, both of which stop the service in order.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn catch() -> anyhow::Result<Self> {
        let terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
        let interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
        Ok(Self { terminate, interrupt })
    }

    /// Waits for the next of them.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn start_logging(log: &Log) -> anyhow::Result<()> {
    // The graph's library logs its loading at level info; the directives of the config come after and so prevail.
    let filter = EnvFilter::try_new(format!("hnsw_rs=warn,{}", log.level))
        .with_context(|| format!("config: log.level = {:?}", log.level))?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match log.format {
        LogFormat::Text => subscriber.init(),
        LogFormat::Json => subscriber.json().init(),
    }
    Ok(())
}
