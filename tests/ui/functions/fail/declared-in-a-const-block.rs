use tls_core::thread_local_state;

fn main() {
    const {
        #[thread_local_state]
        struct Worker {
            jobs: u64,
        }
    }
}
