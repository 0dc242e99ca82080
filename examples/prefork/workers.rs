//! The parent and its workers, the subject of this example.

use std::fmt::{self, Display, Formatter};
use std::{panic, process};

use anyhow::{Context as _, bail, ensure};
use nix::sys::wait::{self, WaitStatus};
use nix::unistd::{self, ForkResult, Pid};
use tls_core::{Field, LazyState, thread_local_state};

use crate::shell::{complain, print};
use crate::uninterrupted::{self, Uninterrupted};
use crate::writer::{BATCH, DATABASE, Writer};

const WORKERS: u32 = 4;
/// The batches that a worker writes: 1,000 rows.
const BATCHES: u32 = 10;

/// The data that a process owns, initialized by its first access.
///
/// A forked child has a copy of its parent's memory, but the file behind a connection, its locks or its
/// socket still belong to the parent. With `reset`, the child starts without a value and initializes its
/// own. The parent's value is never dropped in the child, which would close the connection in the
/// parent's name.
#[thread_local_state(error = rusqlite::Error, fork = reset)]
struct Worker {
    #[state(init = Writer::open()?)]
    writer: Writer,
}

/// The same data, which the child keeps as it is.
#[thread_local_state(error = rusqlite::Error, fork = keep)]
struct Careless {
    #[state(init = Writer::open()?)]
    writer: Writer,
}

/// Either state, so that the same code runs with both.
trait State: LazyState<Error = rusqlite::Error> {
    const WRITER: Field<Self, Writer>;
}

impl State for Worker {
    const WRITER: Field<Self, Writer> = Self::WRITER;
}

impl State for Careless {
    const WRITER: Field<Self, Writer> = Self::WRITER;
}

/// Runs a forked worker.
fn work<S: State>(worker: u32) -> anyhow::Result<()> {
    let process = process::id();
    if S::state().is_initialized() {
        let owner = S::WRITER.try_with(Writer::process)?;
        tell(&format!(
            "worker {worker}: process {process} found the connection of process {owner}\n"
        ));
    } else {
        S::state().try_init()?;
        tell(&format!(
            "worker {worker}: process {process} found no connection and opened its own\n"
        ));
    }
    let written = (0..BATCHES).try_for_each(|_| write_batch::<S>());
    // Closes the connection explicitly: this process ends with `exit`, which drops thread-locals only on
    // some platforms.
    S::state().reset();
    written
}

/// Prints. If nothing reads the output, a worker continues: the parent notices, too, and ends the run.
fn tell(text: &str) {
    let _ = print(text);
}

fn write_batch<S: State>() -> anyhow::Result<()> {
    S::WRITER.try_with_mut(Writer::write_batch)??;
    Ok(())
}

/// Forks one worker.
fn start<S: State>(worker: u32) -> anyhow::Result<Pid> {
    // SAFETY: this process has one thread, so nothing that the child needs, such as the lock of
    // the allocator, is held by a thread that the child does not have.
    match unsafe { unistd::fork() }.context("cannot fork")? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            // The child must end here, also after a panic, because the values on the stack above belong
            // to the parent, for example the temporary directory.
            let work = || {
                uninterrupted::allow()?;
                work::<S>(worker)
            };
            let code = match panic::catch_unwind(work) {
                Ok(Ok(())) => 0,
                Ok(Err(error)) => {
                    complain(&format!("worker {worker}: error: {error:#}"));
                    1
                }
                Err(_) => 101, // what a Rust program ends with after a panic
            };
            process::exit(code)
        }
    }
}

/// Waits for one worker to end.
fn wait_for(process: Pid) -> anyhow::Result<()> {
    match wait::waitpid(process, None).context("cannot wait for it")? {
        WaitStatus::Exited(_, 0) => Ok(()),
        WaitStatus::Exited(_, code) => bail!("ended with exit code {code}"),
        WaitStatus::Signaled(_, signal, _) => bail!("killed by {signal:?}"),
        status => bail!("unexpected status {status:?}"),
    }
}

/// The content of the database at the end.
#[derive(PartialEq)]
struct Rows {
    by_workers: u32,
    by_parent: u32,
}

/// Returns the expected content.
const EXPECTED: Rows = Rows {
    by_workers: WORKERS * BATCHES * BATCH,
    by_parent: 2 * BATCH,
};

impl Rows {
    fn sum(&self) -> u32 {
        self.by_workers + self.by_parent
    }
}

impl Display for Rows {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            by_workers,
            by_parent,
        } = self;
        let sum = self.sum();
        write!(
            f,
            "{by_workers} rows by the workers + {by_parent} by the parent = {sum}"
        )
    }
}

/// Runs the parent, which runs everything else.
fn run<S: State>() -> anyhow::Result<Rows> {
    let _uninterrupted = Uninterrupted::begin().context("cannot block signals")?;
    // A directory, because SQLite creates a second file next to the database.
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    let database = directory.path().join("rows.db");
    DATABASE.set(database).expect("set once");

    let parent = process::id();
    write_batch::<S>().context("cannot write to the database")?;
    print(&format!(
        "parent: process {parent} opened its connection and wrote {BATCH} rows\n"
    ))?;

    // Everything printed so far has left the process, because standard output is flushed after each
    // line. Otherwise, each child would have a copy of the buffered output and print it, too.
    let workers: Vec<_> = (1..=WORKERS).map(start::<S>).collect();
    // The parent always waits for all workers, because it removes the database that they use.
    for (worker, process) in (1..).zip(workers) {
        if let Err(error) = process.and_then(wait_for) {
            complain(&format!("worker {worker}: {error:#}"));
        }
    }

    // The parent still uses the connection from before the fork.
    match write_batch::<S>() {
        Ok(()) => print(&format!(
            "parent: process {parent} wrote {BATCH} more through its connection\n"
        ))?,
        Err(error) => complain(&format!("parent: error: {error:#}")),
    }
    let mut found = Rows {
        by_workers: 0,
        by_parent: 0,
    };
    for (process, rows) in S::WRITER.try_with(Writer::rows)?? {
        print(&format!("rows of process {process}: {rows}\n"))?;
        if process == parent {
            found.by_parent += rows;
        } else {
            found.by_workers += rows;
        }
    }
    // Closes the connection before the file is removed.
    S::state().reset();
    print(&format!(
        "check: {found} in the database, {} expected\n",
        EXPECTED.sum()
    ))?;
    Ok(found)
}

/// The run with `fork = reset`, which succeeds.
pub(crate) fn reset() -> anyhow::Result<()> {
    let rows = run::<Worker>()?;
    ensure!(rows == EXPECTED, "{EXPECTED} were expected");
    Ok(())
}

/// The run with `fork = keep`, which fails.
pub(crate) fn keep() -> anyhow::Result<()> {
    let rows = run::<Careless>()?;
    ensure!(rows != EXPECTED, "nothing went wrong");
    print(EXPLANATION)
}

const EXPLANATION: &str = "
What went wrong: the fork copied the parent's memory, and `fork = keep` left the state in the
copy. So every worker found a connection that it had not opened, with the parent's name and row
numbers. All went on from the same number under the same name: one worker was the first, the
database refused the rows of the others and then the parent's. At its end each worker closed the
connection of the parent.

It could have been worse. In the middle of a transaction that close would have rolled it back,
and so deleted the journal that the parent's commit needs. A connection to a server shares its
socket: the first worker to drop it ends the parent's session.

With `fork = reset` a child has no state: it makes its own, and never drops its parent's.
";
