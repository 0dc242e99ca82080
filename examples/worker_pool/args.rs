//! The command line.

use std::num::NonZero;
use std::path::PathBuf;
use std::thread;

use lexopt::prelude::*;

pub(crate) const HELP: &str = "\
Counts the words of text files, with a pool of threads and a SQLite database.

Usage: worker_pool [OPTIONS] [PATH]...

PATH is a file, or a directory whose files are all taken but for hidden ones and caches
(directories with a CACHEDIR.TAG, as cargo's `target` has). Without a PATH: the documentation
and the sources of the repository that this program comes from.

Options:
  --db PATH     the database, made if there is none; what it holds is kept
                [default: a temporary file, removed at the end]
  --threads N   how many workers, 1 to 1024 [default: the number of cores]
  -h, --help    print this
";

pub(crate) enum Command {
    Run(Args),
    Help,
}

pub(crate) struct Args {
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) database: Option<PathBuf>,
    pub(crate) threads: usize,
}

pub(crate) fn parse() -> Result<Command, lexopt::Error> {
    let mut args = Args {
        paths: Vec::new(),
        database: None,
        threads: thread::available_parallelism().map_or(1, NonZero::get),
    };
    let mut parser = lexopt::Parser::from_env();
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
            Short('h') | Long("help") => return Ok(Command::Help),
            Value(path) => args.paths.push(path.into()),
            _ => return Err(arg.unexpected()),
        }
    }
    Ok(Command::Run(args))
}
