use tls_core::{Counter, thread_local_state};

#[thread_local_state]
#[repr(C, align(16))]
struct Worker {
    #[state(shared)]
    done: Counter,
    jobs: u64,
}

#[repr(C)]
#[thread_local_state]
struct Above {
    #[state(shared)]
    done: Counter,
    jobs: u64,
}

#[thread_local_state]
#[cfg_attr(all(), repr(C))]
struct Conditional {
    #[cfg_attr(all(), state(shared))]
    done: Counter,
    jobs: u64,
}

fn main() {
    Worker::DONE.increment();
    Conditional::with_state(|conditional| conditional.jobs);
}
