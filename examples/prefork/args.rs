//! The command line.

use lexopt::prelude::*;

pub(crate) const HELP: &str = "\
Forks four workers that write rows to the same SQLite database as their parent, each through a
connection of its own. Prints who wrote how many, and fails if any are missing.

Usage: prefork [OPTIONS]

Options:
  --keep       do the same with a state that is kept over the fork, to see what goes wrong:
               the workers' rows are missing then, and the run ends with an explanation
  -h, --help   print this
";

pub(crate) enum Command {
    Run { keep: bool },
    Help,
}

pub(crate) fn parse() -> Result<Command, lexopt::Error> {
    let mut keep = false;
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("keep") => keep = true,
            Short('h') | Long("help") => return Ok(Command::Help),
            _ => return Err(arg.unexpected()),
        }
    }
    Ok(Command::Run { keep })
}
