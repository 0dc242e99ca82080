use tls_core::thread_local_state;

/// # Safety
///
/// Never safe.
unsafe fn make() -> WorkerInit {
    WorkerInit { jobs: 7 }
}

#[thread_local_state(init = make)]
struct Worker {
    jobs: u64,
}

fn main() {
    Worker::JOBS.get();
}
