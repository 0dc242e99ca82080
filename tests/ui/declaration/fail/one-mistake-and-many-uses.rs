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
    Worker::state().try_with(|worker| worker.jobs).unwrap();
    Worker::state().try_with_mut(|worker| worker.jobs).unwrap();
    Worker::state().peek(|worker| worker.jobs).unwrap();
    Worker::state().is_initialized();
    let _ = Worker::state().try_init_with(WorkerInit { jobs: 0 });
    Worker::state().reset();
    Worker::state().try_reset().unwrap();
    Worker::state().with_fresh(|| 1);
    Worker::JOBS.set(1);
    Worker::JOBS.get();
    Worker::NAME.with_mut(|name| name.push('!'));
    Worker::NAME.take();
    Worker::NAME.scope(String::new(), || ());
}
