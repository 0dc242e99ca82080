//! A pool of threads, each with a database connection of its own, that indexes text files.
//!
//! Run it with `cargo run --release --example worker_pool`, and with `-- --help` for its options. Words
//! and their counts go into one database.
//!
//! The part about thread-locals is this file: `Worker`, `work` and `run_pool`.

mod args;
mod database;
mod files;
mod report;
#[path = "../shell/mod.rs"]
mod shell;

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::{panic, thread};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use rusqlite::{Connection, TransactionBehavior};
use tls_core::thread_local_state;

use crate::args::Args;
use crate::database::Place;
use crate::files::{Files, Skipped};
use crate::report::Report;

/// The data that the initializer of a [`Worker`] needs and that only the command line provides. The
/// threads share it, so it is an ordinary static. `main` sets it before it starts the threads.
static JOB: OnceLock<Job> = OnceLock::new();

#[derive(Debug)]
struct Job {
    database: Place,
    /// Counts are stored per run, so that old content and other programs that index into the same
    /// database do not disturb the check.
    run: i64,
}

impl Job {
    fn get() -> &'static Self {
        JOB.get()
            .expect("main sets the job before it starts the workers")
    }
}

/// The data that each worker owns, initialized when it gets its first file and dropped when its thread
/// ends.
///
/// Two threads must not use a connection at the same time. Here they cannot.
#[thread_local_state(error = rusqlite::Error)]
struct Worker {
    #[state(init = Job::get().database.connect()?)]
    conn: Connection,
    /// Kept between files to reuse its memory.
    counts: HashMap<String, i64>,
    tally: Tally,
}

/// The work that a worker has done so far.
#[derive(Clone, Copy, Default)]
struct Tally {
    files: usize,
    words: i64, // SQLite has no unsigned integers
}

impl Worker {
    /// Adds the words of one file to the database: either all or none of them.
    fn index(&mut self, text: &str) -> rusqlite::Result<()> {
        self.counts.clear();
        for word in files::words(text) {
            *self.counts.entry(word).or_default() += 1;
        }
        // Immediate, so that the transaction waits for other writers here, where the busy timeout
        // applies. A deferred transaction could find out in the middle that it must start again.
        let transaction = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Compiled for the first file of each connection, and cached for the others.
        let mut upsert = transaction.prepare_cached(database::UPSERT)?;
        for (word, count) in &self.counts {
            upsert.execute((Job::get().run, word, count))?;
        }
        drop(upsert);
        transaction.commit()?;

        self.tally.files += 1;
        self.tally.words += self.counts.values().sum::<i64>();
        Ok(())
    }
}

/// The data that the workers share.
struct Input {
    /// The workers take files one by one, because a list of all files could have any length.
    files: Mutex<Option<Files>>,
    skipped: AtomicUsize,
    progress: ProgressBar,
}

impl Input {
    fn new(files: Files) -> anyhow::Result<Self> {
        let style = ProgressStyle::with_template("{spinner} {pos} files").context("no template")?;
        Ok(Self {
            files: Mutex::new(Some(files)),
            skipped: AtomicUsize::new(0),
            // Hidden if standard error is not a terminal.
            progress: ProgressBar::no_length().with_style(style),
        })
    }

    fn files(&self) -> MutexGuard<'_, Option<Files>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<Result<PathBuf, Skipped>> {
        self.progress.inc(1);
        self.files().as_mut()?.next()
    }

    fn skip(&self, skipped: &Skipped) {
        self.skipped.fetch_add(1, Relaxed);
        let complain = || shell::complain(&skipped.to_string());
        self.progress.suspend(complain);
    }
}

/// Adds a text to the database with this thread's worker, which opens the connection first.
fn index(text: &str) -> rusqlite::Result<()> {
    tls_core::borrow_mut!(try Worker::state()).index(text)
}

/// Runs one thread of the pool, which takes files as long as there are any.
fn work(input: &Input) -> anyhow::Result<Tally> {
    while let Some(found) = input.next() {
        match found.and_then(|file| Ok((files::read(&file)?, file))) {
            // The first call on this thread opens the connection.
            Ok((text, file)) => index(&text)
                .with_context(|| format!("cannot add {} to the database", file.display()))?,
            Err(skipped) => input.skip(&skipped),
        }
    }
    // A worker that got no file has no state, and this query must not open a connection.
    Ok(Worker::state()
        .peek(|worker| worker.tally)
        .ok()
        .flatten()
        .unwrap_or_default())
}

/// Returns the work of each worker.
fn run_pool(threads: usize, input: &Input) -> anyhow::Result<Vec<Tally>> {
    let tallies = thread::scope(|scope| {
        let mut workers = Vec::with_capacity(threads);
        for _ in 0..threads {
            let worker = thread::Builder::new()
                .spawn_scoped(scope, || work(input))
                .inspect_err(|_| *input.files() = None) // the others need not continue
                .context("cannot start a worker")?;
            workers.push(worker);
        }
        // The end of the scope would wait only for the closures of the threads. `join` also waits for
        // the destructors of their states, which close the connections.
        let joined: Vec<_> = workers
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        joined
            .into_iter()
            .map(|tally| tally.unwrap_or_else(|payload| panic::resume_unwind(payload)))
            .collect()
    });
    input.progress.finish_and_clear();
    tallies
}

fn run(args: Args) -> anyhow::Result<()> {
    let database = match &args.database {
        Some(path) => Place::file(path).context("cannot use the path given by --db")?,
        None => Place::Memory,
    };
    let (conn, run) = database
        .start_run()
        .with_context(|| format!("cannot open the database {database}"))?;
    JOB.set(Job { database, run }).expect("set once");

    let input = Input::new(Files::new(args.paths))?;
    let tallies = run_pool(args.threads, &input).map_err(|error| {
        if database::is_full(&error) && args.database.is_none() {
            error.context("memory has no room for so many words; name a file with --db")
        } else {
            error
        }
    })?;
    let report = Report {
        tallies: &tallies,
        skipped: input.skipped.into_inner(),
        commonest: database::commonest(&conn, run, 10)?,
        stored: database::words(&conn, run)?,
    };
    report.print()?;
    report.check()
}

fn main() -> ExitCode {
    shell::main(args::HELP, args::parse, run)
}
