//! With `in_function` a state may be declared anywhere.

#![deny(warnings)]

use tls_core::thread_local_state;

#[thread_local_state]
struct Counter {
    jobs: u64,
}

struct Type;

impl Type {
    fn method(&self) -> u64 {
        #[thread_local_state(in_function, const)]
        struct Counter {
            #[state(init = 10)]
            jobs: u64,
        }

        Counter::JOBS.update(|jobs| jobs + 1);
        Counter::with_state(|counter| counter.jobs)
    }
}

fn count() -> u64 {
    #[thread_local_state(in_function)]
    struct Counter {
        jobs: u64,
    }

    Counter::JOBS.update(|jobs| jobs + 1);
    Counter::with_state(|counter| counter.jobs)
}

fn generic<T>(_: T) -> u64 {
    #[thread_local_state(in_function)]
    struct Counter {
        jobs: u64,
    }

    Counter::JOBS.update(|jobs| jobs + 1);
    Counter::with_state(|counter| counter.jobs)
}

fn explicit() -> u64 {
    #[thread_local_state(in_function, explicit)]
    struct Counter {
        jobs: u64,
    }

    Counter::state().init_with(CounterInit { jobs: 3 });
    Counter::with_state(|counter| counter.jobs)
}

fn main() {
    assert_eq!((count(), count()), (1, 2));
    assert_eq!((Type.method(), Type.method()), (11, 12));
    // A static in a generic function is one, not one for each type.
    assert_eq!((generic(1), generic("one")), (1, 2));
    assert_eq!(explicit(), 3);
    let closure = || {
        #[thread_local_state(in_function)]
        struct Inner(u64);

        Inner::FIELD_0.update(|jobs| jobs + 1);
        Inner::with_state(|inner| inner.0)
    };
    assert_eq!((closure(), closure()), (1, 2));
    assert_eq!(Counter::with_state(|counter| counter.jobs), 0);
}
