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

/// The exit code that shells give a program that a closed pipe ended.
const CLOSED_PIPE: i32 = 141;

fn main() -> ExitCode {
    end_with_the_reader();
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

/// Ends the process as other tools end where nobody reads on what they print, as behind `head`: without a word. What a
/// command does beside, and what it says of it on standard error, is not touched.
fn end_with_the_reader() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload().downcast_ref::<String>();
        if said.is_some_and(|said| said.starts_with("failed printing to stdout") && said.contains("os error 32")) {
            std::process::exit(CLOSED_PIPE);
        }
        usual(panic);
    }));
}
