//! As the runtime's module of this name, with loom's types.

use std::cell::Cell;
use std::sync::atomic::Ordering;

pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32};

/// Loom's, and freeing one is an access, too, which something has to order after all others.
pub(crate) struct AtomicU64(loom::sync::atomic::AtomicU64);

impl AtomicU64 {
    pub(crate) fn new(value: u64) -> Self {
        CELLS.set(CELLS.get() + 1);
        Self(loom::sync::atomic::AtomicU64::new(value))
    }

    #[track_caller]
    pub(crate) fn load(&self, order: Ordering) -> u64 {
        self.0.load(order)
    }

    #[track_caller]
    pub(crate) fn store(&self, value: u64, order: Ordering) {
        self.0.store(value, order);
    }
}

impl Drop for AtomicU64 {
    fn drop(&mut self) {
        CELLS.set(CELLS.get() - 1);
        // A model that has failed is not in a state to be asked.
        if !std::thread::panicking() {
            self.0.with_mut(|_| ());
            if let Some(f) = WHEN_FREED.take() {
                f();
                WHEN_FREED.set(Some(f));
            }
        }
    }
}

// Loom runs all threads of a model in one of the system's.
std::thread_local! {
    static CELLS: Cell<usize> = const { Cell::new(0) };
    static WHEN_FREED: Cell<Option<fn()>> = const { Cell::new(None) };
}

/// How many cells there are in the model.
pub(crate) fn cells() -> usize {
    CELLS.get()
}

/// Sets what is called when a cell has been freed, as by an allocator that counts.
pub(crate) fn when_freed(f: Option<fn()>) {
    WHEN_FREED.set(f);
}

macro_rules! modeled_thread_local {
    ($(#[$attribute:meta])* static $name:ident: $type:ty = const { $value:expr };) => {
        loom::thread_local! {
            $(#[$attribute])*
            static $name: $type = $value;
        }
    };
}
pub(crate) use modeled_thread_local as thread_local;

pub(crate) fn pause(_: u32) {
    loom::thread::yield_now();
}

pub(crate) fn give_way() {
    loom::thread::yield_now();
}

pub(crate) fn is_last_thread() -> bool {
    false
}

/// A cell whose accesses loom follows: two that nothing orders are a race.
pub(crate) struct Track(loom::cell::UnsafeCell<()>);

impl Track {
    pub(crate) fn new() -> Self {
        Self(loom::cell::UnsafeCell::new(()))
    }

    pub(crate) fn access(&self) {
        self.0.with_mut(|_| ());
    }
}
