//! Squares of 0 to 9 on a pool of four processes, each of which counts its work.
//!
//! Run it with `cargo run --release --example processes`, and with `-- --abort 5` to see what happens
//! when a worker dies. The counterpart with threads is `map_squares`. The state and the accesses are the
//! same, because every process has at least one thread.
//!
//! The pool comes from `procspawn`, which queues jobs, reuses its processes, replaces dead ones and
//! reports panics and deaths to the caller, and is maintained. Among the alternatives, `mitosis`, its
//! ancestor, starts processes but has no pool; `ipc-channel`, which carries its calls, only has
//! channels; and `constellation-rs` requires a nightly compiler.

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

/// A worker of the pool, as it sees itself. Its first job initializes it in each process.
///
/// The pool runs the jobs of a process one after the other on its main thread, so one value per thread
/// is one value per process. Nothing in it is shared or sent. If the parent had one, it would be a
/// separate value.
#[thread_local_state]
struct Worker {
    #[state(init = process::id())]
    process: u32,
    jobs: u32,
}

/// The data that a worker sends back.
#[derive(Serialize, Deserialize)]
struct Done {
    square: u32,
    process: u32,
    /// The number of jobs that the process has done, including this one.
    jobs: u32,
}

/// Runs in a worker. It captures nothing: only arguments and results go to another process.
fn square((number, abort): (u32, bool)) -> Done {
    // Not earlier: the pool waits for a worker to start, and would also wait for a worker that a signal
    // has ended.
    #[cfg(unix)]
    let _ = uninterrupted::allow(); // fails only if an argument is wrong
    if abort {
        process::abort();
    }
    Worker::with_state_mut(|worker| {
        worker.jobs += 1;
        // If nothing reads the output, the parent notices, too.
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
    // The pool creates a temporary directory for each worker that starts.
    #[cfg(unix)]
    let _uninterrupted = uninterrupted::Uninterrupted::begin().context("cannot block signals")?;
    let pool = Pool::new(WORKERS).context("cannot start the workers")?;
    let mut jobs = Vec::new();
    for number in 0..NUMBERS {
        jobs.push(pool.spawn((number, *abort == Some(number)), square));
    }
    // A worker gets its next job when the result of its last job is collected. No result is collected
    // until each worker has a job, so that all four workers get work, even the slowest to start.
    while pool.queued_count() > jobs.len() - WORKERS {
        thread::sleep(Duration::from_millis(1));
    }

    // Results arrive in the order of the numbers. A job whose worker has died returns an error, and the
    // pool starts another worker for the jobs after it.
    let results: Vec<_> = jobs.into_iter().map(JoinHandle::join).collect();
    // This kills the workers, so their reports must have arrived: the destructor of a `Worker` would not
    // run.
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

    // Each process counted its own jobs. Together they did every job once, and each did at least one.
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

/// Returns `None` if the user asks for help.
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
    // A worker is this program, started again. In a worker, this call does not return.
    procspawn::init();

    shell::main(HELP, parse_args, |args| run(&args))
}
