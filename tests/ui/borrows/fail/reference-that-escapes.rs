use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    name: String,
}

fn main() {
    let name: &str = Worker::with_state(|worker| worker.name.as_str());
    println!("{name}");
}
