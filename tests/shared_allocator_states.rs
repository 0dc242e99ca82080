//! What a global allocator may do while shared fields are given back or parts are left: use a state, and
//! total. One test, because both change what every allocation does.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::thread;

use tls_core::shared::Part;
use tls_core::{Counter, Histogram, thread_local_state};

/// How many of them there are.
static ALIVE: AtomicI64 = AtomicI64::new(0);

struct Alive(Vec<u8>);

impl Default for Alive {
    fn default() -> Self {
        ALIVE.fetch_add(1, SeqCst);
        Self(vec![1; 1000])
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        assert_eq!(self.0.len(), 1000);
        ALIVE.fetch_sub(1, SeqCst);
    }
}

/// Made by the allocator, when it frees what is as large as a histogram.
#[thread_local_state]
struct Frees {
    alive: Alive,
    large: u64,
}

#[thread_local_state]
struct Measured {
    #[state(shared)]
    sizes: Histogram,
}

#[thread_local_state]
struct Counted {
    #[state(shared)]
    allocations: Counter,
    #[state(shared)]
    numbers: Part<Vec<u64>>,
}

struct Allocator;

// SAFETY: it passes everything on.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Counted::ALLOCATIONS.increment();
        std::hint::black_box(Counted::ALLOCATIONS.total());
        // SAFETY: passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if (30_000..31_000).contains(&layout.size()) {
            let _ = Frees::LARGE.try_with_mut(|large| *large += 1);
        }
        // SAFETY: passed on.
        unsafe { System.dealloc(pointer, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// Fails if the thread's guard looks for states only before it gives blocks back; and, by a hang, if
/// anything is allocated for a part under the registry's lock.
#[test]
fn what_the_allocator_makes_at_a_threads_end_is_dropped_and_parts_are_left_without_a_deadlock() {
    for _ in 0..100 {
        thread::spawn(|| Measured::SIZES.record(1)).join().unwrap();
    }
    assert_eq!(ALIVE.load(SeqCst), 0);
    assert_eq!(Measured::SIZES.total().count(), 100);

    // The inner one is left to whoever collects as soon as it ends.
    Counted::NUMBERS.with_mut(|outer| {
        outer.push(1);
        Counted::NUMBERS.with_mut(|inner| inner.push(2));
    });
    let mut numbers = Counted::NUMBERS.take_parts().concat();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2]);
}
