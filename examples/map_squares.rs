//! Squares of 0 to 9 on a pool of four threads, each of which counts what it did.
//!
//! Run it with `cargo run --example map_squares`. Who does what differs from run to run;
//! the result does not.

use std::thread;
use std::time::Duration;

use rayon::ThreadPoolBuilder;
use rayon::prelude::*;
use tls_core::thread_local_state;

/// A worker of the pool, as it sees itself.
#[thread_local_state]
struct Worker {
    #[state(init = thread::current().name().unwrap_or("unnamed").to_owned())]
    name: String,
    processed: u32,
}

fn square(number: u32) -> u32 {
    // No lock and no atomic: only this thread reaches this `Worker`.
    Worker::with_state_mut(|worker| {
        worker.processed += 1;
        println!("Processed by {}: {}", worker.name, worker.processed);
    });
    // Stands for real work, or one worker would be done before the others have woken up.
    thread::sleep(Duration::from_millis(1));
    number * number
}

fn main() -> Result<(), rayon::ThreadPoolBuildError> {
    let pool = ThreadPoolBuilder::new()
        .num_threads(4)
        .thread_name(|index| format!("worker-{}", index + 1))
        .build()?;
    // Rayon's spelling of `pool.map(square, 0..10)`. The results keep their order.
    let squares: Vec<u32> = pool.install(|| (0..10).into_par_iter().map(square).collect());
    println!("{squares:?}");
    Ok(())
}
