//! The child handler: forgets what the child must not inherit.
//!
//! The handler uses everything that it resets, so it stands above all of that, and nothing below refers
//! to it. The expansion passes [`install`] to the code that needs the handler registered.

use crate::fork::generation::{self, AtFork};
use crate::shared::job;
use crate::shared::raw;
use crate::shared::registry;
use crate::state::stale;

/// The child finds no value, and initializes its own.
#[derive(Clone, Copy)]
pub struct Reset;

impl AtFork for Reset {
    const IS_RESET: bool = true;

    fn install() {
        install();
    }
}

/// Registers the child handler, if it is not registered.
///
/// [`at_load`] calls this before `main`, so later calls have nothing to do. Exceptions: there was no
/// memory for the handler then, or the platform cannot call `at_load`. Two threads that come here at once
/// may register the handler twice, which does no harm.
pub fn install() {
    // If it fails, the next call tries again.
    if !generation::has_handler() && platform::install() {
        generation::set_process();
    }
}

/// The function that is put among a program's constructors if a state asks for it: see `private`.
pub extern "C" fn at_load() {
    install();
}

/// Forgets what the child must not inherit.
///
/// # Safety
///
/// This runs in a process that has just been forked and has no other thread. No function of this crate is
/// in progress, except functions that wait for a lock, and functions that are calling user code: a
/// closure, an initializer, a destructor, an allocator.
#[allow(dead_code, reason = "unused where processes do not fork")]
unsafe fn reset() {
    generation::begin();
    // SAFETY: the caller guarantees that there is no other thread (`# Safety`). The functions in progress
    // hold no guard of a registry, because they wait for a lock or are calling user code. This thread gives
    // up its blocks below.
    unsafe { registry::overwrite_all() };
    raw::forget_blocks();
    job::forget();
    stale::forget_states();
}

#[cfg(any(
    target_vendor = "apple",
    target_os = "aix",
    target_os = "android",
    target_os = "cygwin",
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "haiku",
    target_os = "hurd",
    target_os = "illumos",
    target_os = "linux",
    target_os = "netbsd",
    target_os = "nto",
    target_os = "openbsd",
    target_os = "solaris",
))]
mod platform {
    use std::ffi::c_int;

    type Handler = Option<unsafe extern "C" fn()>;

    // A POSIX function that has one signature everywhere, and is not worth a dependency that every user
    // would build.
    unsafe extern "C" {
        fn pthread_atfork(prepare: Handler, parent: Handler, child: Handler) -> c_int;
    }

    unsafe extern "C" fn child() {
        // SAFETY: the system calls this in a child, before `fork` returns, so no other thread exists.
        unsafe { super::reset() };
    }

    /// Registers the handler. Returns `false` if there was no memory for it.
    pub(super) fn install() -> bool {
        // SAFETY: the handler may be called in any child, and exists as long as the program.
        unsafe { pthread_atfork(None, None, Some(child)) == 0 }
    }
}

/// For platforms on which processes do not fork.
#[cfg(not(any(
    target_vendor = "apple",
    target_os = "aix",
    target_os = "android",
    target_os = "cygwin",
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "haiku",
    target_os = "hurd",
    target_os = "illumos",
    target_os = "linux",
    target_os = "netbsd",
    target_os = "nto",
    target_os = "openbsd",
    target_os = "solaris",
)))]
#[cfg_attr(tls_core_mutants, mutants::skip)] // They are tried where processes do.
mod platform {
    pub(super) fn install() -> bool {
        false
    }
}
