//! What holds where there are no threads, and where a panic ends the process: on WebAssembly the
//! standard library's thread-locals are plain statics, and nothing is dropped at the end.
//!
//! Each test has states of its own, because all may run on one thread.

use std::cell::{Cell, RefCell};
use std::num::ParseIntError;

use tls_core::shared::{Gauge, Part, Peak, Total, UpDown, shared_fields};
use tls_core::{
    AccessError, Counter, Histogram, InitWithError, ThreadLocalState, thread_local_state,
};

thread_local! {
    static EVENTS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn note(event: impl Into<String>) {
    // Where threads end, what they leave is dropped in the end, maybe after this.
    let _ = EVENTS.try_with(|events| events.borrow_mut().push(event.into()));
}

fn noted() -> Vec<String> {
    EVENTS.take()
}

/// Notes when it is dropped.
struct Witness(&'static str);

impl Drop for Witness {
    fn drop(&mut self) {
        note(format!("drop {}", self.0));
    }
}

#[test]
fn the_first_access_makes_the_value_and_a_reset_drops_it() {
    #[thread_local_state(in_function)]
    struct Worker {
        #[state(init = { note("make"); Witness("worker") })]
        _witness: Witness,
        #[state(init = 3)]
        base: u64,
        #[state(init = base * 2)]
        doubled: u64,
        scratch: Vec<u8>,
    }

    assert!(!Worker::state().is_initialized());
    assert!(Worker::state().peek(|_| ()).ok().flatten().is_none());
    assert_eq!(Worker::DOUBLED.get(), 6);
    Worker::with_state_mut(|worker| {
        worker.base += 1;
        worker.scratch.push(7);
    });
    assert_eq!(Worker::with_state(|worker| worker.scratch.len()), 1);
    assert_eq!((Worker::BASE.get(), noted()), (4, vec!["make".into()]));
    assert!(Worker::state().reset());
    assert!(!Worker::state().reset());
    assert_eq!(noted(), ["drop worker"]);
    assert_eq!(Worker::BASE.get(), 3);
    assert_eq!(noted(), ["make"]);
}

#[test]
fn an_initializer_that_fails_leaves_nothing_and_is_tried_again() {
    thread_local!(static TEXT: Cell<&'static str> = const { Cell::new("x") });

    #[thread_local_state(in_function, error = ParseIntError)]
    struct Limits {
        #[state(init = Witness("first"))]
        _witness: Witness,
        #[state(init = TEXT.get().parse()?)]
        depth: u32,
    }

    assert!(Limits::DEPTH.get().is_err());
    assert!(!Limits::state().is_initialized());
    assert_eq!(noted(), ["drop first"]);
    TEXT.set("16");
    assert_eq!(Limits::DEPTH.get(), Ok(16));
    let sum = || -> Result<u32, ParseIntError> {
        let limits = tls_core::borrow!(try Limits::state());
        Ok(limits.depth + "4".parse::<u32>()?)
    };
    assert_eq!(sum(), Ok(20));
    assert!(noted().is_empty());
}

#[test]
fn an_initializer_that_reaches_its_own_state_gets_an_error() {
    #[thread_local_state(in_function)]
    struct Loop {
        #[state(init = matches!(Loop::state().try_with(|_| ()), Err(AccessError::Recursive(_))))]
        was_refused: bool,
    }

    assert!(Loop::WAS_REFUSED.get());
}

#[test]
fn conflicting_borrows_are_refused_and_disjoint_ones_are_not() {
    #[thread_local_state(in_function)]
    struct Pair {
        left: Vec<u8>,
        right: Vec<u8>,
    }

    Pair::LEFT.with_mut(|left| {
        Pair::RIGHT.with_mut(|right| {
            left.push(1);
            right.push(2);
        });
        let again = Pair::LEFT.try_with(|_| ());
        assert!(matches!(again, Err(AccessError::Borrowed(_))));
        assert!(Pair::state().try_with(|_| ()).is_err());
        assert!(Pair::state().try_reset().is_err());
        let spare = Pair::LEFT.with_mut_or_else(Vec::new, |left| left.len());
        assert_eq!((left.len(), spare), (1, 0));
    });
    assert!(Pair::state().try_with_mut(|_| ()).is_ok());
}

/// Nested shared borrows, as deep as told.
fn nested<S: ThreadLocalState>(depth: u32) -> u32 {
    if depth == 0 {
        return 0;
    }
    let inner = S::state().try_with(|_| nested::<S>(depth - 1));
    inner.unwrap_or_else(|_| panic!("a shared borrow was refused")) + 1
}

#[test]
fn shared_borrows_nest() {
    #[thread_local_state(in_function)]
    struct Deep {
        number: u64,
    }

    assert_eq!(nested::<Deep>(500), 500);
    Deep::NUMBER.set(1);
}

#[test]
fn a_scope_and_a_fresh_state_end() {
    #[thread_local_state(in_function)]
    struct Job {
        #[state(init = 1)]
        level: u64,
        #[state(init = Witness("job"))]
        _witness: Witness,
    }

    assert_eq!(Job::LEVEL.scope(2, || Job::LEVEL.get()), 2);
    assert_eq!(Job::LEVEL.get(), 1);
    Job::LEVEL.set(5);
    Job::state().with_fresh(|| {
        assert!(!Job::state().is_initialized());
        assert_eq!(Job::LEVEL.get(), 1);
    });
    assert_eq!(Job::LEVEL.get(), 5);
    assert_eq!(noted(), ["drop job"]);
}

#[test]
fn explicit_and_constant_states_work() {
    #[thread_local_state(in_function, explicit)]
    struct Session {
        server: String,
        #[state(init = server.len())]
        length: usize,
    }

    #[thread_local_state(in_function, const)]
    struct Numbers(#[state(init = 1)] u64, #[state(init = [2; 4])] [u8; 4]);

    let refused = Session::state().try_with(|_| ());
    assert!(matches!(refused, Err(AccessError::NotInitialized(_))));
    let server = String::from("db1");
    Session::state().init_with(SessionInit { server });
    assert_eq!(Session::LENGTH.get(), 3);
    let server = String::from("db2");
    let refused = Session::state().try_init_with(SessionInit { server });
    let Err(InitWithError::Refused(rejected)) = refused else {
        panic!("there is one already");
    };
    assert_eq!(rejected.value.server, "db2");

    Numbers::FIELD_0.update(|number| number + 1);
    assert_eq!(
        (Numbers::FIELD_0.get(), Numbers::FIELD_1.get()),
        (2, [2; 4])
    );
}

#[test]
fn zero_sized_large_and_aligned_states_work() {
    #[derive(Default)]
    #[repr(align(4096))]
    struct Page(u8);

    #[thread_local_state(in_function)]
    struct Nothing {
        nothing: (),
    }

    #[thread_local_state(in_function)]
    struct Large {
        #[state(init = [7; 20_000])]
        bytes: [u8; 20_000],
        #[state(init = u128::MAX)]
        wide: u128,
        page: Page,
    }

    Nothing::NOTHING.set(());
    assert!(Nothing::state().is_initialized());
    Large::with_state_mut(|large| {
        assert_eq!((&raw const large.page).addr() % 4096, 0);
        assert_eq!((&raw const large.wide).addr() % align_of::<u128>(), 0);
        large.page.0 = large.bytes[19_999];
    });
    assert_eq!(Large::PAGE.with(|page| page.0), 7);
    assert!(Large::state().reset());
}

#[test]
fn a_destructor_in_a_reset_may_make_the_state_again() {
    struct Again;

    impl Drop for Again {
        fn drop(&mut self) {
            if MAKE.replace(false) {
                assert!(!Phoenix::state().is_initialized());
                Phoenix::NUMBER.set(9);
            }
        }
    }

    thread_local!(static MAKE: Cell<bool> = const { Cell::new(true) });

    #[thread_local_state(in_function, fork = reset)]
    struct Phoenix {
        #[state(init = Again)]
        _again: Again,
        number: u64,
    }

    Phoenix::state().init();
    assert!(Phoenix::state().reset());
    assert_eq!(Phoenix::NUMBER.get(), 9);
}

#[test]
fn shared_fields_count() {
    #[thread_local_state(in_function)]
    struct Worker {
        #[state(shared)]
        done: Counter,
        #[state(shared)]
        open: UpDown,
        #[state(shared)]
        load: Gauge,
        #[state(shared)]
        longest: Peak,
        /// In microseconds.
        #[state(shared)]
        times: Histogram,
        #[state(shared)]
        outcomes: [Counter; 3],
        #[state(shared)]
        names: Part<Vec<String>>,
        #[state(init = Witness("worker"))]
        _witness: Witness,
    }

    assert_eq!(Worker::state().live_threads(), 0);
    assert_eq!(Worker::DONE.total(), 0);
    // Numbers that do not fit into the halves of a word.
    Worker::DONE.add(u64::MAX - 1);
    Worker::with_state(|_| Worker::DONE.increment());
    assert_eq!(Worker::DONE.total(), u64::MAX);
    Worker::OPEN.add(i64::MIN);
    Worker::OPEN.increment();
    assert_eq!(Worker::OPEN.total(), i64::MIN + 1);
    Worker::LOAD.set(-5);
    assert_eq!(Worker::LOAD.total(), -5);
    Worker::LONGEST.record(1 << 40);
    Worker::LONGEST.record(3);
    assert_eq!(Worker::LONGEST.total(), 1 << 40);
    for time in [0, 1, 1 << 20, 1 << 40, u64::MAX] {
        Worker::TIMES.record(time);
    }
    let times = Worker::TIMES.total();
    assert_eq!(times.count(), 5);
    assert_eq!(times.count_at_most(1), 2);
    assert!(times.quantile(1.0) >= u64::MAX - u64::MAX / 100);
    Worker::OUTCOMES.at(2).add(4);
    assert_eq!(Worker::OUTCOMES.total(), [0, 0, 4]);
    Worker::NAMES.with_mut(|names| names.push("a".into()));

    // They survive a reset, are taken once, and there is one thread.
    assert!(Worker::state().reset());
    assert_eq!(noted(), ["drop worker"]);
    assert_eq!(Worker::DONE.take_total(), u64::MAX);
    assert_eq!(Worker::DONE.take_total(), 0);
    assert_eq!(Worker::NAMES.take_parts(), [["a"]]);
    assert_eq!(Worker::state().live_threads(), 1);
    let threads = Worker::OPEN.per_thread().into_rows();
    assert_eq!((threads.len(), threads[0].value), (1, i64::MIN + 1));
    assert_eq!(threads[0].thread, std::thread::current().id());

    let listed: Vec<_> = shared_fields()
        .into_iter()
        .filter(|field| field.field == "longest")
        .collect();
    assert!(
        matches!(listed[..], [ref field] if matches!(field.total, Total::Peak(peak) if peak == 1 << 40))
    );
}
