//! The command `offline`: sets up tracing, parses arguments, turns errors into exit codes.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use offline::commands::Arguments;
use offline::progress::Progress;
use shared::url::without_user_info;
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
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            // It quotes the command line, where a password may be.
            eprint!("{}", without_user_info(&error.render().to_string()));
            return ExitCode::from(2);
        }
        Err(help) => help.exit(),
    };
    let mut progress = Progress::default();
    match arguments.execute(&mut progress) {
        Ok(()) => {
            eprint!("{}", progress.summary());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {}", without_user_info(&complaint(&error)));
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes, each said once: some errors have the words of their cause in their own.
fn complaint(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |said, cause| match said {
        said if said.contains(&cause) => said,
        said if said.is_empty() => cause,
        said => format!("{said}: {cause}"),
    })
}
