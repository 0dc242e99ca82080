//! Shared fields of every kind, in structs of every kind.

#![deny(warnings)]
#![forbid(unsafe_code)]

use std::collections::HashMap;

use tls_core::shared::{Gauge, Part, Peak, UpDown};
use tls_core::{Counter, Histogram, thread_local_state};

const STATUSES: usize = 2 + 1;

type Count = Counter;
type Counts<const N: usize> = [Count; N];
type Words = Part<HashMap<String, u64>>;

#[thread_local_state]
struct Worker {
    #[state(shared)]
    done: Counter,
    #[state(shared)]
    in_flight: UpDown,
    #[state(shared)]
    queued: Gauge,
    plain: u64,
    #[state(shared)]
    longest: Peak,
    #[state(shared)]
    latency: Histogram,
    #[state(shared)]
    words: Part<HashMap<String, u64>>,
    #[state(shared)]
    by_status: [Counter; STATUSES],
    #[state(shared)]
    by_size: [[Peak; 2]; 1 + 1],
    #[state(shared)]
    boxed: [Part<Vec<u8>>; 2],
    #[state(shared)]
    none: [Histogram; 0],
}

#[thread_local_state]
struct Aliased {
    #[state(shared)]
    done: Count,
    #[state(shared)]
    by_status: Counts<STATUSES>,
    #[state(shared)]
    words: Words,
    #[state(shared)]
    path: ::tls_core::Counter,
    #[state(shared)]
    qualified: <Worker as Named>::Count,
}

trait Named {
    type Count;
}

impl Named for Worker {
    type Count = Counter;
}

/// Less visible than the state that has it.
#[derive(Default)]
struct Private(u64);

#[thread_local_state]
pub struct Public {
    #[state(shared)]
    parts: Part<Private>,
    #[state(shared)]
    more: [Part<Private>; 2],
}

#[thread_local_state(explicit)]
struct Explicit {
    #[state(shared)]
    done: Counter,
    name: String,
    #[state(init = { Explicit::DONE.increment(); name.len() })]
    length: usize,
}

#[thread_local_state(init = make, error = std::fmt::Error)]
struct Made {
    name: String,
    #[state(shared)]
    done: Counter,
}

fn make() -> Result<MadeInit, std::fmt::Error> {
    Made::DONE.increment();
    Ok(MadeInit { name: String::new() })
}

#[thread_local_state(const, fork = reset)]
struct Constant {
    #[state(shared)]
    done: Counter,
    #[state(init = 7)]
    seven: u64,
    #[state(shared)]
    more: [UpDown; 2],
}

/// Nothing but shared fields.
#[thread_local_state(fork = keep)]
struct OnlyShared {
    #[state(shared)]
    done: Counter,
}

#[thread_local_state(fork = reset, error = std::num::ParseIntError)]
struct Initialized {
    #[state(shared)]
    made: Counter,
    #[state(shared)]
    at: [Counter; 2],
    #[state(init = {
        Initialized::MADE.increment();
        Initialized::AT.at(1).add(Initialized::MADE.get());
        "5".parse()?
    })]
    five: u64,
    #[state(init = format!("{} {five}", Initialized::MADE.get()))]
    text: String,
}

/// Types of these names that are something else.
mod other {
    use tls_core::thread_local_state;

    #[derive(Debug, Default)]
    pub struct Counter(pub u64);

    pub struct Gauge;

    #[derive(Default)]
    pub struct Part<T>(pub T);

    #[thread_local_state]
    pub struct Worker {
        pub done: Counter,
        pub by_status: [Counter; 2],
        #[state(init = Gauge)]
        pub queued: Gauge,
        pub part: Part<u64>,
        #[state(shared)]
        pub shared: tls_core::Counter,
    }

    #[thread_local_state(explicit)]
    pub struct Explicit {
        pub done: Counter,
        pub queued: Gauge,
    }

    #[thread_local_state(const)]
    pub struct Constant {
        #[state(init = Counter(1))]
        pub done: Counter,
    }
}

fn in_function() -> u64 {
    #[thread_local_state(in_function)]
    struct Local {
        #[state(shared)]
        calls: Counter,
    }

    Local::CALLS.increment();
    assert_eq!(Local::state().live_threads(), 1);
    Local::CALLS.total()
}

