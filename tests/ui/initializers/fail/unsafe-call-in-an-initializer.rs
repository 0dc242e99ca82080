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

fn main() {
    Plain::JOBS.get();
}
