//! Squares of 0 to 9 on a pool of four processes, each of which counts what it did.
//!
//! Run it with `cargo run --release --example processes`, and with `-- --abort 5` to see what
//! becomes of a worker that dies. Its counterpart with threads is `map_squares`: the state and
//! the accesses are the same, because a process is at least a thread.
//!
//! The pool is that of `procspawn`: it queues jobs, keeps its processes from job to job, replaces
//! dead ones and reports panics and deaths to the caller, and it is maintained. What else there
//! is: `mitosis`, its ancestor, starts processes but has no pool; `ipc-channel`, which carries its
//! calls, is channels alone; `constellation-rs` asks for a nightly compiler.

mod shell;
#[cfg(unix)]
#[path = "shell/uninterrupted.rs"]
mod uninterrupted;

use std::collections::BTreeMap;
use std::process::{self, ExitCode};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use lexopt::prelude::*;
use procspawn::{JoinHandle, Pool};
use serde::{Deserialize, Serialize};
use tls_core::thread_local_state;

const HELP: &str = "\
Squares the numbers from 0 to 9 in a pool of four processes.

Usage: processes [OPTIONS]

Options:
  --abort NUMBER   the worker that gets this number dies of it
  -h, --help       print this
";

const WORKERS: usize = 4;
const NUMBERS: u32 = 10;

/// A worker of the pool, as it sees itself: made in each process by its first job.
///
/// The pool runs a process's jobs one after the other on its main thread, so one value a thread
/// is one a process. Nothing of it is shared or sent: the parent's, if it had one, is another.
#[thread_local_state]
struct Worker {
    #[state(init = process::id())]
    process: u32,
    jobs: u32,
}

/// What a worker sends back.
#[derive(Serialize, Deserialize)]
struct Done {
    square: u32,
    process: u32,
    /// How many jobs the process had done, this one included.
    jobs: u32,
}

/// Runs in a worker. It captures nothing: only arguments and results go to another process.
fn square((number, abort): (u32, bool)) -> Done {
    // Not before: the pool waits for a worker to start, and would for one that was ended, too.
    #[cfg(unix)]
    let _ = uninterrupted::allow(); // fails for nothing but a wrong argument
    if abort {
        process::abort();
    }
    Worker::with_state_mut(|worker| {
        worker.jobs += 1;
        // If nobody reads, the parent notices, too.
        let _ = shell::print(&format!(
            "Processed by {}: {}\n",
            worker.process, worker.jobs
        ));
        Done {
            square: number * number,
            process: worker.process,
            jobs: worker.jobs,
        }
    })
}

fn run(Args { abort }: &Args) -> anyhow::Result<()> {
    // For each worker that starts, the pool has a temporary directory.
    #[cfg(unix)]
    let _uninterrupted = uninterrupted::Uninterrupted::begin().context("cannot block signals")?;
    let pool = Pool::new(WORKERS).context("cannot start the workers")?;
    let mut jobs = Vec::new();
    for number in 0..NUMBERS {
        jobs.push(pool.spawn((number, *abort == Some(number)), square));
    }
    // A worker gets its next job when the result of the last was collected. To collect none
    // before each has one is what gives work to all four, also to the slowest starter.
    while pool.queued_count() > jobs.len() - WORKERS {
        thread::sleep(Duration::from_millis(1));
    }

    // Results come in the order of the numbers. A job whose worker died comes back as an error,
    // and the pool starts another worker for the jobs after it.
    let results: Vec<_> = jobs.into_iter().map(JoinHandle::join).collect();
    // This ends the workers by killing them, so what they have to report must be here by now:
    // the destructor of a `Worker` would not run.
    pool.shutdown();

    let mut squares = Vec::new();
    let mut processes = BTreeMap::new();
    for (number, result) in results.into_iter().enumerate() {
        let done =
            result.with_context(|| format!("the worker that had to square {number} died"))?;
        squares.push(done.square);
        let most = processes.entry(done.process).or_insert(0);
        *most = done.jobs.max(*most);
    }

    // Each process counted for itself: together they did every job once, and none was idle.
    let counted: u32 = processes.values().sum();
    ensure!(
        counted == NUMBERS && processes.len() == WORKERS,
        "not {NUMBERS} jobs by {WORKERS} processes: {processes:?}"
    );
    ensure!(!Worker::state().is_initialized(), "the parent did a job");
    shell::print(&format!("{squares:?}\n"))
}

struct Args {
    abort: Option<u32>,
}

/// Returns nothing if help is asked for.
fn parse_args(parser: &mut lexopt::Parser) -> Result<Option<Args>, lexopt::Error> {
    let mut abort = None;
    while let Some(arg) = parser.next()? {
        match arg {
            Long("abort") => {
                let value = parser.value()?.string()?;
                let number = value.parse().ok().filter(|number| *number < NUMBERS);
                abort = Some(number.ok_or_else(|| {
                    format!(
                        "--abort takes a number from 0 to {}, not {value:?}",
                        NUMBERS - 1
                    )
                })?);
            }
            Short('h') | Long("help") => return Ok(None),
            _ => return Err(arg.unexpected()),
        }
    }
    Ok(Some(Args { abort }))
}

fn main() -> ExitCode {
    // A worker is this program, started again: here it turns into one, and goes no further.
    procspawn::init();

    shell::main(HELP, parse_args, |args| run(&args))
}
