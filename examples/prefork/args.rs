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

pub(crate) struct Args {
    pub(crate) keep: bool,
}

/// Returns `None` if the user asks for help.
pub(crate) fn parse(parser: &mut lexopt::Parser) -> Result<Option<Args>, lexopt::Error> {
    let mut keep = false;
    while let Some(arg) = parser.next()? {
        match arg {
            Long("keep") => keep = true,
            Short('h') | Long("help") => return Ok(None),
            _ => return Err(arg.unexpected()),
        }
    }
    Ok(Some(Args { keep }))
}
