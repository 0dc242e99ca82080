//! What the library has for whoever loads it: compiled into both.

use std::sync::atomic::AtomicU64;

/// The name under which the library has its [`Table`].
#[allow(dead_code, reason = "the library spells it out")]
pub(crate) const NAME: &std::ffi::CStr = c"TEST_CDYLIB_TABLE";

/// The functions of the library. Each concerns the thread that calls it, but for totals.
#[repr(C)]
pub(crate) struct Table {
    /// Says where to count the values that exist: the library's own memory may be gone.
    pub(crate) watch: extern "C" fn(&'static AtomicU64),
    /// Uses states of all kinds, and counts. Returns how often this thread has done so.
    pub(crate) use_all: extern "C" fn() -> u64,
    /// Uses states that need no drop. Returns how often this thread has done so.
    pub(crate) use_plain: extern "C" fn() -> u64,
    /// How often this thread has used all; zero if its value is not there.
    pub(crate) used: extern "C" fn() -> u64,
    /// How many of the states that are reset by forks are there.
    pub(crate) reset_by_fork: extern "C" fn() -> u64,
    /// How often all threads have used all.
    pub(crate) total: extern "C" fn() -> u64,
    /// How many threads have cells.
    pub(crate) live_threads: extern "C" fn() -> u64,
    /// Takes the parts. Returns how long they are together.
    pub(crate) take_parts: extern "C" fn() -> u64,
}

/// How many values [`Table::watch`] counts for each thread that has used all.
#[allow(dead_code, reason = "the library knows")]
pub(crate) const VALUES: u64 = 4;
