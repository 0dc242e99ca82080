//! What an executor keeps per thread, as `tokio`'s runtime context: many small things that
//! are read and written in the middle of each other's use.
//!
//! By hand each field is a `Cell` or a `RefCell` within one `const` thread-local, set and put
//! back by guards, and each function decides anew what the end of the thread means.
//!
//! What carries it: a handle per field, whose borrows are separate; `scope`, which puts back
//! also when a task panics; `get`, `set`, `update` and `take` for the cells; `try_with` and
//! spares for destructors. `const`, because nothing in it needs code to start.
//!
//! A guard that the caller keeps (`enter`) is not a `scope`, which takes a closure; it is
//! written with `replace`.

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::thread::{self, ThreadId};

use portable_atomic::AtomicU64;
use tls_core::{AccessError, thread_local_state};

use crate::support::{at_exit, on_thread, on_threads};

/// What one poll of a task may do before it must yield; `None`: as much as it wants.
type Budget = Option<u8>;

const BUDGET: Budget = Some(128);

type Job = Box<dyn FnOnce()>;

#[derive(Debug)]
struct Runtime {
    name: &'static str,
    seeds: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entered {
    No,
    Yes { may_block: bool },
}

#[thread_local_state(const)]
struct Context {
    #[state(init = None)]
    thread: Option<ThreadId>,
    #[state(init = None)]
    current: Option<Arc<Runtime>>,
    /// How many `enter` guards there are.
    #[state(init = 0)]
    depth: usize,
    #[state(init = Entered::No)]
    entered: Entered,
    #[state(init = None)]
    task: Option<u64>,
    #[state(init = None)]
    budget: Budget,
    /// The state of a xorshift generator.
    #[state(init = 1)]
    rng: u64,
    /// What runs when the present poll is over.
    #[state(init = Vec::new())]
    deferred: Vec<Job>,
    #[state(init = 0)]
    polls: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum NoRuntime {
    NotWithin,
    ThreadEnds,
}

impl Runtime {
    fn new(name: &'static str) -> Arc<Self> {
        Arc::new(Self {
            name,
            seeds: AtomicU64::new(1000),
        })
    }

    /// The name of the runtime that the thread is within.
    fn current() -> Result<&'static str, NoRuntime> {
        match Context::CURRENT.try_with(|current| current.as_ref().map(|runtime| runtime.name)) {
            Ok(name) => name.ok_or(NoRuntime::NotWithin),
            Err(AccessError::Destroyed(_)) => Err(NoRuntime::ThreadEnds),
            Err(refused) => panic!("{refused}"),
        }
    }

    /// Makes it the current one until the guard is dropped.
    fn enter(self: &Arc<Self>) -> Enter {
        Context::DEPTH.update(|depth| depth + 1);
        Enter {
            before: Context::CURRENT.replace(Some(Arc::clone(self))),
            depth: Context::DEPTH.get(),
            stays: PhantomData,
        }
    }

