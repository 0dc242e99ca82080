//! A mistake in the declaration is no mistake of those who use the state.

mod several_mistakes_at_once {
    use tls_core::thread_local_state;

    #[thread_local_state(explict, error)]
    #[derive(Clone)]
    struct Worker {
        #[state(inti = 1)]
        jobs: u64,
        #[state(init = 1, init = 2)]
        files: u64,
        #[state(init = self.jobs)]
        errors: u64,
        FILES: u64,
    }

    fn run() {
        Worker::with_state(|worker| worker.jobs);
        Worker::JOBS.get();
    }
}

mod one_mistake_and_many_uses {
    use tls_core::thread_local_state;

    #[thread_local_state(explicit = yes)]
    pub struct Worker {
        jobs: u64,
        #[state(init = String::from("worker"))]
        name: String,
    }

    fn run() {
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
}

mod unknown_argument_and_many_uses {
    use tls_core::thread_local_state;

    #[thread_local_state(eror = std::fmt::Error)]
    struct Worker {
        #[state(inti = Err(std::fmt::Error)?)]
        jobs: u64,
    }

    fn work() -> Result<u64, std::fmt::Error> {
        Worker::JOBS.set(1)?;
        tls_core::borrow_mut!(try Worker::state()).jobs += 1;
        Worker::with_state(|worker| worker.jobs)
    }

    fn run() {
        work().unwrap();
    }
}

mod shared_fields_of_a_wrong_declaration {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state(eror = String)]
    struct Worker {
        #[state(shared)]
        done: Counter,
        #[state(shared)]
        by_status: [Counter; 3],
        jobs: u64,
    }

    fn run() {
        Worker::DONE.increment();
        Worker::BY_STATUS.at(1).add(4);
        let _live = Worker::state().live_threads();
        let _total: Result<u64, String> =
            Worker::with_state(|worker| worker.jobs + Worker::BY_STATUS.at(0).get());
    }
}

fn main() {}
