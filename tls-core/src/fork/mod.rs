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

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU64};

use crate::shared::lock::Lock;
use crate::shared::registry::Registry;

/// Whether the handler is registered.
static INSTALLED: AtomicBool = AtomicBool::new(false);

/// The process for which the registries are valid.
static PROCESS: AtomicI32 = AtomicI32::new(0);

/// How many forks lie between this process and the first.
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// Held by who adds to the list of registries.
static LINKING: Lock<()> = Lock::new(());

/// The newest link of that list: of the registries that have been used.
static NEWEST: AtomicPtr<Link> = AtomicPtr::new(ptr::null_mut());

/// A registry's place in the list of all.
pub(crate) struct Link {
    /// # Invariants
    ///
    /// Once this is true, the registry is in the list for good. Before, nothing is in the
    /// registry. (In between it may be in the list already; the child handler mends that.)
    linked: AtomicBool,
    /// The registry, and the next older link.
    ///
    /// # Invariants
    ///
    /// Written by who holds `LINKING`, and not once the link is in the list.
    entry: UnsafeCell<Option<(&'static Registry, Option<&'static Link>)>>,
}

// SAFETY: the invariant of `entry`: it is read when it is in the list, and not written then.
unsafe impl Sync for Link {}

impl Link {
    pub(crate) const fn new() -> Self {
        Self {
            linked: AtomicBool::new(false),
            entry: UnsafeCell::new(None),
        }
    }

    /// The newest link of the list.
    fn newest() -> Option<&'static Self> {
        // Acquire: pairs with the release in `link_first`, so that the entry is seen.
        let newest = NEWEST.load(Acquire);
        // SAFETY: null, or from a `&'static Link`.
        unsafe { newest.as_ref() }
    }

    /// The registry, and the next older link.
    ///
    /// # Safety
    ///
    /// It is in the list.
    unsafe fn entry(&self) -> Option<(&'static Registry, Option<&'static Self>)> {
        // SAFETY: the invariant of `entry`.
        unsafe { *self.entry.get() }
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
    let _linking = LINKING.lock();
    let link = &registry.link;
    if !link.linked.load(Relaxed) {
        let entry = Some((registry, Link::newest()));
        // SAFETY: the invariant of `entry`: `LINKING` is held, and it is not in the list.
        unsafe { *link.entry.get() = entry };
        // Release: whoever finds the link, a forked child too, finds its entry.
        NEWEST.store(ptr::from_ref(link).cast_mut(), Release);
        link.linked.store(true, Release);
    }
}

/// The registries that have been used, newest first.
pub(crate) fn registries() -> impl Iterator<Item = &'static Registry> {
    let mut next = Link::newest();
    std::iter::from_fn(move || {
        // SAFETY: it is in the list.
        let (registry, older) = unsafe { next?.entry() }?;
        next = older;
        Some(registry)
    })
}

/// How many forks lie between this process and the first that used this.
#[inline]
pub(crate) fn generation() -> u64 {
    GENERATION.load(Relaxed)
}

/// What a forked child finds of a state.
pub trait AtFork: Copy {
    /// Whether it is none.
    const IS_RESET: bool;
}

/// A copy.
#[derive(Clone, Copy)]
pub struct Keep;

impl AtFork for Keep {
    const IS_RESET: bool = false;
}

/// None.
#[derive(Clone, Copy)]
pub struct Reset;

impl AtFork for Reset {
    const IS_RESET: bool = true;
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

    /// Whether this process has been forked off since.
    #[inline(always)]
    pub(crate) fn have_happened(self) -> bool {
        self.generation != Self::generation()
    }
}

/// Sees to it that the child handler runs.
///
/// It is registered before there are threads, so this has nothing to do, unless there was no memory
/// for it then or the platform has no way to say so.
pub(crate) fn install() {
    // Acquire: pairs with the release below. Who finds it installed finds `PROCESS`, too.
    if !INSTALLED.load(Acquire) {
        PROCESS.store(platform::process(), Relaxed);
        // Else the next to come here tries again.
        if platform::install() {
            INSTALLED.store(true, Release);
        }
    }
}

/// Runs the child handler, if this is a child in which it has not run yet: a handler of the
/// user's, registered before ours, comes first.
#[cold]
pub(crate) fn catch_up() {
    if INSTALLED.load(Acquire) && PROCESS.load(Relaxed) != platform::process() {
        // SAFETY: the handlers of a child run before `fork` returns, so this is the only thread:
        // when they have run, `PROCESS` is this process. (Not so after a raw system call, whose
        // caller has promised not to come here in the child.) What this one waits for is held by a
        // thread that is gone.
        unsafe { reset() };
    }
}

/// Forgets what the child must not inherit.
///
/// # Safety
///
/// Runs in a process that has just been forked and has no other thread. Of this crate's functions none
/// is under way but those that wait for a lock, and those that are calling something of the user's: a
/// closure, an initializer, a destructor, an allocator.
unsafe fn reset() {
    GENERATION.fetch_add(1, Relaxed);
    PROCESS.store(platform::process(), Relaxed);
    // SAFETY: there is no other thread.
    unsafe { LINKING.overwrite() };
    let mut next = Link::newest();
    while let Some(link) = next {
        // A thread may have vanished between putting it into the list and saying so.
        link.linked.store(true, Relaxed);
        // SAFETY: it is in the list.
        let entry = unsafe { link.entry() };
        next = entry.and_then(|(registry, older)| {
            // SAFETY: there is no other thread, and this one's blocks are given up below.
            unsafe { registry.overwrite() };
            older
        });
    }
    crate::shared::local::forget_blocks();
    crate::state::thread::forget_states();
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

    /// Says whether it could: it fails for lack of memory.
    pub(super) fn install() -> bool {
        // SAFETY: the handler may be called in any child, and is there as long as the program is.
        unsafe { pthread_atfork(None, None, Some(child)) == 0 }
    }

    /// Registers the handler when the program is loaded. Later another thread might fork at the same
    /// time, and its child would not run the handler. And so it runs before those of the user.
    #[cfg(not(target_os = "aix"))]
    #[used]
    #[cfg_attr(
        target_vendor = "apple",
        unsafe(link_section = "__DATA,__mod_init_func,mod_init_funcs")
    )]
    #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
    static AT_LOAD: extern "C" fn() = {
        extern "C" fn at_load() {
            super::install();
        }
        at_load
    };

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
#[cfg_attr(tls_core_mutants, mutants::skip)] // They are tried where processes do.
mod platform {
    pub(super) fn install() -> bool {
        true
    }

    pub(super) fn process() -> i32 {
        0
    }
}
