//! Values that the child of a fork must not inherit: forgotten at once, or when nothing borrows them any
//! more.

use crate::fork::generation::{AtFork, Forks};
use crate::state::list;
use crate::state::slot::SlotRef;
use crate::state::word::Word;

/// Forgets this thread's values that a forked child must not inherit.
pub(crate) fn forget_states() {
    list::for_each(|slot| {
        if slot.info().is_reset_by_fork {
            mark(slot);
        }
    });
}

/// Marks a value to be forgotten, and forgets it at once if nothing borrows it.
pub(crate) fn mark(slot: SlotRef) {
    slot.set_word(slot.word().stale());
    settle(slot);
}

/// Forgets a value that is marked, if nothing borrows it any more.
#[inline(always)]
pub(crate) fn settle(slot: SlotRef) {
    if slot.word().is_over() {
        forget(slot);
    }
}

/// Sets [`Word::UNINITIALIZED`], or [`Word::DESTROYED`] if the thread's exit has leaked the value. The
/// value is not dropped, and its memory is not freed.
#[cold]
#[inline(never)]
fn forget(slot: SlotRef) {
    slot.set_word(if list::holds(slot) {
        Word::UNINITIALIZED
    } else {
        Word::DESTROYED
    });
    list::remove(slot);
}

/// Knows whether what comes out of a field is the parent's, so that a forked child must not drop it. That
/// is so if the value was marked already, or if there has been a fork since (for example in the value's
/// initializer). It is never so for a state with `fork = keep`.
pub(crate) struct Inherited<K> {
    is_stale: bool,
    forks: Forks<K>,
}

impl<K: AtFork> Inherited<K> {
    #[inline(always)]
    pub(crate) fn now(slot: impl FnOnce() -> SlotRef) -> Self {
        Self {
            is_stale: K::IS_RESET && slot().word().is_stale(),
            forks: Forks::now(),
        }
    }

    #[inline(always)]
    pub(crate) fn is_so(&self) -> bool {
        self.is_stale || self.forks.have_happened()
    }
}
