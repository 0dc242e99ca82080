//! What the child of a `fork` must not inherit.
//!
//! A child has one thread, with a copy of its states. A copied database connection shares its
//! socket with the parent's; even dropping it would end the parent's session. So, of the forking
//! thread, states with `fork = reset` are forgotten, and shared fields start at zero, because else
//! a sum over processes would count the parent's work once more for every child.
//!
//! One `pthread_atfork` child handler does all of that. It overwrites what a vanished thread may
//! have been changing, neither allocates nor frees, and may run twice. There is no prepare handler:
//! one that took the registries' locks would wait for ever if a user's handler held one.
//! Nor is there a `Once`, which a vanished thread may leave half done.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64};

use crate::lock::Lock;
use crate::registry::Registry;

/// Whether the handler is known to be registered.
static INSTALLED: AtomicBool = AtomicBool::new(false);

/// The process for which the registries are valid.
static PROCESS: AtomicI32 = AtomicI32::new(0);

/// How many forks lie between this process and the first.
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// The registry that was used last for the first time.
///
/// A reference to a link is one word, which is never seen half written; one to a registry is two.
static NEWEST: Lock<Option<&'static Link>> = Lock::new(None);

/// A registry's place in the list of all.
pub(crate) struct Link {
    /// # Invariants
    ///
    /// Once this is true, the registry is in the list for good. Before, nothing is in the
    /// registry. (In between it may be in the list already; the child handler mends that.)
    linked: AtomicBool,
    /// The registry and the next older link. Whole before the link is in the list, and not changed
    /// after.
    entry: Lock<Option<(&'static Registry, Option<&'static Link>)>>,
}

impl Link {
    pub(crate) const fn new() -> Self {
        Self {
            linked: AtomicBool::new(false),
            entry: Lock::new(None),
        }
    }
}

/// Puts a registry into the list, if it is not there yet.
#[inline]
pub(crate) fn link(registry: &'static Registry) {
    // Acquire: pairs with the release below, so that the handler is installed.
    if !registry.link.linked.load(Acquire) {
        link_first(registry);
    }
}

#[cold]
fn link_first(registry: &'static Registry) {
    install();
    let mut newest = NEWEST.lock();
    let link = &registry.link;
    if !link.linked.load(Relaxed) {
        *link.entry.lock() = Some((registry, *newest));
        *newest = Some(link);
        link.linked.store(true, Release);
    }
}

/// The registries that have been used, newest first.
pub(crate) fn registries() -> impl Iterator<Item = &'static Registry> {
    let mut next = *NEWEST.lock();
    std::iter::from_fn(move || {
        let (registry, older) = (*next?.entry.lock())?;
        next = older;
        Some(registry)
    })
}

/// How many forks lie between this process and the first that used this.
#[inline]
pub(crate) fn generation() -> u64 {
    GENERATION.load(Relaxed)
}

/// Sees to it that the child handler runs.
pub(crate) fn install() {
    // Acquire, and release in `platform::install`: who finds it installed finds `PROCESS`, too.
    if !INSTALLED.load(Acquire) {
        PROCESS.store(platform::process(), Relaxed);
        platform::install();
        INSTALLED.store(true, Release);
    }
}

/// Runs the child handler, if this is a child in which it has not run yet: a handler of the
/// user's, registered before ours, comes first.
#[cold]
pub(crate) fn catch_up() {
    if INSTALLED.load(Acquire) && PROCESS.load(Relaxed) != platform::process() {
        // SAFETY: the handlers of a child run before `fork` returns, so this is the only thread.
        // What this one waits for is held by a thread that is gone.
        unsafe { reset() };
    }
}

/// Forgets what the child must not inherit.
///
/// # Safety
///
/// Runs in a process that has just been forked and has no other thread, outside all functions of
/// this crate but ones that wait for a lock.
unsafe fn reset() {
    GENERATION.fetch_add(1, AcqRel);
    PROCESS.store(platform::process(), Relaxed);
    // SAFETY: there is no other thread.
    let newest = unsafe { NEWEST.overwrite() };
    // SAFETY: as above; it is one word.
    let mut next = unsafe { *newest };
    while let Some(link) = next {
        // A thread may have vanished between putting it into the list and saying so.
        link.linked.store(true, Relaxed);
        // SAFETY: there is no other thread.
        let entry = unsafe { link.entry.overwrite() };
        // SAFETY: as above; what is in the list is whole.
        let entry = unsafe { *entry };
        next = entry.and_then(|(registry, older)| {
            // SAFETY: there is no other thread, and this one's blocks are given up below.
            unsafe { registry.overwrite() };
            older
        });
    }
    crate::local::forget_blocks();
    crate::thread::forget_states();
}

#[cfg(any(
    target_vendor = "apple",
    target_os = "aix",
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "haiku",
    target_os = "hurd",
    target_os = "linux",
    target_os = "netbsd",
))]
mod platform {
    use std::ffi::c_int;

    type Handler = Option<unsafe extern "C" fn()>;

    // Two functions of POSIX that have one signature everywhere; not worth a dependency that every
    // user would build.
    unsafe extern "C" {
        fn pthread_atfork(prepare: Handler, parent: Handler, child: Handler) -> c_int;
        safe fn getpid() -> c_int;
    }

    unsafe extern "C" fn child() {
        // SAFETY: the system calls this in a child, before `fork` returns.
        unsafe { super::reset() };
    }

    pub(super) fn install() {
        // It fails for lack of memory only. Then forks are as without the handler.
        // SAFETY: the handler may be called in any child, and is there as long as the program is.
        unsafe { pthread_atfork(None, None, Some(child)) };
    }

    pub(super) fn process() -> c_int {
        getpid()
    }
}

/// Where processes do not fork.
#[cfg(not(any(
    target_vendor = "apple",
    target_os = "aix",
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "haiku",
    target_os = "hurd",
    target_os = "linux",
    target_os = "netbsd",
)))]
mod platform {
    pub(super) fn install() {}

    pub(super) fn process() -> i32 {
        0
    }
}
