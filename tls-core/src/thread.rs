//! Each thread's list of its states, and what happens to them when it ends.
//!
//! The list runs through the slots' own [`Node`]s, newest first, so linking neither
//! allocates nor fails. It is ordered by birth number. The C library learns of the
//! thread once, when the first state that needs it is linked, not once per state.

use std::cell::Cell;
use std::io::Write as _;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use crate::slot::{Header, Info};

/// A pointer to a slot's header, with permission to access the whole slot.
pub(crate) type Link = NonNull<Header>;

/// A slot's place in its thread's list.
pub(crate) struct Node {
    /// # Invariants
    ///
    /// 1. If the node is in the list, `older` and `newer` are its neighbours in it; else
    ///    both are `None` and so is `info`.
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
    births: Cell<u64>,
    phase: Cell<Phase>,
}

thread_local! {
    // No drop glue: it stays accessible in every destructor of the thread.
    static THREAD: Thread = const {
        Thread {
            newest: Cell::new(None),
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
            // A state that is made by a destructor heads the list, so it goes next.
            while let Some(link) = thread.newest.get() {
                // SAFETY: `Thread::newest` 1: the node is in the list.
                let info = unsafe { thread.remove(link) };
                if let Some(info) = info {
                    Header::tear_down(link, info);
                }
            }
            thread.phase.set(Phase::Finished);
        });
    }
}

/// Whether a value that has to be dropped when the thread exits would be.
pub(crate) fn is_open() -> bool {
    THREAD.with(|thread| thread.phase.get() != Phase::Finished)
}

/// The next birth number.
pub(crate) fn next_birth() -> u64 {
    THREAD.with(|thread| {
        let birth = thread.births.get() + 1;
        thread.births.set(birth);
        birth
    })
}

/// Sees to it that the guard's destructor runs. Says whether it will.
pub(crate) fn guard() -> bool {
    THREAD.with(|thread| match thread.phase.get() {
        Phase::Guarded => true,
        Phase::Finished => false,
        Phase::Unregistered => {
            let registered = GUARD.try_with(|_| ()).is_ok();
            if registered {
                thread.phase.set(Phase::Guarded);
            }
            registered
        }
    })
}

/// Puts a slot into the list, at the place of its birth number.
///
/// # Safety
///
/// The link points to a slot in this thread's thread-local storage that is not in the
/// list, `info` describes that slot, and [`guard`] has returned true.
pub(crate) unsafe fn insert(link: Link, info: &'static Info) {
    THREAD.with(|thread| {
        // SAFETY: passed on.
        unsafe { thread.insert(link, info) }
    });
}

/// Takes a slot out of the list, if it is in it.
///
/// # Safety
///
/// The link points to a slot in this thread's thread-local storage.
pub(crate) unsafe fn remove(link: Link) {
    THREAD.with(|thread| {
        // SAFETY: passed on; the node is in no list or in this one.
        unsafe { thread.remove(link) }
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
    /// # Safety
    ///
    /// See [`insert`].
    unsafe fn insert(&self, link: Link, info: &'static Info) {
        // SAFETY: the caller's promise.
        let this = unsafe { node(link) };
        // The newest goes first; only a value that `with_fresh_state` puts back goes deeper.
        let mut newer = None;
        let mut older = self.newest.get();
        while let Some(next) = older {
            // SAFETY: `Thread::newest` 1.
            let next = unsafe { node(next) };
            if next.birth.get() < this.birth.get() {
                break;
            }
            newer = older;
            older = next.older.get();
        }
        this.info.set(Some(info));
        // SAFETY: `this`, `older` and `newer` are in the list or about to be.
        unsafe { self.join(newer, Some(link)) };
        // SAFETY: as above.
        unsafe { self.join(Some(link), older) };
    }

    /// # Safety
    ///
    /// The link points to a slot that is in this list or in none.
    unsafe fn remove(&self, link: Link) -> Option<&'static Info> {
        // SAFETY: the caller's promise.
        let this = unsafe { node(link) };
        let info = this.info.take()?;
        // SAFETY: `Node` 1: it has an info, so it is in the list and these are its neighbours.
        unsafe { self.join(this.newer.take(), this.older.take()) };
        Some(info)
    }

    /// Makes two nodes neighbours; `None` is the head, or the end.
    ///
    /// # Safety
    ///
    /// Both are nodes in this list, or being put into it.
    unsafe fn join(&self, newer: Option<Link>, older: Option<Link>) {
        match newer {
            // SAFETY: the caller's promise.
            Some(newer) => unsafe { node(newer) }.older.set(older),
            None => self.newest.set(older),
        }
        if let Some(older) = older {
            // SAFETY: the caller's promise.
            unsafe { node(older) }.newer.set(newer);
        }
    }
}

/// Runs a destructor at thread exit. If it panics, says so and goes on.
pub(crate) fn contain(state: &str, destructor: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(destructor)) {
        // The payload's own destructor could panic again, and nobody is left to catch that.
        mem::forget(payload);
        // No `eprintln!`, which panics if standard error is closed.
        let _ = writeln!(
            std::io::stderr(),
            "the destructor of the thread-local state `{state}` panicked while its thread \
             was exiting; the thread's other states are dropped all the same"
        );
    }
}
