use tls_core::thread_local_state;

#[thread_local_state(explicit = yes)]
pub struct Worker {
    jobs: u64,
    #[state(init = String::from("worker"))]
    name: String,
}

fn main() {
    Worker::with_state(|worker| worker.jobs);
    Worker::with_state_mut(|worker| worker.jobs += 1);
    Worker::try_with_state(|worker| worker.jobs).unwrap();
    Worker::try_with_state_mut(|worker| worker.jobs).unwrap();
    Worker::peek_state(|worker| worker.jobs).unwrap();
    Worker::is_state_initialized();
    let _ = Worker::init_state_with(WorkerInit { jobs: 0 });
    Worker::reset_state();
    Worker::try_reset_state().unwrap();
    Worker::with_fresh_state(|| 1);
    Worker::JOBS.set(1);
    Worker::JOBS.get();
    Worker::NAME.with_mut(|name| name.push('!'));
    Worker::NAME.take();
    Worker::NAME.scope(String::new(), || ());
}
