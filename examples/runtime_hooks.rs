//! Warm-up and teardown of a per-thread state in the hooks of rayon and tokio.
//!
//! Run it with `cargo run --example runtime_hooks [SERVER]`. The server is known only at run time, so
//! the state is `explicit`: nothing initializes it implicitly without a server.

mod shell;

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use lexopt::prelude::*;
use rayon::prelude::*;
use tls_core::thread_local_state;

const HELP: &str = "\
Runs jobs on rayon and on tokio, whose threads are given a session when they start.

Usage: runtime_hooks [SERVER]

SERVER is whom the sessions greet. [default: localhost]

Options:
  -h, --help   print this
";

const THREADS: usize = 4;

/// The data that every thread of a pool keeps ready. Think of a connection: it is expensive to open,
/// must not be shared, and must be closed in an orderly way.
#[thread_local_state(explicit)]
struct Session {
    /// There is no initializer, so the start hook of the thread passes the value in `SessionInit`.
    server: String,
    /// Computed from the value that was passed in, so not in `SessionInit`.
    #[state(init = format!("hello {server}\n").into_bytes())]
    greeting: Vec<u8>,
    #[state(init = 0)]
    jobs: u64,
}

/// The counts of the hooks of one pool.
#[derive(Default)]
struct Log {
    warmed_up: AtomicU64,
    torn_down: AtomicU64,
    /// The number of jobs of the sessions that were torn down.
    jobs: AtomicU64,
}

impl Log {
    /// The start hook: initializes this thread's session.
    fn warm_up(&self, server: &str) {
        let server = server.to_owned();
        // Panics if the thread already has a session. It has none, because a start hook runs first.
        Session::state().init_with(SessionInit { server });
        self.warmed_up.fetch_add(1, Relaxed);
    }

    /// The stop hook: drops the session while the runtime still waits for this thread.
    ///
    /// Without this hook, the session would be dropped at thread exit. That is in time for `join`, but
    /// too late for `thread::scope`, which does not wait for destructors of thread-locals.
    fn tear_down(&self) {
        self.jobs.fetch_add(Session::JOBS.get(), Relaxed);
        if Session::state().reset() {
            self.torn_down.fetch_add(1, Relaxed);
        }
    }
}

/// The work, which assumes that its thread has a session.
fn job() -> usize {
    Session::with_state_mut(|session| {
        session.jobs += 1;
        session.greeting.len()
    })
}

fn on_rayon(server: &str) -> anyhow::Result<()> {
    // Rayon's hooks must be `'static`. Leaking is fine, because the program ends with its pool.
    let log: &'static Log = Box::leak(Box::default());
    let hook_server = server.to_owned();
    let (sent, done) = rayon::ThreadPoolBuilder::new()
        .num_threads(THREADS)
        .start_handler(move |_| log.warm_up(&hook_server))
        .exit_handler(|_| log.tear_down())
        // This is a scoped pool, because dropping any other pool does not wait for its threads.
        .build_scoped(rayon::ThreadBuilder::run, |pool| {
            let sent: usize = pool.install(|| (0..100).into_par_iter().map(|_| job()).sum());
            // A broadcast runs once on every thread of the pool.
            let done: u64 = pool.broadcast(|_| Session::JOBS.get()).iter().sum();
            (sent, done)
        })?;
    report("rayon", log, done, sent)
}

fn on_tokio(server: &str) -> anyhow::Result<()> {
    let log: &'static Log = Box::leak(Box::default());
    let hook_server = server.to_owned();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .on_thread_start(move || log.warm_up(&hook_server))
        .on_thread_stop(|| log.tear_down())
        .build()?;
    let sent = runtime.block_on(async {
        // The future passed to `block_on` runs on this thread, for which no hook has run.
        let error = Session::state()
            .try_with(|session| session.jobs)
            .expect_err("explicit");
        shell::print(&format!("main: {error}\n"))?;

        // Spawned tasks run on the workers. A task may move to another worker at an `.await`, so a
        // session is borrowed between two of them and never across one.
        let tasks: Vec<_> = (0..100).map(|_| tokio::spawn(async { job() })).collect();
        let mut sent = 0;
        for task in tasks {
            sent += task.await?;
        }
        anyhow::Ok(sent)
    })?;
    // This waits for the workers, including their stop hooks.
    drop(runtime);
    report("tokio", log, log.jobs.load(Relaxed), sent)
}

fn report(runtime: &str, log: &Log, done: u64, sent: usize) -> anyhow::Result<()> {
    let [warmed_up, torn_down] = [&log.warmed_up, &log.torn_down].map(|count| count.load(Relaxed));
    shell::print(&format!(
        "{runtime}: {warmed_up} sessions warmed up\n\
        {runtime}: {done} jobs done, {sent} bytes sent\n\
        {runtime}: {torn_down} sessions torn down\n"
    ))
}

fn run(server: &str) -> anyhow::Result<()> {
    on_rayon(server)?;
    on_tokio(server)
}

/// Returns `None` if the user asks for help.
fn parse_args(parser: &mut lexopt::Parser) -> Result<Option<String>, lexopt::Error> {
    Ok(match parser.next()? {
        Some(Value(server)) => Some(server.string()?),
        Some(Short('h') | Long("help")) => None,
        Some(arg) => return Err(arg.unexpected()),
        None => Some("localhost".to_owned()),
    })
}

fn main() -> ExitCode {
    shell::main(HELP, parse_args, |server| run(&server))
}
