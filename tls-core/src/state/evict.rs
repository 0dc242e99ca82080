//! Taking a value out of its slot.

use std::mem;

use crate::error::Refusal;
use crate::state::contract::ThreadLocalState;
use crate::state::here::Here;
use crate::state::list;
use crate::state::refusal;
use crate::state::storage::Storage as _;
use crate::state::word::Word;

/// A value that has been moved out of its slot. Dropping this drops the value.
pub(super) struct Evicted<S: ThreadLocalState> {
    /// # Invariants
    ///
    /// Occupied by a value to which nothing refers.
    storage: S::__Storage,
}

impl<S: ThreadLocalState> Drop for Evicted<S> {
    fn drop(&mut self) {
        // SAFETY: by the invariant of `storage`.
        unsafe { self.storage.clear() };
    }
}

impl<S: ThreadLocalState> Evicted<S> {
    pub(super) fn into_storage(self) -> S::__Storage {
        let this = mem::ManuallyDrop::new(self);
        // SAFETY: the original is neither used nor dropped again.
        unsafe { std::ptr::read(&raw const this.storage) }
    }
}

/// Moves the value out, if there is one and nothing borrows it.
pub(super) fn evict<S: ThreadLocalState>(here: Here<S>) -> Result<Option<Evicted<S>>, Refusal> {
    let slot = here.erase();
    match slot.word() {
        Word::UNINITIALIZED => Ok(None),
        // The thread's exit has leaked the value, and nothing borrows it any more.
        Word::FREE if refusal::is_leaked(slot) => {
            slot.set_word(Word::DESTROYED);
            Err(Refusal::Destroyed)
        }
        Word::FREE => {
            slot.set_word(Word::UNINITIALIZED);
            list::remove(slot);
            Ok(Some(Evicted {
                // SAFETY: the word was free. So by `Header` 1 the storage was occupied, and by `Header` 2
                // nothing refers to the value.
                storage: unsafe { here.storage().take() },
            }))
        }
        _ => Err(refusal::refusal(slot)),
    }
}

/// Drops this thread's value. Returns `true` if there was one.
pub(crate) fn reset<S: ThreadLocalState>() -> Result<bool, Refusal> {
    evict(Here::<S>::find()).map(|evicted| evicted.is_some())
}
