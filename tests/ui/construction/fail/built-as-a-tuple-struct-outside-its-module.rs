mod pool {
    use tls_core::thread_local_state;

    #[thread_local_state]
    pub struct Worker(pub u64);
}

fn main() {
    let _worker = pool::Worker(0);
}
