//! Each thread's list of its states, and what happens to them when it ends.
//!
//! The list runs through the slots' own [`Node`]s, newest first, so linking neither
//! allocates nor fails. It is ordered by birth number. The C library learns of the
//! thread once, when the first state that needs it is linked, not once per state.

use std::any::Any;
use std::cell::Cell;
use std::io::Write as _;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use crate::shared::local;
use crate::state::slot::{Header, Info};

/// A pointer to a slot's header, with permission to access the whole slot.
pub(crate) type Link = NonNull<Header>;

/// A slot's place in its thread's list.
pub(crate) struct Node {
    /// # Invariants
    ///
    /// 1. If the node is in the list, `older` is its older neighbour in it, `newer` is the
    ///    newer one unless the node is the newest, and `info` describes the slot. Else
    ///    they mean nothing.
    /// 2. A node in the list belongs to a slot of this thread's thread-local storage, and
    ///    leaves the list before that storage goes away: the guard empties the list.
    older: Cell<Option<Link>>,
    newer: Cell<Option<Link>>,
    info: Cell<Option<&'static Info>>,
    /// The number of the initialization that made the slot's present value. Unique in its
    /// thread, and rising.
    pub(crate) birth: Cell<u64>,
}

impl Node {
    pub(crate) const fn new() -> Self {
        Self {
            older: Cell::new(None),
            newer: Cell::new(None),
            info: Cell::new(None),
            birth: Cell::new(0),
        }
    }

    /// The list that it is in, if it is in one.
    pub(crate) fn list(&self) -> Option<List> {
        self.info.get().and_then(Info::list)
    }
}

/// Which list of a thread.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    /// Of values that are dropped when the thread exits.
    Dropped,
    /// Of values that need no drop, and are only forgotten by a forked child. The guard leaves it
    /// alone: they can be used in any destructor.
    Forgotten,
}

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    /// No state of this thread has needed the guard yet.
    Unregistered = 0,
    /// The guard's destructor will run, or is running.
    Guarded,
    /// The guard's destructor has run: nothing would drop what is made from now on.
    Finished,
}

struct Thread {
    /// # Invariants
    ///
    /// 1. Heads a list of nodes that satisfy [`Node`]'s invariants, by descending `birth`.
    /// 2. Empty unless `phase` is `Guarded`.
    newest: Cell<Option<Link>>,
    /// As `newest`, for the values that need no drop. Emptied by nobody.
    newest_forgotten: Cell<Option<Link>>,
    births: Cell<u64>,
    phase: Cell<Phase>,
}

thread_local! {
    // No drop glue: it stays accessible in every destructor of the thread.
    static THREAD: Thread = const {
        Thread {
            newest: Cell::new(None),
            newest_forgotten: Cell::new(None),
            births: Cell::new(0),
            phase: Cell::new(Phase::Unregistered),
        }
    };

    static GUARD: Guard = const { Guard };
}

/// Its destructor is what the standard library calls when the thread exits.
struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        THREAD.with(|thread| {
            let current = Cell::new(None::<&Info>);
            loop {
                // One `catch_unwind` for all, because it costs as much as a small destructor.
                while let Err(payload) = catch_unwind(AssertUnwindSafe(|| {
                    // A state that is made by a destructor heads the list, so it goes next.
                    while let Some(link) = thread.newest.get() {
                        // SAFETY: `Thread::newest` 1: it is the list's newest.
                        let info = unsafe { thread.pop(link) };
                        current.set(Some(info));
                        // SAFETY: it has just been taken from the list, with this info.
                        unsafe { Header::tear_down(link, info) };
                    }
                })) {
                    report(current.get(), payload);
                }
                // After the last destructor, which may count.
                local::retire();
                // Unless the allocator has used a state while something was freed.
                if thread.newest.get().is_none() {
                    break;
                }
            }
            thread.phase.set(Phase::Finished);
        });
    }
}

/// Says that a destructor panicked.
#[cold]
fn report(info: Option<&Info>, payload: Box<dyn Any + Send>) {
    // The payload's own destructor could panic again, and nobody is left to catch that.
    mem::forget(payload);
    let state = info.map_or("?", |info| info.name);
    // No `eprintln!`, which panics if standard error is closed.
    let _ = writeln!(
        std::io::stderr(),
        "the destructor of the thread-local state `{state}` panicked while its thread \
         was exiting; the thread's other states are dropped all the same"
    );
}

/// Whether a value that has to be dropped when the thread exits would be.
#[inline]
pub(crate) fn is_open() -> bool {
    THREAD.with(|thread| thread.phase.get() != Phase::Finished)
}

/// The next birth number.
#[inline]
pub(crate) fn next_birth() -> u64 {
    THREAD.with(|thread| {
        let birth = thread.births.get() + 1;
        thread.births.set(birth);
        birth
    })
}

/// Whether the guard's destructor is known to run.
#[inline]
pub(crate) fn is_guarded() -> bool {
    THREAD.with(|thread| thread.phase.get() == Phase::Guarded)
}

/// Sees to it that the guard's destructor runs. Says whether it will.
pub(crate) fn guard() -> bool {
    // While it runs it looks at the list until that is empty, but is not accessible.
    is_guarded() || register()
}

