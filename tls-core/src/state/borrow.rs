//! Outstanding borrows that are not on the hot path. Each ends when its guard is dropped, also by a
//! panic.

use std::mem;
#[cfg(debug_assertions)]
use std::panic::Location;

use crate::fork::generation::AtFork;
use crate::state::loans::Joined;
#[cfg(debug_assertions)]
use crate::state::notes::Note;
use crate::state::slot::SlotRef;
use crate::state::stale;
use crate::state::target::Portion;
use crate::state::word::Permissions;

/// A borrow that has begun on the cold path, or by `peek`. Without optimization, every borrow of an
/// accessor.
///
/// # Invariants
///
/// A borrow has begun as `joined` says, and only this guard ends it.
#[must_use]
pub(crate) struct Guest {
    slot: SlotRef,
    joined: Joined,
    #[cfg(debug_assertions)]
    note: Note,
}

impl Guest {
    /// # Safety
    ///
    /// A borrow of this portion has begun as `joined` says, and nothing else ends it.
    #[inline(always)]
    #[cfg_attr(debug_assertions, track_caller)]
    pub(crate) unsafe fn new(slot: SlotRef, joined: Joined, portion: Portion) -> Self {
        let _ = portion;
        Self {
            slot,
            joined,
            #[cfg(debug_assertions)]
            note: slot.header().notes.note(portion, Location::caller()),
        }
    }

    /// Ends the borrow. For a reader this is faster than dropping the guard, but more code to compile.
    #[inline(always)]
    pub(crate) fn end<K: AtFork>(self) {
        let (slot, joined) = (self.slot, self.joined);
        mem::forget(self);
        match joined {
            Joined::Reader if !K::IS_RESET => slot.header().loans.end_reader(),
            joined => end(slot, joined),
        }
    }
}

impl Drop for Guest {
    // Inlined, so that the guard's address goes nowhere and its fields stay in registers. Unoptimized code
    // would have a copy for each closure.
    #[cfg_attr(debug_assertions, inline(never))]
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn drop(&mut self) {
        #[cfg(debug_assertions)]
        self.slot.header().notes.restore(&self.note);
        end_out_of_line(self.slot, self.joined);
    }
}

/// [`end`], compiled once.
#[inline(never)]
fn end_out_of_line(slot: SlotRef, joined: Joined) {
    end(slot, joined);
}

/// Ends a borrow that has begun on the cold path.
#[inline(always)]
pub(super) fn end(slot: SlotRef, joined: Joined) {
    match joined {
        Joined::Reader => end_reader(slot),
        Joined::Taken(taken) => give_back(slot, taken),
        joined @ Joined::Nested(_) => end_nested(slot, joined),
    }
}

/// Ends the borrow of a reader.
#[cold]
#[inline(never)]
pub(super) fn end_reader(slot: SlotRef) {
    slot.header().loans.end_reader();
    stale::settle(slot);
}

/// Ends an owner or an exclusive borrow.
#[inline(never)]
pub(super) fn give_back(slot: SlotRef, taken: Permissions) {
    slot.header().loans.give_back(taken);
    stale::settle(slot);
}

#[inline(never)]
fn end_nested(slot: SlotRef, joined: Joined) {
    slot.header().loans.end(joined);
    stale::settle(slot);
}
