use tls_core::thread_local_state;

fn count<T>(_: T) -> u64 {
    #[thread_local_state]
    struct Worker {
        jobs: u64,
    }

    Worker::JOBS.get()
}

fn main() {
    count(1);
    count("one");
}
