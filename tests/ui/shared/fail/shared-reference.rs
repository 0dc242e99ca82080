use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    #[state(shared)]
    name: &'static str,
}

fn main() {}
