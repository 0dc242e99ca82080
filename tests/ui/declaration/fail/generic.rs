//! A static has one type.

mod generic_over_a_type {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Cache<T> {
        values: Vec<T>,
    }

    fn run() {
        Cache::<u8>::with_state(|cache| cache.values.len());
        Cache::<String>::with_state_mut(|cache| cache.values.clear());
    }
}

mod generic_over_a_constant {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Cache<const N: usize> {
        values: [u8; N],
    }

    fn run() {
        Cache::<4>::with_state(|cache| cache.values.len());
    }
}

mod generic_over_a_lifetime {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Cache<'a> {
        text: &'a str,
    }

    fn run() {
        Cache::with_state(|cache| cache.text.len());
    }
}

mod generic_over_a_lifetime_and_used {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker<'a> {
        name: &'a str,
        jobs: u64,
    }

    fn run() {
        let name = String::from("first");
        Worker::NAME.set(&name);
        Worker::JOBS.set(1);
        Worker::with_state_mut(|worker| worker.jobs += 1);
    }
}

mod generic_and_used_in_generic_code {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state(error = std::fmt::Error)]
    struct Cache<T> {
        values: Vec<T>,
        hits: u64,
        #[state(shared)]
        done: Counter,
    }

    impl<T: Clone> Cache<T> {
        fn add(value: T) -> Result<u64, std::fmt::Error> {
            Self::VALUES.with_mut(|values| values.push(value))?;
            Self::HITS.update(|hits| hits + 1)?;
            Self::DONE.increment();
            Self::with_state_mut(|cache| cache.values.clear())?;
            let _first = Cache::<T>::VALUES.with(|values| values[0].clone())?;
            tls_core::borrow_mut!(try Self::VALUES).clear();
            Self::HITS.get()
        }
    }

    fn run() {
        Cache::<&str>::VALUES.take().unwrap();
        Cache::<u8>::state().reset();
        Cache::add(String::new()).unwrap();
    }
}

mod shared_fields_of_a_generic_struct {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state]
    struct Worker<T> {
        #[state(shared)]
        done: Counter,
        items: Vec<T>,
    }

    fn run() {
        Worker::<u64>::with_state(|worker| worker.items.len());
        Worker::<u64>::DONE.increment();
        let _total: u64 = Worker::<u64>::DONE.total();
        let _live = Worker::<u64>::state().live_threads();
    }
}

mod where_clause {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Cache
    where
        String: Clone,
    {
        text: String,
    }

    fn run() {
        Cache::with_state(|cache| cache.text.len());
    }
}

fn main() {}