mod inner {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state]
    pub struct Visible {
        #[state(shared)]
        pub(crate) done: Counter,
        #[state(shared)]
        pub(in crate::inner) failed: Counter,
        #[state(shared)]
        pub retried: Counter,
        #[state(shared)]
        private: Counter,
    }

    pub fn fail() {
        Visible::FAILED.increment();
        Visible::with_state(|state| assert_eq!(size_of_val(state), 0));
        Visible::PRIVATE.add(Visible::FAILED.get());
        assert_eq!(Visible::PRIVATE.get(), 1);
    }
}

fn main() {
    Public::PARTS.with_mut(|part| part.0 += 1);
    Public::MORE.at(1).with_mut(|part| part.0 += 1);
    assert_eq!(Public::PARTS.take_parts()[0].0, Public::MORE.at(1).take_parts()[0].0);
    Worker::DONE.add(2);
    Worker::IN_FLIGHT.decrement();
    Worker::QUEUED.set(-3);
    Worker::LONGEST.record(9);
    Worker::LATENCY.record(100);
    Worker::WORDS.with_mut(|words| words.insert(String::from("a"), 1));
    Worker::BY_STATUS.at(STATUSES - 1).increment();
    Worker::BY_SIZE.at(1).at(0).record(4);
    Worker::with_state_mut(|worker| {
        worker.plain += 1;
        Worker::DONE.increment();
        Worker::BY_STATUS.at(0).increment();
        Worker::BY_STATUS.at(1).increment();
        Worker::BY_SIZE.at(0).at(1).record(5);
        Worker::BOXED.at(1).with_mut(|bytes| bytes.push(1));
        Worker::WORDS.with_mut(HashMap::clear);
        for number in 0..STATUSES {
            Worker::BY_STATUS.at(number).increment();
        }
        assert_eq!(Worker::LATENCY.get().count(), 1);
    });
    assert_eq!((Worker::DONE.total(), Worker::IN_FLIGHT.total()), (3, -1));
    assert_eq!((Worker::QUEUED.total(), Worker::LONGEST.total()), (-3, 9));
    assert_eq!(Worker::BY_STATUS.total(), [2, 2, 2]);
    assert_eq!(Worker::BY_SIZE.total(), [[0, 5], [4, 0]]);
    assert_eq!(Worker::BOXED.at(1).take_parts(), [[1]]);
    assert_eq!(Worker::LATENCY.take_total().sum(), 100);
    assert_eq!(Worker::NONE.total(), []);
    assert_eq!(Worker::state().live_threads(), 1);

    Aliased::DONE.increment();
    Aliased::BY_STATUS.at(1).add(2);
    Aliased::QUALIFIED.add(3);
    Aliased::PATH.add(4);
    Aliased::WORDS.with_mut(|words| assert!(words.is_empty()));
    Aliased::BY_STATUS.at(2).add(Aliased::DONE.get());
    assert_eq!(Aliased::BY_STATUS.total(), [0, 2, 1]);

    Explicit::DONE.increment();
    Explicit::state().init_with(ExplicitInit { name: String::from("abc") });
    assert_eq!((Explicit::LENGTH.get(), Explicit::DONE.get()), (3, 2));

    Made::with_state(|made| assert!(made.name.is_empty() && Made::DONE.get() == 1)).unwrap();
    Constant::with_state(|_| Constant::MORE.at(1).add(-1));
    assert_eq!(Constant::MORE.total(), [0, -1]);
    assert_eq!(Constant::DONE.total() + Constant::SEVEN.get(), 7);
    OnlyShared::with_state(|_| OnlyShared::DONE.increment());
    assert_eq!((OnlyShared::DONE.total(), size_of::<OnlyShared>()), (1, 0));
    assert_eq!(Initialized::TEXT.take().unwrap(), "1 5");
    assert_eq!(Initialized::AT.total(), [0, 1]);

    other::Worker::DONE.with_mut(|done| done.0 += 1);
    other::Worker::SHARED.increment();
    other::Worker::with_state(|worker| {
        assert!(worker.by_status.iter().all(|counter| counter.0 == 0));
        assert_eq!(worker.part.0 + other::Worker::SHARED.get(), worker.done.0);
    });
    let values = other::ExplicitInit { done: other::Counter(3), queued: other::Gauge };
    other::Explicit::state().init_with(values);
    other::Explicit::with_state(|state| assert_eq!(state.done.0, 3));
    other::Constant::DONE.with(|done| assert_eq!(done.0, 1));

    assert_eq!((in_function(), in_function()), (1, 2));
    inner::fail();
    inner::Visible::DONE.increment();
    inner::Visible::RETRIED.increment();
    inner::Visible::with_state(|_| assert_eq!(inner::Visible::DONE.get() + inner::Visible::RETRIED.get(), 2));
}
