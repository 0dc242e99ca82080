//! Each thread's lists of its states.
//!
//! A list runs through the slots' own [`Node`](crate::state::slot::Node)s, newest first, so linking neither
//! allocates nor fails. It is ordered by birth number.
//!
//! No function here is `unsafe`, because every link is a [`SlotRef`] of this thread, in whatever order.

use std::cell::Cell;

use crate::platform::keys::thread_local;
use crate::state::slot::{List, SlotRef};

struct Thread {
    /// # Invariants
    ///
    /// The head of a list of slots of this thread, by descending birth number.
    dropped: Cell<Option<SlotRef>>,
    /// Like `dropped`, for the values that need no drop. Where thread-locals are native, the thread's
    /// exit does not empty this list.
    forgotten: Cell<Option<SlotRef>>,
    births: Cell<u64>,
}

thread_local! {
    // No drop glue, so it stays accessible in every destructor of the thread. (Under keys, until the
    // table has ended. No slot is in a list then.)
    static THREAD: Thread = const {
        Thread {
            dropped: Cell::new(None),
            forgotten: Cell::new(None),
            births: Cell::new(0),
        }
    };
}

impl Thread {
    /// Returns the head of a list.
    #[inline(always)]
    fn newest(&self, list: List) -> &Cell<Option<SlotRef>> {
        match list {
            List::Dropped => &self.dropped,
            List::Forgotten => &self.forgotten,
        }
    }
}

/// Puts a slot that is in no list into its list, with the next birth number.
#[inline]
pub(crate) fn push(slot: SlotRef) {
    THREAD.with(|thread| {
        let birth = thread.births.get() + 1;
        thread.births.set(birth);
        slot.header().node.birth.set(birth);
        if let Some(list) = slot.info().list {
            link(thread.newest(list), slot);
        }
    });
}

/// Puts a slot in front of all others.
#[inline]
fn link(newest: &Cell<Option<SlotRef>>, slot: SlotRef) {
    let older = newest.replace(Some(slot));
    slot.header().node.older.set(older);
    if let Some(older) = older {
        older.header().node.newer.set(Some(slot));
    }
}

/// Puts a slot that is in no list into its list, at the place of an old birth number.
pub(crate) fn insert(slot: SlotRef, birth: u64) {
    let node = &slot.header().node;
    node.birth.set(birth);
    let Some(list) = slot.info().list else { return };
    THREAD.with(|thread| {
        let newest = thread.newest(list);
        let is_newer = |other: &SlotRef| other.header().node.birth.get() > birth;
        let Some(mut newer) = newest.get().filter(is_newer) else {
            return link(newest, slot);
        };
        while let Some(next) = newer.header().node.older.get().filter(is_newer) {
            newer = next;
        }
        let older = newer.header().node.older.replace(Some(slot));
        node.newer.set(Some(newer));
        node.older.set(older);
        if let Some(older) = older {
            older.header().node.newer.set(Some(slot));
        }
    });
}

/// Takes a slot out of its list, if it is there.
pub(crate) fn remove(slot: SlotRef) {
    let Some(list) = slot.info().list else { return };
    THREAD.with(|thread| {
        let newest = thread.newest(list);
        let node = &slot.header().node;
        let (older, newer) = (node.older.take(), node.newer.take());
        match newer {
            Some(newer) => newer.header().node.older.set(older),
            None if newest.get() == Some(slot) => newest.set(older),
            None => return,
        }
        if let Some(older) = older {
            older.header().node.newer.set(newer);
        }
    });
}

/// Takes the newest slot out of the list of values that are dropped.
pub(crate) fn pop() -> Option<SlotRef> {
    let slot = THREAD.with(|thread| thread.dropped.get())?;
    pop_if_newest(slot);
    Some(slot)
}

/// Takes a slot out of the list of values that are dropped, if it is the newest there. Returns `true` if
/// it was.
#[inline]
pub(crate) fn pop_if_newest(slot: SlotRef) -> bool {
    THREAD.with(|thread| {
        if thread.dropped.get() != Some(slot) {
            return false;
        }
        let older = slot.header().node.older.take();
        thread.dropped.set(older);
        if let Some(older) = older {
            older.header().node.newer.set(None);
        }
        true
    })
}

by_form! {
    native {
        /// Returns `true` if this thread has no value that its exit drops.
        pub(crate) fn is_empty() -> bool {
            THREAD.with(|thread| thread.dropped.get().is_none())
        }
    }
    keys {
        /// Takes the newest slot out of the list of values that are forgotten.
        pub(crate) fn pop_forgotten() -> Option<SlotRef> {
            let slot = THREAD.with(|thread| thread.forgotten.get())?;
            remove(slot);
            Some(slot)
        }
    }
}

/// Returns `true` if a slot is in its list.
#[inline]
pub(crate) fn holds(slot: SlotRef) -> bool {
    let newer = slot.header().node.newer.get();
    newer.is_some()
        || THREAD.with(|thread| {
            let list = slot.info().list;
            list.is_some_and(|list| thread.newest(list).get() == Some(slot))
        })
}

/// Calls a function with each slot of this thread's lists. The function may take that slot out.
pub(crate) fn for_each(mut f: impl FnMut(SlotRef)) {
    for list in [List::Dropped, List::Forgotten] {
        let mut next = THREAD.with(|thread| thread.newest(list).get());
        while let Some(slot) = next {
            next = slot.header().node.older.get();
            f(slot);
        }
    }
}
