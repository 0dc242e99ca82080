//! What shared fields are made of. A module of its own, so that a model checker can replace it:
//! `tests/loom` compiles `lock`, `registry`, `part` and `local` with another module of this name.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32};

#[cfg(target_has_atomic = "64")]
pub(crate) use std::sync::atomic::AtomicU64;

// This type uses locks of its own.
#[cfg(not(target_has_atomic = "64"))]
pub(crate) use portable_atomic::AtomicU64;

pub(crate) use crate::platform::keys::thread_local;

/// Waits for another thread, longer with every turn that was in vain.
///
/// In the end it sleeps: a thread of a high real-time priority would yield to itself forever.
#[cold]
pub(crate) fn pause(turn: u32) {
    match turn {
        0..64 => std::hint::spin_loop(),
        64..512 => std::thread::yield_now(),
        _ => std::thread::sleep(std::time::Duration::from_micros(50)),
    }
}

/// Lets a waiting thread go first.
#[cold]
pub(crate) fn give_way() {
    std::thread::yield_now();
}

/// Returns `true` if the process is ending, and the system has ended all threads but this one.
///
/// Windows ends the other threads before it runs the destructors of the last one.
#[cfg(windows)]
#[cold]
pub(crate) fn is_last_thread() -> bool {
    // Not worth a dependency that every user would build.
    #[link(name = "ntdll")]
    unsafe extern "system" {
        fn RtlDllShutdownInProgress() -> u8;
    }
    // SAFETY: may be called at any time.
    unsafe { RtlDllShutdownInProgress() != 0 }
}

/// Returns `false`, because the other threads run until the process has ended.
#[cfg(not(windows))]
pub(crate) fn is_last_thread() -> bool {
    false
}

/// Where a model checker follows accesses that a lock orders.
pub(crate) struct Track;

impl Track {
    pub(crate) const fn new() -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "the model checker's looks at itself")]
    #[inline(always)]
    pub(crate) fn access(&self) {}
}
