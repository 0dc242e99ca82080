//! A global allocator that counts with shared fields, and `Isolated`. One test: both change what every allocation
//! does.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::SeqCst};
use std::thread;

use tls_core::shared::UpDown;
use tls_core::{Counter, Histogram, Isolated, thread_local_state};

#[thread_local_state]
struct Memory {
    #[state(shared)]
    allocations: Counter,
    #[state(shared)]
    live: UpDown,
    #[state(shared)]
    sizes: Histogram,
}

/// The truth.
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static LIVE: AtomicI64 = AtomicI64::new(0);

struct Allocator;

// SAFETY: it passes everything on.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, SeqCst);
        LIVE.fetch_add(1, SeqCst);
        Memory::ALLOCATIONS.increment();
        Memory::LIVE.increment();
        Memory::SIZES.record(layout.size() as u64);
        // SAFETY: passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(1, SeqCst);
        Memory::LIVE.decrement();
        // SAFETY: passed on.
        unsafe { System.dealloc(pointer, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn allocate(count: usize) {
    for _ in 0..count {
        drop(black_box(Box::new(count)));
    }
}

/// What is counted here, of allocations and of what is live.
fn counted() -> (u64, i64) {
    (Memory::ALLOCATIONS.total(), Memory::LIVE.total())
}

#[test]
fn an_allocator_counts_inside_and_no_allocation_is_lost_or_counted_twice() {
    allocate(10);
    let jobs = [Isolated::new(), Isolated::new()];

    // A job sees what is allocated in it, and nothing of what entering and leaving other jobs takes.
    let (before, after) = jobs[0].run(|| {
        let before = counted();
        for _ in 0..10 {
            jobs[1].run(|| ());
        }
        (before, counted())
    });
    assert_eq!(before, after);
    let (before, after) = jobs[0].run(|| {
        // The thread registers, which takes some.
        allocate(1);
        let before = counted();
        allocate(5);
        (before, counted())
    });
    assert_eq!((before.0 + 5, before.1), after);

    // Threads that come and go, nested jobs, and allocations everywhere.
    // (Joined, because their ends free something, too.)
    thread::scope(|scope| {
        let work = |round: usize| {
            let jobs = &jobs;
            move || {
                allocate(3);
                jobs[0].run(|| {
                    allocate(5);
                    jobs[1].run(|| allocate(7));
                    if round.is_multiple_of(2) {
                        jobs[0].run(|| allocate(1));
                    }
                    allocate(2);
                });
                allocate(4);
            }
        };
        let starters: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(move || {
                    for round in 0..20 {
                        scope.spawn(work(round)).join().unwrap();
                    }
                })
            })
            .collect();
        for starter in starters {
            starter.join().unwrap();
        }
    });
    // What is counted while the numbers are read: nothing, because reading allocates nothing.
    let outside = counted();
    let inside = [jobs[0].run(counted), jobs[1].run(counted)];
    let all = inside.iter().fold(outside, |sum, (allocations, live)| {
        (sum.0 + allocations, sum.1 + live)
    });
    let truth = (ALLOCATIONS.load(SeqCst), LIVE.load(SeqCst));
    assert_eq!(all, truth);
    assert!(
        inside[0].0 >= 5 + 80 * 7 && inside[1].0 >= 80 * 7,
        "{inside:?}"
    );
}
