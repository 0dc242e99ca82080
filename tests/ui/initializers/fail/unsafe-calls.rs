//! What is unsafe to call stays unsafe in an initializer.

mod unsafe_call_in_an_initializer {
    use tls_core::thread_local_state;

    /// # Safety
    ///
    /// Never safe.
    unsafe fn number() -> u64 {
        7
    }

    #[thread_local_state]
    struct Plain {
        #[state(init = number())]
        jobs: u64,
    }

    #[thread_local_state(error = std::num::ParseIntError)]
    struct Fallible {
        #[state(init = number() + "1".parse::<u64>()?)]
        jobs: u64,
    }

    #[thread_local_state(explicit)]
    struct Explicit {
        first: u64,
        #[state(init = number() + first)]
        jobs: u64,
    }

    fn run() {
        Plain::JOBS.get();
    }
}

mod unsafe_function_as_init {
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

    fn run() {
        Worker::JOBS.get();
    }
}

fn main() {}