/// See [`guard`]; for a thread that is not guarded yet.
#[inline]
pub(crate) fn register() -> bool {
    GUARD
        .try_with(|_| THREAD.with(|thread| thread.phase.set(Phase::Guarded)))
        .is_ok()
}

/// Puts a slot with a new birth number into the list.
///
/// # Safety
///
/// The link points to a slot in this thread's thread-local storage that is in no list, `info`
/// describes that slot, and the list is `info`'s. If it is [`List::Dropped`], [`guard`] has returned
/// true.
#[inline]
pub(crate) unsafe fn push(list: List, link: Link, info: &'static Info) {
    THREAD.with(|thread| {
        // SAFETY: passed on.
        unsafe { push_to(thread.newest(list), link, info) }
    });
}

/// Puts a slot with an old birth number into the list.
///
/// # Safety
///
/// As [`push`].
pub(crate) unsafe fn insert(list: List, link: Link, info: &'static Info) {
    THREAD.with(|thread| {
        // SAFETY: passed on.
        unsafe { insert_into(thread.newest(list), link, info) }
    });
}

/// Takes a slot out of the list.
///
/// # Safety
///
/// The link points to a slot in this list of this thread.
pub(crate) unsafe fn remove(list: List, link: Link) {
    THREAD.with(|thread| {
        // SAFETY: passed on.
        unsafe { remove_from(thread.newest(list), link) }
    });
}

/// Forgets this thread's states that a forked child must not inherit.
pub(crate) fn forget_states() {
    THREAD.with(|thread| {
        for list in [List::Dropped, List::Forgotten] {
            let mut next = thread.newest(list).get();
            while let Some(link) = next {
                // SAFETY: `Thread::newest` 1.
                let this = unsafe { node(link) };
                next = this.older.get();
                if this.info.get().is_some_and(|info| info.is_reset_by_fork) {
                    // SAFETY: it is in the list.
                    unsafe { Header::forget(link) };
                }
            }
        }
    });
}

/// # Safety
///
/// The link points to a live slot.
unsafe fn node<'a>(link: Link) -> &'a Node {
    // SAFETY: passed on. Only shared references to headers exist, and the one made here is
    // used within this module, while the slot is in thread-local storage.
    unsafe { &link.as_ref().node }
}

impl Thread {
    /// The head of a list.
    #[inline(always)]
    fn newest(&self, list: List) -> &Cell<Option<Link>> {
        match list {
            List::Dropped => &self.newest,
            List::Forgotten => &self.newest_forgotten,
        }
    }

    /// Takes the newest slot out of the list. Returns its info.
    ///
    /// # Safety
    ///
    /// The link is `newest`.
    #[inline]
    unsafe fn pop(&self, link: Link) -> &'static Info {
        // SAFETY: `Thread::newest` 1.
        let this = unsafe { node(link) };
        self.newest.set(this.older.get());
        // SAFETY: `Node` 1.
        unsafe { this.info.get().unwrap_unchecked() }
    }
}

/// # Safety
///
/// See [`push`].
#[inline]
unsafe fn push_to(newest: &Cell<Option<Link>>, link: Link, info: &'static Info) {
    // SAFETY: the caller's promise.
    let this = unsafe { node(link) };
    let older = newest.replace(Some(link));
    this.older.set(older);
    this.info.set(Some(info));
    if let Some(older) = older {
        // SAFETY: `Thread::newest` 1.
        unsafe { node(older) }.newer.set(Some(link));
    }
}

/// # Safety
///
/// See [`insert`].
unsafe fn insert_into(newest: &Cell<Option<Link>>, link: Link, info: &'static Info) {
    // SAFETY: the caller's promise.
    let this = unsafe { node(link) };
    let is_newer = |other: &Link| {
        // SAFETY: only used on nodes that are in the list.
        unsafe { node(*other) }.birth.get() > this.birth.get()
    };
    let Some(mut newer) = newest.get().filter(is_newer) else {
        // SAFETY: passed on.
        return unsafe { push_to(newest, link, info) };
    };
    let older = loop {
        // SAFETY: `Thread::newest` 1.
        let next = unsafe { node(newer) }.older.get();
        match next.filter(is_newer) {
            Some(next) => newer = next,
            None => break next,
        }
    };
    this.older.set(older);
    this.newer.set(Some(newer));
    this.info.set(Some(info));
    // SAFETY: `Thread::newest` 1.
    unsafe { node(newer) }.older.set(Some(link));
    if let Some(older) = older {
        // SAFETY: `Node` 1: it is the older neighbour of a node in the list.
        unsafe { node(older) }.newer.set(Some(link));
    }
}

/// # Safety
///
/// See [`remove`].
unsafe fn remove_from(newest: &Cell<Option<Link>>, link: Link) {
    // SAFETY: the caller's promise.
    let this = unsafe { node(link) };
    let older = this.older.get();
    if newest.get() == Some(link) {
        newest.set(older);
        return;
    }
    let newer = this.newer.get();
    if let Some(newer) = newer {
        // SAFETY: `Node` 1: it is not the newest, so this is its newer neighbour.
        unsafe { node(newer) }.older.set(older);
    }
    if let Some(older) = older {
        // SAFETY: `Node` 1: it is the older neighbour.
        unsafe { node(older) }.newer.set(newer);
    }
}
