use tls_core::thread_local_state;

#[thread_local_state(eror = std::fmt::Error)]
struct Worker {
    #[state(inti = Err(std::fmt::Error)?)]
    jobs: u64,
}

fn work() -> Result<u64, std::fmt::Error> {
    Worker::JOBS.set(1)?;
    tls_core::borrow_mut!(try Worker::state()).jobs += 1;
    Worker::with_state(|worker| worker.jobs)
}

fn main() {
    work().unwrap();
}
