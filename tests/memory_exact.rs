//! To the byte: what fails, is reset or set aside gives back all memory that it had.
//!
//! The allocator counts what each thread has, so that other tests do not matter.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::panic::{catch_unwind, resume_unwind};

use tls_core::thread_local_state;

/// The system's allocator, and a count.
struct Counting;

thread_local! {
    /// The bytes that this thread has allocated and not freed.
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: it is the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.set(BYTES.get().wrapping_add(layout.size()));
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        BYTES.set(BYTES.get().wrapping_sub(layout.size()));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Checks that doing something once more takes no memory.
fn assert_gives_all_back(f: impl Fn()) {
    // What the first time leaves behind is not looked at.
    f();
    let before = BYTES.get();
    f();
    assert_eq!(BYTES.get(), before);
}

thread_local! {
    static OUTCOME: Cell<Outcome> = const { Cell::new(Outcome::Made) };
}

/// What the initializers of the last fields do.
#[derive(Clone, Copy)]
enum Outcome {
    Made,
    Failed,
    Panicked,
}

fn last() -> Result<Box<u8>, &'static str> {
    match OUTCOME.get() {
        Outcome::Made => Ok(Box::new(3)),
        Outcome::Failed => Err("no"),
        // Without a message.
        Outcome::Panicked => resume_unwind(Box::new(())),
    }
}

macro_rules! states {
    ($($test:ident: $Name:ident of $bytes:literal)*) => {
        $(
            #[thread_local_state(error = &'static str)]
            struct $Name {
                #[state(init = vec![1; 100])]
                first: Vec<u8>,
                #[state(init = [2; $bytes])]
                bytes: [u8; $bytes],
                #[state(init = last()?)]
                last: Box<u8>,
            }

            #[test]
            fn $test() {
                let made = || $Name::with_state(|state| *state.last);
                assert_gives_all_back(|| {
                    OUTCOME.set(Outcome::Failed);
                    assert_eq!(made(), Err("no"));
                });
                assert_gives_all_back(|| {
                    OUTCOME.set(Outcome::Panicked);
                    assert!(catch_unwind(made).is_err());
                });
                OUTCOME.set(Outcome::Made);
                assert_gives_all_back(|| {
                    assert_eq!(made(), Ok(3));
                    assert!($Name::state().reset());
                });
                assert_gives_all_back(|| {
                    $Name::state().with_fresh(|| assert_eq!(made(), Ok(3)));
                });
                assert_gives_all_back(|| {
                    assert_eq!(made(), Ok(3));
                    $Name::state().with_fresh(|| assert_eq!(made(), Ok(3)));
                    $Name::FIRST.scope(vec![4; 50], || ()).unwrap();
                    assert!($Name::state().reset());
                });
            }
        )*
    };
}

states! {
    a_small_state_gives_back_all_that_it_had: Small of 10
    a_large_state_gives_back_all_that_it_had: Large of 5000
}
