//! Forks at every allocation that the library makes: another thread stands still in the middle
//! of an operation, or it is the allocation itself that forks.
//!
//! Nothing else can be stopped at a given point from outside, and under the registries' locks
//! nothing is allocated. So this also fails if something is.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use tls_core::shared::{Part, shared_fields};
use tls_core::{Counter, Histogram, thread_local_state};

use crate::support::{
    alone, both, fork_here, generation, in_child, on_thread, shared_numbers, until,
};

#[global_allocator]
static ALLOCATOR: Hooked = Hooked;

struct Hooked;

thread_local! {
    static COUNTDOWN: Cell<usize> = const { Cell::new(0) };
    static HOOK: Cell<fn()> = const { Cell::new(|| ()) };
}

/// Calls the hook at the thread's allocation or free of this number, counted from one.
fn at_allocation(number: usize, hook: fn()) {
    HOOK.set(hook);
    COUNTDOWN.set(number);
}

fn event() {
    let left = COUNTDOWN.get();
    if left > 0 {
        COUNTDOWN.set(left - 1);
        if left == 1 {
            HOOK.get()();
        }
    }
}

// SAFETY: it passes everything on.
unsafe impl GlobalAlloc for Hooked {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        event();
        // SAFETY: passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        event();
        // SAFETY: passed on.
        unsafe { System.dealloc(place, layout) };
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        event();
        // SAFETY: passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        event();
        // SAFETY: passed on.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[thread_local_state(fork = reset)]
struct Gauged {
    #[state(shared)]
    done: Counter,
    #[state(shared)]
    latency: Histogram,
    #[state(shared)]
    words: Part<Vec<u64>>,
    #[state(init = Box::new(7))]
    boxed: Box<u64>,
}

/// Its value is on the heap.
#[thread_local_state(fork = reset)]
struct Large {
    #[state(init = [1; 3000])]
    bulk: [u8; 3000],
}

/// The operations that allocate or free, each from nothing to the end.
const OPERATIONS: [(&str, fn()); 9] = [
    ("counts for the first time", || Gauged::DONE.add(5)),
    ("records for the first time", || Gauged::LATENCY.record(5)),
    ("has a first part", || {
        Gauged::WORDS.with_mut(|words| words.push(5));
    }),
    ("has a part in a part", || {
        Gauged::WORDS.with_mut(|_| Gauged::WORDS.with_mut(|words| words.push(5)));
    }),
    ("makes values", || {
        Gauged::BOXED.with(|_| ());
        Large::BULK.with(|_| ());
    }),
    ("totals", || {
        black_box((
            Gauged::DONE.total(),
            Gauged::LATENCY.total(),
            Gauged::state().live_threads(),
        ));
    }),
    ("lists threads", || {
        black_box((
            Gauged::DONE.per_thread().into_rows(),
            Gauged::LATENCY.per_thread().into_rows(),
        ));
    }),
    ("lists fields", || {
        black_box(shared_fields());
    }),
    ("takes", || {
        black_box((
            Gauged::WORDS.take_parts(),
            Gauged::LATENCY.take_total(),
            Gauged::DONE.take_total(),
        ));
    }),
];

/// What there is to be listed and taken: a living thread's and an exited one's.
fn furnish() {
    let write = || {
        Gauged::DONE.add(1);
        Gauged::LATENCY.record(1);
        Gauged::WORDS.with_mut(|words| words.push(1));
    };
    write();
    on_thread(write);
}

/// Checks that this child is like any process: nothing counted but this much, and what it
/// does is right.
fn assert_works(counted_at_most: u64) {
    let before = Gauged::DONE.total();
    assert!(before <= counted_at_most, "{before}");
    Gauged::DONE.add(3);
    assert_eq!(Gauged::DONE.total(), before + 3);
    on_thread(|| {
        Gauged::DONE.add(4);
        assert_eq!(Gauged::DONE.get(), 4);
    });
    assert_eq!(Gauged::DONE.total(), before + 7);
    let before = Gauged::LATENCY.total().sum();
    assert!(before <= counted_at_most, "{before}");
    Gauged::LATENCY.record(3);
    Gauged::LATENCY.record(4);
    assert_eq!(Gauged::LATENCY.total().sum(), before + 7);
    Gauged::WORDS.with_mut(|words| words.push(6));
    assert!(Gauged::WORDS.take_parts().concat().contains(&6));
    assert!(Gauged::WORDS.take_parts().is_empty());
    let threads = Gauged::DONE.per_thread().into_rows();
    assert_eq!(threads.len(), 1);
    assert_eq!(Gauged::state().live_threads(), 1);
    assert_eq!(Gauged::with_state(|state| *state.boxed), 7);
    Large::BULK.with(|bulk| assert!(bulk.iter().all(|&byte| byte == 1)));
}

/// Fails if something is allocated or freed under a lock, or if a registration, a total or a
/// thread's end is a state that the child cannot leave.
#[test]
fn while_another_thread_stands_still_at_any_allocation() {
    static REACHED: AtomicUsize = AtomicUsize::new(0);
    static MAY_GO_ON: AtomicUsize = AtomicUsize::new(0);

    fn stand_still() {
        let number = REACHED.fetch_add(1, SeqCst) + 1;
        until(|| MAY_GO_ON.load(SeqCst) >= number);
    }

    alone(|| {
        furnish();
        for (name, operation) in OPERATIONS {
            let mut number = 1;
            loop {
                let reached = REACHED.load(SeqCst);
                // The thread's end, where it retires, is part of it; it is over when the other
                // one has joined it.
                let other = thread::spawn(move || {
                    on_thread(move || {
                        at_allocation(number, stand_still);
                        operation();
                    });
                });
                until(|| REACHED.load(SeqCst) > reached || other.is_finished());
                let stands_still = REACHED.load(SeqCst) > reached;
                in_child(|| assert_works(0));
                MAY_GO_ON.store(reached + 1, SeqCst);
                other.join().unwrap();
                MAY_GO_ON.store(REACHED.load(SeqCst), SeqCst);
                if !stands_still {
                    break;
                }
                number += 1;
                assert!(number < 500, "{name}");
            }
        }
    });
}

/// Fails if an operation relies, after an allocation, on what it has found before: in the
/// child that belongs to the parent.
#[test]
fn inside_any_allocation_of_this_thread() {
    /// Says whether the operation was over before it came to that allocation.
    fn is_over_before(number: usize, operation: fn(), is_furnished: bool) -> bool {
        let is_over = &shared_numbers()[0];
        is_over.store(0, SeqCst);
        // In a process of its own, because some things happen once in a process.
        in_child(|| {
            if is_furnished {
                furnish();
            }
            let (done, latency) = (Gauged::DONE.total(), Gauged::LATENCY.total().sum());
            both(|| {
                at_allocation(number, || {
                    fork_here();
                });
                operation();
                if COUNTDOWN.replace(0) > 0 {
                    is_over.store(1, SeqCst);
                    fork_here();
                }
                if generation() == 2 {
                    // The operation's own write may count for either process.
                    assert_works(5);
                } else {
                    let after = Gauged::DONE.total();
                    assert!(after == done || after == done + 5);
                    Gauged::DONE.add(1);
                    assert_eq!(Gauged::DONE.total(), after + 1);
                    let after = Gauged::LATENCY.total().sum();
                    assert!(after == latency || after == latency + 5);
                }
            });
        });
        is_over.load(SeqCst) == 1
    }

    alone(|| {
        shared_numbers();
        for is_furnished in [false, true] {
            for (name, operation) in OPERATIONS {
                let mut number = 1;
                while !is_over_before(number, operation, is_furnished) {
                    number += 1;
                    assert!(number < 500, "{name}");
                }
            }
        }
    });
}
