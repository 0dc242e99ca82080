//! Taking a value out of its slot: to drop it now, or to set it aside.

use std::mem;
use std::ptr;

use crate::error::Refusal;
use crate::fork::generation::{AtFork as _, Forks};
use crate::state::contract::ThreadLocalState;
use crate::state::here::Here;
use crate::state::list;
use crate::state::refusal;
use crate::state::slot::Slot;
use crate::state::storage::Storage as _;
use crate::state::word::Word;

/// A value that has been moved out of its slot, to be dropped.
struct Evicted<S: ThreadLocalState> {
    /// # Invariants
    ///
    /// Occupied, by a value to which nothing refers.
    storage: S::__Storage,
}

impl<S: ThreadLocalState> Drop for Evicted<S> {
    fn drop(&mut self) {
        // SAFETY: the invariant.
        unsafe { self.storage.clear() };
    }
}

impl<S: ThreadLocalState> Evicted<S> {
    fn into_storage(self) -> S::__Storage {
        let this = mem::ManuallyDrop::new(self);
        // SAFETY: the original is not used again.
        unsafe { std::ptr::read(&raw const this.storage) }
    }
}

/// Moves the value out, if there is one and nothing borrows it.
fn evict<S: ThreadLocalState>(here: Here<S>) -> Result<Option<Evicted<S>>, Refusal> {
    let slot = here.erase();
    match slot.word() {
        Word::UNINITIALIZED => Ok(None),
        // The thread's exit has leaked it, and nobody borrows it any more.
        Word::FREE if refusal::is_leaked(slot) => {
            slot.set_word(Word::DESTROYED);
            Err(Refusal::Destroyed)
        }
        Word::FREE => {
            slot.set_word(Word::UNINITIALIZED);
            list::remove(slot);
            Ok(Some(Evicted {
                // SAFETY: the word was free. So by `Header` 1 the storage was occupied, and by 2 nothing refers
                // to the value.
                storage: unsafe { here.storage().take() },
            }))
        }
        _ => Err(refusal::refusal(slot)),
    }
}

/// Drops this thread's value. Returns whether there was one.
pub(crate) fn reset<S: ThreadLocalState>() -> Result<bool, Refusal> {
    evict(Here::<S>::find()).map(|evicted| evicted.is_some())
}

/// Runs a function while this thread's value is set aside.
pub(crate) fn with_fresh<S: ThreadLocalState, R>(f: impl FnOnce() -> R) -> Result<R, Refusal> {
    let here = Here::<S>::find();
    let birth = here.header().node.birth.get();
    let forks = Forks::now();
    let evicted = match evict(here) {
        Ok(evicted) => evicted,
        // Unless the thread's exit has leaked a value that is still there: that is refused.
        Err(Refusal::Destroyed) if here.erase().word() == Word::DESTROYED => None,
        Err(refusal) => return Err(refusal),
    };
    let _aside = Aside::<S> {
        slot: S::__slot(),
        evicted,
        birth,
        forks,
    };
    Ok(f())
}

/// A value that is set aside until this is dropped.
struct Aside<S: ThreadLocalState> {
    /// Only compared: the thread's table may have gone meanwhile, and its slots with it.
    slot: *const Slot<S::__Storage>,
    evicted: Option<Evicted<S>>,
    birth: u64,
    forks: Forks<S::__AtFork>,
}

impl<S: ThreadLocalState> Drop for Aside<S> {
    /// Takes the new value out, puts the old one back, and only then drops the new one, whose
    /// destructor may look at the state.
    fn drop(&mut self) {
        if S::__AtFork::IS_RESET && self.forks.have_happened() {
            mem::forget(self.evicted.take());
        }
        // Another slot, borrowed, being made or destroyed: it is not ours to change, and the value set aside is
        // dropped.
        if !ptr::eq(self.slot, S::__slot()) {
            return;
        }
        let here = Here::<S>::find();
        let Ok(fresh) = evict(here) else { return };
        if let Some(old) = self.evicted.take() {
            // SAFETY: `evict` has left the storage without a value.
            unsafe { here.storage().put(old.into_storage()) };
            // It is armed since the old value was made. Its turn has not come, or is now, or the state would be
            // destroyed. (Under keys it may be another table's slot, at the same address, where that goes on after the
            // marks: then nothing drops it.)
            let slot = here.erase();
            list::insert(slot, self.birth);
            slot.set_word(Word::FREE);
        }
        drop(fresh);
    }
}
