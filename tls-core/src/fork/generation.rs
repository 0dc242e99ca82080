//! How often this process was forked.

use std::marker::PhantomData;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicUsize};

/// How many forks lie between this process and the first.
static GENERATION: AtomicUsize = AtomicUsize::new(0);

/// The process that the child handler has last run in, or was registered in. Zero, which is no process of
/// a user's, until it is registered.
static PROCESS: AtomicU32 = AtomicU32::new(0);

/// Returns how many forks lie between this process and the first.
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
/// Handlers run before `fork` returns, so the calling thread is then the only one of its process, and
/// within a handler that was registered before ours. (A child of a raw system call has promised not to
/// come here.)
#[cold]
pub(crate) fn is_handler_due() -> bool {
    let process = PROCESS.load(Acquire);
    process != 0 && process != std::process::id()
}

/// Called when the child handler has been registered.
pub(super) fn set_process() {
    // Release: who finds the process finds the handler registered.
    PROCESS.store(std::process::id(), Release);
}

/// Called by the child handler.
pub(super) fn begin() {
    GENERATION.fetch_add(1, Relaxed);
    set_process();
}

/// What a forked child finds of a state.
pub trait AtFork: Copy {
    /// Whether it is none.
    const IS_RESET: bool;

    /// Sees to it that the child handler is registered, if it has anything to do for this state.
    ///
    /// The way from the state's code, which is below the handler, to the handler: the expansion names the
    /// type, and so brings the function along.
    fn install();
}

/// A copy.
#[derive(Clone, Copy)]
pub struct Keep;

impl AtFork for Keep {
    const IS_RESET: bool = false;

    fn install() {}
}

/// When something of a state began that a fork in the midst of it makes invalid. Nothing, if the
/// state does not care for forks.
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

    /// Returns `true` if this process has been forked off since.
    #[inline(always)]
    pub(crate) fn have_happened(self) -> bool {
        self.generation != Self::generation()
    }
}
