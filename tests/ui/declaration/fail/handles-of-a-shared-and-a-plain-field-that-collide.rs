use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker {
    #[state(shared)]
    done: Counter,
    #[expect(non_snake_case, reason = "that is what is tested")]
    Done: u64,
    #[state(shared)]
    #[expect(non_snake_case, reason = "that is what is tested")]
    DONE: Counter,
}

fn main() {}
