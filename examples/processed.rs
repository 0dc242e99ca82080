//! A live table of the work of each thread of a pool, read by another thread while they work.
//!
//! Run it with `cargo run --release --example processed`, and with `-- --help` for its options. The
//! workers count and measure without a lock, and nothing ever stops them: they write to the memory of
//! their own thread, and the table only reads it.

mod shell;

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lexopt::prelude::*;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use tls_core::shared::HistogramSnapshot;
use tls_core::{Counter, Histogram, thread_local_state};

const THREADS: usize = 8;

const HELP: &str = "\
Does jobs of uneven length on eight threads and shows a table of them while it does.

Usage: processed [OPTIONS]

Options:
  --jobs N        how many jobs [default: 4000]
  --refresh MS    milliseconds between two tables, at least 1
                  [default: 100 on a terminal, which shows one table in place; else 1000]
  -h, --help      print this
";

/// The counts of a worker. A thread's part appears in the totals with its first write.
#[thread_local_state]
struct Worker {
    /// Jobs done.
    #[state(shared)]
    done: Counter,
    /// Time of a job, in microseconds.
    #[state(shared)]
    time: Histogram,
}

/// Runs one job. It sleeps in place of waiting, for instance for a database that is sometimes slow.
fn work(job: u32) {
    let start = Instant::now();
    thread::sleep(length(job));
    // Both writes go to this thread's own memory, with no lock and no atomic addition.
    Worker::TIME.record(u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX));
    Worker::DONE.increment();
}

/// Returns 1 to 8 ms, except for about one job in forty, which takes 40 to 80.
fn length(job: u32) -> Duration {
    // The result looks random, but is the same in each run.
    let random = (u64::from(job) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    Duration::from_micros(if random.is_multiple_of(40) {
        40_000 + random % 40_000
    } else {
        1_000 + random % 7_000
    })
}

/// Returns the table: a line for each thread that has done a job, and one for all threads.
fn table() -> String {
    let mut table = format!(
        "{:<10} {:>8} {:>10} {:>10}",
        "thread", "jobs", "median ms", "99% ms"
    );
    let mut row = |name: &str, time: &HistogramSnapshot| {
        let [median, high] = [0.5, 0.99].map(|part| {
            let micros = Duration::from_micros(time.quantile(part));
            micros.as_secs_f64() * 1e3
        });
        let jobs = time.count();
        // Writing to a string cannot fail.
        let _ = write!(table, "\n{name:<10} {jobs:>8} {median:>10.1} {high:>10.1}");
    };
    // The number of jobs comes from the histogram, not from the counter. A worker may finish a job
    // between two reads, but the numbers of one snapshot belong together.
    let mut threads = Worker::TIME.per_thread().into_rows();
    threads.sort_by(|a, b| a.name.cmp(&b.name));
    for thread in threads {
        row(thread.name.as_deref().unwrap_or("unnamed"), &thread.value);
    }
    row("all", &Worker::TIME.total());
    table
}

/// Runs the jobs and shows the table until they are done.
fn run_pool(pool: &ThreadPool, jobs: u32, refresh: Option<u32>) -> anyhow::Result<()> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let stop = &stop;
        // Nothing is ever sent. The sender is dropped when the jobs are done, or if one of them panics,
        // and that ends the watch at once.
        let (running, over) = mpsc::channel::<()>();
        scope.spawn(move || {
            let _running = running;
            let jobs = (0..jobs).into_par_iter();
            // One job at a time, so that a thread with many long jobs can share the rest.
            pool.install(|| {
                jobs.with_max_len(1).for_each(|job| {
                    if !stop.load(Relaxed) {
                        work(job);
                    }
                });
            });
        });
        // If nothing reads the output any more (`processed | head -1`), the other jobs are skipped.
        watch(&over, refresh).inspect_err(|_| stop.store(true, Relaxed))
    })
}

/// Shows the table repeatedly.
fn watch(over: &Receiver<()>, refresh: Option<u32>) -> anyhow::Result<()> {
    let in_place = io::stdout().is_terminal();
    let millis = refresh.unwrap_or(if in_place { 100 } else { 1000 });
    let refresh = Duration::from_millis(u64::from(millis));
    let display = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout());
    display.set_style(ProgressStyle::with_template("{msg}").context("a template without keys")?);
    while over.recv_timeout(refresh) == Err(RecvTimeoutError::Timeout) {
        if in_place {
            display.set_message(table());
        } else {
            shell::print(&format!("{}\n\n", table()))?;
        }
    }
    display.finish_and_clear();
    Ok(())
}

fn run(args: &Args) -> anyhow::Result<()> {
    let pool = ThreadPoolBuilder::new()
        .num_threads(THREADS)
        .thread_name(|index| format!("worker-{}", index + 1))
        .build()
        .context("cannot start the workers")?;
    run_pool(&pool, args.jobs, args.refresh)?;
    // The workers are still alive, so this is the last table that lists them.
    shell::print(&format!("{}\n\n", table()))?;

    // The counts of threads remain in the totals when the threads exit. So it does not matter that
    // dropping a pool does not wait for its workers.
    drop(pool);
    let done = Worker::DONE.total();
    let timed = Worker::TIME.total().count();
    let jobs = u64::from(args.jobs);
    ensure!(
        (done, timed) == (jobs, jobs),
        "{done} jobs are counted and {timed} are timed, of {jobs}"
    );
    shell::print(&format!("check: {done} jobs done = {jobs} jobs\n"))
}

struct Args {
    jobs: u32,
    refresh: Option<u32>,
}

/// Returns `None` if the user asks for help.
fn parse_args(parser: &mut lexopt::Parser) -> Result<Option<Args>, lexopt::Error> {
    let mut args = Args {
        jobs: 4000,
        refresh: None,
    };
    while let Some(arg) = parser.next()? {
        match arg {
            Long("jobs") => args.jobs = parse_number("--jobs", &parser.value()?.string()?, 0)?,
            Long("refresh") => {
                let value = parser.value()?.string()?;
                args.refresh = Some(parse_number("--refresh", &value, 1)?);
            }
            Short('h') | Long("help") => return Ok(None),
            _ => return Err(arg.unexpected()),
        }
    }
    Ok(Some(args))
}

fn parse_number(option: &str, value: &str, least: u32) -> Result<u32, String> {
    const MOST: u32 = 1_000_000;
    let number = value.parse().ok();
    number
        .filter(|number| (least..=MOST).contains(number))
        .ok_or_else(|| format!("{option} takes a number from {least} to {MOST}, not {value:?}"))
}

fn main() -> ExitCode {
    shell::main(HELP, parse_args, |args| run(&args))
}
