mod inner {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state]
    pub struct Worker {
        #[state(shared)]
        pub done: Counter,
    }
}

fn main() {
    let _make = || inner::Worker {};
}
