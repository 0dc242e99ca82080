//! A global allocator that counts with shared fields, on threads that C made.
#![cfg(all(unix, not(miri)))]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::c_void;
use std::hint::black_box;
use std::ptr;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;

use tls_core::{Counter, Histogram, thread_local_state};

#[thread_local_state]
struct Memory {
    #[state(shared)]
    allocations: Counter,
    #[state(shared)]
    sizes: Histogram,
}

/// The same count, in one number for all threads: before and after the shared fields.
static BEGUN: AtomicU64 = AtomicU64::new(0);
static DONE: AtomicU64 = AtomicU64::new(0);

struct Counting;

// SAFETY: it does what the system's does.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BEGUN.fetch_add(1, SeqCst);
        Memory::ALLOCATIONS.increment();
        Memory::SIZES.record(layout.size() as u64);
        DONE.fetch_add(1, SeqCst);
        // SAFETY: the contract of this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the contract of this function.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs a function in a thread that C makes, and waits for its end.
fn on_c_thread(f: extern "C" fn(*mut c_void) -> *mut c_void) {
    let mut thread = std::mem::MaybeUninit::uninit();
    // SAFETY: the place is valid, and the function does not unwind.
    let error =
        unsafe { libc::pthread_create(thread.as_mut_ptr(), ptr::null(), f, ptr::null_mut()) };
    assert_eq!(error, 0);
    // SAFETY: it was created.
    let thread = unsafe { thread.assume_init() };
    // SAFETY: it is joined once.
    assert_eq!(unsafe { libc::pthread_join(thread, ptr::null_mut()) }, 0);
}

/// Totals are exact, whatever other threads allocate meanwhile.
fn assert_exact() {
    for total in [
        || Memory::ALLOCATIONS.total(),
        || Memory::SIZES.total().count(),
    ] {
        let least = DONE.load(SeqCst);
        let total = total();
        let most = BEGUN.load(SeqCst);
        assert!(
            (least..=most).contains(&total),
            "{total}, not within {least} and {most}"
        );
    }
}

#[test]
fn what_a_thread_of_c_allocates_is_counted() {
    extern "C" fn run(_: *mut c_void) -> *mut c_void {
        let before = Memory::ALLOCATIONS.get();
        drop(black_box(vec![1_u64; 100]));
        // And what its histogram is made of.
        assert!(Memory::ALLOCATIONS.get() > before);
        drop(black_box(thread::current()));
        drop(black_box(vec![2_u64; 100]));
        assert!(Memory::ALLOCATIONS.get() >= before + 2);
        ptr::null_mut()
    }

    for _ in 0..100 {
        on_c_thread(run);
        assert_exact();
    }
}

#[test]
#[cfg_attr(
    current_takes_the_allocator,
    ignore = "the standard library ends the process if an allocator comes back to `thread::current`"
)]
fn its_first_allocation_may_be_the_standard_librarys() {
    extern "C" fn run(_: *mut c_void) -> *mut c_void {
        let thread = thread::current();
        drop(black_box(vec![1_u64; 100]));
        assert_eq!(thread.name(), None);
        let listed = Memory::ALLOCATIONS.per_thread().into_rows();
        assert!(
            listed
                .iter()
                .any(|one| one.thread == thread.id() && one.value > 0)
        );
        ptr::null_mut()
    }

    for _ in 0..100 {
        on_c_thread(run);
        assert_exact();
    }
}
