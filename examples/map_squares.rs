//! Squares of 0 to 9 on a pool of four threads, each of which counts its work.
//!
//! Run it with `cargo run --example map_squares`. The distribution of the work differs from run to run,
//! but the result does not.

mod shell;

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use rayon::ThreadPoolBuilder;
use rayon::prelude::*;
use tls_core::thread_local_state;

const HELP: &str = "\
Squares the numbers from 0 to 9 in a pool of four threads.

Usage: map_squares

Options:
  -h, --help   print this
";

/// A worker of the pool, as it sees itself.
#[thread_local_state]
struct Worker {
    #[state(init = thread::current().name().unwrap_or("unnamed").to_owned())]
    name: String,
    processed: u32,
}

fn square(number: u32) -> anyhow::Result<u32> {
    // No lock and no atomic, because only this thread can access this `Worker`.
    Worker::with_state_mut(|worker| {
        worker.processed += 1;
        shell::print(&format!(
            "Processed by {}: {}\n",
            worker.name, worker.processed
        ))
    })?;
    // This sleep takes the place of real work. Otherwise, one worker would finish before the others wake
    // up.
    thread::sleep(Duration::from_millis(1));
    Ok(number * number)
}

fn run() -> anyhow::Result<()> {
    let pool = ThreadPoolBuilder::new()
        .num_threads(4)
        .thread_name(|index| format!("worker-{}", index + 1))
        .build()
        .context("cannot start the workers")?;
    // Rayon's equivalent of `pool.map(square, 0..10)`. The results keep their order.
    let squares: Vec<u32> = pool.install(|| {
        (0..10)
            .into_par_iter()
            .map(square)
            .collect::<Result<_, _>>()
    })?;
    shell::print(&format!("{squares:?}\n"))
}

fn main() -> ExitCode {
    shell::main(HELP, |_| Ok(Some(())), |()| run())
}
