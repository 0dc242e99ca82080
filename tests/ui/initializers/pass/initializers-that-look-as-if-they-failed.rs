//! Functions with the names of ones that return a `Result`, and names that later fields have.

#![deny(warnings)]

use tls_core::thread_local_state;

fn open() -> u64 {
    5
}

fn later() -> u64 {
    6
}

mod other {
    #![allow(non_upper_case_globals)]

    pub static jobs: [u64; 2] = [7, 8];
}

#[thread_local_state(error = std::num::ParseIntError)]
#[doc(hidden)]
pub struct Worker {
    #[state(init = open())]
    opened: u64,
    #[state(init = later())]
    function: u64,
    #[state(init = other::jobs.len())]
    path: usize,
    #[state(init = { let jobs = vec![1]; jobs.len() })]
    local: usize,
    #[state(init = (0..2).map(|later| later + 1).sum())]
    parameter: u64,
    #[state(init = "5".parse()?)]
    jobs: u64,
    later: u64,
    #[doc(alias = "novel")]
    new: u64,
    größe: u64,
}

fn main() {
    let worker = tls_core::borrow!(Worker::state());
    assert_eq!((worker.opened, worker.function, worker.jobs), (5, 6, 5));
    assert_eq!((worker.path, worker.local, worker.parameter), (2, 1, 3));
    assert_eq!(worker.later + worker.new + worker.größe, 0);
    assert_eq!(Worker::NEW.get(), Ok(0));
    assert_eq!(Worker::GRÖSSE.get(), Ok(0));
}
