use tls_core::thread_local_state;

#[thread_local_state(error = DatabaseError)]
struct Worker {
    #[state(init = open()?)]
    jobs: u64,
}

fn open() -> Result<u64, std::fmt::Error> {
    Ok(0)
}

fn main() {
    Worker::with_state(|worker| worker.jobs);
    Worker::JOBS.get();
}
