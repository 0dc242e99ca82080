//! The child handler: forgets what the child must not inherit.
//!
//! It knows everything that it resets, so it stands above all of that, and nothing below refers to it.
//! Whoever needs it registered is given [`install`] by the expansion.

use crate::fork::generation::{self, AtFork};
use crate::shared::job;
use crate::shared::raw;
use crate::shared::registry;
use crate::state::stale;

/// None: the child makes its own.
#[derive(Clone, Copy)]
pub struct Reset;

impl AtFork for Reset {
    const IS_RESET: bool = true;

    fn install() {
        install();
    }
}

/// Sees to it that the child handler runs.
///
/// Called by [`at_load`] before `main`, so that later calls have nothing to do, unless there was no memory for it then
/// or the platform has no way to say so. Two threads that come here at once may register it twice, which
/// does no harm.
pub fn install() {
    // If it fails, the next to come here tries again.
    if !generation::has_handler() && platform::install() {
        generation::set_process();
    }
}

/// What is put among a program's constructors if a state asks for it: see `private`.
pub extern "C" fn at_load() {
    install();
}

/// Forgets what the child must not inherit.
///
/// # Safety
///
/// Runs in a process that has just been forked and has no other thread. Of this crate's functions none
/// is under way but those that wait for a lock, and those that are calling something of the user's: a
/// closure, an initializer, a destructor, an allocator.
#[allow(dead_code, reason = "unused where processes do not fork")]
unsafe fn reset() {
    generation::begin();
    // SAFETY: there is no other thread, and this one's blocks are given up below.
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

    // A function of POSIX that has one signature everywhere; not worth a dependency that every user
    // would build.
    unsafe extern "C" {
        fn pthread_atfork(prepare: Handler, parent: Handler, child: Handler) -> c_int;
    }

    unsafe extern "C" fn child() {
        // SAFETY: the system calls this in a child, before `fork` returns.
        unsafe { super::reset() };
    }

    /// Returns `false` if there was no memory for it.
    pub(super) fn install() -> bool {
        // SAFETY: the handler may be called in any child, and is there as long as the program is.
        unsafe { pthread_atfork(None, None, Some(child)) == 0 }
    }
}

/// Where processes do not fork.
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
