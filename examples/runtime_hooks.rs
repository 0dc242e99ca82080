//! Warm-up and teardown of a per-thread state in the hooks of rayon and tokio.
//!
//! Run it with `cargo run --example runtime_hooks [SERVER]`. The server is what only the
//! run knows: the state is `explicit`, so nothing makes it behind your back without one.

use std::env;
use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rayon::prelude::*;
use tls_core::thread_local_state;

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

fn on_rayon(server: &str) -> Result<(), Box<dyn Error>> {
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
    report("rayon", log, done, sent);
    Ok(())
}

fn on_tokio(server: &str) -> Result<(), Box<dyn Error>> {
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
        println!("main: {error}");

        // Spawned tasks run on the workers. A task may move to another one at an `.await`,
        // so a session is borrowed between two of them and never across.
        let tasks: Vec<_> = (0..100).map(|_| tokio::spawn(async { job() })).collect();
        let mut sent = 0;
        for task in tasks {
            sent += task.await?;
        }
        Ok::<usize, tokio::task::JoinError>(sent)
    })?;
    // This waits for the workers, and so for their stop hooks.
    drop(runtime);
    report("tokio", log, log.jobs.load(Relaxed), sent);
    Ok(())
}

fn report(runtime: &str, log: &Log, done: u64, sent: usize) {
    let Log {
        warmed_up,
        torn_down,
        ..
    } = log;
    println!("{runtime}: {} sessions warmed up", warmed_up.load(Relaxed));
    println!("{runtime}: {done} jobs done, {sent} bytes sent");
    println!("{runtime}: {} sessions torn down", torn_down.load(Relaxed));
}

fn main() -> Result<(), Box<dyn Error>> {
    let server = env::args().nth(1).unwrap_or_else(|| "localhost".to_owned());
    on_rayon(&server)?;
    on_tokio(&server)
}
