use tls_core::thread_local_state;

#[thread_local_state]
#[derive(bon::Builder)]
#[builder(on(String, into))]
struct Worker {
    #[builder(default)]
    jobs: u64,
}

fn main() {}
