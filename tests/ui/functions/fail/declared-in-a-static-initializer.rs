use tls_core::thread_local_state;

static JOBS: fn() -> u64 = {
    #[thread_local_state]
    struct Worker {
        jobs: u64,
    }

    || Worker::JOBS.get()
};

fn main() {
    JOBS();
}
