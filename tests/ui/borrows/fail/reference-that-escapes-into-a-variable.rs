use tls_core::thread_local_state;

#[thread_local_state]
struct Worker {
    name: String,
}

fn main() {
    let mut kept = None;
    Worker::with_state(|worker| kept = Some(worker));
    println!("{}", kept.unwrap().name);
}
