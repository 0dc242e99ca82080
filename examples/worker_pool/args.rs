//! The command line.

use std::num::NonZero;
use std::path::PathBuf;
use std::thread;

use lexopt::prelude::*;

use crate::files::about_paths;

pub(crate) const HELP: &str = concat!(
    "\
Counts the words of text files, with a pool of threads and a SQLite database.

Usage: worker_pool [OPTIONS] [PATH]...

",
    about_paths!(),
    "

Options:
  --db PATH     the database, made if there is none; what it holds is kept
                [default: one in memory, with room for 128 MiB]
  --threads N   how many workers, 1 to 1024 [default: the number of cores]
  -h, --help    print this
"
);

pub(crate) struct Args {
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) database: Option<PathBuf>,
    pub(crate) threads: usize,
}

/// Returns `None` if the user asks for help.
pub(crate) fn parse(parser: &mut lexopt::Parser) -> Result<Option<Args>, lexopt::Error> {
    let mut args = Args {
        paths: Vec::new(),
        database: None,
        threads: thread::available_parallelism().map_or(1, NonZero::get),
    };
    while let Some(arg) = parser.next()? {
        match arg {
            Long("db") => args.database = Some(parser.value()?.into()),
            Long("threads") => {
                let value = parser.value()?.string()?;
                let threads = value
                    .parse()
                    .ok()
                    .filter(|threads| (1..=1024).contains(threads));
                args.threads = threads.ok_or_else(|| {
                    format!("--threads takes a number from 1 to 1024, not {value:?}")
                })?;
            }
            Short('h') | Long("help") => return Ok(None),
            Value(path) => args.paths.push(path.into()),
            _ => return Err(arg.unexpected()),
        }
    }
    Ok(Some(args))
}
