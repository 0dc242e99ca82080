//! Borrows on the hot path.

use std::mem;

use crate::fork::generation::AtFork as _;
use crate::state::borrow::{end_reader, give_back};
use crate::state::contract::ThreadLocalState;
use crate::state::here::{Again, Here};
use crate::state::target::Target;
use crate::state::word::{Permissions, Word};

/// A borrow that has found its fields free in the word.
///
/// [`end`](Self::end) ends the borrow; if a panic drops this instead, dropping it does. The destructor is
/// only a call, so the compiler keeps this in registers.
///
/// # Invariants
///
/// The borrow has taken its fields' permissions out of the word.
#[must_use]
pub(crate) struct Loan<S: ThreadLocalState, T: Target, const EXCLUSIVE: bool> {
    target: T,
    /// The word that the borrow found. Used only for exclusive borrows of fields of states that forks
    /// reset.
    found: Word,
    again: Again<S>,
}

/// Returns what a borrow takes if it finds its fields free in the word.
#[inline(always)]
pub(super) fn taken<T: Target>(target: T, exclusive: bool) -> Permissions {
    target.portion().set().taken(exclusive)
}

/// Returns the word of a value that is lent as a whole.
#[inline(always)]
pub(super) const fn lent(exclusive: bool) -> Word {
    if exclusive { Word::TAKEN } else { Word::READ }
}

impl<S: ThreadLocalState, T: Target, const EXCLUSIVE: bool> Loan<S, T, EXCLUSIVE> {
    /// Returns `true` if the target can be lent without a look at other borrows. This is the one test of
    /// an accessor.
    #[inline(always)]
    pub(crate) fn can_begin(here: Here<S>, target: T) -> bool {
        let loans = &here.header().loans;
        if T::IS_WHOLE || !EXCLUSIVE {
            loans.word.get().is_free()
        } else {
            loans.has_write(target.portion().set())
        }
    }

    /// Borrows the target.
    ///
    /// # Safety
    ///
    /// [`can_begin`](Self::can_begin) has returned `true`, and the word has not changed since.
    #[inline(always)]
    pub(crate) unsafe fn begin(here: Here<S>, target: T) -> Self {
        let loans = &here.header().loans;
        let found = loans.word.get();
        if T::IS_WHOLE || !EXCLUSIVE {
            // SAFETY: the caller guarantees that `can_begin` has returned `true` (`# Safety`), which for
            // this target means a free word.
            unsafe { std::hint::assert_unchecked(found.is_free()) };
        }
        if T::IS_WHOLE {
            // SAFETY: the word is free, as above.
            unsafe { loans.assume_no_readers() };
            loans.word.set(lent(EXCLUSIVE));
        } else if EXCLUSIVE {
            let taken = taken(target, true);
            // SAFETY: `can_begin` has seen `w`, and by invariant 1 of `Loans` each `w` has its `r` beside
            // it. The assertion lets the compiler see that the borrow puts back what it found.
            unsafe { std::hint::assert_unchecked(found.has(taken)) };
            loans.word.set(found.without(taken));
        } else {
            loans.word.set(Word::FREE.without(taken(target, false)));
        }
        Self {
            target,
            found,
            again: Again::new(here),
        }
    }

    /// Ends the borrow.
    #[inline(always)]
    pub(crate) fn end(self) {
        let target = self.target;
        let found = self.found;
        let again = self.again;
        mem::forget(self);
        let loans = &again.here().header().loans;
        // If no other borrow has joined and no fork has marked the value, only this borrow's permissions
        // are missing, and one store gives them back.
        let word = loans.word.get();
        let is_untouched = match (T::IS_WHOLE, EXCLUSIVE) {
            (_, true) => true,
            (true, false) => loans.is_only_reader(),
            (false, false) => !loans.withholds(),
        };
        // Where the compiler sees all of the body, it can evaluate this.
        let is_of_this_process = !S::__AtFork::IS_RESET
            || if T::IS_WHOLE {
                word == lent(EXCLUSIVE)
            } else if EXCLUSIVE {
                word == found.without(taken(target, EXCLUSIVE))
            } else {
                !word.is_stale()
            };
        if !(is_untouched && is_of_this_process) {
            end::<S, T, EXCLUSIVE>(again, target);
        } else if T::IS_WHOLE {
            loans.word.set(Word::FREE);
        } else {
            loans.word.set(word.with(taken(target, EXCLUSIVE)));
        }
    }
}

impl<S: ThreadLocalState, T: Target, const EXCLUSIVE: bool> Drop for Loan<S, T, EXCLUSIVE> {
    #[inline(always)]
    fn drop(&mut self) {
        end::<S, T, EXCLUSIVE>(self.again, self.target);
    }
}

/// Ends a borrow that a panic drops, or whose word something else has changed.
#[inline(always)]
pub(super) fn end<S: ThreadLocalState, T: Target, const EXCLUSIVE: bool>(
    again: Again<S>,
    target: T,
) {
    #[cold]
    #[inline(never)]
    fn end_first_reader<S: ThreadLocalState>(again: Again<S>) {
        end_reader(again.here().erase());
    }

    #[cold]
    #[inline(never)]
    fn end_taken<S: ThreadLocalState>(again: Again<S>, taken: Permissions) {
        give_back(again.here().erase(), taken);
    }

    if T::IS_WHOLE && !EXCLUSIVE {
        end_first_reader::<S>(again);
    } else {
        end_taken::<S>(again, taken(target, EXCLUSIVE));
    }
}
