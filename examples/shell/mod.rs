//! What every example does alike: it reads the command line, prints, and ends.

use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use lexopt::prelude::*;

/// Parses the command line, runs the program or prints its help, and returns how it ends: with 0, with 1
/// after an error, or with 2 if the command line is wrong.
///
/// `parse` may leave arguments over: `--help`, or what is one too many. It returns `None` if help is asked for.
pub(crate) fn main<A>(
    help: &str,
    parse: impl FnOnce(&mut lexopt::Parser) -> Result<Option<A>, lexopt::Error>,
    run: impl FnOnce(A) -> anyhow::Result<()>,
) -> ExitCode {
    let mut parser = lexopt::Parser::from_env();
    let args = parse(&mut parser).and_then(|args| match parser.next()? {
        Some(Short('h') | Long("help")) => Ok(None),
        Some(arg) if args.is_some() => Err(arg.unexpected()),
        _ => Ok(args),
    });
    match args {
        Ok(Some(args)) => end(run(args)),
        Ok(None) => end(print(help)),
        Err(error) => {
            complain(&format!("error: {error}; see --help"));
            ExitCode::from(2)
        }
    }
}

/// Reports an error.
pub(crate) fn end(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough: `worker_pool | head -1`.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Returns `true` if [`print`] has failed because nobody reads.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// Prints at once and in one piece. `print!` panics if nobody reads; this returns an error, by which the program
/// ends.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .context("cannot print")
}

/// Prints a line on standard error, in one piece: `eprintln!` writes it in several, between which other
/// processes get theirs, and panics if nobody reads.
pub(crate) fn complain(line: &str) {
    // If nobody listens there is nobody to tell.
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}
