//! A global allocator that counts through shared fields.
//!
//! It is called while a thread registers, while its histogram is made and when all that is freed,
//! by every reader that has something to allocate, and before and after everything else that a
//! thread does. It also totals each time: an allocation or a free under the registry's lock would
//! never return. A naive registry, which pushes an `Arc` to a `Vec` behind a mutex from within a
//! lazy thread-local, gets into its own initializer here, or waits for the lock that it holds.

#[path = "behaviour/support.rs"]
#[allow(dead_code, reason = "this binary needs only a part")]
mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, fence};
use std::thread;

use tls_core::shared::{Peak, Total, UpDown, shared_fields};
use tls_core::{Counter, Histogram, thread_local_state};

use support::scaled;

#[thread_local_state]
struct Memory {
    #[state(shared)]
    allocations: Counter,
    #[state(shared)]
    by_magnitude: [Counter; 64],
    #[state(shared)]
    bytes: UpDown,
    #[state(shared)]
    largest: Peak,
    #[state(shared)]
    sizes: Histogram,
}

/// The same counts, in one number for all threads: before and after the shared fields.
static BEGUN: AtomicU64 = AtomicU64::new(0);
static DONE: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicI64 = AtomicI64::new(0);

struct Counting;

fn count(layout: Layout) {
    let size = layout.size() as u64;
    BEGUN.fetch_add(1, Relaxed);
    fence(Release);
    Memory::ALLOCATIONS.increment();
    Memory::BY_MAGNITUDE
        .at(size.max(1).ilog2() as usize)
        .increment();
    Memory::BYTES.add(size.cast_signed());
    Memory::LARGEST.record(size);
    Memory::SIZES.record(size);
    BYTES.fetch_add(size.cast_signed(), Relaxed);
    DONE.fetch_add(1, Release);
    // The lock is free.
    assert!(Memory::ALLOCATIONS.total() > 0 && Memory::state().live_threads() < 1000);
}

fn uncount(layout: Layout) {
    let size = layout.size().cast_signed() as i64;
    Memory::BYTES.add(-size);
    BYTES.fetch_sub(size, Relaxed);
    assert!(Memory::ALLOCATIONS.total() > 0);
}

// SAFETY: it does what the system's does.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout);
        // SAFETY: passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        uncount(layout);
        // SAFETY: passed on.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocates and frees, also in its destructor.
struct Allocating(Vec<Vec<u64>>);

impl Drop for Allocating {
    fn drop(&mut self) {
        self.0.extend((0..10).map(|number| vec![number]));
    }
}

thread_local! {
    static EARLY: Allocating = Allocating(vec![vec![1]]);
    static LATE: Allocating = Allocating(vec![vec![2]]);
}

/// A total that was taken when `begun` was at least what it says and `done` at most.
fn assert_between(total: impl Fn() -> u64) -> u64 {
    let least = DONE.load(Acquire);
    let total = total();
    // Pairs with the fence in `count`.
    fence(Acquire);
    let most = BEGUN.load(Relaxed);
    assert!(
        (least..=most).contains(&total),
        "{total}, not within {least} and {most}"
    );
    total
}

fn of_histogram() -> u64 {
    Memory::SIZES.total().count()
}

fn of_array() -> u64 {
    Memory::BY_MAGNITUDE.total().iter().sum()
}

#[test]
fn a_global_allocator_counts_through_shared_fields_exactly() {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut last = 0;
            while !is_over.load(Acquire) {
                let total = assert_between(|| Memory::ALLOCATIONS.total());
                assert!(total >= last, "{total} after {last}");
                last = total;
                assert_between(of_array);
                assert_between(of_histogram);
                // These allocate, and more so the more threads there are.
                let listed = Memory::SIZES.per_thread().into_rows();
                assert!(listed.len() < 1000);
                assert!(shared_fields().len() > 60);
            }
        });
        for round in 0..scaled(500) {
            let pair = [(); 2].map(|()| {
                scope.spawn(move || {
                    LATE.with(|_| ());
                    let vecs: Vec<Vec<usize>> =
                        (0..round % 100).map(|number| vec![number]).collect();
                    EARLY.with(|_| ());
                    drop(vecs);
                })
            });
            for thread in pair {
                thread.join().unwrap();
            }
        }
        is_over.store(true, Release);
        reader.join().unwrap();
    });

    // Now nothing else goes on.
    let begun = BEGUN.load(Relaxed);
    let totals = (
        Memory::ALLOCATIONS.total(),
        of_array(),
        Memory::BYTES.total(),
    );
    assert_eq!(totals, (begun, begun, BYTES.load(Relaxed)));
    assert_eq!(
        BEGUN.load(Relaxed),
        begun,
        "totaling counters allocates nothing"
    );

    // The snapshot is made before it is filled, so its own allocation is in it.
    let sizes = Memory::SIZES.total();
    assert_eq!(sizes.count(), BEGUN.load(Relaxed));
    assert_eq!(sizes.count(), Memory::ALLOCATIONS.total());
    let largest = Memory::LARGEST.total();
    assert!(sizes.quantile(1.0).abs_diff(largest) <= largest / 100);

    let listed = shared_fields();
    let ours = listed.iter().filter(|info| info.state == "Memory");
    let counted = ours.filter_map(|info| match info.total {
        Total::Counter(count) if info.field == "by_magnitude" => Some(count),
        _ => None,
    });
    let counted: u64 = counted.sum();
    assert!(counted > begun && counted <= BEGUN.load(Relaxed));
}
