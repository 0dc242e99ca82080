//! Warm-up and teardown of a per-thread state in the hooks of rayon and tokio.
//!
//! Run it with `cargo run --example runtime_hooks [SERVER]`. The server is what only the
//! run knows: the state is `explicit`, so nothing makes it behind your back without one.

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

/// What every thread of a pool keeps ready. Think of a connection: dear to open, not to be
/// shared, and to be closed in an orderly way.
#[thread_local_state(explicit)]
struct Session {
    /// No initializer, so the thread's start hook has to bring it: it is in `SessionInit`.
    server: String,
    /// Computed from what was brought, so not in `SessionInit`.
    #[state(init = format!("hello {server}\n").into_bytes())]
    greeting: Vec<u8>,
    #[state(init = 0)]
    jobs: u64,
}

/// What the hooks of one pool have seen.
#[derive(Default)]
struct Log {
    warmed_up: AtomicU64,
    torn_down: AtomicU64,
    /// Jobs of the sessions that were torn down.
    jobs: AtomicU64,
}

impl Log {
    /// The start hook: makes this thread's session.
    fn warm_up(&self, server: &str) {
        let server = server.to_owned();
        // Panics if there is a session already. A start hook runs first.
        Session::state().init_with(SessionInit { server });
        self.warmed_up.fetch_add(1, Relaxed);
    }

    /// The stop hook: drops it here, while the runtime still waits for this thread.
    ///
    /// Without this the thread's end would drop it: in time for `join`, but too late for
    /// `thread::scope`, which does not wait for destructors of thread-locals.
    fn tear_down(&self) {
        self.jobs.fetch_add(Session::JOBS.get(), Relaxed);
        if Session::state().reset() {
            self.torn_down.fetch_add(1, Relaxed);
        }
    }
}

/// The work: it takes for granted that its thread has a session.
fn job() -> usize {
    Session::with_state_mut(|session| {
        session.jobs += 1;
        session.greeting.len()
    })
}

fn on_rayon(server: &str) -> anyhow::Result<()> {
    // Rayon's hooks are `'static`; a program that ends with its pool may as well leak.
    let log: &'static Log = Box::leak(Box::default());
    let hook_server = server.to_owned();
    let (sent, done) = rayon::ThreadPoolBuilder::new()
        .num_threads(THREADS)
        .start_handler(move |_| log.warm_up(&hook_server))
        .exit_handler(|_| log.tear_down())
        // A scoped pool, because dropping another kind does not wait for its threads.
        .build_scoped(rayon::ThreadBuilder::run, |pool| {
            let sent: usize = pool.install(|| (0..100).into_par_iter().map(|_| job()).sum());
            // A broadcast visits every thread of the pool once.
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
        // The future given to `block_on` runs on this thread, which no hook has visited.
        let error = Session::state()
            .try_with(|session| session.jobs)
            .expect_err("explicit");
        shell::print(&format!("main: {error}\n"))?;

        // Spawned tasks run on the workers. A task may move to another one at an `.await`,
        // so a session is borrowed between two of them and never across.
        let tasks: Vec<_> = (0..100).map(|_| tokio::spawn(async { job() })).collect();
        let mut sent = 0;
        for task in tasks {
            sent += task.await?;
        }
        anyhow::Ok(sent)
    })?;
    // This waits for the workers, and so for their stop hooks.
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

/// Returns nothing if help is asked for.
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
