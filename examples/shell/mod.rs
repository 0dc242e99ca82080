//! The shell of every example: it reads the command line, prints, and ends.

use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use lexopt::prelude::*;

/// Parses the command line, and runs the program or prints its help. Returns exit code 0, 1 after an error, or 2
/// if the command line is wrong.
///
/// `parse` may leave arguments: `--help`, or one argument too many. It returns `None` if the user asks for help.
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
        // The reader has seen enough: `worker_pool | head -1`.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Returns `true` if [`print`] has failed because nothing reads the output.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// Prints at once and in one piece. If nothing reads the output, `print!` panics; this function returns
/// an error, which ends the program.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .context("cannot print")
}

/// Prints a line on standard error, in one piece. `eprintln!` writes several pieces, between which other
/// processes may write, and panics if nothing reads them.
pub(crate) fn complain(line: &str) {
    // If this fails, there is no way to report it.
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}
