//! Values that the child of a fork must not inherit: forgotten now, or when nothing borrows from them.

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

/// Forgets a value when nothing borrows from it any more, which may be now.
pub(crate) fn mark(slot: SlotRef) {
    slot.set_word(slot.word().stale());
    settle(slot);
}

/// Forgets a value that is to be forgotten, if nothing borrows from it any more.
#[inline(always)]
pub(crate) fn settle(slot: SlotRef) {
    if slot.word().is_over() {
        forget(slot);
    }
}

/// Sets [`Word::UNINITIALIZED`], or [`Word::DESTROYED`] if the thread's exit has leaked the value. It is not
/// dropped, and memory that it has is not freed.
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
