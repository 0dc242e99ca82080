use tls_core::thread_local_state;

#[thread_local_state]
struct Worker<'a> {
    name: &'a str,
    jobs: u64,
}

fn main() {
    let name = String::from("first");
    Worker::NAME.set(&name);
    Worker::JOBS.set(1);
    Worker::with_state_mut(|worker| worker.jobs += 1);
}
