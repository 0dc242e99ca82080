use tls_core::thread_local_state;

#[thread_local_state]
struct Worker(u64, String);

fn main() {
    let _worker = Worker(0, String::new());
}
