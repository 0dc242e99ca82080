//! As the runtime's module of this name, with loom's types.

pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64};

pub(crate) fn pause(_: u32) {
    loom::thread::yield_now();
}

pub(crate) fn give_way() {
    loom::thread::yield_now();
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