    /// Runs a function on this thread as the runtime's main task.
    #[track_caller]
    fn block_on<R>(self: &Arc<Self>, f: impl FnOnce() -> R) -> R {
        assert!(
            Context::ENTERED.get() == Entered::No,
            "a runtime within a runtime"
        );
        // Relaxed: only that the numbers differ matters.
        let seed = self.seeds.fetch_add(1, Ordering::Relaxed);
        Context::ENTERED.scope(Entered::Yes { may_block: true }, || {
            Context::RNG.scope(seed, || {
                Context::CURRENT.scope(Some(Arc::clone(self)), || {
                    // Dropped while all of the above is still in force.
                    let _deferred = RunDeferred;
                    f()
                })
            })
        })
    }
}

#[must_use]
struct Enter {
    before: Option<Arc<Runtime>>,
    depth: usize,
    // It puts back what it found on its own thread.
    stays: PhantomData<Rc<()>>,
}

impl Drop for Enter {
    fn drop(&mut self) {
        // Destroyed if the thread has kept the guard to its end: nothing to put back.
        let Ok(depth) = Context::DEPTH.try_with(|depth| *depth) else {
            return;
        };
        if depth != self.depth {
            assert!(thread::panicking(), "guards dropped out of order");
            return;
        }
        Context::CURRENT.set(self.before.take());
        Context::DEPTH.set(depth - 1);
    }
}

/// Blocks within a task, so that a runtime may be run inside.
fn block_in_place<R>(f: impl FnOnce() -> R) -> R {
    assert!(
        Context::ENTERED.get() != Entered::Yes { may_block: false },
        "this task may not block"
    );
    Context::ENTERED.scope(Entered::No, || Context::BUDGET.scope(None, f))
}

/// One poll of a task. Says what is left of its budget.
fn poll(task: u64, f: impl FnOnce()) -> Budget {
    Context::POLLS.update(|polls| polls + 1);
    Context::TASK.scope(Some(task), || {
        Context::BUDGET.scope(BUDGET, || {
            f();
            Context::BUDGET.get()
        })
    })
}

/// Spends one unit. `false` if there is none left, and the task has to yield. A destructor
/// at the end of the thread spends as much as it wants.
fn spend() -> bool {
    Context::BUDGET.with_mut_or_else(Budget::default, |budget| match budget {
        None => true,
        Some(left) => left.checked_sub(1).is_some_and(|less| {
            *left = less;
            true
        }),
    })
}

fn random() -> u64 {
    Context::RNG.update(|mut word| {
        word ^= word << 13;
        word ^= word >> 7;
        word ^ (word << 17)
    });
    Context::RNG.get()
}

/// Runs a job when the present poll is over; outside of a runtime now.
fn defer(job: impl FnOnce() + 'static) {
    if matches!(
        Context::ENTERED.try_with(|entered| *entered),
        Ok(Entered::Yes { .. })
    ) {
        Context::DEFERRED.with_mut(|jobs| jobs.push(Box::new(job)));
    } else {
        job();
    }
}

/// Jobs may defer further ones, so none of them runs within a borrow of the list.
struct RunDeferred;

impl Drop for RunDeferred {
    fn drop(&mut self) {
        loop {
            let jobs = Context::DEFERRED.take();
            if jobs.is_empty() {
                break;
            }
            for job in jobs {
                job();
            }
        }
    }
}

fn thread_id() -> ThreadId {
    let id = Context::THREAD
        .get()
        .unwrap_or_else(|| thread::current().id());
    Context::THREAD.set(Some(id));
    id
}

/// All that `block_on` and `poll` set.
#[derive(Debug, PartialEq)]
struct Settings {
    runtime: Result<&'static str, NoRuntime>,
    depth: usize,
    entered: Entered,
    task: Option<u64>,
    budget: Budget,
    rng: u64,
}

fn settings() -> Settings {
    Context::with_state(|context| Settings {
        runtime: Runtime::current(),
        depth: context.depth,
        entered: context.entered,
        task: context.task,
        budget: context.budget,
        rng: context.rng,
    })
}

/// Without the panic hook's output.
fn fail() -> ! {
    std::panic::resume_unwind(Box::new("on purpose"))
}

#[test]
fn what_a_runtime_sets_holds_within_it_and_is_put_back_after_it() {
    let before = settings();
    let (main, other) = (Runtime::new("main"), Runtime::new("other"));
    let left = main.block_on(|| {
        assert_eq!(Runtime::current(), Ok("main"));
        let left = poll(7, || {
            assert!(spend() && spend());
            let inner = block_in_place(|| other.block_on(settings));
            assert_eq!(inner.runtime, Ok("other"));
            assert_eq!((inner.task, inner.budget), (Some(7), None));
            assert_eq!(Runtime::current(), Ok("main"));
            assert_eq!(Context::TASK.get(), Some(7));
        });
        assert_eq!(Context::BUDGET.get(), None);
        left
    });
    assert_eq!(left, Some(126));
    assert_eq!(settings(), before);
    assert_eq!(Arc::strong_count(&main) + Arc::strong_count(&other), 2);
}

#[test]
fn a_task_that_panics_and_a_runtime_within_a_runtime_leave_everything_as_it_was() {
    let before = settings();
    let (main, other) = (Runtime::new("main"), Runtime::new("other"));
    let result = catch_unwind(AssertUnwindSafe(|| {
        main.block_on(|| {
            let _enter = other.enter();
            poll(1, || {
                Context::ENTERED.set(Entered::Yes { may_block: false });
                fail();
            })
        })
    }));
    assert!(result.is_err());
    assert_eq!(settings(), before);
    main.block_on(|| {
        let nested = catch_unwind(AssertUnwindSafe(|| other.block_on(|| ())));
        assert_eq!(
            nested.unwrap_err().downcast_ref(),
            Some(&"a runtime within a runtime")
        );
        assert_eq!(Runtime::current(), Ok("main"));
    });
    assert_eq!(settings(), before);
}

#[test]
fn every_field_can_be_used_in_the_middle_of_the_use_of_another() {
    let main = Runtime::new("main");
    main.block_on(|| {
        poll(1, || {
            Context::DEFERRED.with_mut(|jobs| {
                Context::CURRENT.with(|current| {
                    let name = current.as_ref().map(|runtime| runtime.name);
                    assert_eq!(Runtime::current().ok(), name, "read within a read");
                    Context::RNG.with_mut(|word| {
                        *word += 1;
                        assert!(spend());
                        Context::POLLS.update(|polls| polls + 1);
                        Context::TASK.scope(Some(2), || Context::DEPTH.set(0));
                        assert_eq!(thread_id(), thread::current().id());
                        assert!(Context::ENTERED.get() != Entered::No);
                        // What is borrowed is refused, field by field.
                        assert!(Context::RNG.try_with(|_| ()).is_err());
                        assert!(Context::CURRENT.try_with_mut(|_| ()).is_err());
                        assert!(Context::state().try_with(|_| ()).is_err());
                    });
                    assert_ne!(random(), random());
                });
                jobs.push(Box::new(|| Context::POLLS.set(100)));
            });
        });
    });
    assert_eq!(Context::POLLS.get(), 100);
}

#[test]
fn deferred_jobs_run_within_the_runtime_and_may_defer_more() {
    let (sender, report) = mpsc::channel();
    let main = Runtime::new("main");
    let note = move |what| sender.send((what, Runtime::current().ok())).unwrap();
    main.block_on(|| {
        let note = note.clone();
        defer(move || {
            note("first");
            let again = note.clone();
            defer(move || again("third"));
            note("second");
        });
        defer({
            let entered = Context::ENTERED.get();
            move || assert_eq!(Context::ENTERED.get(), entered)
        });
    });
    defer(move || note("outside"));
    let within = Some("main");
    assert_eq!(
        report.iter().collect::<Vec<_>>(),
        [
            ("first", within),
            ("second", within),
            ("third", within),
            ("outside", None)
        ]
    );
}

#[test]
fn guards_nest_with_scopes_and_have_to_be_dropped_in_order() {
    let (main, other) = (Runtime::new("main"), Runtime::new("other"));
    on_thread(move || {
        let outer = main.enter();
        other.block_on(|| assert_eq!(Runtime::current(), Ok("other")));
        let inner = other.enter();
        assert_eq!(Runtime::current(), Ok("other"));
        let wrong = catch_unwind(AssertUnwindSafe(|| drop(outer)));
        assert!(wrong.is_err());
        drop(inner);
        assert_eq!(Runtime::current(), Ok("main"));
    });
}

#[test]
#[cfg_attr(
    tls_core_keys,
    ignore = "under keys states go before or after other thread-locals"
)]
fn every_thread_has_a_context_of_its_own_and_its_destructors_find_it_gone() {
    let main = Runtime::new("main");
    let shared = Arc::clone(&main);
    let (sender, report) = mpsc::channel();
    let randoms = on_threads(4, move |_| {
        let sender = sender.clone();
        let kept = Rc::new(std::cell::Cell::new(None));
        let slot = Rc::clone(&kept);
        at_exit(move || {
            let gone = Runtime::current();
            let unlimited = (0..1000).all(|_| spend());
            let (ran, has_run) = mpsc::channel();
            defer(move || ran.send(()).unwrap());
            // The guard that the thread kept has nothing to put back.
            drop(slot.take());
            sender
                .send((gone, unlimited, has_run.try_recv().is_ok()))
                .unwrap();
        });
        assert_eq!(Runtime::current(), Err(NoRuntime::NotWithin));
        assert_eq!(thread_id(), thread::current().id());
        let random = shared.block_on(|| {
            let left = poll(1, || while spend() {});
            assert_eq!(left, Some(0));
            random()
        });
        kept.set(Some(shared.enter()));
        random
    });
    let distinct: std::collections::HashSet<_> = randoms.into_iter().collect();
    assert_eq!(distinct.len(), 4);
    let reports: Vec<_> = report.iter().collect();
    assert_eq!(reports.len(), 4);
    for report in reports {
        assert_eq!(report, (Err(NoRuntime::ThreadEnds), true, true));
    }
    assert_eq!(
        Arc::strong_count(&main),
        1,
        "and the threads have let go of it"
    );
}
