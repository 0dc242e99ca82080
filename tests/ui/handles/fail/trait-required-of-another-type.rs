use tls_core::ThreadLocalState;

struct Worker {
    jobs: u64,
}

fn warm_up<S: ThreadLocalState>() {
    let _ = S::state().try_reset();
}

fn main() {
    warm_up::<Worker>();
}
