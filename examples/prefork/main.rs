//! A parent with an open database connection forks four workers, and no process uses the connection of
//! another.
//!
//! Run it with `cargo run --release --example prefork`, and with `-- --keep` to see what goes
//! wrong without `fork = reset`.
//!
//! The part about thread-locals is `workers`: the states, and the values that each process finds in
//! them.

mod args;
#[path = "../shell/mod.rs"]
mod shell;
#[cfg(unix)]
#[path = "../shell/uninterrupted.rs"]
mod uninterrupted;
#[cfg(unix)]
mod workers;
#[cfg(unix)]
mod writer;

use std::process::ExitCode;

use crate::args::Args;

#[cfg(unix)]
fn run(Args { keep }: Args) -> anyhow::Result<()> {
    if keep {
        workers::keep()
    } else {
        workers::reset()
    }
}

#[cfg(not(unix))]
fn run(Args { keep: _ }: Args) -> anyhow::Result<()> {
    shell::print("There is no fork on this platform, and so nothing to show.\n")
}

fn main() -> ExitCode {
    shell::main(args::HELP, args::parse, run)
}
