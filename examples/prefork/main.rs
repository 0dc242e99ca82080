//! A parent with an open database connection forks four workers, and nobody uses another's.
//!
//! Run it with `cargo run --release --example prefork`, and with `-- --keep` to see what goes
//! wrong without `fork = reset`.
//!
//! The part that is about thread-locals is `workers`: the states and who finds what in them.

mod args;
#[cfg(unix)]
mod workers;
#[cfg(unix)]
mod writer;

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;

use crate::args::Command;

#[cfg(unix)]
fn run(keep: bool) -> anyhow::Result<()> {
    if keep {
        workers::keep()
    } else {
        workers::reset()
    }
}

#[cfg(not(unix))]
fn run(_keep: bool) -> anyhow::Result<()> {
    print("There is no fork on this platform, and so nothing to show.\n")
}

/// Prints, but without the panic of `print!` when nobody reads: `prefork | head -1`.
fn print(text: &str) -> anyhow::Result<()> {
    io::stdout()
        .write_all(text.as_bytes())
        .context("cannot print")
}

fn main() -> ExitCode {
    let done = match args::parse() {
        Ok(Command::Run { keep }) => run(keep),
        Ok(Command::Help) => print(args::HELP),
        Err(error) => {
            eprintln!("error: {error}; see --help");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
