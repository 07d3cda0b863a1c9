//! The command `offline`: sets up tracing, parses arguments, turns errors into exit codes.

use std::io::IsTerminal;
use std::process::ExitCode;

use offline::commands::Arguments;
use offline::progress::Progress;
use shared::contract::complaint::complaint;
use shared::contract::url::without_user_info;
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
    let arguments = match Arguments::read(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            // The message quotes the command line, which may hold a password.
            eprint!("{}", without_user_info(&error.render().to_string()));
            return ExitCode::from(2);
        }
        Err(help) => help.exit(),
    };
    let mut progress = Progress::default();
    match arguments.execute(&mut progress) {
        Ok(()) => {
            if !progress.stages().is_empty() {
                eprint!("{}", progress.summary());
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {}", complaint(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
