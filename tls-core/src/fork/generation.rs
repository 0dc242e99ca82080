//! How often this process was forked.

use std::marker::PhantomData;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicUsize};

/// The number of forks between the first process and this one.
static GENERATION: AtomicUsize = AtomicUsize::new(0);

/// The process in which the child handler last ran or was registered. Zero until the handler is
/// registered; no user process has that number.
static PROCESS: AtomicU32 = AtomicU32::new(0);

/// Returns the number of forks between the first process and this one.
#[inline]
pub(crate) fn generation() -> u64 {
    GENERATION.load(Relaxed) as u64
}

/// Returns `true` if the child handler is registered.
#[inline]
pub(crate) fn has_handler() -> bool {
    // Acquire: pairs with the release in `set_process`.
    PROCESS.load(Acquire) != 0
}

/// Returns `true` if this is a forked child in which the child handler has not run yet.
///
/// Handlers run before `fork` returns. So the calling thread is then the only one of its process, and is
/// in a handler that was registered before this crate's. (The child of a raw system call must not come
/// here.)
#[cold]
pub(crate) fn is_handler_due() -> bool {
    let process = PROCESS.load(Acquire);
    process != 0 && process != std::process::id()
}

/// Called when the child handler has been registered.
pub(super) fn set_process() {
    // Release: a thread that finds the process finds the handler registered.
    PROCESS.store(std::process::id(), Release);
}

/// Called by the child handler.
pub(super) fn begin() {
    GENERATION.fetch_add(1, Relaxed);
    set_process();
}

/// What a forked child finds of a state's value.
pub trait AtFork: Copy {
    /// Whether the child finds no value.
    const IS_RESET: bool;

    /// Registers the child handler, if the handler has anything to do for this state.
    ///
    /// This is the way from the state's code, which is below the handler, to the handler: the expansion
    /// names the type, and so brings the function along.
    fn install();
}

/// The child finds a copy of the value.
#[derive(Clone, Copy)]
pub struct Keep;

impl AtFork for Keep {
    const IS_RESET: bool = false;

    fn install() {}
}

/// When an operation on a state began that a fork makes invalid. Empty, for a state with `fork = keep`.
#[derive(Clone, Copy)]
pub(crate) struct Forks<K> {
    generation: u64,
    at_fork: PhantomData<fn() -> K>,
}

impl<K: AtFork> Forks<K> {
    #[inline(always)]
    pub(crate) fn now() -> Self {
        Self {
            generation: Self::generation(),
            at_fork: PhantomData,
        }
    }

    #[inline(always)]
    fn generation() -> u64 {
        if K::IS_RESET { generation() } else { 0 }
    }

    /// Returns `true` if this process has been forked since.
    #[inline(always)]
    pub(crate) fn have_happened(self) -> bool {
        self.generation != Self::generation()
    }
}
